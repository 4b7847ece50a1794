"""Tables of one feature alone, folded into one table per feature: an ensemble of stumps becomes one look-up per feature.

Belongs here: which tables can be folded, and the folded table. Does not belong here: reading it (`kernels`).

A tree that asks for one feature only adds a step function of that feature. The sum of step functions is one, whose steps are all their
thresholds: where 580 stumps would be compared one by one, a value is looked up once among the thresholds of its feature. What is stored is
the tables as built; folding takes some milliseconds when they are read.
"""

from __future__ import annotations

from typing import Any, NamedTuple

import numpy as np
from numpy.typing import NDArray

from churn_platform.explanation.pattern_tables.layout import DTYPES, Layout


class Folded(NamedTuple):
    """Per feature a step function: of feature f, `steps[start[f] : start[f + 1]]` ascend, and a value that reaches n of them adds
    `amounts[start[f] + 2 * f + n]`; a missing one adds the last, `amounts[start[f + 1] + 2 * f + 1]`. Categories are their codes."""

    start: NDArray[np.int64]
    steps: NDArray[np.float32]
    amounts: NDArray[np.float64]


def unfolded(features: int) -> Folded:
    """Step functions that add nothing."""
    return Folded(
        _frozen(np.zeros(features + 1, np.int64)), _frozen(np.zeros(0, np.float32)), _frozen(np.zeros(2 * features))
    )


def fold(layout: Layout, features: int) -> tuple[Layout, Folded]:
    """The tables that ask for several features, and those of one feature alone as step functions.

    Their sum is what `layout` gives: amounts are added in float64 over blocks of 32 tables, as the kernels do.
    """
    from churn_platform.explanation.pattern_tables.kernels import explain_rows

    alone = _alone(layout)
    if not alone.any():
        return layout, unfolded(features)
    single, rest = _chosen(layout, alone), _chosen(layout, ~alone)
    steps = [_steps(single, feature) for feature in range(features)]
    most = max(map(len, steps))
    made = np.full(
        (most + 2, features), np.nan, dtype=np.float32
    )  # a row per place of each feature, then a missing one
    for feature, found in enumerate(steps):
        if len(found):
            made[: len(found) + 1, feature] = np.concatenate([[_below(single, feature, found[0])], found])
    given = np.zeros((len(made), features + 1))[
        :, :-1
    ]  # laid out as contributions are: one compiled kernel serves both
    made.flags.writeable = False
    explain_rows(made, given, 0, len(made), single, unfolded(features))
    amounts = [np.append(given[: len(found) + 1, feature], given[-1, feature]) for feature, found in enumerate(steps)]
    start = np.concatenate([[0], np.cumsum([len(found) for found in steps])]).astype(np.int64)
    return rest, Folded(
        _frozen(start), _frozen(np.concatenate(steps).astype(np.float32)), _frozen(np.concatenate(amounts))
    )


def _alone(layout: Layout) -> NDArray[np.bool_]:
    """Which tables have the conditions and the output of one feature only, (tables,)."""
    tables = len(layout.condition_start) - 1
    found = np.zeros(tables, dtype=bool)
    for table in range(tables):
        conditions = layout.condition_column[layout.condition_start[table] : layout.condition_start[table + 1]]
        outputs = layout.output_feature[layout.output_start[table] : layout.output_start[table + 1]]
        found[table] = len({*layout.column_feature[conditions].tolist(), *outputs.tolist()}) == 1
    return found


def _chosen(layout: Layout, tables: NDArray[np.bool_]) -> Layout:
    """The same columns and values with some of the tables."""
    conditions = np.repeat(tables, np.diff(layout.condition_start))
    outputs = np.repeat(tables, np.diff(layout.output_start))
    changed = {
        "condition_start": np.concatenate([[0], np.cumsum(np.diff(layout.condition_start)[tables])]),
        "condition_column": layout.condition_column[conditions],
        "condition_threshold": layout.condition_threshold[conditions],
        "condition_stride": layout.condition_stride[conditions],
        "output_start": np.concatenate([[0], np.cumsum(np.diff(layout.output_start)[tables])]),
        "output_feature": layout.output_feature[outputs],
        "output_offset": layout.output_offset[outputs],
    }
    return layout._replace(**{name: _frozen(array.astype(DTYPES[name])) for name, array in changed.items()})


def _steps(layout: Layout, feature: int) -> NDArray[np.float32]:
    """The thresholds of a number; of categories, the codes from 1 to the first that no set knows."""
    columns = np.flatnonzero(layout.column_feature == feature)
    used = np.isin(layout.condition_column, columns)
    if not used.any():
        return np.zeros(0, dtype=np.float32)
    if layout.column_numeric[columns[0]]:
        return np.unique(layout.condition_threshold[used])
    codes = int(np.diff(layout.member_start)[columns].max())
    return np.arange(1, codes + 1, dtype=np.float32)


def _below(layout: Layout, feature: int, first: np.float32) -> np.float32:
    columns = np.flatnonzero(layout.column_feature == feature)
    below: np.float32 = np.nextafter(first, np.float32(-np.inf)) if layout.column_numeric[columns[0]] else np.float32(0)
    return below


def _frozen(array: NDArray[Any]) -> NDArray[Any]:
    array.flags.writeable = False
    return array
