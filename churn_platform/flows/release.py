"""From a model package to its release: registration, the deployment gate, the release decision, and the way to the customers.

What belongs here: carrying decisions out and recording them. What does not: deciding (`promotion.py`, `evaluation/gate`).
"""

from __future__ import annotations

import json
import logging
from collections.abc import Mapping
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from churn_platform.adapters.platform import ACTOR, Platform
from churn_platform.evaluation.gate import GateDecision, Incumbent, deployment_gate
from churn_platform.promotion import ReleaseDecision, first_release_decision, successor_decision

if TYPE_CHECKING:
    from churn_platform.adapters.ops_store.records import Champion, RegisteredModel
    from churn_platform.evaluation.comparison import Comparison

_log = logging.getLogger(__name__)
Facts = dict[str, Any]
CHAMPION_ALIAS = "champion"


@dataclass(frozen=True)
class Registered:
    """A registered model, or why it was not."""

    model: RegisteredModel | None
    reasons: tuple[str, ...]
    facts: Facts


def register(platform: Platform, before: Mapping[str, Any]) -> Registered:
    """Register the package in the ops store and in MLflow, if the recorded verdict of the evaluation gate is a pass.

    A refusal is recorded as a decision, so that every rejected model keeps its record.
    """
    from churn_platform.adapters.code import code_digest, code_revision
    from churn_platform.governance.registration import Registration

    gate = _recorded_gate(platform, f"candidate:{before['candidate']}", "evaluation")
    digest, policies = str(before["package"]), platform.policies
    if gate is None or not gate.passed:
        reasons = gate.reasons if gate is not None else ("the evaluation gate has no recorded verdict",)
        platform.ops.record_decision(
            "registration",
            f"package:{digest}",
            "rejected",
            reasons,
            {"package": digest},
            actor=ACTOR,
            at=platform.now(),
        )
        _finish(platform, before, "rejected", reasons, None)
        return Registered(None, reasons, dict(before))
    metrics = _headline(platform, before)
    registration = Registration(
        model_name=policies.governance.model,
        package_digest=digest,
        feature_set=before["feature_set"],
        training_data_digest=before["training_set"],
        policy_digest=policies.digest,
        code_revision=code_revision(),
        code_digest=code_digest(),
        business_owner=policies.governance.business_owner,
        ml_owner=policies.governance.ml_owner,
        risk_tier=policies.governance.risk_tier,
        as_of=_date(before["as_of"]),
        feed=platform.home.feed,
        simulated=platform.home.simulated,
        metrics=metrics,
    )
    model = platform.ops.register_model(registration, actor=ACTOR, at=platform.now())
    inputs = {"package": digest, "candidate": before["candidate"], "policy": policies.digest}
    platform.ops.record_verdict(model.version, gate, inputs, actor=ACTOR, at=platform.now())
    _track(platform, model, before, metrics)
    return Registered(model, (), {**before, "version": model.version})


@dataclass(frozen=True)
class Released:
    """The release decision, who is champion after it, and the rollout that began with it (None: at once, or not yet)."""

    decision: ReleaseDecision
    gate: GateDecision
    champion: Champion | None
    changed: bool
    facts: Facts
    rollout: str | None = None


