"""All detectors over a range of days, and what their findings say together: one event, one alert.

What belongs here: the list of detectors, announced events, what a late feed explains, feature drift inside data drift, the order of
findings. What does not: any single test.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass, replace
from datetime import date, timedelta
from typing import Any

from churn_platform.contracts.features import V2
from churn_platform.drift.concept import concept_drift
from churn_platform.drift.context import DriftContext, Findings
from churn_platform.drift.data import data_drift
from churn_platform.drift.early import early_drift
from churn_platform.drift.feature import feature_drift
from churn_platform.drift.finding import Finding
from churn_platform.drift.label import label_drift
from churn_platform.drift.measures import Measured, measure
from churn_platform.drift.panel import feature_of
from churn_platform.drift.prediction import prediction_drift

Detector = Callable[[DriftContext, Mapping[str, Measured]], Findings]

DETECTORS: tuple[Detector, ...] = (
    data_drift,
    feature_drift,
    prediction_drift,
    label_drift,
    early_drift,
    concept_drift,
)
TABLE_OF_GROUP = {"usage": "account_usage", "support": "support_tickets", "payments": "invoices"}
"""Which raw table a feature group is made from; all others come from customers."""


@dataclass(frozen=True)
class DriftJudgement:
    """What was found on each judged day, the most important first, and the measures behind it."""

    context: DriftContext
    findings: Mapping[date, tuple[Finding, ...]]
    measured: Mapping[str, Measured]


def judge_drift(context: DriftContext) -> DriftJudgement:
    """Run every detector on the days of the context."""
    ends = context.positions(context.with_memory())
    measured = measure(context.tallies, context.baseline, ends, context.policy.window)
    found: dict[date, list[Finding]] = {day: [] for day in context.days}
    for detector in DETECTORS:
        for day, findings in detector(context, measured).items():
            found[day] += findings
    return DriftJudgement(
        context,
        {day: tuple(sorted(_together(findings, context, day), key=_order)) for day, findings in found.items()},
        measured,
    )


def _together(findings: Iterable[Finding], context: DriftContext, day: date) -> list[Finding]:
    """The same findings, of which only those act that nothing else accounts for."""
    told = [_explained(_rounded(finding), context, day) for finding in findings]
    told = [_announced(finding, context) for finding in told]
    acting = {finding.subject for finding in told if finding.signal == "data_drift" and finding.acts}
    return [_inside(finding, acting) for finding in told]


def _rounded(finding: Finding) -> Finding:
    """Six significant digits: sums over a range and over a day differ in the last bits, and a day judged again must say the same."""
    return replace(finding, value=_digits(finding.value), evidence=_digits(dict(finding.evidence)))


def _digits(value: Any) -> Any:
    if isinstance(value, float):
        return float(f"{value:.6g}")
    if isinstance(value, dict):
        return {name: _digits(one) for name, one in value.items()}
    return [_digits(one) for one in value] if isinstance(value, list) else value


def _explained(finding: Finding, context: DriftContext, day: date) -> Finding:
    """A violation in a window in which its source was late or broken is that, and not drift: the schema report acts on it."""
    if not finding.acts:
        return finding
    # what becomes of a window's customers is known until the judged day
    last = day if finding.signal in ("label_drift", "concept_drift") else finding.window.last
    # what was late a few days ago is delivered in a heap: one day's window is judged by the days of a usual one
    first = min(finding.window.first, last - context.policy.window.length + timedelta(1))
    days = {first + timedelta(n) for n in range((last - first).days + 1)}
    tables = sorted(table for table in tables_behind(finding, context) if days & context.late.get(table, frozenset()))
    if not tables:
        return finding
    why = f"explained by the feed of {', '.join(tables)}, which was late or broken in this window"
    return _passive(finding, why, {"explained_by": tables})


def tables_behind(finding: Finding, context: DriftContext) -> frozenset[str]:
    """The raw tables whose feed could have caused a finding."""
    if finding.signal in ("label_drift", "concept_drift"):
        return frozenset({"churn_events"})
    if finding.subject in ("features", "model", "bands", "confidence"):
        return frozenset(table_of(name) for name, share in context.influence.items() if share > 0.02) | {"customers"}
    names = finding.subject.split("~")
    # who is observed at all, and as which customer, comes from customers
    observed = {"customers"} if any("." not in feature_of(name) for name in names) else set()
    return frozenset({*(table_of(name) for name in names), *observed})


def table_of(name: str) -> str:
    """The raw table behind a watched column.

    >>> table_of("change.usage_trend"), table_of("contract"), table_of("invoices.amount")
    ('account_usage', 'customers', 'invoices')
    """
    feature = feature_of(name)
    if "." in feature:
        return feature.split(".")[0]
    group = next((one.group for one in V2.features if one.name == feature), "profile")
    return TABLE_OF_GROUP.get(group, "customers")


def _announced(finding: Finding, context: DriftContext) -> Finding:
    """A violation that was announced is shown and says so."""
    for event in context.policy.calendar.events:
        known = finding.signal in event.signals and (
            "all" in event.subjects or feature_of(finding.subject) in event.subjects
        )
        if finding.violates and known and event.first <= finding.window.last and finding.window.first <= event.last:
            return _passive(finding, f"announced: {event.name}", {"announced": event.name})
    return finding


def _inside(finding: Finding, acting: set[str]) -> Finding:
    """Feature drift inside data drift of the same feature does not page twice."""
    both = [name for name in finding.subject.split("~") if name in acting]
    if finding.signal != "feature_drift" or not finding.acts or not both:
        return finding
    return _passive(finding, f"inside the data drift of {', '.join(both)}", {"inside": "data_drift"})


def _passive(finding: Finding, why: str, evidence: Mapping[str, object]) -> Finding:
    return replace(finding, acts=False, reason=f"{finding.reason} ({why})", evidence={**finding.evidence, **evidence})


def _order(finding: Finding) -> tuple[object, ...]:
    severities = {"critical": 0, "warning": 1, "insufficient_data": 2, "ok": 3}
    size = abs(finding.value or 0.0) / finding.threshold if finding.threshold else 0.0
    return (not finding.acts, severities[finding.severity], -finding.influence, -size, finding.signal, finding.subject)
