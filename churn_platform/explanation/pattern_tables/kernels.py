"""Reading pattern tables for many rows, compiled by numba: compare, look up, add.

Belongs here: the inner loops, and nothing that needs Python objects. Does not belong here: checking the tables
(`layout`), threads and shapes (`tables`).

Importing this module imports numba (0.7 s), so it is imported where it is used. The compiled code is cached beside the
source, or under NUMBA_CACHE_DIR; where neither can be written it is compiled again in each process. The loops release
the interpreter's lock and share nothing, so that several Python threads can run them on different rows; a row's result
does not depend on the block or the thread that computed it, since its additions always happen in the same order.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any, TypeVar, cast

import numba
import numpy as np
from numpy.typing import NDArray

from churn_platform.explanation.pattern_tables.folding import Folded
from churn_platform.explanation.pattern_tables.layout import Layout

Kernel = TypeVar("Kernel", bound=Callable[..., Any])

BLOCK = 1024  # rows that go through one table together: fewer read the tables more often, more fall out of the cache
FLUSH = (
    32  # tables summed in float32 before the sum goes into float64: an error of 2e-7 at 500 trees, for 6 % of the time
)
FINE, INFINITE, NO_CATEGORY = 0, 1, 2
LARGEST_CODE = 1 << 24  # float32 holds every whole number up to here


def _compiled(kernel: Kernel) -> Kernel:
    try:
        return cast(Kernel, numba.njit(kernel, nogil=True, cache=True))
    except RuntimeError:  # numba found no folder that it may write its cache to
        return cast(Kernel, numba.njit(kernel, nogil=True))


@_compiled
def column_value(x: np.float32, column: int, layout: Layout) -> tuple[np.float32, int]:
    """A feature's value as its column compares it, and whether it is one that the column can hold."""
    missing = np.float32(np.inf) if layout.column_missing_right[column] else np.float32(-np.inf)
    if layout.column_numeric[column]:
        if np.isnan(x):
            return missing, FINE
        return x, (INFINITE if np.isinf(x) else FINE)
    if np.isnan(x):
        return missing, FINE
    if not (x >= 0 and x <= LARGEST_CODE and x == np.floor(x)):
        return missing, NO_CATEGORY
    start = layout.member_start[column]
    code = np.int64(x)
    if code >= layout.member_start[column + 1] - start:
        return np.float32(0), FINE
    return np.float32(layout.members[start + code]), FINE


@_compiled
def folded_amount(x: np.float32, feature: int, folded: Folded) -> Any:
    """What the tables of this feature alone add for a value."""
    low = folded.start[feature]
    end = folded.start[feature + 1]
    first = low + 2 * feature
    if np.isnan(x):
        return folded.amounts[end + 2 * feature + 1]
    begin = low
    while low < end:
        middle = (low + end) >> 1
        if x >= folded.steps[middle]:
            low = middle + 1
        else:
            end = middle
    return folded.amounts[first + low - begin]


@_compiled
def explain_rows(
    X: NDArray[np.float32], out: NDArray[np.float64], begin: int, end: int, layout: Layout, folded: Folded
) -> tuple[int, int, int]:
    """Write the contributions of rows `begin` … `end` − 1 of X (rows, features) into out (rows, features): those of the tables of
    `layout`, and the step functions of single features.

    Returns (FINE, 0, 0), or what is wrong with the first value found wrong, its row, its column; `out` is then not
    full.
    """
    columns = len(layout.column_feature)
    features = out.shape[1]
    tables = len(layout.condition_start) - 1
    if tables == 0:  # an ensemble of stumps: row by row, without the block's buffers
        for row in range(begin, end):
            for column in range(columns):
                _, problem = column_value(X[row, layout.column_feature[column]], column, layout)
                if problem != FINE:
                    return problem, row, column
            for feature in range(features):
                out[row, feature] = 0.0 + folded_amount(X[row, feature], feature, folded)
        return FINE, 0, 0
    x = np.zeros((columns, BLOCK), np.float32)
    sums = np.zeros((features, BLOCK), np.float32)
    totals = np.zeros((features, BLOCK), np.float64)
    pattern = np.zeros(BLOCK, np.uint16)
    for first in range(begin, end, BLOCK):
        rows = min(BLOCK, end - first)
        for column in range(columns):
            feature = layout.column_feature[column]
            for row in range(rows):
                x[column, row], problem = column_value(X[first + row, feature], column, layout)
                if problem != FINE:
                    return problem, first + row, column
        totals[:] = 0
        for table in range(tables):
            pattern[:] = 0
            for condition in range(layout.condition_start[table], layout.condition_start[table + 1]):
                values = x[layout.condition_column[condition]]
                threshold = layout.condition_threshold[condition]
                stride = layout.condition_stride[condition]
                for row in range(BLOCK):
                    if values[row] >= threshold:
                        pattern[row] += stride
            for output in range(layout.output_start[table], layout.output_start[table + 1]):
                contributions = layout.values[layout.output_offset[output] :]
                total = sums[layout.output_feature[output]]
                for row in range(BLOCK):
                    total[row] += contributions[pattern[row]]
            if table % FLUSH == FLUSH - 1 or table == tables - 1:
                for feature in range(features):
                    for row in range(BLOCK):
                        totals[feature, row] += sums[feature, row]
                        sums[feature, row] = 0
        for row in range(rows):
            for feature in range(features):
                alone = folded_amount(X[first + row, feature], feature, folded)
                out[first + row, feature] = totals[feature, row] + alone
    return FINE, 0, 0


@_compiled
def explain_row(
    X: NDArray[np.float32], out: NDArray[np.float64], row: int, layout: Layout, folded: Folded
) -> tuple[int, int, int]:
    """The same for one row, without the block's buffers; bit for bit what `explain_rows` gives."""
    columns = len(layout.column_feature)
    features = out.shape[1]
    tables = len(layout.condition_start) - 1
    x = np.zeros(columns, np.float32)
    sums = np.zeros(features, np.float32)
    for column in range(columns):
        x[column], problem = column_value(X[row, layout.column_feature[column]], column, layout)
        if problem != FINE:
            return problem, row, column
    out[row] = 0
    for table in range(tables):
        pattern = np.uint64(0)
        for condition in range(layout.condition_start[table], layout.condition_start[table + 1]):
            if x[layout.condition_column[condition]] >= layout.condition_threshold[condition]:
                pattern += np.uint64(layout.condition_stride[condition])
        for output in range(layout.output_start[table], layout.output_start[table + 1]):
            place = np.uint64(layout.output_offset[output]) + pattern
            sums[layout.output_feature[output]] += layout.values[place]
        if table % FLUSH == FLUSH - 1 or table == tables - 1:
            for feature in range(features):
                out[row, feature] += sums[feature]
                sums[feature] = 0
    for feature in range(features):
        out[row, feature] += folded_amount(X[row, feature], feature, folded)
    return FINE, 0, 0
