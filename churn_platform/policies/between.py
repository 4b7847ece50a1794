"""The rules between blocks: values that are each allowed, and together make no sense.

What belongs here: one function a rule, and the blocks it needs. What does not: rules within one block (see the block).
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping

from churn_platform.policies.business import GovernancePolicy
from churn_platform.policies.gating import GatesPolicy
from churn_platform.policies.learning import EvaluationPolicy, LabelPolicy, ReplayPolicy, TrainingPolicy
from churn_platform.policies.monitoring import RetrainingPolicy, SloPolicy
from churn_platform.policies.quantities import Block, Contradiction
from churn_platform.policies.releasing import RolloutPolicy, ServingPolicy


def _fairness_bounds(evaluation: EvaluationPolicy, gates: GatesPolicy) -> Iterator[Contradiction]:
    bounds, attributes = gates.evaluation.max_true_positive_rate_difference, evaluation.fairness_attributes
    for attribute in sorted(set(attributes) - set(bounds)):
        yield Contradiction(
            "gates.evaluation.max_true_positive_rate_difference",
            f"evaluation.fairness_attributes names {attribute!r}, but the gate has no bound for it.",
            "Add a bound for it, or stop measuring it.",
        )
    for attribute in sorted(set(bounds) - set(attributes)):
        yield Contradiction(
            f"gates.evaluation.max_true_positive_rate_difference.{attribute}",
            f"{attribute!r} is not among evaluation.fairness_attributes, so it would never be measured.",
            "Add it there, or remove the bound.",
        )


def _replay_matures(replay: ReplayPolicy, label: LabelPolicy) -> Iterator[Contradiction]:
    if replay.maturing < label.horizon:
        yield Contradiction(
            "replay.maturing",
            f"{replay.maturing.days} days are too few for the last history day's outcomes to mature: "
            f"that takes label.horizon, {label.horizon.days} days.",
            "Make it at least label.horizon.",
        )


def _window_holds_outcomes(training: TrainingPolicy, label: LabelPolicy) -> Iterator[Contradiction]:
    if training.window <= label.horizon:
        yield Contradiction(
            "training.window", "no outcome within it can have matured.", "Make it longer than label.horizon."
        )


def _decay_below_the_gate(retraining: RetrainingPolicy, gates: GatesPolicy) -> Iterator[Contradiction]:
    if retraining.performance_decay.min_auc > gates.evaluation.min_auc:
        yield Contradiction(
            "retraining.performance_decay.min_auc",
            f"{retraining.performance_decay.min_auc} is above the gate's {gates.evaluation.min_auc}: "
            "a model fresh through the gate would ask for retraining at once.",
            "Keep it at or below gates.evaluation.min_auc.",
        )


def _enough_approvers(governance: GovernancePolicy, gates: GatesPolicy) -> Iterator[Contradiction]:
    for tier in ("low", "medium", "high"):
        needed, roles = getattr(gates.deployment.approvals, tier), getattr(governance.approvers, tier)
        if needed > len(set(roles)):
            yield Contradiction(
                f"governance.approvers.{tier}",
                f"{needed} approvals are needed and {len(set(roles))} roles may give one: nobody could ever approve.",
                "Name more roles, or ask for fewer approvals.",
            )


def _error_budget(slo: SloPolicy, serving: ServingPolicy) -> Iterator[Contradiction]:
    if slo.error_budget > 1 - serving.availability + 1e-12:
        yield Contradiction(
            "slo.error_budget",
            f"{slo.error_budget:g} is more than serving.availability {serving.availability:g} leaves.",
            "Keep it at or below 1 - serving.availability.",
        )


def _latency_guardrail(rollout: RolloutPolicy, serving: ServingPolicy) -> Iterator[Contradiction]:
    if rollout.canary.max_p99 < serving.p99:
        yield Contradiction(
            "rollout.canary.max_p99",
            "it is below serving.p99: a challenger within the promise would be rolled back.",
            "Keep it at or above serving.p99.",
        )


_RULES: tuple[tuple[tuple[str, str], Callable[..., Iterator[Contradiction]]], ...] = (
    (("evaluation", "gates"), _fairness_bounds),
    (("replay", "label"), _replay_matures),
    (("training", "label"), _window_holds_outcomes),
    (("retraining", "gates"), _decay_below_the_gate),
    (("governance", "gates"), _enough_approvers),
    (("slo", "serving"), _error_budget),
    (("rollout", "serving"), _latency_guardrail),
)


def contradictions_between(blocks: Mapping[str, Block]) -> Iterator[Contradiction]:
    """Every contradiction between the blocks given; a rule whose blocks are not all there is left out."""
    for needed, rule in _RULES:
        if all(name in blocks for name in needed):
            yield from rule(*(blocks[name] for name in needed))
