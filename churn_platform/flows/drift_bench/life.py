"""Living a case: a home, its days through the platform's own jobs, and what the platform recorded of them.

What belongs here: which days are run together, branching one home off another, reading recorded findings as alarms. What does not:
starting a job (the caller hands in how), counting (`alarms`).

Days are run in ranges, each day still with only what was known by then. Where a range fails, its days are run one by one, so that what
the platform does on a broken day is what is measured; after good days the ranges grow again.
"""

from __future__ import annotations

import shutil
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import UTC, date, datetime, time, timedelta
from pathlib import Path
from typing import TYPE_CHECKING, Any, cast

from churn_platform.adapters.clock import simulated_time
from churn_platform.adapters.world_choice import CALM, CHOICE_FILE, WorldChoice, write_world_choice
from churn_platform.flows.drift_bench.alarms import DAYS_TO_NAME_THE_CAUSE, Alarm, AlarmsByDay, Level, detect
from churn_platform.flows.drift_bench.cases import BenchError, Case, FirstModelRefusedError, SeedPlan

if TYPE_CHECKING:
    from churn_platform.adapters.platform import Platform
    from churn_platform.drift.finding import Finding
    from churn_platform.settings import Settings

RunDays = Callable[[str, tuple[date, date] | None], str | None]
"""Runs a job over days (None: a job without days); returns why it failed, or None."""

#: a range's memory is its rows: 60 days of 7,000 customers are 14,000 feature rows
LONGEST_RANGE = 60
#: a planted change is watched in ranges of three weeks: most are noticed, and their causes named, within the first
WATCHED_RANGE = 21
#: a platform that refuses its input this many days in a row is not lived on: nothing new would be seen
PATIENCE = 10
#: a gate that measures seconds may refuse the first champion on a busy machine; the same model is then tried again
TRAININGS = 3
#: what the scoreboard is about: data, feeds and the model. Signals about the platform's own running (costs, freshness, cadence, error
#: budget, blocked releases) are left out: days are run in ranges here, and nothing is retrained
SCORED = frozenset(
    {
        "data_drift",
        "feature_drift",
        "prediction_drift",
        "label_drift",
        "concept_drift",
        "schema_drift",
        "feed_late",
        "estimated_decay",
        "performance_decay",
        "fairness_drift",
    }
)
#: on how many days with an alarm the causes are asked for: ranking reads half a year of raw tables
DAYS_ASKED = 8


@dataclass
class Lived:
    """Which live days were run (counted from the first), and which of them the platform refused, with the reason."""

    first: int
    last: int
    blocked: dict[int, str] = field(default_factory=dict)
    runs: int = 0


def start_calm_home(settings: Settings, plan: SeedPlan, live_days: int) -> None:
    """Choose the calm world for a new home."""
    settings.home.mkdir(parents=True, exist_ok=True)
    write_world_choice(settings, WorldChoice(CALM, plan.customers, plan.seed, live_days))


def branch_off(source: Path, settings: Settings, case: Case) -> None:
    """A copy of the calm home as the home of `case`: the same past, another future.

    Until the branch day both worlds are bit-identical, so the copy may say that it has always lived on the case's scenario. The event
    log of the runs so far stays behind: it is the larger part of the home, and nothing reads it.
    """
    if settings.home.exists():
        shutil.rmtree(settings.home)
    shutil.copytree(source, settings.home, ignore=shutil.ignore_patterns("dagster", "dbt", "handoffs", "world"))
    if case.scenario == CALM:
        return
    settings.home_file.unlink()
    (settings.home / CHOICE_FILE).unlink()
    write_world_choice(settings, WorldChoice(case.scenario, case.customers, case.seed, case.live_days))


def live_history(platform: Platform, run: RunDays) -> None:
    """Ingest the history and train the first champion.

    Raises:
        BenchError: a run failed. FirstModelRefusedError: no champion came of it.
    """
    calendar = platform.calendar
    with simulated_time(_morning_after(calendar.training_as_of)):
        _must(run("history", (calendar.first_day, calendar.training_as_of)), "history")
        for _ in range(TRAININGS):
            _must(run("training", None), "training")
            if platform.ops.champion(platform.policies.governance.model) is not None:
                return
    from churn_platform.flows.summary import refusal_of_the_first_model

    raise FirstModelRefusedError(refusal_of_the_first_model(platform))


def _must(failed: str | None, job: str) -> None:
    if failed is not None:
        raise BenchError(f"the calm world's {job} failed, so there is nothing to monitor: {failed}")


