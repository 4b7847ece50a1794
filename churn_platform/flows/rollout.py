"""A rollout from its plan to its end: start it, tick it, move it by hand, and say where it stands.

What belongs here: which plan a model gets, collecting what is known, carrying out what was decided. What does not: deciding
(`rollout/decision`), keeping it (`adapters/ops_store`), answering customers (`serving/`), measuring a batch (`flows/rollout_evidence`).

Every act is one transaction that also says who and why; a controller that is killed between two acts finds the rollout where it stood.
Rolling back is promoting with other arguments: it needs no registry and no network, and brings the whole package back.
"""

from __future__ import annotations

from collections.abc import Callable
from datetime import datetime
from typing import TYPE_CHECKING, Any

from churn_platform.adapters.platform import ACTOR, Platform
from churn_platform.rollout.decision import RolloutDecision, decide
from churn_platform.rollout.evidence import Evidence
from churn_platform.rollout.gates import WANTED
from churn_platform.rollout.plan import Plan, Strategy
from churn_platform.rollout.progress import Kind, Progress, stage_of, weight_of
from churn_platform.rollout.strategies import plan_rollout

if TYPE_CHECKING:
    from churn_platform.adapters.ops_store.rollouts import RecordedRollout

Answer = dict[str, Any]
Collector = Callable[[Platform, Plan, Progress, datetime], Evidence]


class RolloutError(RuntimeError):
    """A rollout cannot be started or moved like that; the message says why and what can be done."""


def start(platform: Platform, version: str, by: str, why: str, strategy: Strategy | None = None) -> RecordedRollout:
    """Plan and start the rollout that is to make `version` champion, by the strategy of its risk tier unless one is named.

    Raises:
        RolloutError: no champion to succeed, the package does not verify, no person or reason.
        RolloutConflict: another rollout is under way. UnknownModel: no such version.
    """
    _require(by, why)
    ops, policies = platform.ops, platform.policies
    model = ops.model(version)
    champion = ops.champion(policies.governance.model)
    if champion is None:
        raise RolloutError("there is no champion to succeed: the first model is released at once, by `churn run`")
    if champion.version == version:
        raise RolloutError(f"{version} is champion already")
    _verify(platform, model.package_digest)
    number = len(ops.rollouts(policies.governance.model)) + 1
    plan = plan_rollout(
        policies.rollout,
        model=policies.governance.model,
        champion=champion.version,
        challenger=version,
        package=model.package_digest,
        risk_tier=model.registration.risk_tier,
        salt=f"{policies.governance.model}/R-{number}",
        policy_digest=policies.digest,
        max_score_shift=policies.drift.prediction.kl,
        base_rate=policies.kpis.churn_rate.baseline,
        label_horizon=policies.label.horizon,
        strategy=strategy,
    )
    return ops.start_rollout(plan, why, actor=f"person:{by}", at=platform.now())


def tick(platform: Platform, collect: Collector | None = None) -> tuple[RecordedRollout, RolloutDecision] | None:
    """Decide on the open rollout from what is known now, and carry the decision out; None where none is open.

    A collector that fails is evidence of nothing: the rollout holds, and says what failed.
    """
    recorded = _open(platform)
    if recorded is None:
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
    from churn_platform.flows.rollout_evidence import batch_evidence

    plan, progress = recorded.plan, recorded.progress
    try:
        return (collect or batch_evidence)(platform, plan, progress, now)
    except Exception as error:
        return Evidence(plan.digest, progress.stage, problem=f"nothing could be collected: {error}")


def status(platform: Platform, collect: Collector | None = None) -> Answer:
    """Where the open rollout stands (or the last one ended), what is known, and what the next tick would do."""
    every = platform.ops.rollouts(platform.policies.governance.model)
    if not every:
        return {"rollout": None, "before": 0}
    recorded = every[-1]
    plan, progress, now = recorded.plan, recorded.progress, platform.now()
    stage = None if progress.over else stage_of(plan, progress)
    decision = None if progress.over else decide(collected(platform, recorded, collect, now), plan, progress, now)
    return {
        "rollout": recorded.rollout,
        "before": len(every) - 1,
        "champion": plan.champion,
        "challenger": plan.challenger,
        "strategy": plan.strategy,
        "plan": plan.digest,
        "phase": progress.phase,
        "weight": weight_of(plan, progress),
        "held": progress.held.isoformat() if progress.held else None,
        "asked": progress.asked.isoformat() if progress.asked else None,
        "stage": None
        if stage is None
        else {
            "name": stage.name,
            "number": progress.stage + 1,
            "of": len(plan.stages),
            "entered": progress.entered.isoformat(),
            "lasts_until": (progress.entered + stage.dwell).isoformat(),
            "gate": stage.gate,
            "asks_for": list(WANTED[stage.gate]),
        },
        "next": None
        if decision is None
        else {
            "action": decision.action,
            "reasons": list(decision.reasons),
            "checks": [{"name": one.name, "verdict": one.verdict, "reason": one.reason} for one in decision.checks],
        },
        "events": [
            {"kind": one.kind, "at": one.at.isoformat(), "by": one.actor, "reasons": list(one.reasons)}
            for one in recorded.events
        ],
    }


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
    moved = platform.ops.move_rollout(recorded.rollout, recorded.position, kind, reasons, checks, actor=actor, at=at)
    _mirror(platform)
    return moved


def _mirror(platform: Platform) -> None:
    """What the API follows, and MLflow's alias; both are mended by whoever finds them behind."""
    from churn_platform.flows.routing import publish_routing

    publish_routing(platform)


def _verify_for(platform: Platform, kind: Kind, plan: Plan) -> None:
    """Before somebody becomes champion, the package is verified as it lies there."""
    if kind in ("promoted", "advanced"):
        _verify(platform, plan.package)
    elif kind == "rolled_back":
        champion = platform.ops.champion(plan.model)
        if champion is not None and champion.version == plan.challenger:
            _verify(platform, platform.ops.model(plan.champion).package_digest)


def _verify(platform: Platform, digest: str) -> None:
    from churn_platform.adapters.packages import read_package

    read_package(platform.settings.packages, digest, platform.signer.verifier)


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
