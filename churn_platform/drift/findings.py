"""All detectors over a range of days, and what their findings say together: one event, one alert.

What belongs here: the list of detectors, announced events, what a late feed explains, feature drift inside data drift, the order of
findings. What does not: any single test.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from datetime import date

from churn_platform.drift.context import DriftContext, Findings
from churn_platform.drift.data import data_drift
from churn_platform.drift.finding import Finding
from churn_platform.drift.measures import Measured, measure
from churn_platform.drift.prediction import prediction_drift

Detector = Callable[[DriftContext, Mapping[str, Measured]], Findings]

DETECTORS: tuple[Detector, ...] = (data_drift, prediction_drift)


@dataclass(frozen=True)
class DriftJudgement:
    """What was found on each judged day, the most important first, and the measures behind it."""

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
    return DriftJudgement({day: tuple(sorted(findings, key=_order)) for day, findings in found.items()}, measured)


def _order(finding: Finding) -> tuple[object, ...]:
    severities = {"critical": 0, "warning": 1, "insufficient_data": 2, "ok": 3}
    size = abs(finding.value or 0.0) / finding.threshold if finding.threshold else 0.0
    return (not finding.acts, severities[finding.severity], -finding.influence, -size, finding.signal, finding.subject)
