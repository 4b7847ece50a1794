"""What a lived case leaves behind: alarms, causes, refused days, and where its windows lie.

What belongs here: writing and reading these records, by the digest of all that they depend on. What does not: how they come about.
"""

from __future__ import annotations

import json
import os
import shutil
from collections.abc import Mapping
from dataclasses import dataclass
from hashlib import sha256
from pathlib import Path
from typing import Any, cast

from churn_platform.adapters.atomic_files import write_atomically
from churn_platform.flows.drift_bench.alarms import Alarm, AlarmsByDay, Level
from churn_platform.flows.drift_bench.peers import SCRIPT


@dataclass(frozen=True, slots=True)
class CaseResult:
    """One lived case. `windows` names its folder of exported windows; `acting` are its acting findings, for reading;
    `calm_windows` what `calm_windows.py` counted in a calm life."""

    key: str
    alarms: AlarmsByDay
    causes: Mapping[int, str]
    blocked: Mapping[int, str]
    windows: str
    runs: int
    seconds: float
    acting: tuple[dict[str, Any], ...] = ()
    calm_windows: tuple[dict[str, int], ...] = ()


@dataclass(frozen=True, slots=True)
class BenchFolder:
    """The bench's own folder: calm homes while they are needed, results, windows, the peers' environment."""

    root: Path

    @property
    def homes(self) -> Path:
        """Homes of lives, removed when their seed is done."""
        return self.root / "homes"

    @property
    def peers(self) -> Path:
        """The peers' environments."""
        return self.root / "peers"

    @property
    def windows(self) -> Path:
        """Exported windows, by content: a life that lands and scores the same is not shown to the peers twice."""
        return self.root / "windows"

    def result(self, digest: str) -> Path:
        """The record of a case."""
        return self.root / "results" / f"{digest}.json"

    def base(self, digest: str) -> Path:
        """The calm home of one seed on the eve of a branch day; it is there when it is whole."""
        return self.homes / f"calm-{digest[:16]}"

    def refusal(self, digest: str) -> Path:
        """Why the first model of a seed's world was refused; there where it was."""
        return self.root / "results" / f"{digest}.refused.txt"

    def keep_windows(self, written: Path) -> str:
        """Move freshly exported windows to their place by content; returns the folder's name."""
        digest = sha256(SCRIPT.read_bytes())
        for path in sorted(written.iterdir()):
            digest.update(path.name.encode() + b"\0" + path.read_bytes())
        name = digest.hexdigest()[:24]
        self.windows.mkdir(parents=True, exist_ok=True)
        if (self.windows / name).is_dir():
            shutil.rmtree(written)
        else:
            os.replace(written, self.windows / name)
        return name


def write_result(path: Path, result: CaseResult) -> None:
    """Write a record, whole or not at all."""
    content = {
        "key": result.key,
        "alarms": {
            str(day): sorted([alarm.subject, alarm.level] for alarm in there) for day, there in result.alarms.items()
        },
        "causes": {str(day): cause for day, cause in result.causes.items()},
        "blocked": {str(day): reason for day, reason in result.blocked.items()},
        "windows": result.windows,
        "runs": result.runs,
        "seconds": result.seconds,
        "acting": list(result.acting),
        "calm_windows": list(result.calm_windows),
    }
    write_atomically(path, json.dumps(content).encode(), durable=False)


def read_result(path: Path) -> CaseResult | None:
    """A record, or None where there is none or it cannot be read (it is then made again)."""
    try:
        content = json.loads(path.read_text(encoding="utf-8"))
        return CaseResult(
            key=str(content["key"]),
            alarms={
                int(day): frozenset(Alarm(subject, cast("Level", level)) for subject, level in there)
                for day, there in content["alarms"].items()
            },
            causes={int(day): str(cause) for day, cause in content["causes"].items()},
            blocked={int(day): str(reason) for day, reason in content["blocked"].items()},
            windows=str(content["windows"]),
            runs=int(content["runs"]),
            seconds=float(content["seconds"]),
            acting=tuple(content["acting"]),
            calm_windows=tuple(content["calm_windows"]),
        )
    except (OSError, ValueError, KeyError, TypeError):
        return None
