"""A rollout from its plan to its end: start it, tick it, move it by hand, and say where it stands.

What belongs here: which plan a model gets, collecting what is known, carrying out what was decided. What does not: deciding
(`rollout/decision`), keeping it (`adapters/ops_store`), answering customers (`serving/`), measuring a batch (`flows/rollout_evidence`).

Every act is one transaction that also says who and why; a controller that is killed between two acts finds the rollout where it stood.
Rolling back is promoting with other arguments: it needs no registry and no network, and brings the whole package back.
"""

from __future__ import annotations

from collections.abc import Callable
from datetime import datetime
from typing import TYPE_CHECKING

from churn_platform.adapters.platform import ACTOR, Platform
from churn_platform.flows import rollout_effects as effects
from churn_platform.flows.rollout_beginning import RolloutError, begin, begin_waiting
from churn_platform.rollout.decision import RolloutDecision, decide
from churn_platform.rollout.evidence import Evidence
from churn_platform.rollout.plan import Plan, Strategy
from churn_platform.rollout.progress import Kind, Progress

if TYPE_CHECKING:
    from churn_platform.adapters.ops_store.rollouts import RecordedRollout
    from churn_platform.rollout.plan import Source

Collector = Callable[[Platform, Plan, Progress, datetime], Evidence]


def start(
    platform: Platform,
    version: str,
    by: str,
    why: str,
    strategy: Strategy | None = None,
    evidence: Source | None = None,
) -> RecordedRollout:
    """Plan and start the rollout that is to make `version` champion, by the strategy of its risk tier unless one is named.

    Raises:
        RolloutError: no champion to succeed, the package does not verify, no person or reason.
        RolloutConflict: another rollout is under way. UnknownModel: no such version.
    """
    _require(by, why)
    return begin(platform, version, why, f"person:{by}", strategy=strategy, evidence=evidence)


def tick(platform: Platform, collect: Collector | None = None) -> tuple[RecordedRollout, RolloutDecision] | None:
    """Decide on the open rollout from what is known now, and carry the decision out; None where none is open.

    A collector that fails is evidence of nothing: the rollout holds, and says what failed. Where none is open, a released model that
    waits for its turn (or whose release was cut short before the rollout began) begins here.
    """
    recorded = _open(platform)
    if recorded is None:
        begin_waiting(platform)
        return None
    now = platform.now()
    progress, plan = recorded.progress, recorded.plan
    decision = decide(collected(platform, recorded, collect, now), plan, progress, now)
    kind = _kind_of(decision, progress)
    if kind is not None:
        _verify_for(platform, kind, plan)
        recorded = _move(platform, recorded, kind, decision.reasons, decision, ACTOR, now)
    return recorded, decision


def advance(platform: Platform, by: str, why: str, collect: Collector | None = None) -> RecordedRollout:
    """A person answers for what is not known: go to the next stage, or promote from the last. A guardrail that fails still refuses.

    Raises:
        RolloutError: nothing is open, a check failed, no person or reason.
    """
    recorded, decision = _judged(platform, by, why, collect)
    failed = [check.reason for check in decision.checks if check.verdict == "fail"]
    if failed:
        raise RolloutError(
            f"{recorded.rollout} was not advanced: {failed[0]}. Roll it back, or let the cause be repaired"
        )
    progress = recorded.progress
    if progress.phase == "watching":
        kind: Kind = "finished"
    else:
        kind = "advanced" if progress.stage < len(recorded.plan.stages) - 1 else "promoted"
    return _by_hand(platform, recorded, kind, by, why, decision)


def promote(platform: Platform, by: str, why: str, collect: Collector | None = None) -> RecordedRollout:
    """A person promotes at once, past the stages that are left; refused where a check failed.

    Raises:
        RolloutError: as `advance`, or it is promoted already.
    """
    recorded, decision = _judged(platform, by, why, collect)
    if recorded.progress.phase != "staged":
        raise RolloutError(f"{recorded.plan.challenger} is champion already; roll back, or wait for the watch to end")
    failed = [check.reason for check in decision.checks if check.verdict == "fail"]
    if failed:
        raise RolloutError(f"{recorded.rollout} was not promoted: {failed[0]}")
    return _by_hand(platform, recorded, "promoted", by, why, decision)


