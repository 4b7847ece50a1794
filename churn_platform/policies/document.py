"""The whole policy file as one frozen value: its blocks, the rules between them, its reasons and its digest.

What belongs here: what is true of all blocks together. What does not: one block's fields and rules, or YAML.
"""

from __future__ import annotations

import datetime as dt
import hashlib
import json
from collections.abc import Callable, Iterator, Mapping
from typing import Any

from pydantic import Field

from churn_platform.policies.business import GovernancePolicy, KpisPolicy, ReviewPolicy
from churn_platform.policies.errors import UnknownPolicyPathError
from churn_platform.policies.gating import GatesPolicy
from churn_platform.policies.learning import EvaluationPolicy, LabelPolicy, ReplayPolicy, ScoringPolicy, TrainingPolicy
from churn_platform.policies.monitoring import AlertsPolicy, DriftPolicy, RetrainingPolicy, SloPolicy
from churn_platform.policies.quantities import DURATION, Block, Contradiction, Named
from churn_platform.policies.releasing import BatchPolicy, ChampionChallengerPolicy, RolloutPolicy, ServingPolicy
from churn_platform.policies.shape import Shape, shapes_of

REASONS = "reasons"


class Policies(Block):
    """How much is too much, for everything the platform decides. Frozen all the way down, with a reason for each value."""

    replay: ReplayPolicy
    label: LabelPolicy
    training: TrainingPolicy
    evaluation: EvaluationPolicy
    gates: GatesPolicy
    scoring: ScoringPolicy
    batch: BatchPolicy
    drift: DriftPolicy
    alerts: AlertsPolicy
    retraining: RetrainingPolicy
    champion_challenger: ChampionChallengerPolicy
    rollout: RolloutPolicy
    serving: ServingPolicy
    slo: SloPolicy
    kpis: KpisPolicy
    governance: GovernancePolicy
    review: ReviewPolicy
    reasons: Named[str] = Field(repr=False)

    def contradictions(self) -> Iterator[Contradiction]:
        """Values of different blocks that cannot both hold."""
        yield from contradictions_between({name: getattr(self, name) for name in BLOCKS})

    @property
    def digest(self) -> str:
        """Sha256, in hex, of every value with its unit: what a decision records to say under which policy it was taken.

        Reasons, comments, order and spelling (24 hours or 1 day, 0.2 or 0.20) do not change it; a value does.
        """
        text = json.dumps(self.as_dict(), sort_keys=True, separators=(",", ":"), ensure_ascii=False, allow_nan=False)
        return hashlib.sha256(text.encode()).hexdigest()

    def reason(self, path: str) -> str:
        """Why the value at a dotted path is what it is; a plain value, or a block, answers with the reason of its block.

        UnknownPolicyPathError if there is no such path, or only blocks without a reason of their own.
        """
        self.value(path)
        at = path
        while at:
            if at in self.reasons:
                return self.reasons[at]
            at = at.rpartition(".")[0] if not at.endswith("]") else at.rpartition("[")[0]
        raise UnknownPolicyPathError(f"{path} is a block of values that carry their own reasons: ask for one of them")

    def value(self, path: str) -> Any:
        """The value or block at a dotted path such as `rollout.canary.steps[0].weight`; UnknownPolicyPathError if none."""
        found: Any = self
        for part in path.replace("[", ".[").split("."):
            try:
                if part.startswith("["):
                    found = found[int(part[1:-1])]
                elif isinstance(found, Named):
                    found = found[part]
                elif isinstance(found, Block) and part in shapes_of(type(found)) and part != REASONS:
                    found = getattr(found, part)
                else:
                    raise KeyError(part)
            except (KeyError, IndexError, TypeError, ValueError):
                raise UnknownPolicyPathError(f"no policy {path!r}: there is no {part!r} in it") from None
        return found

    def as_dict(self, *, reasons: bool = False) -> dict[str, Any]:
        """The policies as JSON-able values, each quantity with its unit (durations in seconds).

        With `reasons`, written as JSON it is itself a policy file: `policies_from_text` reads it back to the same digest.
        """
        return {
            name: _written(getattr(self, name), SHAPES[name], name, self.reasons if reasons else None)
            for name in BLOCKS
        }

    def changed(self, path: str, value: Any, reason: str) -> Policies:
        """A copy with one value changed, for an experiment or a test; it passes the same checks and has its own digest.

        `value` is plain Python: a number, a timedelta, a date. pydantic.ValidationError if it is refused.
        """
        self.value(path)
        if not reason.strip():
            raise ValueError(f"{path} cannot be changed without a reason")
        inner: Block = _with(self, path.split("."), value)
        fields = {name: getattr(inner, name) for name in BLOCKS}
        return Policies.model_validate({**fields, REASONS: Named({**self.reasons, path: reason.strip()})})


SHAPES = {name: shape for name, shape in shapes_of(Policies).items() if name != REASONS}
BLOCKS = tuple(SHAPES)


def _with(block: Any, path: list[str], value: Any) -> Any:
    head, *rest = path
    inner = _with(getattr(block, head) if isinstance(block, Block) else block[head], rest, value) if rest else value
    if isinstance(block, Named):
        return Named({**block, head: inner})
    return type(block).model_validate(
        {**{name: getattr(block, name) for name in type(block).model_fields}, head: inner}
    )


def _written(value: Any, shape: Shape, path: str, reasons: Mapping[str, str] | None) -> Any:
    if shape.form == "quantity":
        written = {"value": _plain(value), "unit": "seconds" if shape.unit == DURATION else shape.units[0]}
        return written if reasons is None else {**written, "reason": reasons[path]}
    if shape.form == "block":
        inner = {n: _written(getattr(value, n), s, f"{path}.{n}", reasons) for n, s in shapes_of(shape.type).items()}
        return {"reason": reasons[path], **inner} if reasons is not None and path in reasons else inner
    if shape.form == "list" and shape.item is not None:
        return [_written(item, shape.item, f"{path}[{i}]", reasons) for i, item in enumerate(value)]
    if shape.form == "named" and shape.item is not None:
        return {name: _written(item, shape.item, f"{path}.{name}", reasons) for name, item in value.items()}
    return value


def _plain(value: Any) -> Any:
    if isinstance(value, dt.timedelta):
        seconds = value.total_seconds()
        return int(seconds) if seconds.is_integer() else seconds
    return value.isoformat() if isinstance(value, dt.date | dt.time) else value


# ---------------------------------------------------------------------------------------------------- rules between blocks


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
            f"{replay.maturing.days} days are too few for the outcomes of the last history day to mature ({label.horizon.days} days).",
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
                f"{needed} approvals are needed, but only {len(set(roles))} roles may give one: nothing could ever be approved.",
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


def contradictions_between(blocks: Mapping[str, Any]) -> Iterator[Contradiction]:
    """Every contradiction between the blocks given; a rule whose blocks are not all there is left out."""
    for needed, rule in _RULES:
        if all(name in blocks for name in needed):
            yield from rule(*(blocks[name] for name in needed))
