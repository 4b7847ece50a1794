"""The series behind a report's timeline: what each day said, kept in one small file beside the reports.

What belongs here: one JSON file per report, days by date. What does not: records (findings are, in the ops store): this file can be
thrown away and comes back day by day as reports are made again.
"""

from __future__ import annotations

import json
from collections.abc import Mapping
from datetime import date
from pathlib import Path
from typing import Any

from churn_platform.adapters.atomic_files import write_atomically
from churn_platform.adapters.file_lock import exclusive
from churn_platform.settings import Settings

KEPT = 400
"""Days kept: a year and its neighbours."""

Series = dict[str, dict[str, Any]]


def folder(settings: Settings) -> Path:
    """Where monitoring keeps its pages and series."""
    path: Path = settings.reports / "monitoring"
    return path


def extend(settings: Settings, report: str, champion: str, days: Mapping[date, Mapping[str, Any]]) -> Series:
    """Add or replace days of a report's series; returns the whole, by date, oldest first."""
    place = folder(settings)
    place.mkdir(parents=True, exist_ok=True)
    path = place / f"{report}.json"
    with exclusive(place / ".series.lock"):
        known = read(settings, report)
        known.update({day.isoformat(): {**content, "champion": champion} for day, content in days.items()})
        kept = dict(sorted(known.items())[-KEPT:])
        write_atomically(path, json.dumps(kept, separators=(",", ":"), allow_nan=False).encode(), durable=False)
    return kept


def read(settings: Settings, report: str) -> Series:
    """A report's series; empty where there is none, or where it was damaged (it is derived)."""
    try:
        content = json.loads((folder(settings) / f"{report}.json").read_bytes())
    except (OSError, ValueError):
        return {}
    return content if isinstance(content, dict) else {}