def live(
    platform: Platform,
    run: RunDays,
    first: int,
    last: int,
    on_days: Callable[[int], None] | None = None,
    *,
    jobs: Sequence[str] = ("day",),
    longest: int = LONGEST_RANGE,
    enough: Callable[[int], bool] | None = None,
) -> Lived:
    """Live the days `first` to `last` (counted from the first live day, inclusive).

    Args:
        platform: a home on the eve of `first`.
        run: runs a job over days.
        first, last: live days.
        on_days: hears how many days are lived.
        jobs: what a day consists of: the job `day`, or jobs that leave out watching.
        longest: days of a range.
        enough: asked after each range, with its last day; true ends the life there.
    """
    lived = Lived(first, first - 1)
    day, size, refused = first, longest, 0
    while day <= last:
        until = min(day + size - 1, last)
        span = (platform.calendar.live_from + timedelta(day), platform.calendar.live_from + timedelta(until))
        with simulated_time(_morning_after(span[1])):
            failed = next((reason for job in jobs if (reason := run(job, span)) is not None), None)
        lived.runs += 1
        if failed is None:
            day, size, refused = until + 1, min(2 * size, longest), 0
        elif until > day:
            size = 1
            continue
        else:
            lived.blocked[day] = failed
            day, refused = day + 1, refused + 1
            if refused == PATIENCE:
                why = f"not lived on: {PATIENCE} days in a row were refused"
                lived.blocked |= dict.fromkeys(range(day, last + 1), why)
                day = last + 1
        lived.last = day - 1
        if on_days is not None:
            on_days(day - first)
        if enough is not None and enough(lived.last):
            break
    return lived


def live_planted(
    platform: Platform, run: RunDays, case: Case, calm: AlarmsByDay, on_days: Callable[[int], None] | None = None
) -> Lived:
    """Live a planted change until it has been noticed and a cause could be named; what is left of the days is lived unwatched.

    The peers are shown all days; watching on after the first notice would change no figure, and is most of the time.
    """
    change_day, last = case.change_day, case.live_days - 1
    if change_day is None:
        raise BenchError(f"{case.key} plants no change")

    gap = platform.policies.alerts.same_incident_within.days

    def noticed(lived_to: int) -> bool:
        found = detect(alarms_of(recorded_findings(platform)), calm, change_day, lived_to, gap)
        return found.days is not None and lived_to >= change_day + found.days + DAYS_TO_NAME_THE_CAUSE

    watched = live(platform, run, case.branch_day, last, on_days, longest=WATCHED_RANGE, enough=noticed)
    if watched.last < last:

        def heard(days: int) -> None:
            if on_days is not None:
                on_days(watched.last - case.branch_day + 1 + days)

        rest = live(platform, run, watched.last + 1, last, heard, jobs=("history", "scoring"))
        watched.blocked |= rest.blocked
        watched.runs += rest.runs
        watched.last = rest.last
    return watched


def recorded_findings(platform: Platform) -> dict[int, list[Finding]]:
    """The findings that count, by live day."""
    live_from = platform.calendar.live_from
    found: dict[int, list[Finding]] = {}
    for record in platform.ops.findings():
        found.setdefault((record.day - live_from).days, []).extend(record.findings)
    return found


def alarms_of(findings: Mapping[int, Iterable[Finding]]) -> AlarmsByDay:
    """What would open or keep open a ticket: findings that act on live days, as `signal:subject`, of the signals in `SCORED`."""
    acting = {
        day: frozenset(
            Alarm(f"{finding.signal}:{finding.subject}", cast("Level", finding.severity))
            for finding in there
            if finding.acts and finding.signal in SCORED
        )
        for day, there in findings.items()
        if day >= 0
    }
    return {day: alarms for day, alarms in acting.items() if alarms}


def named_causes(platform: Platform, findings: Mapping[int, Iterable[Finding]], change_day: int) -> dict[int, str]:
    """The cause that the platform ranks first, on the first days from `change_day` on which something acts: when a person would ask.

    Findings that act carry their causes; where none does, the ranking is asked itself.
    """
    from churn_platform.flows.monitoring.causes import rank_causes

    asked = sorted(day for day in alarms_of(findings) if day >= change_day)[:DAYS_ASKED]
    named = {}
    for day in asked:
        told_of = [finding.evidence.get("causes") for finding in findings[day] if finding.acts]
        recorded = next((causes[0]["cause"] for causes in told_of if causes), None)
        date_asked = platform.calendar.live_from + timedelta(day)
        with simulated_time(_morning_after(date_asked)):
            named[day] = str(recorded) if recorded is not None else rank_causes(platform, date_asked).first.name
    return named


def _morning_after(day: date) -> datetime:
    """When a day's batch runs: early on the day itself would be before its files have landed."""
    return datetime.combine(day, time(6), UTC)


def told(findings: Mapping[int, Iterable[Finding]]) -> list[dict[str, Any]]:
    """Acting findings as plain values, for reading why something was or was not noticed."""
    return [
        {
            "day": day,
            "signal": finding.signal,
            "subject": finding.subject,
            "severity": finding.severity,
            "statistic": finding.statistic,
            "value": finding.value,
            "threshold": finding.threshold,
            "rows": finding.window.rows,
        }
        for day, there in sorted(findings.items())
        for finding in there
        if finding.acts
    ]
