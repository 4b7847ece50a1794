"""The drift report of days: gather what was observed, judge it against the champion's reference, record and show it.

What belongs here: the steps and their order. What does not: reading (`inputs`), judging (`drift/`), the page (`drift/report`).
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import date, timedelta
from pathlib import Path

import numpy as np

from churn_platform.adapters.atomic_files import write_atomically
from churn_platform.adapters.home import read_home
from churn_platform.adapters.platform import ACTOR, Platform
from churn_platform.drift.context import TIMELINE, DriftContext
from churn_platform.drift.feature import correlation_sums
from churn_platform.drift.finding import Finding, Signal, Window
from churn_platform.drift.findings import DriftJudgement, judge_drift
from churn_platform.drift.panel import FEATURES, SCORE, Watched, watched_scores
from churn_platform.drift.report import PLOTLY, ReportAbout, drift_page
from churn_platform.drift.tally import tally
from churn_platform.flows.monitoring import inputs
from churn_platform.flows.monitoring.causes import explained
from churn_platform.flows.monitoring.schema import late_days

REPORT = "drift"


@dataclass(frozen=True)
class DriftReport:
    """The judged days with their findings, the champion they are judged against, and where each day's page is."""

    champion: str
    findings: dict[date, tuple[Finding, ...]]
    pages: dict[date, Path]
    passed_over: dict[str, str]


def report_drift(platform: Platform, days: Sequence[date]) -> DriftReport:
    """Judge `days` against the champion's reference, record the findings and write one page a day.

    Days before the champion went live are passed over, with the reason. Judging a day again gives the same findings and records nothing.

    Raises:
        NoChampionError: nothing to judge against.
    """
    live_from = platform.calendar.live_from
    wanted = [day for day in sorted(days) if day >= live_from]
    passed_over = {
        day.isoformat(): f"history: the champion was trained on it; live days begin on {live_from}"
        for day in days
        if day < live_from
    }
    try:
        champion = inputs.monitored_champion(platform)
    except inputs.NoBaselineError as error:
        return _not_judged(platform, wanted, passed_over, str(error))
    if not wanted:
        return DriftReport(champion.version, {}, {}, passed_over)
    with platform.warehouse.reading():
        judged = judge_days(platform, champion, wanted[0], wanted[-1])
        found = {day: explained(platform, day, judged.findings[day]) for day in wanted}
    _record(platform, champion.version, found)
    return DriftReport(champion.version, found, _write_pages(platform, champion, judged, found), passed_over)


def _not_judged(platform: Platform, days: Sequence[date], passed_over: dict[str, str], why: str) -> DriftReport:
    """A champion without a baseline: recorded as insufficient data for every kind, since silence would look like health."""
    champion = platform.ops.champion(platform.policies.governance.model)
    version = champion.version if champion is not None else ""
    kinds: tuple[Signal, ...] = ("data_drift", "feature_drift", "prediction_drift", "label_drift", "concept_drift")
    found = {
        day: tuple(
            Finding(kind, "model", "insufficient_data", "none", None, None, Window(day, day, 0), why, "Train again.")
            for kind in kinds
        )
        for day in days
    }
    _record(platform, version, found)
    return DriftReport(version, found, {}, passed_over)


def judge_days(platform: Platform, champion: inputs.MonitoredChampion, first: date, last: date) -> DriftJudgement:
    """Judge every day from `first` to `last` in one pass over the data."""
    policy = platform.policies.drift
    axis_from = first - policy.window.longest - timedelta(max(policy.persistence.windows, TIMELINE))
    watched = inputs.watched_columns(platform, axis_from, last)
    segments = tuple(platform.policies.evaluation.segments)
    published = inputs.published_scores(platform, platform.calendar.live_from, last, champion.digest)
    scored = inputs.with_departures(platform, inputs.with_segments(platform, published, segments))
    days = scored["observation_date"].to_numpy().astype("datetime64[D]")
    late_from = min(axis_from, platform.calendar.live_from)
    watched[SCORE] = watched_scores(days, scored["probability"].to_numpy(dtype=np.float64))
    context = DriftContext(
        days=tuple(first + timedelta(n) for n in range((last - first).days + 1)),
        baseline=champion.baseline,
        tallies=tally(watched, champion.baseline.columns, axis_from, last),
        scored=scored,
        influence=champion.influence,
        holdout=champion.holdout,
        horizon_days=platform.policies.label.horizon.days,
        policy=policy,
        late=late_days(platform, late_from, last),
        labels={feature.name: feature.label for feature in FEATURES},
        segments=segments,
        correlation_sums=_correlation_sums(champion.baseline.correlated, watched, axis_from, last),
    )
    return judge_drift(context)


def _correlation_sums(names: Sequence[str], watched: dict[str, Watched], first: date, last: date) -> np.ndarray | None:
    if not names or any(name not in watched for name in names):
        return None
    values = np.stack([watched[name].values for name in names], axis=1)
    day = (watched[names[0]].days - np.datetime64(first, "D")).astype(np.int64)
    if not len(values):
        return None
    centred = values - np.nan_to_num(np.nanmean(values, axis=0))
    return correlation_sums(centred, day, (last - first).days + 1)


def _write_pages(
    platform: Platform,
    champion: inputs.MonitoredChampion,
    judged: DriftJudgement,
    found: Mapping[date, Sequence[Finding]],
) -> dict[date, Path]:
    """`reports/drift/<day>.html`, with the script that they share beside them."""
    folder = platform.settings.reports / "drift"
    if not (folder / PLOTLY).is_file():
        from plotly.offline import get_plotlyjs

        write_atomically(folder / PLOTLY, get_plotlyjs().encode(), durable=False)
    home = read_home(platform.settings)
    about = ReportAbout(
        champion.version,
        home.feed if home else platform.feed_name,
        home.simulated if home else False,
        home.note if home else "",
    )
    pages = {}
    for day, findings in found.items():
        pages[day] = folder / f"{day}.html"
        write_atomically(pages[day], drift_page(judged, day, about, findings).encode(), durable=False)
    return pages


def _record(platform: Platform, champion: str, found: dict[date, tuple[Finding, ...]]) -> None:
    for day, findings in found.items():
        platform.ops.record_findings(day, REPORT, champion, findings, actor=ACTOR, at=platform.now())
