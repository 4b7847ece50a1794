"""The tables as flat arrays, as the kernels read them and as they are stored.

Belongs here: the arrays, their meaning, and the proof that no lookup can leave them (the kernels check no bounds).
Does not belong here: computing them (`build`), or their bytes (`storage`).
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any, NamedTuple

import numpy as np
from numpy.typing import NDArray

from churn_platform.explanation.errors import TablesFileError
from churn_platform.explanation.pattern_tables.build import Table
from churn_platform.explanation.pattern_tables.ensemble import Column

MOST_ENTRIES = 1 << 16  # a pattern is a 16-bit number: half the memory traffic of 32 bits in the innermost loop


class Layout(NamedTuple):
    """All tables, flat. Table t has the conditions and the outputs from `…_start[t]` to `…_start[t + 1]`.

    Columns: `column_feature`, `column_missing_right` (0 or 1); a categorical column's members are
    `members[member_start[c] : member_start[c + 1]]`, one 0 or 1 per category code; a numeric column has none and
    `column_numeric` 1.
    Conditions: a row with `column >= condition_threshold` adds `condition_stride` to its pattern.
    Outputs: `values[output_offset + pattern]` is added to `output_feature`'s contribution.
    """

    column_feature: NDArray[np.int32]
    column_missing_right: NDArray[np.uint8]
    column_numeric: NDArray[np.uint8]
    member_start: NDArray[np.int64]
    members: NDArray[np.uint8]
    condition_start: NDArray[np.int64]
    condition_column: NDArray[np.int32]
    condition_threshold: NDArray[np.float32]
    condition_stride: NDArray[np.uint16]
    output_start: NDArray[np.int64]
    output_feature: NDArray[np.int32]
    output_offset: NDArray[np.int64]
    values: NDArray[np.float32]

    @property
    def nbytes(self) -> int:
        """Memory of all arrays."""
        return sum(array.nbytes for array in self)


DTYPES: dict[str, np.dtype[Any]] = {
    name: np.dtype(kind)
    for name, kind in zip(
        Layout._fields,
        ("<i4", "u1", "u1", "<i8", "u1", "<i8", "<i4", "<f4", "<u2", "<i8", "<i4", "<i8", "<f4"),
        strict=True,
    )
}


def lay_out(tables: Sequence[Table], columns: Sequence[Column]) -> Layout:
    """Flat arrays of `tables`, in their order. An output that is zero for every pattern is left out."""
    members = [_members(column) for column in columns]
    conditions = [
        [
            (column, threshold, table.strides[column])
            for column, found in table.thresholds.items()
            for threshold in found
        ]
        for table in tables
    ]
    outputs = [
        [(feature, values) for feature, values in zip(table.features, table.values, strict=True) if values.any()]
        for table in tables
    ]
    flat_conditions = [condition for found in conditions for condition in found]
    flat_outputs = [output for found in outputs for output in found]
    blocks = [values for _, values in flat_outputs]
    return Layout(
        *(
            _frozen(array, kind)
            for array, kind in zip(
                (
                    [column.feature for column in columns],
                    [column.missing_right for column in columns],
                    [column.categories is None for column in columns],
                    _starts([len(found) for found in members]),
                    np.concatenate([np.zeros(0, np.uint8), *members]),
                    _starts([len(found) for found in conditions]),
                    [column for column, _, _ in flat_conditions],
                    [threshold for _, threshold, _ in flat_conditions],
                    [stride for _, _, stride in flat_conditions],
                    _starts([len(found) for found in outputs]),
                    [feature for feature, _ in flat_outputs],
                    _starts([len(block) for block in blocks])[:-1],
                    np.concatenate([np.zeros(0), *blocks]),
                ),
                DTYPES.values(),
                strict=True,
            )
        )
    )


def refuse_lookups_outside(layout: Layout, features: int) -> None:
    """Raise TablesFileError if any lookup could leave the arrays: the kernels read memory unchecked."""
    columns, tables = len(layout.column_feature), len(layout.condition_start) - 1
    conditions, outputs, values = len(layout.condition_column), len(layout.output_feature), len(layout.values)
    sound = (
        len(layout.column_missing_right) == len(layout.column_numeric) == columns
        and len(layout.condition_threshold) == len(layout.condition_stride) == conditions
        and len(layout.output_offset) == outputs
        and _is_partition(layout.member_start, columns, len(layout.members))
        and tables >= 0
        and _is_partition(layout.condition_start, tables, conditions)
        and _is_partition(layout.output_start, tables, outputs)
        and _within(layout.column_feature, features)
        and _within(layout.condition_column, columns)
        and _within(layout.output_feature, features)
        and bool(np.isfinite(layout.condition_threshold).all())
        and bool(np.isfinite(layout.values).all())
    )
    if sound:
        strides = np.concatenate([[0], np.cumsum(layout.condition_stride.astype(np.int64))])
        largest = strides[layout.condition_start[1:]] - strides[layout.condition_start[:-1]]
        last = layout.output_offset + np.repeat(largest, np.diff(layout.output_start))
        sound = bool((largest < MOST_ENTRIES).all()) and _within(layout.output_offset, values) and _within(last, values)
    if not sound:
        raise TablesFileError("the pattern tables contradict themselves: build them again from the model")


def _frozen(values: Any, dtype: np.dtype[Any]) -> NDArray[Any]:
    """Read-only, as arrays read from bytes are: numba compiles once for both."""
    array = np.ascontiguousarray(values, dtype=dtype)
    array.flags.writeable = False
    return array


def _members(column: Column) -> NDArray[np.uint8]:
    if column.categories is None:
        return np.zeros(0, np.uint8)
    members = np.zeros(max(column.categories, default=-1) + 1, np.uint8)
    members[list(column.categories)] = 1
    return members


def _starts(lengths: Sequence[int]) -> NDArray[np.int64]:
    return np.concatenate([[0], np.cumsum(lengths, dtype=np.int64)]).astype(np.int64)


def _is_partition(starts: NDArray[np.int64], parts: int, whole: int) -> bool:
    return len(starts) == parts + 1 and starts[0] == 0 and starts[-1] == whole and bool((np.diff(starts) >= 0).all())


def _within(places: NDArray[Any], length: int) -> bool:
    return len(places) == 0 or (int(places.min()) >= 0 and int(places.max()) < length)
