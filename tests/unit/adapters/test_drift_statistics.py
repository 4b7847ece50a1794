"""Counts in SQL are the room's counts, so the distances are too, whatever is in the columns."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pandas as pd
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from churn_platform.adapters.drift_statistics import Column, compare_parquet, reference_of_parquet, tally_of_parquet
from churn_platform.drift import statistics
from churn_platform.drift.panel import Watched
from churn_platform.drift.tally import ColumnReference, Tally, column_reference, count

COLUMNS = (Column("smooth"), Column("few"), Column("mostly_zero"), Column("word", ("a", "b", "c")))


def frame(seed: int, rows: int, moved: float) -> pd.DataFrame:
    rng = np.random.default_rng(seed)
    smooth = rng.gamma(2.0, 1.0 + moved, rows)
    smooth[rng.random(rows) < 0.03] = np.nan
    return pd.DataFrame(
        {
            "smooth": smooth,
            "few": rng.integers(0, 5 + round(3 * moved), rows).astype("float64"),
            "mostly_zero": np.where(rng.random(rows) < 0.7, 0.0, rng.exponential(5.0, rows)),
            "word": rng.choice(np.array(["a", "b", "c", None, "new" if moved else "a"], dtype="object"), rows),
        }
    )


def in_memory(rows: pd.DataFrame, column: Column) -> Watched:
    values = (
        rows[column.name].astype("object").where(rows[column.name].notna(), None).to_numpy()
        if column.domain
        else rows[column.name].to_numpy()
    )
    return Watched(
        column.name, "feature", column.name, column.domain, np.zeros(len(rows), dtype="datetime64[D]"), values
    )


@settings(max_examples=12, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(st.integers(0, 10_000), st.integers(5, 900), st.sampled_from([0.0, 0.4]))
def test_counts_and_references_are_those_of_the_room(tmp_path: Path, seed: int, rows: int, moved: float) -> None:
    import duckdb

    was, now = frame(seed, 1_500, 0.0), frame(seed + 1, rows, moved)
    was.to_parquet(tmp_path / "was.parquet")
    now.to_parquet(tmp_path / "now.parquet")
    with duckdb.connect() as connection:
        reference = reference_of_parquet(connection, tmp_path / "was.parquet", COLUMNS, 10)
        seen = tally_of_parquet(connection, tmp_path / "now.parquet", reference)
    for column in COLUMNS:
        known: ColumnReference = column_reference(in_memory(was, column), 10)
        assert reference[column.name] == known
        ours: Tally = count(in_memory(now, column).values, np.zeros(rows, dtype=np.int64), 1, known)
        assert seen[column.name].counts.tolist() == ours.counts.tolist()
        assert seen[column.name].below.tolist() == ours.below.tolist()


def test_distances_from_parquet_are_those_from_memory(tmp_path: Path) -> None:
    was, now = frame(1, 4_000, 0.0), frame(2, 1_000, 0.4)
    was.to_parquet(tmp_path / "was.parquet")
    now.to_parquet(tmp_path / "now.parquet")
    found = {
        one.name: one for one in compare_parquet(tmp_path / "was.parquet", tmp_path / "now.parquet", COLUMNS, 10, 200)
    }
    for column in COLUMNS:
        known = column_reference(in_memory(was, column), 10)
        counts = count(in_memory(now, column).values, np.zeros(len(now), dtype=np.int64), 1, known).counts[0]
        assert found[column.name].psi == float(statistics.psi(known.counts, counts))
        assert found[column.name].jensen_shannon == float(statistics.jensen_shannon(known.counts, counts))
        assert (found[column.name].ks is None) == bool(column.domain)
    assert found["smooth"].p_value < 1e-6


def test_a_file_without_rows_is_an_error_and_no_distance(tmp_path: Path) -> None:
    frame(1, 100, 0.0).to_parquet(tmp_path / "was.parquet")
    frame(1, 100, 0.0).iloc[:0].to_parquet(tmp_path / "none.parquet")
    with pytest.raises(ValueError, match="no rows"):
        compare_parquet(tmp_path / "was.parquet", tmp_path / "none.parquet", COLUMNS[:3], 10, 200)
