"""Readers beside a publisher, and publishers that are killed: nobody ever reads a torn or missing snapshot."""

from __future__ import annotations

import threading
import time
from collections.abc import Callable
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd

from churn_platform.adapters.snapshot_parquet import SnapshotError
from churn_platform.adapters.snapshots import history, publish, read_snapshot

NOW = datetime(2026, 5, 31, 6, 0, tzinfo=UTC)
CODE = ("adapters/snapshots", "adapters/snapshot_parquet", "adapters/atomic_files", "adapters/file_lock")
SECONDS = 2.0


def frame_of(number: int) -> pd.DataFrame:
    """200 rows that all say `number`: a mixture of two frames would show."""
    return pd.DataFrame({"number": np.full(200, number), "half": np.full(200, number / 2)})


def read_while(tmp_path: Path, write: Callable[[int], None], seconds: float) -> tuple[int, int, list[str]]:
    """Two readers beside one writer for a while: (writes, good reads, what went wrong in the others)."""
    stop = threading.Event()
    good, bad = [0, 0], []

    def read(which: int) -> None:
        while not stop.is_set():
            try:
                frame, pointer = read_snapshot(tmp_path, "scores", "all")
            except SnapshotError as error:
                bad.append(str(error))
                continue
            number = frame["number"].iloc[0]
            if not frame.equals(frame_of(number)) or pointer.about != {"number": number}:
                bad.append("a mixture")
            good[which] += 1

    write(0)
    readers = [threading.Thread(target=read, args=(which,)) for which in range(2)]
    for reader in readers:
        reader.start()
    writes, end = 0, time.monotonic() + seconds
    while time.monotonic() < end:
        writes += 1
        write(writes % 5)
    stop.set()
    for reader in readers:
        reader.join()
    return writes, sum(good), bad


def test_readers_beside_a_publisher_never_see_a_torn_or_missing_snapshot(tmp_path: Path) -> None:
    def write(number: int) -> None:
        publish(tmp_path, "scores", "all", frame_of(number), {"number": number}, NOW)

    writes, good, bad = read_while(tmp_path, write, SECONDS)
    assert bad == []
    assert min(writes, good) > 20
    assert len(history(tmp_path, "scores", "all")) == writes + 1


def test_control_a_pointer_written_in_place_is_seen_torn(tmp_path: Path) -> None:
    def write(number: int) -> None:
        publish(tmp_path / "other", "scores", "all", frame_of(number), {"number": number}, NOW)
        folder = tmp_path / "scores" / "all"
        folder.mkdir(parents=True, exist_ok=True)
        for source in (tmp_path / "other" / "scores" / "all").glob("*.parquet"):
            (folder / source.name).write_bytes(source.read_bytes())
        content = (tmp_path / "other" / "scores" / "all" / "pointer.json").read_bytes()
        with (folder / "pointer.json").open("wb", buffering=0) as file:
            file.write(content[:50])
            file.write(content[50:])

    _, _, bad = read_while(tmp_path, write, SECONDS)
    assert any("damaged" in what for what in bad)


def test_publishers_of_one_partition_at_once_take_turns(tmp_path: Path) -> None:
    def write(first: int) -> None:
        for number in range(first, first + 10):
            publish(tmp_path, "scores", "all", frame_of(number), {"number": number}, NOW)

    threads = [threading.Thread(target=write, args=(first,)) for first in (100, 200, 300)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    past = history(tmp_path, "scores", "all")
    assert [snapshot.sequence for snapshot in past] == list(range(1, 31))
    assert sorted(snapshot.about["number"] for snapshot in past) == [
        *range(100, 110),
        *range(200, 210),
        *range(300, 310),
    ]  # type: ignore[type-var]


def test_a_publisher_killed_at_any_line_leaves_the_old_snapshot_or_the_new_one(tmp_path: Path, kills: Any) -> None:
    def swap(number: int) -> None:
        publish(tmp_path, "scores", "all", frame_of(number), {"number": number}, NOW)

    swap(0)
    lines = kills.lines(lambda: swap(1), *CODE)
    present, outcomes = 1, []
    for line in kills.some_of(lines, at_most=40):
        assert kills.before_line(line, lambda number=present + 1: swap(number), *CODE)
        frame, pointer = read_snapshot(tmp_path, "scores", "all")
        number = int(frame["number"].iloc[0])
        assert pointer.about == {"number": number}
        assert history(tmp_path, "scores", "all")[-1] == pointer
        outcomes.append(number != present)
        present += 1
        swap(present)  # the next run does what the killed one meant to do
        assert read_snapshot(tmp_path, "scores", "all")[1].about == {"number": present}
    assert outcomes == sorted(outcomes)
    assert set(outcomes) == {False, True}
    left = {path.suffix for path in (tmp_path / "scores" / "all").iterdir() if path.is_file()}
    assert left <= {".parquet", ".json", ""}  # what killed publishers left beside was cleared away


def test_a_first_publisher_killed_at_any_line_leaves_nothing_or_a_snapshot(tmp_path: Path, kills: Any) -> None:
    def first(root: Path) -> None:
        publish(root, "scores", "all", frame_of(1), {"number": 1}, NOW)

    lines = kills.lines(lambda: first(tmp_path / "0"), *CODE)
    for line in kills.some_of(lines, at_most=20):
        root = tmp_path / f"{line}"
        assert kills.before_line(line, lambda root=root: first(root), *CODE)
        try:
            frame, _ = read_snapshot(root, "scores", "all")
            assert frame.equals(frame_of(1))
        except SnapshotError as error:
            missing = str(error)
            assert "is not published" in missing
        first(root)
        assert read_snapshot(root, "scores", "all")[1].sequence == 1
