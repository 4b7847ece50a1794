"""The deployment gate, before traffic: is the package whole, does somebody answer for it, and is nothing lost by
switching?

What belongs here: what must hold of a release. What does not: whether the model is good (`performance`), how traffic is
shifted (`rollout/`), and who may approve (`governance/`): the number of valid approvals is passed in.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

from churn_platform.evaluation.gate.decision import (
    GateCheck,
    GateDecision,
    Question,
    ask,
    at_least,
    decide,
    failed,
    holds,
)

if TYPE_CHECKING:
    from churn_platform.evaluation.estimate import Estimate
    from churn_platform.policies import DeploymentGatePolicy


@dataclass(frozen=True, slots=True)
class Incumbent:
    """The champion to be replaced, and the challenger's AUC minus its own on the same holdout rows."""

    version: str
    auc_above: Estimate


def deployment_gate(
    *,
    package_verified: bool | None,
    business_owner: str | None,
    ml_owner: str | None,
    risk_tier: str | None,
    approvals: int,
    evaluation: GateDecision | None,
    incumbent: Incumbent | None,
    policy: DeploymentGatePolicy,
) -> GateDecision:
    """Judge a release. `package_verified`: digests and signature were checked, just now, and held (None: not checked).

    `approvals` counts valid approvals by others than the requester; `incumbent` is None only where no champion exists,
    which is recorded as the reason. Never raises: whatever cannot be checked is a failed check.
    """
    questions: list[Question] = [
        ("package_integrity", lambda: _integrity(package_verified, policy)),
        ("owners", lambda: _owners(business_owner, ml_owner, policy)),
        ("approvals", lambda: _approvals(risk_tier, approvals, policy)),
        ("evaluation", lambda: _evaluation(evaluation)),
        ("incumbent", lambda: _incumbent(incumbent, policy)),
    ]
    return decide("deployment", ask(questions))


def _integrity(verified: bool | None, policy: DeploymentGatePolicy) -> GateCheck:
    if not policy.require_package_integrity:
        return GateCheck("package_integrity", "pass", None, None, "not required by the policy")
    return holds(
        "package_integrity",
        verified,
        "every file of the package has the digest its manifest names",
        "the package was not verified, or a file differs from its manifest; build it again",
    )


def _owners(business_owner: str | None, ml_owner: str | None, policy: DeploymentGatePolicy) -> GateCheck:
    if not policy.require_owners:
        return GateCheck("owners", "pass", None, None, "not required by the policy")
    nobody = [
        what
        for what, name in (("business owner", business_owner), ("ML owner", ml_owner))
        if not isinstance(name, str) or not name.strip()
    ]
    if nobody:
        return failed("owners", f"no {' and no '.join(nobody)}; no model goes live without both (policy governance)")
    return GateCheck("owners", "pass", None, None, f"{business_owner} answers for its use, {ml_owner} for the model")


def _approvals(risk_tier: str | None, approvals: int, policy: DeploymentGatePolicy) -> GateCheck:
    needed = {"low": policy.approvals.low, "medium": policy.approvals.medium, "high": policy.approvals.high}
    if risk_tier not in needed:
        return failed(
            "approvals", f"the risk tier is {risk_tier!r}, not low, medium or high; so nobody knows who must approve"
        )
    return at_least("approvals", approvals, needed[risk_tier], f"the number of approvals (risk tier {risk_tier})")


def _evaluation(evaluation: GateDecision | None) -> GateCheck:
    if evaluation is None:
        return failed("evaluation", "there is no verdict of the evaluation gate")
    if evaluation.gate != "evaluation":
        return failed("evaluation", f"this is the verdict of the {evaluation.gate!r} gate, not of the evaluation gate")
    again = decide(evaluation.gate, evaluation.checks)
    if not (evaluation.passed and again.passed):
        return failed("evaluation", f"the evaluation gate says {again.verdict}: {'; '.join(again.reasons)}")
    return GateCheck(
        "evaluation", "pass", None, None, f"the evaluation gate passed all of its {len(again.checks)} checks"
    )


def _incumbent(incumbent: Incumbent | None, policy: DeploymentGatePolicy) -> GateCheck:
    if incumbent is None:
        return GateCheck(
            "incumbent", "pass", None, None, "no champion exists yet: there is no incumbent to be compared with"
        )
    if not policy.require_not_worse_than_incumbent:
        return GateCheck("incumbent", "pass", None, None, "not required by the policy")
    what = f"ROC AUC above that of champion {incumbent.version}, on the same rows,"
    if not incumbent.auc_above.is_usable:
        return failed("incumbent", f"{what} is not usable; compare both models on one holdout")
    return at_least("incumbent", incumbent.auc_above.value, -policy.max_auc_below_incumbent, what)
