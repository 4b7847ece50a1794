"""Drift statistics of two Parquet files in SQL: the counts that `drift/tally.py` makes in memory, made by DuckDB as it reads.

What belongs here: counting straight from Parquet, for windows that do not fit into memory: one scan of the current file, the reference
column by column. What does not: any statistic: the same room turns these counts into distances, so both ways give the same values.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np

from churn_platform.drift import statistics
from churn_platform.drift.panel import Family
from churn_platform.drift.reference import Distribution
from churn_platform.drift.tally import ColumnReference, Tally, column_reference_of_numbers

if TYPE_CHECKING:
    import duckdb

MEMORY = "160MB"
"""What DuckDB may hold: a scan of a million rows and twenty columns needs less."""


@dataclass(frozen=True, slots=True)
class Column:
    """A column to compare; `domain` empty means numeric."""

    name: str
    domain: tuple[str, ...] = ()
    family: Family = "feature"


@dataclass(frozen=True, slots=True)
class Distances:
    """All statistics of one column. `ks` is None for categories."""

    name: str
    rows: int
    psi: float
    kl: float
    jensen_shannon: float
    ks: float | None
    p_value: float


def compare_parquet(
    reference: Path, current: Path, columns: Sequence[Column], bins: int, min_rows: int, threads: int = 2
) -> tuple[Distances, ...]:
    """Every statistic of every column, current file against reference file.

    Args:
        reference, current: Parquet files with the columns.
        columns: what to compare.
        bins: bins of a number, from the reference only.
        min_rows: rows of the smallest window ever judged (rare bins are taken together for it).
        threads: DuckDB's.

    Raises:
        duckdb.Error: a file or a column is missing. ValueError: a file has no rows.
    """
    with _connection(threads) as connection:
        known = reference_of_parquet(connection, reference, columns, bins)
        seen = tally_of_parquet(connection, current, known)
    return tuple(_distances(known[column.name], seen[column.name], min_rows) for column in columns)


def reference_of_parquet(
    connection: duckdb.DuckDBPyConnection, path: Path, columns: Sequence[Column], bins: int
) -> dict[str, ColumnReference]:
    """The reference of each column of a file. One numeric column at a time is in memory: its quantiles need all of it."""
    out: dict[str, ColumnReference] = {}
    for column in columns:
        if column.domain:
            counted = _counted(connection, path, column.name)
            counts = tuple(counted.get(value, 0) for value in column.domain)
            distribution = Distribution(column.name, (), column.domain, counts, sum(counted.values()) - sum(counts))
            out[column.name] = ColumnReference(column.name, column.family, column.name, distribution, (), ())
        else:
            found = connection.execute(
                f"SELECT {_quoted(column.name)}::DOUBLE AS x FROM read_parquet(?)", [str(path)]
            ).fetchnumpy()["x"]
            numbers = found.filled(np.nan) if isinstance(found, np.ma.MaskedArray) else found
            out[column.name] = column_reference_of_numbers(column.name, column.family, column.name, numbers, bins)
    return out


def tally_of_parquet(
    connection: duckdb.DuckDBPyConnection, path: Path, reference: Mapping[str, ColumnReference]
) -> dict[str, Tally]:
    """The counts of a whole file as one day: numbers in one scan, each category in one of its own column (a third of the time of one
    scan of all, measured)."""
    parts: list[str] = []
    given: list[list[float]] = []
    boundaries: dict[str, np.ndarray] = {}
    for name, column in reference.items():
        if column.is_categorical:
            continue
        # a bin [a, b) holds what is at most the float below b; the grid counts what is at most its points
        edges = np.nextafter(np.array(column.distribution.edges), -np.inf)
        boundaries[name] = np.unique(np.concatenate([edges, np.array(column.grid), [np.finfo("float64").max]]))
        x = f"{_quoted(name)}::DOUBLE"
        known = f"FILTER (WHERE {x} IS NOT NULL AND NOT isnan({x}))"
        given.append(boundaries[name].tolist())  # not as literals: SQL reads those as decimals, one float off
        parts.append(f"histogram({x}, ?::DOUBLE[]) {known}, count(*) - count(*) {known}")
    row = connection.execute(
        f"SELECT {', '.join(['count(*)', *parts])} FROM read_parquet(?)", [*given, str(path)]
    ).fetchone()
    if row is None or row[0] == 0:
        raise ValueError(f"{path} has no rows: nothing can be compared")
    numbers = {
        name: _numbers(reference[name], boundaries[name], row[1 + 2 * k] or {}, int(row[2 + 2 * k]))
        for k, name in enumerate(boundaries)
    }
    return {
        name: _categories(column, _counted(connection, path, name)) if column.is_categorical else numbers[name]
        for name, column in reference.items()
    }


def _counted(connection: duckdb.DuckDBPyConnection, path: Path, name: str) -> dict[str | None, int]:
    """Rows by value of a column; None is missing."""
    rows = connection.execute(
        f"SELECT {_quoted(name)}::VARCHAR, count(*) FROM read_parquet(?) GROUP BY 1", [str(path)]
    ).fetchall()
    return {value: int(count) for value, count in rows}


def _categories(column: ColumnReference, counted: Mapping[str | None, int]) -> Tally:
    counts = [counted.get(value, 0) for value in column.distribution.categories]
    missing = counted.get(None, 0)
    other = sum(counted.values()) - missing - sum(counts)
    return Tally(np.array([[*counts, other, missing]], dtype=np.int64), np.zeros((1, 0), dtype=np.int64))


def _numbers(column: ColumnReference, boundaries: np.ndarray, counted: Mapping[Any, int], missing: int) -> Tally:
    below = np.cumsum([int(counted.get(float(value), 0)) for value in boundaries])
    edges = np.nextafter(np.array(column.distribution.edges), -np.inf)
    until = np.concatenate([[0], below[np.searchsorted(boundaries, edges)], [below[-1]]])
    counts = np.diff(until)
    grid = below[np.searchsorted(boundaries, np.array(column.grid))]
    return Tally(np.array([[*counts, 0, missing]], dtype=np.int64), grid[None, :].astype(np.int64))


def _distances(column: ColumnReference, seen: Tally, min_rows: int) -> Distances:
    was, now = column.counts.astype(np.float64), seen.counts[0].astype(np.float64)
    ks = None
    p_value = float(statistics.homogeneity_p_value(was, now[None, :], min_rows)[0])
    if column.grid:
        known = now[:-1].sum()
        ks = float(statistics.ks_distance(column.below, seen.below, column.known, [known])[0])
        p_value = min(1.0, 2.0 * min(p_value, float(statistics.ks_p_value(ks, column.known, known))))
    return Distances(
        column.name,
        int(now.sum()),
        float(statistics.psi(was, now)),
        float(statistics.kl_divergence(was, now)),
        float(statistics.jensen_shannon(was, now)),
        ks,
        p_value,
    )


def _connection(threads: int) -> duckdb.DuckDBPyConnection:
    import duckdb

    connection = duckdb.connect()
    connection.execute(f"SET threads = {int(threads)}")
    connection.execute(f"SET memory_limit = '{MEMORY}'")
    return connection


def _quoted(name: str) -> str:
    return '"' + name.replace('"', '""') + '"'
