from __future__ import annotations

import json
from datetime import UTC, date, datetime, timedelta
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from churn_platform.adapters.snapshot_parquet import SnapshotError
from churn_platform.adapters.snapshots import (
    NothingPublishedError,
    history,
    latest,
    partitions,
    publish,
    read_contents,
    read_snapshot,
)

# pyarrow reads a column with a time zone in a way that this pandas deprecates.
pytestmark = pytest.mark.filterwarnings("ignore:Series.values returning an ndarray that drops timezone")

NOW = datetime(2026, 5, 31, 6, 0, tzinfo=UTC)
DAY = "2026-05-31"
BY = {"model_version": "churn-1", "model_digest": "a" * 64}


def scores(rows: int = 3, seed: int = 0) -> pd.DataFrame:
    rng = np.random.default_rng(seed)
    return pd.DataFrame(
        {
            "customer_id": [f"{i:04d}-ABCDE" for i in range(rows)],
            "observation_date": [date(2026, 5, 31)] * rows,
            "probability": rng.random(rows),
            "band": pd.Categorical(
                ["high", "low", "low"] * (rows // 3) + ["low"] * (rows % 3), ["low", "medium", "high"]
            ),
            "decile": pd.array([1, None, *range(rows - 2)], dtype="Int64"),
            "reasons": ['[{"text":"Vertrag läuft monatlich"}]'] * rows,
            "scored_at": pd.to_datetime(["2026-05-31T06:00:00Z"] * rows),
            "simulated": [False] * rows,
            "missing": [np.nan] * rows,
        }
    )


def test_what_is_published_is_read_back_with_its_types(tmp_path: Path) -> None:
    frame = scores()
    made = publish(tmp_path, "daily_scores", DAY, frame, BY, NOW)
    read, pointer = read_snapshot(tmp_path, "daily_scores", DAY)
    pd.testing.assert_frame_equal(read, frame)
    assert pointer == made
    assert (made.rows, made.model_version, made.published_at, made.sequence, made.previous) == (
        3,
        "churn-1",
        NOW,
        1,
        None,
    )
    assert made.about == BY


def test_a_files_name_is_the_sha256_of_its_bytes(tmp_path: Path) -> None:
    import hashlib

    made = publish(tmp_path, "daily_scores", DAY, scores(), BY, NOW)
    content = (tmp_path / "daily_scores" / DAY / f"{made.digest}.parquet").read_bytes()
    assert hashlib.sha256(content).hexdigest() == made.digest


@settings(max_examples=25, deadline=None)
@given(st.integers(3, 30), st.integers(0, 5), st.integers(3, 30), st.integers(0, 5))
def test_equal_frames_have_one_digest_and_other_frames_another(
    tmp_path_factory: pytest.TempPathFactory, rows: int, seed: int, other_rows: int, other_seed: int
) -> None:
    root = tmp_path_factory.mktemp("published")
    one = publish(root, "one", DAY, scores(rows, seed), BY, NOW)
    other = publish(root, "other", DAY, scores(other_rows, other_seed), BY, NOW + timedelta(days=1))
    assert (one.digest == other.digest) == ((rows, seed) == (other_rows, other_seed))
    assert one.schema_fingerprint == other.schema_fingerprint


def test_the_digest_does_not_know_how_the_frame_came_about(tmp_path: Path) -> None:
    plain = scores()
    filtered = pd.concat([scores(), scores()]).iloc[3:]  # the same rows under another row index
    filtered.attrs["note"] = "made elsewhere"
    made = publish(tmp_path, "daily_scores", DAY, plain, BY, NOW)
    assert publish(tmp_path, "daily_scores", DAY, filtered, BY, NOW) == made


def test_publishing_the_same_again_changes_nothing(tmp_path: Path) -> None:
    made = publish(tmp_path, "daily_scores", DAY, scores(), BY, NOW)
    files = {path: path.stat().st_mtime_ns for path in tmp_path.rglob("*") if path.is_file()}
    assert publish(tmp_path, "daily_scores", DAY, scores(), BY, NOW + timedelta(hours=1)) == made
    assert {path: path.stat().st_mtime_ns for path in tmp_path.rglob("*") if path.is_file()} == files


def test_the_same_rows_said_to_come_from_another_model_are_published_anew(tmp_path: Path) -> None:
    first = publish(tmp_path, "daily_scores", DAY, scores(), BY, NOW)
    second = publish(tmp_path, "daily_scores", DAY, scores(), {**BY, "model_version": "churn-2"}, NOW)
    assert (second.digest, second.sequence, second.previous) == (first.digest, 2, first.digest)


def test_every_publication_stays_readable(tmp_path: Path) -> None:
    frames = [scores(seed=seed) for seed in (0, 1, 0, 2)]
    for hour, frame in enumerate(frames):
        publish(tmp_path, "daily_scores", DAY, frame, BY, NOW + timedelta(hours=hour))
    past = history(tmp_path, "daily_scores", DAY)
    assert [snapshot.sequence for snapshot in past] == [1, 2, 3, 4]
    assert [snapshot.previous for snapshot in past] == [None, *(snapshot.digest for snapshot in past[:-1])]
    for snapshot, frame in zip(past, frames, strict=True):
        pd.testing.assert_frame_equal(read_contents(tmp_path, snapshot), frame)
    assert read_snapshot(tmp_path, "daily_scores", DAY)[1] == past[-1]


def test_partitions_are_listed_by_name_and_the_last_one_is_the_latest(tmp_path: Path) -> None:
    for day in ("2026-05-31", "2026-05-02", "2026-06-01"):
        publish(tmp_path, "daily_scores", day, scores(), BY, NOW)
    assert partitions(tmp_path, "daily_scores") == ("2026-05-02", "2026-05-31", "2026-06-01")
    assert latest(tmp_path, "daily_scores").partition == "2026-06-01"
    assert partitions(tmp_path, "contact_list") == ()


def test_what_is_not_published_yet_is_an_error_that_says_what_to_run(tmp_path: Path) -> None:
    for ask in (
        lambda: read_snapshot(tmp_path, "daily_scores", DAY),
        lambda: latest(tmp_path, "daily_scores"),
        lambda: history(tmp_path, "daily_scores", DAY),
    ):
        with pytest.raises(NothingPublishedError, match="run the day that publishes it"):
            ask()


@pytest.mark.parametrize(
    ("frame", "why"),
    [
        (scores().head(0), "0 rows"),
        (pd.DataFrame(index=range(3)), "0 columns"),
        (scores().set_index("customer_id"), "reset_index"),
        (pd.DataFrame({"mixed": ["a", 1, object()]}), "does not fit into Parquet"),
        (pd.DataFrame([[1, 2]], columns=["a", "a"]), "does not fit into Parquet"),
    ],
)
def test_a_frame_that_cannot_be_published_whole_is_refused_and_the_old_one_stays(
    tmp_path: Path, frame: pd.DataFrame, why: str
) -> None:
    made = publish(tmp_path, "daily_scores", DAY, scores(), BY, NOW)
    with pytest.raises(SnapshotError, match=why):
        publish(tmp_path, "daily_scores", DAY, frame, BY, NOW)
    assert read_snapshot(tmp_path, "daily_scores", DAY)[1] == made


@pytest.mark.parametrize("name", ["", "..", "../x", "a/b", ".hidden", "a b", "x\n"])
def test_a_name_that_could_lead_out_of_the_folder_is_refused(tmp_path: Path, name: str) -> None:
    with pytest.raises(SnapshotError, match="cannot name a dataset or partition"):
        publish(tmp_path, name, DAY, scores(), BY, NOW)
    with pytest.raises(SnapshotError, match="cannot name a dataset or partition"):
        publish(tmp_path, "daily_scores", name, scores(), BY, NOW)


def test_a_time_without_a_zone_and_a_model_version_that_is_none_are_refused(tmp_path: Path) -> None:
    with pytest.raises(SnapshotError, match="has no zone"):
        publish(tmp_path, "daily_scores", DAY, scores(), BY, datetime(2026, 5, 31))  # noqa: DTZ001
    with pytest.raises(SnapshotError, match="not text"):
        publish(tmp_path, "daily_scores", DAY, scores(), {"model_version": 7}, NOW)
    assert list(tmp_path.iterdir()) == []


def test_a_frame_of_many_row_groups_keeps_its_categories(tmp_path: Path) -> None:
    rows = 1_100_000  # Parquet's row groups end at 2**20 rows
    codes = np.concatenate([np.full(rows - 2, 1), [0, 2]]).astype("int8")
    frame = pd.DataFrame({"band": pd.Categorical.from_codes(codes, ["z", "a", "m", "never"], ordered=True)})
    publish(tmp_path, "big", DAY, frame, {}, NOW)
    read = read_snapshot(tmp_path, "big", DAY)[0]["band"]
    assert read.dtype == frame["band"].dtype
    assert np.array_equal(read.cat.codes, codes)


# Damage


def damage_pointer(folder: Path, digest: str) -> Path:
    return folder / "pointer.json"


def damage_contents(folder: Path, digest: str) -> Path:
    return folder / f"{digest}.parquet"


@pytest.mark.parametrize("which", [damage_pointer, damage_contents])
@pytest.mark.parametrize("how", ["flipped", "truncated", "emptied", "deleted"])
def test_damage_is_an_error_with_a_way_out_and_publishing_again_is_that_way(
    tmp_path: Path, which: Any, how: str
) -> None:
    first = publish(tmp_path, "daily_scores", DAY, scores(seed=0), BY, NOW)
    made = publish(tmp_path, "daily_scores", DAY, scores(seed=1), BY, NOW)
    path: Path = which(tmp_path / "daily_scores" / DAY, made.digest)
    content = path.read_bytes()
    if how == "deleted":
        path.unlink()
    else:
        middle = len(content) // 2
        flipped = content[:middle] + bytes([content[middle] ^ 0xFF]) + content[middle + 1 :]
        path.write_bytes({"flipped": flipped, "truncated": content[:middle], "emptied": b""}[how])
    with pytest.raises(SnapshotError, match="publish"):
        read_snapshot(tmp_path, "daily_scores", DAY)
    again = publish(tmp_path, "daily_scores", DAY, scores(seed=1), BY, NOW)
    pd.testing.assert_frame_equal(read_snapshot(tmp_path, "daily_scores", DAY)[0], scores(seed=1))
    assert again.digest == made.digest
    assert history(tmp_path, "daily_scores", DAY)[0] == first


def test_contents_of_another_partition_under_this_pointers_name_are_refused(tmp_path: Path) -> None:
    made = publish(tmp_path, "daily_scores", DAY, scores(seed=0), BY, NOW)
    other = publish(tmp_path, "daily_scores", "2026-06-01", scores(seed=1), BY, NOW)
    theirs = (tmp_path / "daily_scores" / "2026-06-01" / f"{other.digest}.parquet").read_bytes()
    (tmp_path / "daily_scores" / DAY / f"{made.digest}.parquet").write_bytes(theirs)
    with pytest.raises(SnapshotError, match="was changed or damaged"):
        read_snapshot(tmp_path, "daily_scores", DAY)


@pytest.mark.parametrize("field", ["rows", "schema_fingerprint"])
def test_a_pointer_that_tells_other_rows_or_columns_than_there_are_is_refused(tmp_path: Path, field: str) -> None:
    publish(tmp_path, "daily_scores", DAY, scores(), BY, NOW)
    pointer = tmp_path / "daily_scores" / DAY / "pointer.json"
    document = json.loads(pointer.read_text())
    pointer.write_text(json.dumps({**document, field: 4 if field == "rows" else "0" * 64}))
    with pytest.raises(SnapshotError, match="other rows or columns than its pointer says"):
        read_snapshot(tmp_path, "daily_scores", DAY)


@pytest.mark.parametrize("change", [{"digest": "b" * 64}, {"previous": "b" * 64}, {"sequence": 7}, None])
def test_a_history_that_was_changed_is_an_error(tmp_path: Path, change: dict[str, object] | None) -> None:
    for seed in (0, 1, 2):
        publish(tmp_path, "daily_scores", DAY, scores(seed=seed), BY, NOW)
    file = tmp_path / "daily_scores" / DAY / "history" / "000002.json"
    if change is None:
        file.unlink()
    else:
        file.write_text(json.dumps({**json.loads(file.read_text()), **change}))
    with pytest.raises(SnapshotError):
        history(tmp_path, "daily_scores", DAY)
    assert len(read_snapshot(tmp_path, "daily_scores", DAY)[0]) == 3  # the present contents are not affected
