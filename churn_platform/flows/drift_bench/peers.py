"""Evidently and NannyML in an environment of their own, and what their defaults say of exported windows.

What belongs here: making that environment on demand, running the peers' script in it. What does not: the script (`peer_alarms`), and the
windows (`windows`).

Both are heavy and want other versions than this platform, so they are never installed beside it. Without pip or a network there is no
environment: the reason is told, and the peers' figures are missing, not zero.
"""

from __future__ import annotations

import hashlib
import json
import os
import shutil
import subprocess
import sys
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from churn_platform.flows.drift_bench.alarms import Alarm, AlarmsByDay

SCRIPT = Path(__file__).with_name("peer_alarms.py")
PACKAGES = ("evidently", "nannyml")
#: the peers' newest releases, and the newest pandas that Evidently can be imported with (with 3.1 its import fails: measured)
REQUIREMENTS = ("evidently==0.7.23", "nannyml==0.13.1", "pandas==2.3.3")
#: readings of the two packages: Evidently's preset has a verdict on the data set and one on each column
READINGS = {
    "evidently": "evidently: DataDriftPreset, the data set drifts (half of the columns do)",
    "evidently_columns": "evidently: DataDriftPreset, any column drifts",
    "nannyml": "nannyml: univariate drift, CBPE and realised AUC, any alert",
}
READY = "ready.json"


class PeersUnavailableError(RuntimeError):
    """The peers cannot be run here; the message says why and what would help."""


@dataclass(frozen=True, slots=True)
class Peers:
    """An environment with both peers in it."""

    python: Path
    versions: dict[str, str]


def prepare_peers(folder: Path, say: Callable[[str], None]) -> Peers:
    """The peers' environment in `folder`, made with pip where it is not there; takes a minute or two the first time.

    Raises:
        PeersUnavailableError: it cannot be made.
    """
    wanted = hashlib.sha256("\n".join((*REQUIREMENTS, sys.version)).encode()).hexdigest()[:12]
    place = folder / wanted
    python = place / "bin" / "python"
    ready = place / READY
    if ready.is_file() and python.is_file():
        return Peers(python, json.loads(ready.read_text(encoding="utf-8")))
    say(f"installing {', '.join(REQUIREMENTS)} into {place} (once; a minute or two)")
    shutil.rmtree(place, ignore_errors=True)
    try:
        _run([sys.executable, "-m", "venv", str(place)])
        _run([str(python), "-m", "pip", "install", "--quiet", "--disable-pip-version-check", *REQUIREMENTS])
        listed = _run([str(python), "-m", "pip", "list", "--format=json", "--disable-pip-version-check"])
        _run([str(python), "-c", "import evidently.presets, nannyml"])
    except (OSError, subprocess.SubprocessError) as error:
        shutil.rmtree(place, ignore_errors=True)
        raise PeersUnavailableError(
            f"the peers' environment could not be made ({_reason(error)}); with a network and pip, run the command again. "
            "Without them, this platform is judged alone."
        ) from error
    versions = {item["name"]: item["version"] for item in json.loads(listed) if item["name"] in (*PACKAGES, "pandas")}
    ready.write_text(json.dumps(versions))
    return Peers(python, versions)


def judge_windows(
    peers: Peers, package: str, folders: Sequence[Path], on_folder: Callable[[str], None] | None = None
) -> None:
    """Run one peer over exported folders, in one process: its import and its reference are costly.

    Raises:
        PeersUnavailableError: it failed; says where.
    """
    if not folders:
        return
    command = [str(peers.python), str(SCRIPT), package, *map(str, folders)]
    environment = {**os.environ, "OMP_NUM_THREADS": "1", "OPENBLAS_NUM_THREADS": "1", "PYTHONPATH": ""}
    with subprocess.Popen(  # noqa: S603 (our own script in an environment of our own)
        command, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True, env=environment
    ) as process:
        assert process.stdout is not None  # noqa: S101 (asked for above)
        assert process.stderr is not None  # noqa: S101
        for line in process.stdout:
            if on_folder is not None:
                on_folder(line.strip())
        errors = process.stderr.read()
    if process.returncode != 0:
        last = errors.strip().splitlines()[-1:] or ["no reason given"]
        raise PeersUnavailableError(f"{package} failed on the exported windows: {last[0]}")


def told_alarms(folder: Path) -> dict[str, AlarmsByDay]:
    """What the peers said of one folder, by reading; a peer that has not judged it is absent."""
    found: dict[str, AlarmsByDay] = {}
    for package in PACKAGES:
        path = folder / f"{package}.json"
        if not path.is_file():
            continue
        answer: dict[str, Any] = json.loads(path.read_text(encoding="utf-8"))
        for reading, by_day in answer["alarms"].items():
            found[reading] = {
                int(day): frozenset(Alarm(subject) for subject in subjects)
                for day, subjects in by_day.items()
                if subjects
            }
    return found


def seconds_taken(folders: Sequence[Path]) -> dict[str, float]:
    """Seconds that each peer took over all folders."""
    taken = dict.fromkeys(PACKAGES, 0.0)
    for folder in folders:
        for package in PACKAGES:
            path = folder / f"{package}.json"
            if path.is_file():
                taken[package] += json.loads(path.read_text(encoding="utf-8"))["seconds"]
    return {package: round(seconds, 1) for package, seconds in taken.items()}


def _run(command: list[str]) -> str:
    done = subprocess.run(command, check=True, capture_output=True, text=True, timeout=900)  # noqa: S603 (constant arguments)
    return done.stdout


def _reason(error: Exception) -> str:
    if isinstance(error, subprocess.CalledProcessError):
        lines = [line for line in (error.stderr or "").strip().splitlines() if "ERROR" in line or "Error" in line]
        return (lines or [str(error)])[-1].strip()
    return str(error)
