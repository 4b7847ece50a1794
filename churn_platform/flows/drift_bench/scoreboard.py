"""The scoreboard: one line per monitor over all lives, from their alarms.

What belongs here: the figures and what they are made of, as plain values. What does not: living, files, words for people.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from typing import Any

from churn_platform.drift.root_cause.ranking import UNKNOWN
from churn_platform.flows.drift_bench.alarms import (
    DAYS_TO_NAME_THE_CAUSE,
    Alarm,
    AlarmsByDay,
    Detection,
    alarm_days,
    detect,
    detected_share,
    episodes,
    median_days,
    per_year,
    worst_days,
)
from churn_platform.flows.drift_bench.cases import Case

PLATFORM = "platform"


@dataclass(frozen=True, slots=True)
class LivedCase:
    """A case that was lived: what each monitor said by day, and which cause the platform ranked first by day.

    `alarms` lacks a monitor that could not be run.
    """

    case: Case
    alarms: Mapping[str, AlarmsByDay]
    causes: Mapping[int, str]


def scoreboard(lived: Sequence[LivedCase], monitors: Sequence[str], gap: int) -> dict[str, Any]:
    """The figures of every monitor.

    Args:
        lived: all cases; each planted one needs the calm one of its seed.
        monitors: the platform first, then the peers' readings; one without alarms in any case has only missing figures.
        gap: days of silence after which the same alarm is a new one (`alerts.same_incident_within`).

    Returns:
        `platform` and `peers` -> reading, each with the figures; `changes`, one entry per planted life.
    """
    calm = {one.case.seed: one for one in lived if one.case.change_day is None}
    planted = [one for one in lived if one.case.change_day is not None]
    found = {
        monitor: [_detection(one, calm[one.case.seed], monitor, gap) for one in planted]
        for monitor in monitors
        if all(monitor in one.alarms for one in lived)
    }
    lines = {monitor: _line(monitor, list(calm.values()), planted, found.get(monitor), gap) for monitor in monitors}
    changes = [
        {
            "scenario": one.case.name,
            "seed": one.case.seed,
            "cause": one.case.cause,
            "change_day": one.case.change_day,
            **{monitor: _told(detections[i]) for monitor, detections in found.items()},
        }
        for i, one in enumerate(planted)
    ]
    return {
        PLATFORM: lines[PLATFORM],
        "peers": {monitor: line for monitor, line in lines.items() if monitor != PLATFORM},
        "changes": changes,
    }


def false_alarms(calm: AlarmsByDay, gap: int) -> list[dict[str, Any]]:
    """Each subject that was ever alarmed about in a calm life: how often, on how many days, how badly; the most frequent first."""
    subjects = sorted({alarm.subject for there in calm.values() for alarm in there})
    rows = []
    for subject in subjects:
        own: dict[int, frozenset[Alarm]] = {
            day: frozenset(alarm for alarm in there if alarm.subject == subject) for day, there in calm.items()
        }
        own = {day: there for day, there in own.items() if there}
        rows.append(
            {
                "subject": subject,
                "episodes": episodes(own, gap),
                "critical_episodes": episodes(own, gap, ("critical",)),
                "days": len(own),
                "first_day": min(own),
            }
        )
    return sorted(rows, key=lambda row: (-row["critical_episodes"], -row["days"], row["subject"]))


def _detection(one: LivedCase, calm: LivedCase, monitor: str, gap: int) -> Detection:
    change_day = one.case.change_day
    assert change_day is not None  # noqa: S101 (planted)
    last_day = one.case.live_days - 1
    detection = detect(one.alarms[monitor], calm.alarms[monitor], change_day, last_day, gap)
    if monitor != PLATFORM or detection.days is None:
        return detection
    noticed = change_day + detection.days
    asked = [day for day in sorted(one.causes) if noticed <= day <= noticed + DAYS_TO_NAME_THE_CAUSE]
    named = [one.causes[day] for day in asked if one.causes[day] != UNKNOWN]
    return replace(detection, cause=named[0] if named else None)


def _line(
    monitor: str,
    calm: Sequence[LivedCase],
    planted: Sequence[LivedCase],
    detections: Sequence[Detection] | None,
    gap: int,
) -> dict[str, Any]:
    if detections is None:
        return dict.fromkeys(FIGURES)
    days = sum(one.case.live_days for one in calm)
    spoken = [one.alarms[monitor] for one in calm]
    same_day = [d for one, d in zip(planted, detections, strict=True) if one.case.same_day]
    right = [one.case.cause == d.cause for one, d in zip(planted, detections, strict=True)]
    return {
        "false_critical_per_calm_year": per_year(sum(episodes(alarms, gap, ("critical",)) for alarms in spoken), days),
        "false_alarms_per_calm_year": per_year(sum(episodes(alarms, gap) for alarms in spoken), days),
        "alarm_days_per_calm_year": per_year(sum(alarm_days(alarms) for alarms in spoken), days),
        "detected_share": detected_share(detections),
        "median_days_to_detection": median_days(detections),
        "worst_days_to_detection": worst_days(detections),
        "same_day_share": sum(d.days == 0 for d in same_day) / len(same_day) if same_day else None,
        # a peer names no cause: none of its changes has the right one first
        "cause_first_share": sum(right) / len(right) if right else None,
    }


FIGURES = (
    "false_critical_per_calm_year",
    "false_alarms_per_calm_year",
    "alarm_days_per_calm_year",
    "detected_share",
    "median_days_to_detection",
    "worst_days_to_detection",
    "same_day_share",
    "cause_first_share",
)


def _told(detection: Detection) -> dict[str, Any]:
    return {
        "days": detection.days,
        "level": detection.level,
        "subjects": list(detection.subjects),
        "cause": detection.cause,
    }
