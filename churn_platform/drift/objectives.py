"""Service level objectives: are data fresh, predictions current, the model young enough, and is the error budget kept?

What belongs here: judging ages and shares against the policy block `slo`. What does not: finding out how old things are
(`flows/monitoring/objectives.py`), and why a feed is late (`drift/root_cause`).

Everything is asked at a moment `at`. For a day that is lived, that is now; for a day that is looked at afterwards, its own evening.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import UTC, date, datetime, time, timedelta
from typing import TYPE_CHECKING

from churn_platform.drift.finding import Finding, Severity, Signal, Window

if TYPE_CHECKING:
    from churn_platform.policies.monitoring import SloPolicy

CRITICAL_AT = 2.0
"""Times the objective: half a day late is a nuisance, twice the promise is an incident."""
WARN_AT = 0.5
"""Share of the error budget that is used up when somebody should look."""

REMEDIES: Mapping[Signal, str] = {
    "data_freshness": "Ask the table's source for the missing days; what arrives later is used from then on, nothing is made up meanwhile.",
    "prediction_staleness": "Run `churn day DATE` for the newest day that has landed; until then the last published scores are served.",
    "retraining_cadence": "Look at why no trigger fired, and train with `churn train` if the model has not been looked at.",
    "error_budget": "Stop releases until the budget is whole again; `churn status` lists the days and their reasons.",
}


@dataclass(frozen=True, slots=True)
class Freshness:
    """The newest day of events that a table holds (None: it is empty), and the days by which it usually trails."""

    table: str
    newest: date | None
    usual_days: float


def end_of(day: date) -> datetime:
    """The midnight that ends a day, in UTC."""
    return datetime.combine(day, time(), tzinfo=UTC) + timedelta(1)


def freshness_finding(freshness: Freshness, at: datetime, policy: SloPolicy) -> Finding:
    """How old a table's newest events are beyond what is usual for it, in hours.

    >>> from churn_platform.policies import load_policies
    >>> late = Freshness("customers", date(2026, 5, 1), usual_days=0)
    >>> freshness_finding(late, end_of(date(2026, 5, 3)), load_policies().slo).severity
    'warning'
    """
    if freshness.newest is None:
        return _finding("data_freshness", freshness.table, None, policy.data_freshness, at, "it holds no row", "hours")
    age = at - end_of(freshness.newest) - timedelta(freshness.usual_days)
    age = max(age, timedelta(0))
    usually = f", usually {freshness.usual_days:.0f} days behind" if freshness.usual_days >= 1 else ""
    reason = f"its newest events are of {freshness.newest}{usually}: {_hours(age):.0f} hours late"
    return _finding("data_freshness", freshness.table, age, policy.data_freshness, at, reason, "hours")


def staleness_finding(newest_scored: date | None, at: datetime, policy: SloPolicy) -> Finding:
    """How long ago the newest scored day ended."""
    if newest_scored is None:
        return _finding(
            "prediction_staleness", "scores", None, policy.prediction_staleness, at, "nothing is published", "hours"
        )
    age = max(at - end_of(newest_scored), timedelta(0))
    reason = f"the newest scores are of {newest_scored}: {_hours(age):.0f} hours old"
    return _finding("prediction_staleness", "scores", age, policy.prediction_staleness, at, reason, "hours")


def cadence_finding(trained_as_of: date | None, model: str, at: datetime, policy: SloPolicy) -> Finding:
    """How long ago the newest training knew its last outcome; never more than a warning, since nobody is harmed tonight."""
    if trained_as_of is None:
        return _finding(
            "retraining_cadence", "model", None, policy.retraining_cadence, at, "no model was trained", "days"
        )
    age = max(at - end_of(trained_as_of), timedelta(0))
    reason = f"{model}, the newest training, knows outcomes up to {trained_as_of}: {age.days} days ago"
    return _finding("retraining_cadence", "model", age, policy.retraining_cadence, at, reason, "days")


def error_budget_finding(
    what: str, expected: int, failed: int, window: Window, policy: SloPolicy, reasons: Mapping[str, int]
) -> Finding:
    """The share of answers owed that were not given, against the error budget of the period.

    Args:
        what: `scores` (customers due) or `requests` (calls to the API).
        expected, failed: over the period.
        window: the period.
        reasons: failures by reason.
    """
    if expected <= 0:
        return Finding(
            "error_budget", what, "insufficient_data", "failed_share", None, policy.error_budget, window,
            f"no {what} were due in the period", "none",
        )  # fmt: skip
    share = failed / expected
    used = share / policy.error_budget
    severity: Severity = "critical" if used > 1 else "warning" if used > WARN_AT else "ok"
    told = "; ".join(f"{reason}: {count:,}" for reason, count in reasons.items() if count)
    return Finding(
        signal="error_budget",
        subject=what,
        severity=severity,
        statistic="failed_share",
        value=share,
        threshold=policy.error_budget,
        window=window,
        reason=f"{failed:,} of {expected:,} {what} failed, {used:.0%} of the budget" + (f" ({told})" if told else ""),
        remedy="none" if severity == "ok" else REMEDIES["error_budget"],
        acts=severity in ("warning", "critical"),
        evidence={"expected": expected, "failed": failed, "used": used, "reasons": dict(reasons)},
    )


def _finding(
    signal: Signal, subject: str, age: timedelta | None, most: timedelta, at: datetime, reason: str, unit: str
) -> Finding:
    size = timedelta(hours=1) if unit == "hours" else timedelta(days=1)
    severity: Severity = "insufficient_data"
    if age is not None:
        severity = "critical" if age > most * CRITICAL_AT else "warning" if age > most else "ok"
        if severity == "critical" and signal == "retraining_cadence":
            severity = "warning"
    day = (at - timedelta(microseconds=1)).date()
    return Finding(
        signal=signal,
        subject=subject,
        severity=severity,
        statistic=f"age_{unit}",
        value=None if age is None else age / size,
        threshold=most / size,
        window=Window(day, day, 0),
        reason=reason,
        remedy="none" if severity == "ok" else REMEDIES[signal],
        acts=severity in ("warning", "critical"),
        evidence={"at": at.isoformat()},
    )


def _hours(age: timedelta) -> float:
    return age / timedelta(hours=1)