def hold(platform: Platform, by: str, why: str, resume: bool = False) -> RecordedRollout:
    """Stop the advance until somebody resumes it; guardrails and the hold budget go on.

    Raises:
        RolloutError: nothing is open, no person or reason.
    """
    _require(by, why)
    return _by_hand(platform, _required(platform), "resumed" if resume else "held", by, why, None)


def rollback(platform: Platform, by: str, why: str) -> RecordedRollout:
    """Take the challenger back now, after the promotion too: the champion before comes back with its whole package.

    Raises:
        RolloutError: nothing is open, no person or reason.
    """
    _require(by, why)
    recorded = _required(platform)
    if recorded.progress.phase == "watching":
        _verify_for(platform, "rolled_back", recorded.plan)
    return _by_hand(platform, recorded, "rolled_back", by, why, None)


def collected(platform: Platform, recorded: RecordedRollout, collect: Collector | None, now: datetime) -> Evidence:
    """What is known of the present stage; of a collector that fails, that it failed."""
    from churn_platform.flows.rollout_evidence import known

    plan, progress = recorded.plan, recorded.progress
    try:
        return (collect or known)(platform, plan, progress, now)
    except Exception as error:
        return Evidence(plan.digest, progress.stage, problem=f"nothing could be collected: {error}")


def _kind_of(decision: RolloutDecision, progress: Progress) -> Kind | None:
    if decision.action == "advance":
        return "advanced"
    if decision.action == "complete":
        return "finished" if progress.phase == "watching" else "promoted"
    if decision.action == "rollback":
        return "rolled_back"
    return "asked" if decision.ask and progress.asked is None else None


def _judged(
    platform: Platform, by: str, why: str, collect: Collector | None
) -> tuple[RecordedRollout, RolloutDecision]:
    _require(by, why)
    recorded = _required(platform)
    now = platform.now()
    return recorded, decide(collected(platform, recorded, collect, now), recorded.plan, recorded.progress, now)


def _by_hand(
    platform: Platform, recorded: RecordedRollout, kind: Kind, by: str, why: str, decision: RolloutDecision | None
) -> RecordedRollout:
    _verify_for(platform, kind, recorded.plan)
    return _move(platform, recorded, kind, (why,), decision, f"person:{by}", platform.now())


def _move(
    platform: Platform,
    recorded: RecordedRollout,
    kind: Kind,
    reasons: tuple[str, ...],
    decision: RolloutDecision | None,
    actor: str,
    at: datetime,
) -> RecordedRollout:
    checks = decision.checks if decision is not None else ()
    before = recorded.progress
    moved = platform.ops.move_rollout(recorded.rollout, recorded.position, kind, reasons, checks, actor=actor, at=at)
    effects.mirror(platform, kind == "promoted" or (kind == "rolled_back" and before.phase == "watching"))
    if kind in ("rolled_back", "promoted", "asked"):
        effects.record_end(platform, moved, kind, reasons)
    return moved


def _verify_for(platform: Platform, kind: Kind, plan: Plan) -> None:
    """Before somebody becomes champion, the package is verified as it lies there."""
    if kind in ("promoted", "advanced"):
        effects.verify(platform, plan.package)
    elif kind == "rolled_back":
        champion = platform.ops.champion(plan.model)
        if champion is not None and champion.version == plan.challenger:
            effects.verify(platform, platform.ops.model(plan.champion).package_digest)


def _open(platform: Platform) -> RecordedRollout | None:
    return platform.ops.rollout(platform.policies.governance.model)


def _required(platform: Platform) -> RecordedRollout:
    recorded = _open(platform)
    if recorded is None:
        raise RolloutError("no rollout is under way: churn rollout start VERSION begins one")
    return recorded


def _require(by: str, why: str) -> None:
    if not by.strip() or not why.strip():
        raise RolloutError("say who you are and why: both are recorded")