def release(platform: Platform, before: Mapping[str, Any]) -> Released:
    """Decide on a registered model and carry the decision out: begin its rollout, or keep who is champion.

    The package is verified just now; the comparison counts only if it was with who is champion now; a rollout begins only if the
    champion still is who the decision saw.

    Raises:
        PromotionConflict, RolloutError: somebody else changed the champion in between; nothing was changed.
    """
    from churn_platform.flows.comparison import recorded_comparison

    version, ops, policies = str(before["version"]), platform.ops, platform.policies
    present = ops.champion(policies.governance.model)
    evaluation = _recorded_gate(platform, version, "evaluation")
    compared = None if present is None else recorded_comparison(platform, version, present.version)
    gate = deployment_gate(
        package_verified=_package_verifies(platform, str(before["package"])),
        business_owner=policies.governance.business_owner,
        ml_owner=policies.governance.ml_owner,
        risk_tier=policies.governance.risk_tier,
        approvals=0,
        evaluation=evaluation,
        incumbent=None if present is None or present.version == version else _incumbent(present.version, compared),
        policy=policies.gates.deployment,
    )
    inputs = {
        "package": before["package"],
        "policy": policies.digest,
        "incumbent": present.version if present else None,
        "comparison": before.get("comparison"),
    }
    ops.record_verdict(version, gate, inputs, actor=ACTOR, at=platform.now())
    if present is not None and present.version == version:
        decision = ReleaseDecision(
            "release", (f"{version} is champion already: the same inputs gave the same package",)
        )
        _mirror(platform, version)
        _finish(platform, before, decision.outcome, decision.reasons, version)
        return Released(decision, gate, present, False, {**before, "champion": version})
    if present is None:
        decision = first_release_decision(evaluation, gate, None)
    else:
        sent_back = _sent_back(platform, version, present.version)
        decision = sent_back or successor_decision(evaluation, gate, present.version, compared[0] if compared else None)
    ops.record_decision("release", version, decision.outcome, decision.reasons, inputs, actor=ACTOR, at=platform.now())
    if decision.outcome != "release":
        _mirror_states(platform)
        _finish(platform, before, decision.outcome, decision.reasons, version)
        return Released(decision, gate, present, False, dict(before))
    champion, rollout = take_live(platform, version, present.version if present else None, decision, inputs)
    _finish(platform, before, decision.outcome, decision.reasons, version)
    changed = champion.version == version
    facts = {**before, "champion": champion.version, "rollout": rollout}
    return Released(decision, gate, champion, changed, facts, rollout)


def take_live(
    platform: Platform, version: str, incumbent: str | None, decision: ReleaseDecision, evidence: Mapping[str, Any]
) -> tuple[Champion, str | None]:
    """Bring a released model to the customers: the first one at once, a successor by the rollout of its tier.

    Where another rollout is under way (or watched), the model waits for its end: the next tick begins then, if the champion is still who
    it was compared with.

    Returns:
        who is champion now, and the name of the rollout that began.
    """
    from churn_platform.adapters.ops_store import RolloutConflict
    from churn_platform.flows.rollout_beginning import begin
    from churn_platform.flows.routing import publish_routing

    if incumbent is not None:
        present = platform.ops.champion(platform.policies.governance.model)
        assert present is not None  # noqa: S101 (whoever decided has seen it, and nobody takes a champion away)
        try:
            begun = begin(platform, version, decision.reasons[0], ACTOR, expected=incumbent)
        except RolloutConflict as waits:
            _log.info("%s; it begins when that has ended", waits)
            return present, None
        finally:
            _mirror_states(platform)
        return present, begun.rollout
    champion = platform.ops.promote(
        version,
        incumbent,
        decision.reasons[0],
        {**evidence, "gate_verdicts": ["evaluation", "deployment"]},
        actor=ACTOR,
        at=platform.now(),
    )
    publish_routing(platform)
    _mirror(platform, version)
    return champion, None


def _sent_back(platform: Platform, version: str, incumbent: str) -> ReleaseDecision | None:
    """The same package again, which customers have sent back once: it stays away until a person starts its rollout."""
    for past in reversed(platform.ops.rollouts(platform.policies.governance.model)):
        if (past.plan.challenger, past.plan.champion, past.progress.phase) == (version, incumbent, "rolled_back"):
            why = past.events[-1].reasons[0]
            reason = f"{incumbent} stays champion: {version} was sent back in {past.rollout} ({why}); `churn rollout start` tries again"
            return ReleaseDecision("archive", (reason,))
    return None


