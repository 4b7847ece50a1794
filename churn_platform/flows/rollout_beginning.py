"""Beginning a rollout: the plan that a model gets, frozen, and its first stage.

What belongs here: what a plan is made of. What does not: the plan's own rules (`rollout/strategies`), and what comes
after (`flows/rollout`).
"""

from __future__ import annotations

import logging
from typing import TYPE_CHECKING

from churn_platform.adapters.platform import ACTOR, Platform
from churn_platform.flows import rollout_effects as effects
from churn_platform.rollout.plan import Strategy
from churn_platform.rollout.strategies import plan_rollout

if TYPE_CHECKING:
    from churn_platform.adapters.ops_store.records import RegisteredModel
    from churn_platform.adapters.ops_store.rollouts import RecordedRollout
    from churn_platform.rollout.plan import Source

_log = logging.getLogger(__name__)


class RolloutError(RuntimeError):
    """A rollout cannot be started or moved like that; the message says why and what can be done."""


def begin(
    platform: Platform,
    version: str,
    why: str,
    actor: str,
    *,
    expected: str | None = None,
    strategy: Strategy | None = None,
    evidence: Source | None = None,
) -> RecordedRollout:
    """Plan and start a rollout, for a person or for the platform; `expected` is the champion that whoever decided has seen.

    Raises:
        RolloutError: no champion to succeed, or another than expected. RolloutConflict: another rollout is under way.
    """
    ops, policies = platform.ops, platform.policies
    model = ops.model(version)
    champion = ops.champion(policies.governance.model)
    if champion is None:
        raise RolloutError("there is no champion to succeed: the first model is released at once, by `churn run`")
    if champion.version == version:
        raise RolloutError(f"{version} is champion already")
    if expected is not None and champion.version != expected:
        raise RolloutError(
            f"{version} was to succeed {expected}, and by now {champion.version} is champion: compare the two, and decide again"
        )
    effects.verify(platform, model.package_digest)
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
        max_score_shift=policies.drift.prediction.kl + _vindicated_shift(platform, champion.version, model),
        base_rate=policies.kpis.churn_rate.baseline,
        label_horizon=policies.label.horizon,
        strategy=strategy,
        evidence=evidence or _source(platform),
    )
    begun = ops.start_rollout(plan, why, actor=actor, at=platform.now())
    effects.mirror(platform)
    return begun


def begin_waiting(platform: Platform) -> RecordedRollout | None:
    """Begin the rollout of the newest released model that has had none, if it was compared with who is champion now."""
    ops, name = platform.ops, platform.policies.governance.model
    champion = ops.champion(name)
    released = [one for one in ops.decisions(kind="release") if one.outcome == "release"]
    if champion is None or not released or ops.rollout(name) is not None:
        return None
    newest = released[-1]
    rolled_out = {one.plan.challenger for one in ops.rollouts(name)}
    if newest.subject in rolled_out | {champion.version} or newest.evidence.get("incumbent") != champion.version:
        return None
    return begin(platform, newest.subject, newest.reasons[0], ACTOR, expected=champion.version)


def _source(platform: Platform) -> Source:
    """Requests where customers were answered within the last day, else the daily batch."""
    from churn_platform.flows.rollout_requests import answered_lately

    return "api" if answered_lately(platform, platform.now()) else "batch"


def _vindicated_shift(platform: Platform, champion: str, model: RegisteredModel) -> float:
    """How differently the challenger scores where outcomes have judged both; 0 where it cannot be known."""
    from churn_platform.flows import both_models
    from churn_platform.flows.rollout_evidence import vindicated_shift

    try:
        packages = (platform.ops.model(champion).package_digest, model.package_digest)
        two = both_models.Pair(*(both_models.package(platform, digest) for digest in packages))
        return vindicated_shift(platform, two, model.registration.as_of)
    except Exception as error:
        _log.warning("no shift of the scores is allowed beyond the policy's, since none could be measured: %s", error)
        return 0.0
