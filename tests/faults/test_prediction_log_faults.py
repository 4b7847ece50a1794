"""The prediction log under kill -9, a full disk and a damaged file: little and known is lost, nothing half is believed."""

from __future__ import annotations

import errno
import os
import random
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from churn_platform.adapters import prediction_log
from churn_platform.adapters.prediction_log import (
    PredictionLog,
    PredictionLogError,
    PredictionLogFull,
    closed_segments,
    read_segment,
    seal_abandoned,
)

FLUSH = 0.02


def records(folder: Path) -> list[bytes]:
    return [record for path in closed_segments(folder) for record in read_segment(path)]


def test_what_was_handed_over_is_read_back_in_order(tmp_path: Path) -> None:
    said = [b'{"n":%d}' % number for number in range(500)]
    with PredictionLog(tmp_path, "w", flush_every=0.001, segment_bytes=1000) as log:
        for number, record in enumerate(said):
            log.append(record)
            if number % 50 == 49:
                log.flush()
    assert len(closed_segments(tmp_path)) > 1
    assert records(tmp_path) == said


def test_a_kill_loses_at_most_what_was_handed_over_since_the_last_flush(tmp_path: Path, kills: Any) -> None:
    lost = []
    chance = random.Random(5)
    for attempt in range(20):
        folder = tmp_path / str(attempt)
        handed = folder / "handed"
        folder.mkdir()

        def predict(ready: Callable[[], None], folder: Path = folder, handed: Path = handed) -> None:
            descriptor = os.open(handed, os.O_WRONLY | os.O_CREAT)
            log = PredictionLog(folder / "log", "w", flush_every=FLUSH)
            ready()
            number = 0
            while True:
                log.append(b'{"n":%d,"at":%f}' % (number, time.time()))
                number += 1
                os.pwrite(descriptor, b"%12d" % number, 0)  # what the caller believes to be logged
                time.sleep(0.0005)

        kills.after(0.05 + chance.random() * 0.15, predict)
        seal_abandoned(folder / "log")
        kept = records(folder / "log")
        assert kept == [record for record in kept if record.endswith(b"}")]
        assert [int(record.split(b":")[1].split(b",")[0]) for record in kept] == list(range(len(kept)))
        lost.append(int(handed.read_bytes()) - len(kept))
    # the control: a kill does lose some, so the count can see a loss
    assert max(lost) > 0
    # 2,000 records a second at most; a flush every 20 ms on a machine that may stall for as long as ten of them
    assert max(lost) <= 2_000 * FLUSH * 12, f"lost {lost}"


def test_a_segment_of_a_living_writer_is_left_alone(tmp_path: Path) -> None:
    with PredictionLog(tmp_path, "w") as log:
        log.append(b"{}")
        log.flush()
        assert seal_abandoned(tmp_path) == []
        assert closed_segments(tmp_path) == []
    assert records(tmp_path) == [b"{}"]


@settings(max_examples=50)
@given(cut=st.integers(0, 60), noise=st.binary(max_size=12))
def test_a_torn_end_is_cut_off_and_all_whole_lines_stay(
    cut: int, noise: bytes, tmp_path_factory: pytest.TempPathFactory
) -> None:
    folder = tmp_path_factory.mktemp("log")
    said = [b'{"n":%d}' % number for number in range(3)]
    whole = b"".join(prediction_log._line(record) for record in said)
    (folder / "w-000001.open").write_bytes(whole[: min(cut, len(whole))] + noise)
    seal_abandoned(folder)
    kept = records(folder)
    assert kept == said[: len(kept)]
    assert len(kept) >= min(cut, len(whole)) // len(prediction_log._line(said[0]))


def test_a_changed_closed_segment_is_refused(tmp_path: Path) -> None:
    with PredictionLog(tmp_path, "w") as log:
        log.append(b'{"probability":0.25}')
    (path,) = closed_segments(tmp_path)
    assert read_segment(path)
    path.chmod(0o644)
    path.write_bytes(path.read_bytes().replace(b"0.25", b"0.75"))
    with pytest.raises(PredictionLogError, match="line 1: the checksum does not hold"):
        read_segment(path)


def test_a_full_disk_holds_records_back_then_refuses_and_nothing_is_lost_when_it_has_room_again(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    real = os.pwrite

    def half_then_full(descriptor: int, content: memoryview, at: int) -> int:
        real(descriptor, bytes(content)[: len(content) // 2], at)
        raise OSError(errno.ENOSPC, "No space left on device")

    log = PredictionLog(tmp_path, "w", flush_every=60, most_waiting=10)
    log.append(b'{"n":0}')
    log.flush()
    monkeypatch.setattr(os, "pwrite", half_then_full)
    for number in range(1, 11):
        log.append(b'{"n":%d}' % number)
    log.flush()
    assert log.problem is not None
    with pytest.raises(PredictionLogFull, match="No space left"):
        log.append(b'{"n":11}')
    monkeypatch.setattr(os, "pwrite", real)
    log.flush()
    assert log.problem is None
    log.close()
    assert records(tmp_path) == [b'{"n":%d}' % number for number in range(11)]


def test_two_processes_of_one_name_write_segments_of_their_own(tmp_path: Path) -> None:
    with PredictionLog(tmp_path, "w") as one, PredictionLog(tmp_path, "w") as other:
        one.append(b'{"by":"one"}')
        one.flush()
        other.append(b'{"by":"other"}')
        other.flush()
    assert sorted(records(tmp_path)) == [b'{"by":"one"}', b'{"by":"other"}']


def test_a_record_with_a_line_break_and_a_writer_without_a_name_are_refused(tmp_path: Path) -> None:
    with pytest.raises(PredictionLogError, match="cannot name a writer"):
        PredictionLog(tmp_path, "../w")
    with PredictionLog(tmp_path, "w") as log, pytest.raises(PredictionLogError, match="line break"):
        log.append(b"{}\n{}")
