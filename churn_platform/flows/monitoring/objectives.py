"""The objectives' report of days: freshness, staleness, cadence, error budget and cost; recorded and shown.

What belongs here: finding out how old things are, and the steps' order. What does not: judging ages (`drift/objectives.py`) and costs
(`drift/cost.py`).

A day that is lived is asked about now. A day that is looked at afterwards (a backfill, a replay) is asked about on its own evening:
that a replay's files are months old on the wall clock is no broken promise.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import date, datetime, timedelta
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np
import pandas as pd
from numpy.typing import NDArray

from churn_platform.adapters.platform import ACTOR, Platform
from churn_platform.drift.cost import cost_findings, retraining_finding
from churn_platform.drift.finding import Finding, Window
from churn_platform.drift.objectives import (
    Freshness,
    cadence_finding,
    end_of,
    error_budget_finding,
    freshness_finding,
    staleness_finding,
)
from churn_platform.drift.root_cause.feeds import LABELS
from churn_platform.flows.monitoring import series
from churn_platform.flows.monitoring.causes import departures_expected, explained
from churn_platform.flows.monitoring.costs import day_costs

if TYPE_CHECKING:
    from churn_platform.drift.cost import DayCost

REPORT = "slo"
LIVED_WITHIN = timedelta(2)
EXPLAINED = ("data_freshness", "prediction_staleness", "error_budget")
USUAL = 0.95
"""Share of the reference's days on which a table trails by no more than what counts as usual."""


@dataclass(frozen=True)
class ObjectivesReport:
    """Each day's findings and page; days before the first live one are passed over with the reason."""

    champion: str | None
    findings: dict[date, tuple[Finding, ...]]
    pages: dict[date, Path]
    passed_over: dict[str, str]


def report_objectives(platform: Platform, days: Sequence[date]) -> ObjectivesReport:
    """Judge `days` against the policy block `slo` and against what scoring used to cost; record and show.

    Raises:
        WarehouseError: what has landed cannot be read.
    """
    from churn_platform.flows.monitoring.objectives_page import write_pages
    from churn_platform.flows.monitoring.state import record_state

    live_from = platform.calendar.live_from
    wanted = [day for day in sorted(days) if day >= live_from]
    passed_over = {
        day.isoformat(): f"history: objectives are kept from the first live day, {live_from}"
        for day in days
        if day < live_from
    }
    champion = platform.ops.champion(platform.policies.governance.model)
    version = champion.version if champion else None
    if not wanted:
        return ObjectivesReport(version, {}, {}, passed_over)
    with platform.warehouse.reading():
        seen = _gather(platform, version, wanted[0], wanted[-1])
        found = {day: _explained(platform, day, _judge(platform, seen, day)) for day in wanted}
    for day, findings in found.items():
        platform.ops.record_findings(day, REPORT, version, findings, actor=ACTOR, at=platform.now())
    record_state(platform, wanted)
    known = series.extend(
        platform.settings, REPORT, version or "nobody", {day: _as_dict(findings) for day, findings in found.items()}
    )
    return ObjectivesReport(version, found, write_pages(platform, known, found), passed_over)


def _explained(platform: Platform, day: date, findings: tuple[Finding, ...]) -> tuple[Finding, ...]:
    """With causes beside what the data may be the cause of; an old model and a dear one explain themselves."""
    asked = explained(platform, day, [finding for finding in findings if finding.signal in EXPLAINED])
    return (*asked, *(finding for finding in findings if finding.signal not in EXPLAINED))


@dataclass(frozen=True)
class Seen:
    """What the days of a run are judged by, read once."""

    champion: str | None
    trainings: tuple[tuple[date, str], ...]
    trained_at: tuple[datetime, ...]
    arrivals: dict[str, Arrivals]
    usual: dict[str, float]
    due: pd.DataFrame
    scored: dict[date, int]
    costs: list[DayCost]


def _gather(platform: Platform, version: str | None, first: date, last: date) -> Seen:
    from churn_platform.adapters.raw_signals import read_arrivals
    from churn_platform.adapters.snapshots import partitions, pointer_of

    calendar, root = platform.calendar, platform.settings.published
    since = first - platform.policies.slo.error_budget_period
    models = platform.ops.models()
    rows = read_arrivals(platform.warehouse, calendar.first_day, last)
    arrivals = {str(table): Arrivals.of(of_table) for table, of_table in rows.groupby("table_name")}
    names = [name for name in partitions(root, "daily_scores") if since.isoformat() <= name <= last.isoformat()]
    return Seen(
        version,
        tuple(sorted((model.registration.as_of, model.version) for model in models)),
        tuple(model.registered_at for model in models),
        arrivals,
        _usual(platform, arrivals),
        _due(platform, since, last),
        {date.fromisoformat(name): pointer_of(root, "daily_scores", name).rows for name in names},
        [] if version is None else day_costs(platform, version, calendar.live_from, last),
    )


