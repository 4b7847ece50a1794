"""Recorded reports, trainings and evidence, as short as a test needs them."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import UTC, date, datetime, timedelta
from typing import Any

from churn_platform.drift.finding import Finding, Severity, Signal, Window
from churn_platform.policies import Policies, load_policies
from churn_platform.retraining.decision import RetrainingDecision, retraining_decision
from churn_platform.retraining.evidence import PastTraining, RetrainingEvidence

POLICIES: Policies = load_policies()
LIVE = date(2026, 6, 1)  # a Monday
TRAINED = PastTraining(datetime(2026, 5, 30, 12, tzinfo=UTC), date(2026, 5, 30), 28_000, "")


@dataclass(frozen=True)
class Report:
    """A recorded report."""

    sequence: int
    day: date
    report: str
    findings: tuple[Finding, ...]
    champion: str | None = "churn-1"


def on(number: int) -> date:
    """The `number`-th live day, from 0."""
    return LIVE + timedelta(number)


def finding(
    signal: Signal,
    day: date,
    severity: Severity = "warning",
    acts: bool = True,
    subject: str = "monthly_charges",
    value: float | None = 0.3,
) -> Finding:
    """One finding over the week that ends on `day`."""
    window = Window(day - timedelta(6), day, 1600)
    return Finding(signal, subject, severity, "psi", value, 0.2, window, "it moved", "look", acts=acts)


def report(number: int, *findings: Finding, sequence: int | None = None, name: str = "drift") -> Report:
    """A report of the `number`-th day; without findings a quiet one."""
    day = on(number)
    quiet = finding("data_drift", day, "ok", acts=False, value=0.01)
    return Report(100 + number if sequence is None else sequence, day, name, findings or (quiet,))


def drifting(*numbers: int) -> list[Report]:
    """Reports in which data drift acts."""
    return [report(number, finding("data_drift", on(number))) for number in numbers]


def decide(number: int, reports: list[Report] | None = None, **changes: Any) -> RetrainingDecision:
    """The decision on the `number`-th day at 06:00."""
    values: dict[str, Any] = {
        "day": on(number),
        "at": datetime.combine(on(number), datetime.min.time(), UTC) + timedelta(hours=6),
        "champion": "churn-1",
        "reports": reports if reports is not None else [report(number)],
        "trainings": [TRAINED],
        "matured": 0,
        "matured_since_onset": 0,
    }
    return retraining_decision(RetrainingEvidence(**{**values, **changes}), POLICIES)
