"""Rollouts as they are kept: the frozen plan, and one recorded event after another.

What belongs here: that a model has at most one open rollout, that an event follows the one its writer saw, that promoting and saying so
are one transaction. What does not: what an event means (`rollout/progress`), deciding (`rollout/decision`).
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

import sqlalchemy as sa

from churn_platform.adapters.ops_store import champions
from churn_platform.adapters.ops_store.errors import OpsStoreError, RolloutConflict
from churn_platform.adapters.ops_store.ledger import Change
from churn_platform.adapters.ops_store.tables import rollout_events, rollouts
from churn_platform.rollout.plan import Plan
from churn_platform.rollout.progress import Event, Kind, Progress, after, replay
from churn_platform.rollout.verdicts import Check


@dataclass(frozen=True, slots=True)
class RecordedRollout:
    """A rollout, its plan and everything that has happened to it."""

    rollout: str
    plan: Plan
    events: tuple[Event, ...]
    checks: tuple[Mapping[str, str], ...]
    sequence: int = 0
    """The ledger entry of its newest event."""

    @property
    def progress(self) -> Progress:
        """Where it stands."""
        return replay(self.plan, self.events)

    @property
    def position(self) -> int:
        """How many events there are: what the next one must follow."""
        return len(self.events)


def start(change: Change, plan: Plan, reason: str) -> RecordedRollout:
    """Record a plan and that it has started; RolloutConflict where another rollout of the model is open.

    Refused besides: a plan whose champion is not the champion now. The same plan again returns the open rollout.
    """
    present = open_rollout(change.connection, plan.model)
    if present is not None:
        if present.plan == plan:
            change.nothing_to_do()
            return present
        raise RolloutConflict(
            f"{plan.challenger} was not rolled out: {present.rollout} of {present.plan.challenger} is under way: let it end"
        )
    champion = champions.current(change.connection, plan.model)
    if champion is None or champion.version != plan.champion:
        raise RolloutConflict(
            f"{plan.challenger} was not rolled out: its plan is to succeed {plan.champion}, and the champion is "
            f"{champion.version if champion else 'nobody'}. Compare with the present champion, and plan again"
        )
    number = 1 + int(change.connection.execute(sa.select(sa.func.count()).select_from(rollouts)).scalar_one())
    name = f"R-{number}"
    values = {
        "rollout": name,
        "number": number,
        "model_name": plan.model,
        "plan": plan.to_dict(),
        "digest": plan.digest,
    }
    change.record("rollout.planned", values)
    _append(change, name, 0, "started", (reason,), ())
    return named(change.connection, name)


def move(
    change: Change, rollout: str, position: int, kind: Kind, reasons: Sequence[str], checks: Sequence[Check]
) -> RecordedRollout:
    """Record what happens next to a rollout that had `position` events when its writer looked, and change the champion where it says so.

    RolloutConflict if something else happened since; ProgressError for an event that cannot follow.
    """
    present = named(change.connection, rollout)
    if present.position != position:
        raise RolloutConflict(
            f"{rollout} was not {kind}: it has {present.position} events where the decision saw {position}. Look and decide again"
        )
    if not reasons or not all(reason.strip() for reason in reasons):
        raise OpsStoreError(f"{rollout} was not {kind}: say why")
    plan, progress = present.plan, present.progress
    after(plan, progress, Event(kind, change.at, change.actor, tuple(reasons)))
    _append(change, rollout, position, kind, reasons, checks)
    evidence = {"rollout": rollout, "plan": plan.digest, "event": position}
    if kind == "promoted":
        champions.promote(change, plan.challenger, plan.champion, reasons[0], evidence)
    elif kind == "rolled_back" and progress.phase == "watching":
        champions.promote(change, plan.champion, plan.challenger, reasons[0], evidence)
    return named(change.connection, rollout)


def named(connection: sa.Connection, rollout: str) -> RecordedRollout:
    """The rollout of that name; OpsStoreError if there is none."""
    row = connection.execute(rollouts.select().where(rollouts.c.rollout == rollout)).one_or_none()
    if row is None:
        raise OpsStoreError(f"there is no rollout {rollout}")
    plan = Plan.from_dict(row.plan)
    if plan.digest != row.digest:
        raise OpsStoreError(f"the plan of {rollout} is not the one that was agreed: restore the database from a backup")
    found = connection.execute(
        rollout_events.select().where(rollout_events.c.rollout == rollout).order_by(rollout_events.c.position)
    ).all()
    events = tuple(Event(one.kind, one.at, one.actor, tuple(one.reasons)) for one in found)
    newest = (tuple(found[-1].checks), found[-1].ledger_sequence) if found else ((), 0)
    return RecordedRollout(rollout, plan, events, *newest)


def matching(connection: sa.Connection, model_name: str) -> tuple[RecordedRollout, ...]:
    """All rollouts of a model, the first one first."""
    names = sa.select(rollouts.c.rollout).where(rollouts.c.model_name == model_name).order_by(rollouts.c.number)
    found: list[str] = list(connection.execute(names).scalars())
    return tuple(named(connection, name) for name in found)


def open_rollout(connection: sa.Connection, model_name: str) -> RecordedRollout | None:
    """The rollout of a model that is not over; None where none is."""
    newest = (
        sa.select(rollouts.c.rollout)
        .where(rollouts.c.model_name == model_name)
        .order_by(rollouts.c.number.desc())
        .limit(1)
    )
    name: str | None = connection.execute(newest).scalar_one_or_none()
    if name is None:
        return None
    found = named(connection, name)
    return None if found.progress.over else found


def _append(
    change: Change, rollout: str, position: int, kind: Kind, reasons: Sequence[str], checks: Sequence[Check]
) -> None:
    told = [{"name": one.name, "verdict": one.verdict, "reason": one.reason} for one in checks]
    values = {"rollout": rollout, "position": position, "kind": kind, "reasons": list(reasons), "checks": told}
    change.record("rollout.moved", values)
