"""Running a command as a whole process, with its wall seconds and the peak memory of its largest process."""

from __future__ import annotations

import os
import resource
import subprocess
import threading
import time
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path


@dataclass(frozen=True)
class Measured:
    """One finished command. Processor seconds are steadier than wall seconds where the machine is shared."""

    seconds: float
    peak_mb: float
    stdout: str
    cpu_seconds: float


def measured(command: Sequence[str | Path], environment: Mapping[str, str], limit_seconds: float = 900) -> Measured:
    """Run `command` to its end; raises if it fails. Peak memory is summed over the process and its children, sampled each 50 ms."""
    began, spent = time.perf_counter(), _children_cpu()
    process = subprocess.Popen(
        [str(part) for part in command],
        env={**os.environ, **environment},
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
        start_new_session=True,
    )
    peak = [0.0]
    done = threading.Event()

    def watch() -> None:
        while not done.wait(0.05):
            peak[0] = max(peak[0], _resident_mb(process.pid))

    watcher = threading.Thread(target=watch)
    watcher.start()
    try:
        stdout, stderr = process.communicate(timeout=limit_seconds)
    finally:
        done.set()
        watcher.join()
    if process.returncode != 0:
        raise RuntimeError(f"{' '.join(map(str, command))} ended with {process.returncode}: {stderr[-2000:]}")
    return Measured(time.perf_counter() - began, peak[0], stdout, _children_cpu() - spent)


def _children_cpu() -> float:
    used = resource.getrusage(resource.RUSAGE_CHILDREN)
    return used.ru_utime + used.ru_stime


def _resident_mb(session: int) -> float:
    """Resident memory of every process of a session, in MB."""
    total = 0
    for folder in Path("/proc").glob("[0-9]*"):
        try:
            fields = (folder / "stat").read_text().rsplit(")", 1)[1].split()
            if int(fields[3]) == session:
                total += int(fields[21]) * os.sysconf("SC_PAGE_SIZE")
        except (OSError, IndexError, ValueError):
            continue  # it ended while we looked
    return total / 1e6
