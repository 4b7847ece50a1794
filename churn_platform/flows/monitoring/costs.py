"""What scoring each day cost: seconds as timed when it was scored, bytes as the published file has them.

What belongs here: keeping the seconds (they are no property of the scores, so they stand beside the snapshots and not in them) and
reading both again. What does not: judging them (`drift/cost.py`).
"""

from __future__ import annotations

import json
import time
from collections.abc import Callable, Mapping
from datetime import date
from pathlib import Path
from typing import TypeVar

from churn_platform.adapters.atomic_files import write_atomically
from churn_platform.adapters.file_lock import exclusive
from churn_platform.adapters.platform import Platform
from churn_platform.drift.cost import DayCost
from churn_platform.settings import Settings

DATASET = "daily_scores"
Done = TypeVar("Done")


def timed(seconds: dict[date, float], day: date, work: Callable[[], Done]) -> Done:
    """Do the work of a day, and put the seconds that it took beside its date."""
    began = time.perf_counter()
    done = work()
    seconds[day] = time.perf_counter() - began
    return done


def keep_seconds(settings: Settings, version: str, seconds: Mapping[date, float]) -> None:
    """Keep how long each day took to score by `version`; a day that is scored again keeps its newest."""
    path = _path(settings)
    path.parent.mkdir(parents=True, exist_ok=True)
    with exclusive(path.parent / ".scoring_seconds.lock"):
        known = _read(path)
        known.update({f"{version}/{day.isoformat()}": round(taken, 6) for day, taken in seconds.items()})
        write_atomically(path, json.dumps(known, sort_keys=True).encode(), durable=False)


def day_costs(platform: Platform, version: str, first: date, last: date) -> list[DayCost]:
    """The costs of the days first..last that `version` scored, oldest first."""
    from churn_platform.adapters.snapshots import partitions, pointer_of

    root = platform.settings.published
    seconds = _read(_path(platform.settings))
    costs = []
    for name in partitions(root, DATASET):
        if not first.isoformat() <= name <= last.isoformat():
            continue
        pointer = pointer_of(root, DATASET, name)
        if pointer.model_version != version:
            continue
        size = (root / DATASET / name / f"{pointer.digest}.parquet").stat().st_size
        costs.append(DayCost(date.fromisoformat(name), pointer.rows, seconds.get(f"{version}/{name}"), size))
    return costs


def _path(settings: Settings) -> Path:
    path: Path = settings.home / "monitoring" / "scoring_seconds.json"
    return path


def _read(path: Path) -> dict[str, float]:
    try:
        content = json.loads(path.read_bytes())
    except (OSError, ValueError):
        return {}  # nothing was timed yet, or the file was damaged: cost is then told as insufficient data
    return {str(name): float(value) for name, value in content.items()} if isinstance(content, dict) else {}
