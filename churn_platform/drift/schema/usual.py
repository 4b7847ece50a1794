"""What is usual for a table's files: from the facts of the days that the first model could learn from.

What belongs here: one value per table. What does not: judging a day against it (`judge`).
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from statistics import median

from churn_platform.drift.schema.facts import FileFacts

FEW = 20
"""A file of fewer rows says little about shares."""


@dataclass(frozen=True, slots=True)
class UsualColumn:
    """What a column usually looks like; `written` are the ways it has been written, `missing` is the largest share of a day's file."""

    written: frozenset[str]
    missing: float
    median: float | None
    fractional: float


@dataclass(frozen=True, slots=True)
class UsualTable:
    """A table's usual file. `per_customer` is rows landed for each customer observed; `oldest_newest` the largest age in days that a
    file's newest row ever had; `fewest` the smallest rows of a day against what was to be expected then (a ratio); `days` files seen."""

    table: str
    days: int
    columns: Mapping[str, UsualColumn]
    per_customer: float
    oldest_newest: int
    fewest: float


def usual_table(table: str, files: Sequence[FileFacts], customers: int, expected: Sequence[float]) -> UsualTable | None:
    """The usual file of a table; None where it has never landed.

    Args:
        table: its name.
        files: the facts of the reference days' readable files with rows.
        customers: customers observed on the reference days.
        expected: rows per customer and day's customers are compared with: (days,) rows over the customers of the month before, of every
            reference day on which customers had been observed for a month; empty where there were none.
    """
    good = [facts for facts in files if not facts.error and facts.rows]
    if not good:
        return None
    names = {name for facts in good for name in facts.columns}
    columns = {}
    for name in names:
        seen = [facts.columns[name] for facts in good if name in facts.columns]
        if len(seen) < len(good) / 2:
            continue
        medians = [column.median for column in seen if column.median is not None]
        weight = [facts.rows for facts in good if name in facts.columns]
        total = sum(weight)
        columns[name] = UsualColumn(
            frozenset(column.written for column in seen if column.written != "blank"),
            max((column.missing for column, rows in zip(seen, weight, strict=True) if rows >= FEW), default=1.0),
            median(medians) if medians else None,
            sum(column.fractional * rows for column, rows in zip(seen, weight, strict=True)) / total,
        )
    ages = [(facts.day - facts.newest).days for facts in good if facts.newest is not None]
    rows = sum(facts.rows for facts in good)
    return UsualTable(
        table,
        len(good),
        columns,
        rows / customers if customers else 0.0,
        max(ages, default=0),
        min(expected, default=0.0),
    )
