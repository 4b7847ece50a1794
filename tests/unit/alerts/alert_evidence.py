"""Findings and evidence for tests of alerts."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import UTC, date, datetime, timedelta
from typing import Any

from churn_platform.alerts.consideration import consider
from churn_platform.alerts.tickets import Ticket, TicketEvent, after
from churn_platform.drift.finding import Finding, Severity, Signal, Window
from churn_platform.policies import load_policies

POLICIES = load_policies()
POLICY = POLICIES.alerts
FIRST = date(2026, 6, 1)
AT = datetime(2026, 6, 1, 9, tzinfo=UTC)
REPORT_OF: dict[Signal, str] = {
    "data_drift": "drift",
    "feature_drift": "drift",
    "prediction_drift": "drift",
    "label_drift": "performance",
    "concept_drift": "performance",
    "performance_decay": "performance",
    "estimated_decay": "performance",
    "fairness_drift": "performance",
    "schema_drift": "schema",
    "feed_late": "schema",
    "data_freshness": "slo",
    "prediction_staleness": "slo",
    "retraining_cadence": "slo",
    "error_budget": "slo",
    "cost_drift": "slo",
    "release_blocked": "release",
}


def day(number: int) -> date:
    """The `number`-th day, from 0."""
    return FIRST + timedelta(number)


def found(
    signal: Signal,
    subject: str,
    severity: Severity,
    number: int,
    cause: str | None = None,
    acts: bool | None = None,
    **changes: Any,
) -> Finding:
    """A finding; violations act unless told otherwise."""
    told = {"causes": [{"cause": cause, "share": 0.6, "because": [f"it looks like {cause}"]}]} if cause else {}
    values: dict[str, Any] = {
        "signal": signal,
        "subject": subject,
        "severity": severity,
        "statistic": "psi",
        "value": {"ok": 0.05, "warning": 0.22, "critical": 0.4, "insufficient_data": None}[severity],
        "threshold": 0.2,
        "window": Window(day(number) - timedelta(6), day(number), 300),
        "reason": "its distribution moved",
        "remedy": "look",
        "acts": severity in ("warning", "critical") if acts is None else acts,
        "evidence": told,
    }
    return Finding(**{**values, **changes})


@dataclass(frozen=True)
class Recorded:
    """A report as it was recorded."""

    sequence: int
    at: datetime
    day: date
    report: str
    findings: tuple[Finding, ...]


def report(sequence: int, number: int, *findings: Finding, name: str = "drift") -> Recorded:
    return Recorded(sequence, AT, day(number), name, findings)


def lived(
    batches: Sequence[Sequence[Recorded]], tickets: Sequence[Ticket] = ()
) -> tuple[dict[str, Ticket], list[TicketEvent]]:
    """The tickets once each batch of evidence has been considered in turn, and everything that happened."""
    board = {one.ticket: one for one in tickets}
    history: list[Recorded] = []
    events: list[TicketEvent] = []
    for batch in batches:
        history += batch
        happened = consider(tuple(board.values()), batch, history, POLICY, at=AT, actor="service:platform")
        for event in happened:
            board[event.ticket] = after(board.get(event.ticket), event)
        events += happened
    return board, events
