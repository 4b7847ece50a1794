"""A reader sees the old file or the new one, never half; a failed write leaves nothing behind."""

from __future__ import annotations

import os
import threading
from pathlib import Path

import pytest

from churn_platform.adapters import atomic_files
from churn_platform.adapters.atomic_files import write_atomically

OLD, NEW = b"o" * 200_000, b"n" * 300_000


@pytest.mark.parametrize("durable", [True, False])
def test_a_file_is_made_with_its_folders_and_replaced(tmp_path: Path, durable: bool) -> None:
    target = tmp_path / "a" / "b" / "file.json"
    for content in (OLD, NEW, b""):
        write_atomically(target, content, durable=durable)
        assert target.read_bytes() == content
    assert [path.name for path in target.parent.iterdir()] == ["file.json"]
    assert target.stat().st_mode & 0o777 == 0o644


@pytest.mark.parametrize("step", ["replace", "fsync", "chmod"])
def test_a_write_that_fails_at_any_step_leaves_the_old_file_and_no_other(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, step: str
) -> None:
    target = tmp_path / "file.json"
    write_atomically(target, OLD)

    def fail(*_: object) -> None:
        raise OSError("the disk is full")

    with monkeypatch.context() as faulty:
        faulty.setattr(atomic_files.os, step, fail)
        with pytest.raises(OSError, match="the disk is full"):
            write_atomically(target, NEW)
    assert target.read_bytes() == OLD
    assert list(tmp_path.iterdir()) == [target]
    write_atomically(target, NEW)  # control: without the fault it goes through
    assert target.read_bytes() == NEW


def torn_reads(target: Path, write: object, rounds: int) -> int:
    """How many of the reads beside `rounds` writes saw neither the old nor the new content."""
    assert callable(write)
    done, torn = threading.Event(), 0

    def keep_writing() -> None:
        for number in range(rounds):
            write(target, NEW if number % 2 else OLD)
        done.set()

    writer = threading.Thread(target=keep_writing)
    writer.start()
    while not done.is_set():
        torn += target.read_bytes() not in (OLD, NEW)
    writer.join()
    return torn


def in_place(target: Path, content: bytes) -> None:
    with target.open("wb") as handle:
        for start in range(0, len(content), 20_000):
            handle.write(content[start : start + 20_000])
            handle.flush()
            os.sched_yield()


def test_no_reader_ever_sees_half_a_file(tmp_path: Path) -> None:
    target = tmp_path / "pointer"
    target.write_bytes(OLD)
    assert torn_reads(target, lambda path, content: write_atomically(path, content, durable=False), 300) == 0


def test_control_an_in_place_write_is_seen_torn(tmp_path: Path) -> None:
    target = tmp_path / "pointer"
    target.write_bytes(OLD)
    assert torn_reads(target, in_place, 30) > 0
