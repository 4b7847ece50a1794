"""What the platform was on a day: code, libraries, policy, model, features, schemas - kept as a published snapshot.

What belongs here: recording that state, and reading it again. What does not: comparing two of them (`flows/changes.py`).
"""

from __future__ import annotations

import json
from collections.abc import Mapping
from dataclasses import dataclass
from datetime import date
from typing import Any

import pandas as pd

from churn_platform.adapters.platform import Platform

DATASET = "platform_state"


@dataclass(frozen=True)
class PlatformState:
    """One day's state by theme; every value is a text that can be compared."""

    day: date
    values: Mapping[str, Mapping[str, str]]


def record_state(platform: Platform, days: list[date]) -> None:
    """Publish the present state for those of `days` on which it is another than on the recorded day before; equal days need no record."""
    from churn_platform.adapters.snapshots import publish

    if not days:
        return
    values = present_state(platform)
    schemas = _schemas(platform, min(days), max(days))
    known = read_state(platform, min(days))
    before = None if known is None else known.values
    for day in sorted(days):
        state = {**values, "schema": schemas.get(day, {})}
        if state == before:
            continue
        before = state
        frame = pd.DataFrame(
            [(theme, name, value) for theme, of in state.items() for name, value in sorted(of.items())],
            columns=["theme", "name", "value"],
            dtype="str",
        )
        publish(platform.settings.published, DATASET, day.isoformat(), frame, {"theme": "state"}, platform.now())


def read_state(platform: Platform, day: date) -> PlatformState | None:
    """The state of the newest day up to `day` that has one; None before the first."""
    from churn_platform.adapters.snapshots import partitions, read_snapshot

    known = [name for name in partitions(platform.settings.published, DATASET) if name <= day.isoformat()]
    if not known:
        return None
    frame, _ = read_snapshot(platform.settings.published, DATASET, known[-1])
    values: dict[str, dict[str, str]] = {}
    for theme, name, value in zip(frame["theme"], frame["name"], frame["value"], strict=True):
        values.setdefault(str(theme), {})[str(name)] = str(value)
    return PlatformState(date.fromisoformat(known[-1]), values)


def present_state(platform: Platform) -> dict[str, dict[str, str]]:
    """Code, libraries, policy and model as they are now."""
    from churn_platform.adapters.code import code_digest, code_revision, library_versions

    state = {
        "code": {"revision": code_revision(), "digest": code_digest()},
        "dependencies": library_versions(),
        "policy": {"digest": platform.policies.digest, **_flat(platform.policies.as_dict())},
    }
    champion = platform.ops.champion(platform.policies.governance.model)
    if champion is not None:
        model = platform.ops.model(champion.version)
        registration = model.registration
        state["model"] = {
            "champion": champion.version,
            "package": model.package_digest,
            "trained on": registration.training_data_digest,
            "as of": registration.as_of.isoformat(),
        }
        state["features"] = {"set": registration.feature_set, "SQL": _sql_digest(platform, model.package_digest)}
    return state


def _sql_digest(platform: Platform, package: str) -> str:
    """The sha256 of the package's feature SQL, as its manifest says."""
    try:
        manifest = json.loads((platform.settings.packages / package / "manifest.json").read_bytes())
        return str(manifest["files"]["features.sql"]["sha256"])
    except (OSError, ValueError, KeyError):
        return "unknown: the package's manifest cannot be read"


def _schemas(platform: Platform, first: date, last: date) -> dict[date, dict[str, str]]:
    """For each day: each table's files with columns beyond or short of its contract, and rows refused."""
    receipts = platform.warehouse.query(
        "SELECT landed_on, table_name, max(unexpected_columns) AS unexpected, max(filled_columns) AS filled, "
        "sum(quarantined)::BIGINT AS refused, sum(received)::BIGINT AS received FROM raw.receipts "
        "WHERE landed_on BETWEEN $first AND $last GROUP BY landed_on, table_name",
        {"first": first, "last": last},
    )
    found: dict[date, dict[str, str]] = {}
    for row in receipts.to_dict("records"):
        said = []
        for text, what in ((row["unexpected"], "unexpected"), (row["filled"], "filled")):
            names = json.loads(str(text))
            if names:
                said.append(f"{what} {', '.join(names)}")
        refused, received = int(row["refused"]), int(row["received"])
        if refused:
            said.append(f"{'all' if refused == received else 'some'} rows refused")
        day: date = pd.Timestamp(row["landed_on"]).date()
        found.setdefault(day, {})[str(row["table_name"])] = "; ".join(said) or "as agreed"
    return found


def _flat(values: Any, at: str = "") -> dict[str, str]:
    """Nested values by their dotted path."""
    if isinstance(values, Mapping):
        if set(values) == {"value", "unit"}:
            return {at: f"{values['value']} {values['unit']}"}
        return {
            k: v for name, value in values.items() for k, v in _flat(value, f"{at}.{name}" if at else str(name)).items()
        }
    if isinstance(values, list | tuple) and any(isinstance(item, Mapping) for item in values):
        return {k: v for i, item in enumerate(values) for k, v in _flat(item, f"{at}[{i}]").items()}
    return {at: json.dumps(values, default=str)}
