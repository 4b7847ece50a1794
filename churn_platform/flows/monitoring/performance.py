"""The performance report of days: estimated before labels, realised after, fairness beside both; recorded and shown.

What belongs here: the steps and their order. What does not: reading (`scored`), judging (`performance_judge`), the page
(`performance_page`).

Judging a day uses only what was known on it, and the windows before it are judged again from their data, never from what was recorded:
a day reported twice gives the same findings.
"""

from __future__ import annotations

import json
from collections.abc import Sequence
from dataclasses import dataclass, field, replace
from datetime import date, timedelta
from pathlib import Path
from typing import TYPE_CHECKING

from churn_platform.adapters.platform import ACTOR, Platform
from churn_platform.drift.finding import Finding
from churn_platform.estimation.doubt import doubt_of_reference
from churn_platform.estimation.findings import Bounds
from churn_platform.estimation.reconciliation import FAR
from churn_platform.flows.monitoring.performance_champion import Champion
from churn_platform.flows.monitoring.performance_judge import DayPerformance, Judge
from churn_platform.flows.monitoring.scored import scored_history

if TYPE_CHECKING:
    from churn_platform.training.candidate import ModelPackage

REPORT = "performance"


@dataclass(frozen=True)
class PerformanceReport:
    """The judged days, the champion, where each day's page is, and days that were passed over with the reason."""

    champion: str
    days: dict[date, DayPerformance]
    pages: dict[date, Path]
    passed_over: dict[str, str] = field(default_factory=dict)

    @property
    def findings(self) -> dict[date, tuple[Finding, ...]]:
        """Each day's findings."""
        return {day: one.findings for day, one in self.days.items()}


def report_performance(platform: Platform, days: Sequence[date]) -> PerformanceReport:
    """Judge `days`, record their findings with causes where they act, and write one page a day.

    Days before the first live one are passed over, with the reason. Judging a day again gives the same findings and records nothing.

    Raises:
        NoChampionError: nothing to judge. PackageError: its package is damaged. SnapshotError: a day's scores are.
    """
    from churn_platform.flows.monitoring import series
    from churn_platform.flows.monitoring.performance_page import write_pages

    live_from = platform.calendar.live_from
    passed_over = {
        day.isoformat(): f"history: the champion was trained on it; live days begin on {live_from}"
        for day in days
        if day < live_from
    }
    with platform.warehouse.reading():
        judge = judge_of(platform, min(days), max(days))
        judged = {day: judge.day(day) for day in sorted(days) if day >= live_from}
        judged = {day: _explained(platform, one) for day, one in judged.items()}
    for day, one in judged.items():
        platform.ops.record_findings(day, REPORT, judge.champion.version, one.findings, actor=ACTOR, at=platform.now())
    if not judged:
        return PerformanceReport(judge.champion.version, {}, {}, passed_over)
    known = series.extend(
        platform.settings, REPORT, judge.champion.version, {day: one.to_dict() for day, one in judged.items()}
    )
    pages = write_pages(platform, judge.champion, known, {day: one.findings for day, one in judged.items()})
    return PerformanceReport(judge.champion.version, judged, pages, passed_over)


def _explained(platform: Platform, one: DayPerformance) -> DayPerformance:
    """The day with causes beside the findings that act."""
    if not any(finding.acts for finding in one.findings):
        return one
    from churn_platform.drift.root_cause.evidence import Evidence
    from churn_platform.flows.monitoring.causes import rank_causes, with_causes

    extra = [
        Evidence("unforeseen_leavers" if c.metric == "churn_rate" else "ranking_fails", c.metric,
                 min(1.0, abs(c.distance) / FAR), c.error, f"realised {c.realised.value:.3f}, estimated {c.estimated}")
        for c in one.comparisons.values()
        if (c.metric == "churn_rate" and c.error > 0 and not c.inside) or (c.metric == "auc" and c.error < 0 and not c.inside)
    ]  # fmt: skip
    return replace(one, findings=with_causes(one.findings, rank_causes(platform, one.day, extra)))


def judge_of(platform: Platform, first: date, last: date) -> Judge:
    """What judges the days first..last: the champion, and its scores as far back as any of their windows reaches."""
    from churn_platform.flows.scoring import champion_package

    policies = platform.policies
    version, package = champion_package(platform)
    reach = policies.label.horizon + 2 * policies.drift.window.longest + timedelta(policies.drift.persistence.windows)
    history = scored_history(
        platform,
        package.digest,
        max(platform.calendar.live_from, first - reach),
        last,
        policies.evaluation.fairness_attributes,
    )
    return Judge(policies, _champion(platform, version, package), history)


def _champion(platform: Platform, version: str, package: ModelPackage) -> Champion:
    from churn_platform.evaluation.evaluation import Evaluation

    path = platform.settings.packages / package.digest / "evaluation.json"
    evaluation = Evaluation.from_dict(json.loads(path.read_text()))
    policies = platform.policies
    return Champion(
        version,
        package.digest,
        package.model.threshold.value,
        doubt_of_reference(package.reference),
        Bounds(
            policies.retraining.performance_decay.min_auc, policies.drift.concept.auc_drop, evaluation.metrics["auc"]
        ),
        {
            one.attribute: one.differences["selection_rate"].value
            for one in evaluation.fairness
            if "selection_rate" in one.differences
        },
    )
