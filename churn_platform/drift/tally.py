"""Counting watched values by day in the reference's bins: all that drift is judged on is a sum of these counts.

What belongs here: bins, grids, counts. What does not: distances (`statistics`). Counts of days add up to counts of any window, so a
range of days is read once; `adapters/drift_statistics.py` makes the same counts in SQL for data that do not fit into memory.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import date
from itertools import pairwise

import numpy as np
import pandas as pd
from numpy.typing import NDArray

from churn_platform.drift.panel import Family, Watched
from churn_platform.drift.reference import Distribution, categorical_distribution, numeric_distribution

Ints = NDArray[np.int64]
GRID = 200
"""Points at which the two distribution functions are compared: between them the reference moves by at most half a per cent."""


@dataclass(frozen=True, slots=True)
class ColumnReference:
    """One watched column in the reference: its bins with counts, and for a number the grid with the rows at or below each point.

    The grid holds every value where there are at most `GRID` different ones: the Kolmogorov-Smirnov distance is then exact, otherwise
    at most 1 / `GRID` below it.
    """

    name: str
    family: Family
    label: str
    distribution: Distribution
    grid: tuple[float, ...]
    below: tuple[int, ...]

    @property
    def is_categorical(self) -> bool:
        """Whether its bins are categories."""
        return bool(self.distribution.categories)

    @property
    def counts(self) -> Ints:
        """(bins + 2,) rows by bin, then other values, then missing."""
        return np.array([*self.distribution.counts, 0, self.distribution.missing], dtype=np.int64)

    @property
    def known(self) -> int:
        """Rows with a value."""
        return sum(self.distribution.counts)

    @property
    def bins(self) -> int:
        """Bins without the two for other values and missing."""
        return len(self.distribution.counts)

    def bin_labels(self) -> tuple[str, ...]:
        """A name for each of the bins + 2."""
        if self.is_categorical:
            return (*self.distribution.categories, "(other)", "(missing)")
        ends = [f"{edge:.4g}" for edge in self.distribution.edges]
        if not ends:
            return ("any", "(other)", "(missing)")
        inner = [f"{a} to {b}" for a, b in pairwise(ends)]
        return (f"below {ends[0]}", *inner, f"{ends[-1]} and above", "(other)", "(missing)")


def column_reference(watched: Watched, bins: int) -> ColumnReference:
    """The reference of one column from all of its values."""
    if watched.domain:
        series = pd.Series(watched.values, dtype="object")
        inside = series.where(series.isin(watched.domain))
        return ColumnReference(
            watched.name,
            watched.family,
            watched.label,
            categorical_distribution(watched.name, inside, watched.domain),
            (),
            (),
        )
    return column_reference_of_numbers(watched.name, watched.family, watched.label, watched.values, bins)


def column_reference_of_numbers(
    name: str, family: Family, label: str, values: NDArray[np.float64], bins: int
) -> ColumnReference:
    """The reference of a numeric column: bins of equal mass, and the grid."""
    grid, below = ks_grid(values)
    return ColumnReference(name, family, label, numeric_distribution(name, values, bins), grid, below)


def ks_grid(values: NDArray[np.float64]) -> tuple[tuple[float, ...], tuple[int, ...]]:
    """Points of the reference at equal mass (all of its values where they are few), and rows at or below each.

    >>> ks_grid(np.array([1.0, 1.0, 3.0, np.nan]))
    ((1.0, 3.0), (2, 3))
    """
    known = np.sort(values[~np.isnan(values)])
    if not len(known):
        return (), ()
    distinct = known[np.concatenate([[True], known[1:] != known[:-1]])]
    if len(distinct) > GRID:
        places = np.ceil(np.linspace(0, 1, GRID + 1)[1:] * len(known)).astype(np.int64) - 1
        distinct = np.unique(known[places])
    below = np.searchsorted(known, distinct, side="right")
    return tuple(map(float, distinct)), tuple(map(int, below))


@dataclass(frozen=True)
class Tally:
    """Counts of one column on consecutive days: `counts` (days, bins + 2), `below` (days, grid) rows at or below each grid point."""

    counts: Ints
    below: Ints


@dataclass(frozen=True)
class Tallies:
    """Counts of all watched columns over an axis of consecutive days that begins on `first`."""

    first: date
    days: int
    columns: Mapping[str, Tally]

    def position(self, day: date) -> int:
        """Where a day stands on the axis."""
        return (day - self.first).days


def tally(watched: Mapping[str, Watched], reference: Mapping[str, ColumnReference], first: date, last: date) -> Tallies:
    """Count every watched column that the reference knows, on each day from `first` to `last`; other days' values are left out."""
    origin = np.datetime64(first, "D")
    days = (last - first).days + 1
    columns = {}
    for name, column in reference.items():
        seen = watched.get(name)
        if seen is None:
            columns[name] = Tally(
                np.zeros((days, column.bins + 2), dtype=np.int64), np.zeros((days, len(column.grid)), dtype=np.int64)
            )
            continue
        at = (seen.days - origin).astype(np.int64)
        inside = (at >= 0) & (at < days)
        columns[name] = count(seen.values[inside], at[inside], days, column)
    return Tallies(first, days, columns)


def count(values: np.ndarray, day: Ints, days: int, column: ColumnReference) -> Tally:
    """Counts of (rows,) values on (rows,) day positions."""
    width = column.bins + 2
    if column.is_categorical:
        place = pd.Index(column.distribution.categories).get_indexer(pd.Index(values, dtype="object"))
        place = np.where(pd.isna(values), column.bins + 1, np.where(place < 0, column.bins, place))
        counts = np.bincount(day * width + place, minlength=days * width).reshape(days, width)
        return Tally(counts.astype(np.int64), np.zeros((days, 0), dtype=np.int64))
    numbers = values.astype(np.float64)
    gone = np.isnan(numbers)
    place = np.where(gone, column.bins + 1, np.searchsorted(np.array(column.distribution.edges), numbers, side="right"))
    counts = np.bincount(day * width + place, minlength=days * width).reshape(days, width)
    grid = np.array(column.grid)
    points = np.searchsorted(grid, numbers[~gone], side="left")
    cells = len(grid) + 1
    fine = np.bincount(day[~gone] * cells + points, minlength=days * cells).reshape(days, cells)
    return Tally(counts.astype(np.int64), np.cumsum(fine[:, :-1], axis=1).astype(np.int64))
