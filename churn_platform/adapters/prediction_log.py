"""The prediction log: every answer of the scoring API, appended durably and off the request's path.

What belongs here: segments on disk, their writer thread, sealing what a killed writer left, reading back. What does not: what a
prediction says (`serving/`), and the dataset that is made of closed segments (`flows/predictions.py`).

    predictions/<writer>-<number>.open    being appended to, locked by its writer
    predictions/<writer>-<number>.log     closed: never changed again

A line is `crc32 of the record, record, newline`. A request hands its record over and goes on; the thread writes what has gathered and
calls fdatasync, `flush_every` seconds apart. So a kill loses at most what was handed over since the last flush: `flush_every`, and the
length of one flush, worth of answers. A torn last line is seen by its checksum and cut off.
"""

from __future__ import annotations

import fcntl
import logging
import os
import re
import threading
import time
import zlib
from collections import deque
from collections.abc import Iterator
from pathlib import Path
from typing import Self

from churn_platform.adapters.atomic_files import fsync_folder

OPEN, CLOSED = ".open", ".log"
_WRITER = re.compile(r"[A-Za-z0-9][A-Za-z0-9_.]{0,60}")
_log = logging.getLogger(__name__)


class PredictionLogError(ValueError):
    """The log cannot be used, or a closed segment was damaged; the message names the file and the way out."""


class PredictionLogFull(RuntimeError):  # noqa: N818 (a state, which the API answers with 503)
    """More records wait than may be lost: the disk does not take them. Nothing more may be answered until it does."""


class PredictionLog:
    """One writer's log. Threads may share it; a process opens its own.

    Args:
        folder: where the segments lie; created.
        writer: names this process among others, letters and digits (`worker.0`).
        flush_every: seconds between two flushes: the bound on what a kill loses.
        most_waiting: records that may wait for a disk that does not take them; then `append` refuses.
        segment_bytes: a segment is closed when it has grown to this size,
        segment_seconds: or this old, so that what was predicted is soon data.
    """

    def __init__(
        self,
        folder: Path,
        writer: str,
        *,
        flush_every: float = 0.1,
        most_waiting: int = 20_000,
        segment_bytes: int = 8 << 20,
        segment_seconds: float = 60.0,
    ) -> None:
        if _WRITER.fullmatch(writer) is None:
            raise PredictionLogError(f"{writer!r} cannot name a writer: use letters, digits, '_' and '.'")
        folder.mkdir(parents=True, exist_ok=True)
        self.folder, self.writer = folder, writer
        self._flush_every, self._most_waiting = flush_every, most_waiting
        self._segment_bytes, self._segment_seconds = segment_bytes, segment_seconds
        self._waiting: deque[bytes] = deque()
        self._number = 1 + max((_number(path) for path in folder.glob(f"{writer}-*")), default=0)
        self._file: int | None = None
        self._size, self._opened = 0, 0.0
        self._ending = threading.Event()
        self._flushing = threading.Lock()
        self.problem: str | None = None
        """Why the disk does not take records; None while it does."""
        self.flushed = 0
        """Records that are on disk."""
        self._thread = threading.Thread(target=self._run, name="prediction log", daemon=True)
        self._thread.start()

    @property
    def waiting(self) -> int:
        """Records handed over and not yet on disk."""
        return len(self._waiting)

    @property
    def crowded(self) -> bool:
        """Whether so many records wait that the less important ones should be left out."""
        return len(self._waiting) * 2 >= self._most_waiting

    def append(self, record: bytes) -> None:
        """Hand over one record (a JSON object without a newline); returns at once.

        Raises:
            PredictionLogFull: the disk has not taken records for so long that too many wait.
            PredictionLogError: the record holds a line break.
        """
        if b"\n" in record:
            raise PredictionLogError("a record holds a line break: write JSON without one")
        if len(self._waiting) >= self._most_waiting:
            raise PredictionLogFull(
                f"{len(self._waiting)} predictions wait for {self.folder}: {self.problem or 'it is too slow'}; free the disk"
            )
        self._waiting.append(record)

    def flush(self) -> None:
        """Write what waits and make it durable; an OSError is kept in `problem`, and tried again at the next flush."""
        with self._flushing:
            count = len(self._waiting)
            if count == 0:
                self._close_segment_if_due()
                return
            lines = b"".join(_line(self._waiting[place]) for place in range(count))
            try:
                descriptor = self._segment()
                _write_whole(descriptor, lines, self._size)
                os.fdatasync(descriptor)
            except OSError as error:
                if self.problem is None:
                    _log.error("predictions cannot be logged in %s: %s", self.folder, error)
                self.problem = str(error)
                return
            self.problem = None
            self._size += len(lines)
            for _ in range(count):
                self._waiting.popleft()
            self.flushed += count
            self._close_segment_if_due()

    def close(self) -> None:
        """Write what waits, close the segment, stop. PredictionLogError if records could not be written."""
        self._ending.set()
        self._thread.join()
        self.flush()
        with self._flushing:
            self._close_segment()
        if self._waiting:
            raise PredictionLogError(
                f"{len(self._waiting)} predictions were not logged in {self.folder}: {self.problem}"
            )

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        self.close()

    def _run(self) -> None:
        while not self._ending.wait(self._flush_every):
            try:
                self.flush()
            except Exception as error:  # the thread must live: what it cannot write waits, until `append` refuses
                _log.exception("the prediction log's writer failed")
                self.problem = repr(error)

    def _segment(self) -> int:
        if self._file is None:
            while True:
                path = self.folder / f"{self.writer}-{self._number:06d}{OPEN}"
                if not path.with_suffix(CLOSED).exists():
                    try:
                        descriptor = os.open(path, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o640)
                        break
                    except FileExistsError:
                        pass  # another process goes by the same name
                self._number += 1
            fcntl.flock(descriptor, fcntl.LOCK_EX | fcntl.LOCK_NB)
            fsync_folder(self.folder)
            self._file, self._size, self._opened = descriptor, 0, time.monotonic()
        return self._file

    def _close_segment_if_due(self) -> None:
        old = time.monotonic() - self._opened >= self._segment_seconds
        if self._file is not None and (old or self._size >= self._segment_bytes):
            self._close_segment()

    def _close_segment(self) -> None:
        if self._file is None:
            return
        path = self.folder / f"{self.writer}-{self._number:06d}{OPEN}"
        path.rename(path.with_suffix(CLOSED))
        fsync_folder(self.folder)
        os.close(self._file)
        self._file, self._number = None, self._number + 1