@dataclass(frozen=True)
class Arrivals:
    """One table's days with rows, ascending, and the newest event day known by each."""

    known: NDArray[np.datetime64]
    newest: NDArray[np.datetime64]

    @classmethod
    def of(cls, rows: pd.DataFrame) -> Arrivals:
        """From the rows of one table."""
        ordered = rows.sort_values("day")
        known = pd.to_datetime(ordered["day"]).to_numpy().astype("datetime64[D]")
        newest = pd.to_datetime(ordered["newest"]).to_numpy().astype("datetime64[D]")
        return cls(known, np.maximum.accumulate(newest))

    def newest_on(self, day: date) -> date | None:
        """The newest event day known on `day`; None before the first row."""
        place = int(np.searchsorted(self.known, np.datetime64(day, "D"), side="right")) - 1
        return None if place < 0 else self.newest[place].astype(object)


def _usual(platform: Platform, arrivals: dict[str, Arrivals]) -> dict[str, float]:
    """Days by which each table trails on most days of history on which customers are expected."""
    calendar = platform.calendar
    # the first cycle still fills up
    expected = [day for day in calendar.days if day <= calendar.history_end and calendar.expects_customers(day)][31:]
    usual = {}
    for table, known in arrivals.items():
        lags = [(day - newest).days for day in expected if (newest := known.newest_on(day)) is not None]
        if lags:
            usual[table] = float(np.quantile(lags, USUAL))
    return usual


def _due(platform: Platform, since: date, last: date) -> pd.DataFrame:
    """Customers due on each day: those with features, and those whose row came too late for them."""
    due = platform.warehouse.query(
        "SELECT observation_date AS day, count(*) FILTER (late IS NULL) AS featured, count(late) AS late FROM ("
        "SELECT observation_date, NULL AS late FROM int_observations UNION ALL "
        "SELECT observation_date, reason AS late FROM int_observations_excluded WHERE reason = 'known_too_late') "
        "WHERE observation_date BETWEEN $since AND $last GROUP BY observation_date ORDER BY day",
        {"since": since, "last": last},
    )
    return due.set_index(pd.to_datetime(due["day"]).dt.date)


def _judge(platform: Platform, seen: Seen, day: date) -> tuple[Finding, ...]:
    policy, at = platform.policies.slo, asked_at(platform.now(), day)
    fresh = [
        freshness_finding(Freshness(table, known.newest_on(day), seen.usual[table]), at, policy)
        for table, known in seen.arrivals.items()
        # a table that history does not have is not delivered by this feed
        if table in seen.usual and (table != LABELS or departures_expected(platform, day))
    ]
    newest_scored = max((one for one in seen.scored if one <= day), default=None)
    window_days = platform.policies.drift.window.length.days
    return (
        *fresh,
        staleness_finding(newest_scored, at, policy),
        cadence_finding(*_trained(seen, day), at, policy),
        _budget(platform, seen, day),
        *cost_findings(seen.costs, day, window_days, platform.policies.drift.cost),
        retraining_finding(seen.trained_at, at, platform.policies.drift.cost),
    )


def _trained(seen: Seen, day: date) -> tuple[date | None, str]:
    """Up to when the newest training by `day` knows outcomes, and its model: one that lost the comparison was trained too."""
    by_then = [one for one in seen.trainings if one[0] <= day]
    return by_then[-1] if by_then else (None, "nobody")


def asked_at(now: datetime, day: date) -> datetime:
    """The moment that a day is judged at: now while it is lived, else its own evening."""
    evening = end_of(day)
    return now if evening <= now <= evening + LIVED_WITHIN else evening


def _budget(platform: Platform, seen: Seen, day: date) -> Finding:
    """Scores owed and not given over the period: customers who were due and are not in the published scores."""
    policy, calendar = platform.policies.slo, platform.calendar
    first = max(calendar.live_from, day - policy.error_budget_period + timedelta(1))
    days = [first + timedelta(n) for n in range((day - first).days + 1)]
    due = seen.due
    usually = float((due["featured"] + due["late"]).median()) if len(due) else 0.0
    expected = failed = 0
    reasons = {"known too late for their day": 0, "not scored": 0}
    for one in days:
        if not calendar.expects_customers(one):
            continue
        featured = int(due["featured"].get(one, 0))
        late = int(due["late"].get(one, 0))
        owed = featured + late or round(usually)
        missing = max(0, owed - late - seen.scored.get(one, 0))
        expected += owed
        failed += missing + late
        reasons["not scored"] += missing
        reasons["known too late for their day"] += late
    return error_budget_finding("scores", expected, failed, Window(first, day, expected), policy, reasons)


def _as_dict(findings: Sequence[Finding]) -> dict[str, Any]:
    return {
        "findings": [
            {"signal": f.signal, "subject": f.subject, "severity": f.severity, "statistic": f.statistic, "value": f.value,
             "threshold": f.threshold}
            for f in findings
        ]
    }  # fmt: skip