def _finish(
    platform: Platform, before: Mapping[str, Any], outcome: str, reasons: tuple[str, ...], model: str | None
) -> None:
    """Say what became of the model as a finding, and answer the retraining decision that asked for it, if one did."""
    from churn_platform.flows.retraining import record_release_finding, retraining_finished

    record_release_finding(platform, outcome, reasons, _date(before["as_of"]))
    if before.get("decision"):
        retraining_finished(platform, int(before["decision"]), outcome, reasons, model)


def _incumbent(version: str, compared: tuple[str, Comparison | None] | None) -> Incumbent:
    """The champion with the measured difference of AUC on the same rows; without one the deployment gate fails."""
    from churn_platform.evaluation.estimate import Estimate

    if compared is not None and compared[1] is not None:
        return Incumbent(version, compared[1].auc.difference)
    nothing = Estimate(float("nan"), float("nan"), float("nan"), 0.95, "not compared", 0)
    return Incumbent(version, nothing)


def _mirror(platform: Platform, version: str) -> None:
    """Put MLflow's aliases and state tags where the ops store says."""
    platform.registry.mirror_alias(CHAMPION_ALIAS, version)
    _mirror_states(platform)


def _mirror_states(platform: Platform) -> None:
    from churn_platform.flows.models import mirror_states

    mirror_states(platform)


def _package_verifies(platform: Platform, digest: str) -> bool:
    from churn_platform.adapters.packages import PackageError, read_package

    try:
        read_package(platform.settings.packages, digest, platform.signer.verifier)
    except PackageError:
        return False
    return True


def _recorded_gate(platform: Platform, subject: str, gate: str) -> GateDecision | None:
    """The last recorded decision of a gate on `subject`, judged anew from its checks; None if there is none."""
    recorded = [verdict for verdict in platform.ops.verdicts(subject) if verdict.gate == gate]
    if not recorded:
        return None
    last = recorded[-1]
    return GateDecision.from_dict(
        {"gate": last.gate, "verdict": last.verdict, "checks": [dict(check) for check in last.checks]}
    )


def _headline(platform: Platform, before: Mapping[str, Any]) -> dict[str, float]:
    from churn_platform.evaluation.evaluation import Evaluation

    path = platform.settings.home / "evaluations" / str(before["candidate"]) / "evaluation.json"
    evaluation = Evaluation.from_dict(json.loads(path.read_text()))
    metrics = {name: estimate.value for name, estimate in evaluation.metrics.items()}
    auc = evaluation.metrics["auc"]
    return {**metrics, "auc_low": auc.low, "auc_high": auc.high, "holdout_rows": evaluation.rows}


def _track(platform: Platform, model: RegisteredModel, before: Mapping[str, Any], metrics: Mapping[str, float]) -> None:
    """MLflow's record of a newly registered model; a model that is there already is left as it is."""
    from churn_platform.training.model import TrainedModel

    registry = platform.registry
    package = platform.settings.packages / model.package_digest
    if registry.has(model.version):
        return
    trained = TrainedModel.from_files({path.name: path.read_bytes() for path in package.glob("*.json")})
    registration = model.registration
    tags = {
        "business_owner": registration.business_owner,
        "ml_owner": registration.ml_owner,
        "risk_tier": registration.risk_tier,
        "package_digest": model.package_digest,
        "training_data_digest": registration.training_data_digest,
        "policy_digest": registration.policy_digest,
        "code_revision": registration.code_revision,
        "feature_set": registration.feature_set,
        "feed": registration.feed,
        "simulated": str(registration.simulated).lower(),
    }
    run_id = registry.log_training(
        name=model.version,
        params={**trained.record.params, "rounds": trained.record.rounds, "seed": trained.record.seed},
        metrics=metrics,
        tags=tags,
        artifacts={"evaluation": package / "evaluation.json"},
    )
    registry.register(version=model.version, package=package, run_id=run_id, tags=tags)


def _date(text: str) -> Any:
    from datetime import date

    return date.fromisoformat(text)
