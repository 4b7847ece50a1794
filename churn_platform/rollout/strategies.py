"""From the policy to a plan: the stages of a strategy, the limits, and which strategy a risk tier takes.

Belongs here: putting a plan together. Does not belong here: the plan's values (`plan`), deciding (`decision`).

| strategy | take it when |
|---|---|
| canary | the usual case: few customers first, evidence at each step |
| shadow | nobody may meet a model that has not proved itself: high risk, or a model of another kind |
| blue_green | the two cannot answer side by side, or a former champion comes back |
| ab_test | the question is what customers do, not what the model says, and there is time for outcomes |
"""

from __future__ import annotations

from dataclasses import replace
from datetime import timedelta

from churn_platform.policies.releasing import BatchEvidencePolicy, RolloutPolicy
from churn_platform.rollout.ab_test import ab_stages, outcome_test
from churn_platform.rollout.blue_green import blue_green_stages
from churn_platform.rollout.canary import canary_stages
from churn_platform.rollout.plan import Limits, OutcomeTest, Plan, Source, Stage, Strategy
from churn_platform.rollout.shadow import shadow_stages


def strategy_for(risk_tier: str, policy: RolloutPolicy) -> Strategy:
    """The strategy of a risk tier; high ones, and one that nobody has heard of, take the policy's for high risk."""
    return policy.strategy if risk_tier in ("low", "medium") else policy.high_risk_strategy


def plan_rollout(
    policy: RolloutPolicy,
    *,
    model: str,
    champion: str,
    challenger: str,
    package: str,
    risk_tier: str,
    salt: str,
    policy_digest: str,
    max_score_shift: float,
    base_rate: float,
    label_horizon: timedelta,
    strategy: Strategy | None = None,
    evidence: Source = "api",
) -> Plan:
    """The plan by which `challenger` is to succeed `champion`.

    Args:
        policy: policy block `rollout`.
        model: the registered model's name. champion, challenger: versions. package: the challenger's package digest.
        risk_tier: selects the strategy unless one is named.
        salt: of the assignment; another one for each rollout.
        policy_digest: of the whole policy that the plan was made under.
        max_score_shift: largest difference of the score distributions, as drift of predictions is measured.
        base_rate: the champion's churn rate, for the sample of an A/B test.
        label_horizon: how late an outcome comes.
        evidence: where it will come from. Without requests (`batch`) every stage in which customers meet the challenger lasts at
            least one batch, and what is known is as fresh as the last batch; the gates ask for the same metrics.

    Raises:
        PlanError: the policy's figures make no plan.
    """
    chosen = strategy or strategy_for(risk_tier, policy)
    canary, test = policy.canary, policy.ab_test
    tested: OutcomeTest | None = None
    stages: tuple[Stage, ...]
    if chosen == "canary":
        stages = canary_stages(canary)
    elif chosen == "shadow":
        stages = shadow_stages(policy.shadow, canary.hold_budget)
    elif chosen == "blue_green":
        stages = blue_green_stages(policy.blue_green, canary.hold_budget)
    else:
        tested = outcome_test(
            base_rate, test.treatment_share, test.alpha, test.power, test.minimum_detectable_effect, test.min_sample
        )
        stages = ab_stages(tested, test.duration, label_horizon)
    limits = Limits(
        canary.max_error_rate,
        canary.max_p99.total_seconds(),
        canary.max_slowdown,
        canary.slow_from.total_seconds(),
        max_score_shift,
        canary.max_auc_degradation,
        policy.shadow.max_latency_increase,
        canary.min_requests,
        canary.min_outcomes,
        canary.stale_after,
        policy.false_rollbacks,
    )
    watch = Stage("watch", 1.0, policy.watch, "full_metrics", canary.hold_budget)
    if evidence == "batch":
        stages, watch = tuple(_in_batches(stage, policy.batch) for stage in stages), _in_batches(watch, policy.batch)
        limits = replace(
            limits,
            stale_after=policy.batch.stale_after,
            min_requests=min(limits.min_requests, policy.batch.min_requests),
        )
    return Plan(
        model=model,
        champion=champion,
        challenger=challenger,
        package=package,
        strategy=chosen,
        evidence=evidence,
        risk_tier=risk_tier,
        salt=salt,
        stages=stages,
        watch=watch,
        limits=limits,
        outcome_test=tested,
        on_hold_exhausted=policy.on_hold_exhausted,
        policy=policy_digest,
    )


def _in_batches(stage: Stage, policy: BatchEvidencePolicy) -> Stage:
    """The stage where a batch a day is all that is known; a health check looks at the package and needs no batch."""
    if stage.gate == "health":
        return stage
    return replace(stage, dwell=max(stage.dwell, policy.stage), hold_budget=max(stage.hold_budget, policy.hold_budget))