def seal_abandoned(folder: Path) -> list[Path]:
    """Close the segments that killed writers left open, without a torn last line; a living writer's are left alone.

    Returns:
        the sealed segments. An empty one is removed.
    """
    sealed = []
    for path in sorted(folder.glob(f"*{OPEN}")):
        try:
            descriptor = os.open(path, os.O_RDWR)
        except FileNotFoundError:
            continue  # its writer has closed it just now
        try:
            try:
                fcntl.flock(descriptor, fcntl.LOCK_EX | fcntl.LOCK_NB)
            except BlockingIOError:
                continue
            if not path.exists():
                continue
            whole = _whole_length(path.read_bytes())
            if whole == 0:
                path.unlink()
                continue
            os.ftruncate(descriptor, whole)
            os.fsync(descriptor)
            target = path.with_suffix(CLOSED)
            path.rename(target)
            sealed.append(target)
        finally:
            os.close(descriptor)
    fsync_folder(folder)
    return sealed


def closed_segments(folder: Path) -> list[Path]:
    """The segments that will not change any more, in the order of their names."""
    return sorted(folder.glob(f"*{CLOSED}"))


def read_segment(path: Path) -> list[bytes]:
    """The records of a closed segment, in order.

    Raises:
        PredictionLogError: a line's checksum does not hold: the file was changed or damaged after it was closed.
    """
    records = []
    for number, line in enumerate(_lines(path.read_bytes()), start=1):
        record = _record(line)
        if record is None:
            raise PredictionLogError(
                f"{path}, line {number}: the checksum does not hold; restore the file, its other lines are not trusted either"
            )
        records.append(record)
    return records


def _line(record: bytes) -> bytes:
    return b"%08x %s\n" % (zlib.crc32(record), record)


def _record(line: bytes) -> bytes | None:
    checksum, separator, record = line[:8], line[8:9], line[9:-1]
    good = separator == b" " and line.endswith(b"\n") and checksum == b"%08x" % zlib.crc32(record)
    return record if good else None


def _lines(content: bytes) -> Iterator[bytes]:
    start = 0
    while start < len(content):
        end = content.find(b"\n", start) + 1 or len(content)
        yield content[start:end]
        start = end


def _whole_length(content: bytes) -> int:
    """Bytes up to the end of the last line that is whole, with all lines before it whole too."""
    whole = 0
    for line in _lines(content):
        if _record(line) is None:
            break
        whole += len(line)
    return whole


def _write_whole(descriptor: int, content: bytes, at: int) -> None:
    """Write all of `content` at offset `at`; after an error the file ends at `at` again, so that no half line stays inside."""
    view = memoryview(content)
    try:
        written = 0
        while written < len(view):
            written += os.pwrite(descriptor, view[written:], at + written)
    except OSError:
        os.ftruncate(descriptor, at)
        raise


def _number(path: Path) -> int:
    digits = path.stem.rpartition("-")[2]
    return int(digits) if digits.isdigit() else 0
