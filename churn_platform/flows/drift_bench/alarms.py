"""Alarms by day: episodes of them, and how soon a planted change was noticed.

What belongs here: counting, in one way for every monitor. What does not: where the alarms come from.

An alarm has a subject (what moved, as `data_drift:contract`) and a level. A monitor is a mapping from day to its alarms, days being
counted from the first live day. A life with a planted change is always read beside the calm life of the same seed: until the change
both are the same, bit by bit, and what the calm life also says on the same day is no detection.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from statistics import median
from typing import Literal

Level = Literal["warning", "critical"]

#: the first cause that is named counts, if it is named by so many days after the detection
DAYS_TO_NAME_THE_CAUSE = 7


@dataclass(frozen=True, slots=True, order=True)
class Alarm:
    """One alarm on one day. Monitors that know one level only say `critical`."""

    subject: str
    level: Level = "critical"


AlarmsByDay = Mapping[int, frozenset[Alarm]]


@dataclass(frozen=True, slots=True)
class Detection:
    """Whether, when and by what a planted change was noticed.

    `days` counts from the change's first day (0: on the same day); None where it was not noticed in the `watched` days. `level` is the
    highest of the alarms that noticed it, `subjects` are what they were about. `cause` is the cause named first, None where none was.
    """

    change_day: int
    watched: int
    days: int | None
    level: Level | None = None
    subjects: tuple[str, ...] = ()
    cause: str | None = None

    @property
    def detected(self) -> bool:
        """Whether it was noticed at all."""
        return self.days is not None

    @property
    def days_at_least(self) -> int:
        """Days to detection; a change that was not noticed took at least all the days that were watched."""
        return self.watched if self.days is None else self.days


def detect(planted: AlarmsByDay, calm: AlarmsByDay, change_day: int, last_day: int, gap: int = 0) -> Detection:
    """The first day from `change_day` to `last_day` (inclusive) with an alarm about a subject that the calm life does not raise then.

    "Then" is that day and `gap` days before and after: the same episode. A monitor that shouts about a subject every other week does not
    notice a change by shouting a day sooner. An alarm that was there on the eve of the change, and goes on, is noise as well.

    >>> quiet: AlarmsByDay = {}
    >>> detect({3: frozenset({Alarm("a")}), 12: frozenset({Alarm("b")})}, quiet, change_day=10, last_day=20).days
    2
    >>> detect({12: frozenset({Alarm("b")})}, {12: frozenset({Alarm("b")})}, change_day=10, last_day=20).detected
    False
    """
    watched = last_day - change_day + 1
    going_on = {alarm.subject for alarm in planted.get(change_day - 1, frozenset())}
    for day in range(change_day, last_day + 1):
        present = planted.get(day, frozenset())
        going_on &= {alarm.subject for alarm in present}
        around = (calm.get(near, frozenset()) for near in range(day - gap, day + gap + 1))
        noise = going_on | {alarm.subject for there in around for alarm in there}
        new = [alarm for alarm in present if alarm.subject not in noise]
        if new:
            level: Level = "critical" if any(alarm.level == "critical" for alarm in new) else "warning"
            subjects = tuple(sorted({alarm.subject for alarm in new}))
            return Detection(change_day, watched, day - change_day, level, subjects)
    return Detection(change_day, watched, None)


def episodes(alarms: AlarmsByDay, gap: int, levels: Iterable[Level] = ("warning", "critical")) -> int:
    """How many separate alarms a person would have had: days of one subject less than `gap` days apart are one episode.

    Args:
        alarms: by day.
        gap: days of silence after which the same subject is a new alarm.
        levels: which alarms count.

    >>> again = {1: frozenset({Alarm("a")}), 2: frozenset({Alarm("a"), Alarm("b")}), 30: frozenset({Alarm("a")})}
    >>> episodes(again, gap=7)
    3
    """
    counted = frozenset(levels)
    last_seen: dict[str, int] = {}
    found = 0
    for day in sorted(alarms):
        for subject in {alarm.subject for alarm in alarms[day] if alarm.level in counted}:
            if subject not in last_seen or day - last_seen[subject] > gap:
                found += 1
            last_seen[subject] = day
    return found


def alarm_days(alarms: AlarmsByDay, levels: Iterable[Level] = ("warning", "critical")) -> int:
    """On how many days there was any alarm."""
    counted = frozenset(levels)
    return sum(any(alarm.level in counted for alarm in day) for day in alarms.values())


def per_year(count: float, days: int) -> float | None:
    """`count` in `days` days as a yearly rate of 365; None where no day was lived."""
    return None if days <= 0 else 365.0 * count / days


def median_days(detections: Sequence[Detection]) -> float | None:
    """Median days to detection over all changes, those never noticed at what was watched; None where no change was planted."""
    return float(median(detection.days_at_least for detection in detections)) if detections else None


def worst_days(detections: Sequence[Detection]) -> int | None:
    """The slowest detection; a change never noticed counts as all the days watched. None where no change was planted."""
    return max((detection.days_at_least for detection in detections), default=None)


def detected_share(detections: Sequence[Detection]) -> float | None:
    """The share of planted changes that were noticed; None where none was planted."""
    return sum(detection.detected for detection in detections) / len(detections) if detections else None
