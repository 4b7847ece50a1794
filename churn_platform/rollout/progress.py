"""Where a rollout stands, told by what has happened to it.

Belongs here: the events, and the state that they add up to. Does not belong here: deciding (`decision`), keeping events (adapters).

A rollout is its events: whoever reads them all stands where the one who wrote them stood, so a controller that was killed goes on in the
same stage, and the time spent in it counts from when it was entered.
"""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass, replace
from datetime import datetime
from typing import Literal

from churn_platform.rollout.plan import Plan, Stage

Phase = Literal["staged", "watching", "finished", "rolled_back"]
Kind = Literal["started", "advanced", "promoted", "finished", "rolled_back", "held", "resumed", "asked"]


class ProgressError(ValueError):
    """An event that cannot happen where a rollout stands."""


@dataclass(frozen=True, slots=True)
class Event:
    """One thing that happened: what, when, by whom, and why."""

    kind: Kind
    at: datetime
    actor: str
    reasons: tuple[str, ...]


@dataclass(frozen=True, slots=True)
class Progress:
    """Phase, stage (from 0) and when it was entered; `held` since a person stopped it, `asked` since a person was asked."""

    phase: Phase
    stage: int
    entered: datetime
    held: datetime | None = None
    asked: datetime | None = None

    @property
    def over(self) -> bool:
        """Whether nothing more can happen."""
        return self.phase in ("finished", "rolled_back")


def stage_of(plan: Plan, progress: Progress) -> Stage:
    """The stage that a rollout is in; the watch after the promotion."""
    return plan.watch if progress.phase == "watching" else plan.stages[progress.stage]


def weight_of(plan: Plan, progress: Progress) -> float:
    """The share of customers whom the challenger answers now: all after the promotion, nobody after a rollback."""
    if progress.phase == "rolled_back":
        return 0.0
    return plan.stages[progress.stage].weight if progress.phase == "staged" else 1.0


def replay(plan: Plan, events: Iterable[Event]) -> Progress:
    """Where the events lead.

    Raises:
        ProgressError: no events, or one that cannot follow the one before.
    """
    progress: Progress | None = None
    for event in events:
        progress = after(plan, progress, event)
    if progress is None:
        raise ProgressError("a rollout without events has not started")
    return progress


def after(plan: Plan, progress: Progress | None, event: Event) -> Progress:
    """Where a rollout stands after one more event.

    Raises:
        ProgressError: the event cannot happen here.
    """
    if progress is None:
        if event.kind != "started":
            raise ProgressError(f"a rollout begins with being started, not with {event.kind!r}")
        return Progress("staged", 0, event.at)
    last = progress.phase == "staged" and progress.stage == len(plan.stages) - 1
    if progress.over or event.kind == "started":
        raise ProgressError(f"a rollout that is {progress.phase} cannot be {event.kind}")
    if event.at < progress.entered:
        raise ProgressError(f"{event.kind} at {event.at.isoformat()} is before the stage began")
    if event.kind == "rolled_back":
        return Progress("rolled_back", progress.stage, event.at)
    if event.kind == "held":
        return replace(progress, held=progress.held or event.at)
    if event.kind == "resumed":
        return replace(progress, held=None)
    if event.kind == "asked":
        return replace(progress, asked=progress.asked or event.at)
    if event.kind == "advanced" and progress.phase == "staged" and not last:
        return Progress("staged", progress.stage + 1, event.at)
    if event.kind == "promoted" and progress.phase == "staged":
        return Progress("watching", len(plan.stages), event.at)
    if event.kind == "finished" and progress.phase == "watching":
        return Progress("finished", progress.stage, event.at)
    raise ProgressError(f"a rollout in {progress.phase} stage {progress.stage} cannot be {event.kind}")
