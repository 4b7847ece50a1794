"""Homes with recorded findings, for tests of alerting: a platform of their own, a week in which something happens."""

from __future__ import annotations

import json
from datetime import UTC, date, datetime, timedelta
from pathlib import Path
from typing import Any

from churn_platform.adapters.platform import Platform, open_platform
from churn_platform.drift.finding import Finding, Severity, Signal, Window

FIRST = date(2026, 6, 1)
BY: dict[str, Any] = {"actor": "service:platform", "at": datetime(2026, 6, 1, 7, tzinfo=UTC)}


def found(
    signal: Signal, subject: str, severity: Severity, day: date, cause: str | None = None, acts: bool | None = None
) -> Finding:
    violates = severity in ("warning", "critical")
    evidence = {"causes": [{"cause": cause, "share": 0.6, "because": []}]} if cause else {}
    value = None if severity == "insufficient_data" else 0.4 if violates else 0.02
    window = Window(day - timedelta(6), day, 300)
    acting = violates if acts is None else acts
    return Finding(signal, subject, severity, "psi", value, 0.2, window, "it moved", "look", acting, evidence=evidence)


def home_at(folder: Path, simulated: bool = False) -> None:
    """A home that something has run in."""
    folder.mkdir(parents=True, exist_ok=True)
    identity = {"feed": "ibm", "source_digest": "0" * 64, "simulated": simulated, "note": "a test's own"}
    (folder / "home.json").write_text(json.dumps(identity))


def platform_of(home: Path) -> Platform:
    """The platform of `$CHURN_HOME`, which must be this home."""
    home_at(home)
    platform = open_platform("ibm")
    assert platform.settings.home == home
    return platform


def record_week(platform: Platform, days: int = 7, first: date = FIRST) -> None:
    """Data drift from the third day on, a late feed on the fourth, everything quiet otherwise."""
    for number in range(days):
        day = first + timedelta(number)
        drifting: Severity = "critical" if number >= 2 else "ok"
        late: Severity = "critical" if number == 3 else "ok"
        reports = {
            "schema": [found("feed_late", "invoices", late, day)],
            "drift": [
                found("data_drift", "monthly_charges", drifting, day, "pricing_change" if number >= 4 else None),
                found("feature_drift", "tenure_months", "warning" if number >= 3 else "ok", day),
                found("prediction_drift", "model", "insufficient_data", day),
            ],
        }
        for report, findings in reports.items():
            platform.ops.record_findings(day, report, "churn-1", findings, **BY)
