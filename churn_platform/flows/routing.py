"""The routing file: what the scoring API follows, written from the ops store; and the kill switch.

What belongs here: mirroring recorded state into one small file. What does not: deciding who is champion (`promotion.py`), and following
the file (`serving/state.py`). Writing it again changes nothing, so whoever finds it behind (after a kill between the two) mends it.
"""

from __future__ import annotations

import json
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

from churn_platform.adapters.atomic_files import write_atomically
from churn_platform.adapters.platform import Platform
from churn_platform.contracts.routing import Kill, KillMode, Routing, RoutingError, ServedModel, Split

if TYPE_CHECKING:
    from churn_platform.adapters.ops_store import Decision
    from churn_platform.adapters.ops_store.rollouts import RecordedRollout

KILL = "kill_switch"
LIFTED = "lifted"


class KillSwitchError(ValueError):
    """The kill switch was not moved; the message says why."""


def publish_routing(platform: Platform) -> Routing:
    """Make the routing file say what the ops store says; returns it. An unchanged routing is not written again."""
    model_name = platform.policies.governance.model
    champion = platform.ops.champion(model_name)
    switch = _switch(platform)
    kill = None
    if switch is not None and switch.outcome != LIFTED:
        mode: KillMode = "stop" if switch.outcome == "stop" else "fallback"
        kill = Kill(mode, str(switch.evidence["by"]), switch.reasons[0], switch.at.isoformat())
    served = None
    if champion is not None:
        served = ServedModel(champion.version, platform.ops.model(champion.version).package_digest)
    rollouts = platform.ops.rollouts(model_name)
    moves = (champion.ledger_sequence if champion else 0, switch.ledger_sequence if switch else 0)
    sequence = max(*moves, *(one.sequence for one in rollouts))
    under_way = platform.ops.rollout(model_name)
    parts = _Parts(served) if under_way is None or served is None else _parts(platform, served, under_way)
    routing = Routing(
        sequence, parts.champion, parts.challenger, parts.split, blue=parts.blue, green=parts.green, kill=kill
    )
    if _written(platform.settings.routing_file) != routing:
        write_atomically(platform.settings.routing_file, json.dumps(routing.to_dict(), indent=1).encode())
    return routing


@dataclass(frozen=True)
class _Parts:
    """Who answers, as the rollout under way says."""

    champion: ServedModel | None
    challenger: ServedModel | None = None
    split: Split | None = None
    blue: ServedModel | None = None
    green: ServedModel | None = None


def _parts(platform: Platform, champion: ServedModel, recorded: RecordedRollout) -> _Parts:
    """The challenger and its share. By colours: both stay loaded until the watch ends, green answers everybody from the switch on."""
    from churn_platform.rollout.progress import weight_of

    plan, progress = recorded.plan, recorded.progress
    challenger = ServedModel(plan.challenger, plan.package)
    weight = weight_of(plan, progress)
    if plan.strategy == "blue_green":
        before = ServedModel(plan.champion, platform.ops.model(plan.champion).package_digest)
        return _Parts(challenger if weight == 1 else before, blue=before, green=challenger)
    if progress.phase != "staged":  # promoted: the challenger is the champion
        return _Parts(champion)
    mirrored = plan.strategy == "shadow"
    split = Split(plan.digest, plan.strategy, plan.salt, 1.0 if mirrored else weight, mirrored)
    return _Parts(champion, challenger, split)


def throw_kill_switch(platform: Platform, mode: KillMode, by: str, why: str) -> Routing:
    """Stop the scores, or fall back to the documented rule: recorded with who and why, in effect within a second.

    Raises:
        KillSwitchError: nobody or no reason is named.
    """
    if not by.strip() or not why.strip():
        raise KillSwitchError("say who throws the switch and why: it goes into the ledger")
    _move(platform, mode, by, why)
    return publish_routing(platform)


def lift_kill_switch(platform: Platform, by: str, why: str) -> Routing:
    """Answer again as the rollout says.

    Raises:
        KillSwitchError: nobody or no reason is named, or the switch is not thrown.
    """
    if not by.strip() or not why.strip():
        raise KillSwitchError("say who lifts the switch and why: it goes into the ledger")
    switch = _switch(platform)
    if switch is None or switch.outcome == LIFTED:
        raise KillSwitchError("the kill switch is not thrown: there is nothing to lift")
    _move(platform, LIFTED, by, why)
    return publish_routing(platform)


def _move(platform: Platform, outcome: str, by: str, why: str) -> None:
    platform.ops.record_decision(
        KILL, platform.policies.governance.model, outcome, (why,), {"by": by}, actor=f"person:{by}", at=platform.now()
    )


def _switch(platform: Platform) -> Decision | None:
    """The last move of the switch."""
    return next(reversed(platform.ops.decisions(kind=KILL, limit=1)), None)


def _written(path: Path) -> Routing | None:
    try:
        return Routing.from_dict(json.loads(path.read_bytes()))
    except (OSError, ValueError, RoutingError):
        return None
