"""What a retraining decision looks at, as values: findings in force, what was trained before, what has matured since.

What belongs here: the evidence and how it is read (which findings are in force, when an episode of drift began). What does not: the
triggers that judge it (`triggers`), and fetching it (flows).
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import date, datetime, timedelta
from typing import Protocol

from churn_platform.drift.finding import Finding, Signal

DRIFT: frozenset[Signal] = frozenset(
    {"data_drift", "feature_drift", "prediction_drift", "label_drift", "concept_drift"}
)
DECAY: frozenset[Signal] = frozenset({"performance_decay", "estimated_decay"})
OUTCOMES_TABLE = "churn_events"
"""The table that says who left: without it, a matured outcome says "stayed" of everybody."""


class Recorded(Protocol):
    """A recorded report: what was seen on a day, under which champion. The ops store's records are such."""

    @property
    def sequence(self) -> int:
        """The ledger entry that recorded it: cite it as evidence."""
        ...

    @property
    def day(self) -> date:
        """The day that was looked at."""
        ...

    @property
    def report(self) -> str:
        """`schema`, `drift`, `performance` or `slo`."""
        ...

    @property
    def findings(self) -> tuple[Finding, ...]:
        """What was found."""
        ...


@dataclass(frozen=True, slots=True)
class PastTraining:
    """A training that was decided or done: when, as of which day, and on how many rows (None where it never got so far)."""

    at: datetime
    as_of: date
    rows: int | None
    trigger: str


@dataclass(frozen=True)
class RetrainingEvidence:
    """Everything that a decision may look at.

    `reports` are the recorded findings of the last weeks, oldest first, under the present champion or none; `trainings` every
    training of the last month and the newest of all, oldest first; `matured` counts the outcomes that matured after the newest
    training's as_of, `matured_by_onset` those among them that were observed on or after a day. `reason` is what a person said.
    """

    day: date
    at: datetime
    champion: str | None
    reports: Sequence[Recorded]
    trainings: Sequence[PastTraining]
    matured: int
    matured_since_onset: int
    reason: str | None = None

    @property
    def last_training(self) -> PastTraining | None:
        """The newest training, None before the first."""
        return self.trainings[-1] if self.trainings else None


def in_force(reports: Sequence[Recorded], day: date, stale_after: timedelta) -> tuple[Recorded, ...]:
    """The newest report of each kind up to `day`, without those older than `stale_after`: an old report says nothing of today."""
    newest: dict[str, Recorded] = {}
    for report in reports:
        if report.day <= day and (report.report not in newest or newest[report.report].day <= report.day):
            newest[report.report] = report
    return tuple(report for report in newest.values() if day - report.day <= stale_after)


def acting(reports: Sequence[Recorded], signals: frozenset[Signal]) -> tuple[tuple[int, Finding], ...]:
    """(evidence id, finding) of the findings that act, of some signals."""
    return tuple(
        (report.sequence, finding)
        for report in reports
        for finding in report.findings
        if finding.acts and finding.signal in signals
    )


@dataclass(frozen=True, slots=True)
class Episode:
    """A stretch of time in which drift acts: the day it was first noticed on, and the earliest on which it can have begun."""

    noticed: date
    began: date


def drift_episode(reports: Sequence[Recorded], day: date, same_incident_within: timedelta) -> Episode | None:
    """The present episode of drift or decay; None where nothing acts.

    An episode goes on while something acts again within `same_incident_within`. It can have begun on the first day of the window in
    which it was first seen: what counts as observed after the change is then never too little.
    """
    found: Episode | None = None
    expected = day
    for report in sorted(reports, key=lambda one: one.day, reverse=True):
        if report.day > day:
            continue
        seen = acting([report], DRIFT | DECAY)
        if not seen:
            continue
        if expected - report.day > same_incident_within:
            break
        found = Episode(report.day, min(finding.window.first for _, finding in seen))
        expected = report.day
    return found


def drift_onset(reports: Sequence[Recorded], day: date, same_incident_within: timedelta) -> date | None:
    """The earliest day on which the present episode can have begun; None where nothing acts."""
    episode = drift_episode(reports, day, same_incident_within)
    return episode.began if episode is not None else None
