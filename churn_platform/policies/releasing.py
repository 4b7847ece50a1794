"""How a challenger earns traffic: the comparison, the strategies of a rollout, what serving and the batch must hold.

What belongs here: the numbers of a release. What does not: state machines (`rollout/`) or the gates (`gating.py`).
"""

from __future__ import annotations

import math
from collections.abc import Iterator
from typing import Annotated, Literal

from pydantic import Field

from churn_platform.policies.quantities import (
    Block,
    Contradiction,
    Money,
    Probability,
    Relative,
    Seed,
    Share,
    Span,
    SpanOrNone,
    TimeOfDay,
    Unit,
)

Rows = Annotated[int, Unit("rows"), Field(ge=1)]
RequestRate = Annotated[float, Unit("requests per second"), Field(gt=0)]


class ComparisonWeights(Block):
    """What counts how much in the champion/challenger score."""

    auc: Share
    f1: Share
    latency: Share
    size: Share

    def contradictions(self) -> Iterator[Contradiction]:
        """Weights are parts of one."""
        total = math.fsum((self.auc, self.f1, self.latency, self.size))
        if not math.isclose(total, 1.0, abs_tol=1e-9):
            yield Contradiction("auc", f"the weights sum to {total:g}, not to 1.", "Change them until they sum to 1.")


class BusinessValuePolicy(Block):
    """What a contact costs and what a saved customer is worth, for the expected retained value."""

    contact_share: Annotated[float, Unit("share"), Field(gt=0, le=1)]
    contact_cost: Money
    offer_cost: Money
    save_rate: Share
    value_horizon: Span


class ChampionChallengerPolicy(Block):
    """When a challenger has won: score, non-inferiority of AUC, and the business guard."""

    weights: ComparisonWeights
    clip: Annotated[float, Unit("relative"), Field(gt=0, le=1)]
    min_gain: Relative
    auc_margin: Annotated[float, Unit("AUC"), Field(ge=0, le=0.5)]
    max_value_loss: Relative
    latency_floor: Span
    size_floor: Annotated[float, Unit("MB"), Field(gt=0)]
    min_rows: Rows
    min_churners: Rows
    resamples: Annotated[int, Unit("bootstrap resamples"), Field(ge=100, le=1_000_000)]
    seed: Seed
    confidence: Probability
    score_confidence: Probability
    business: BusinessValuePolicy

    def contradictions(self) -> Iterator[Contradiction]:
        """A win must be reachable."""
        if self.min_gain > self.clip:
            yield Contradiction(
                "min_gain",
                f"a gain of {self.min_gain} can never be reached, since each change is clipped to {self.clip}.",
                "Keep min_gain at or below clip.",
            )


CanaryGate = Literal["latency_and_errors", "latency_errors_metrics", "full_metrics", "none"]


class CanaryStep(Block):
    """A share of the traffic, how long it is held, and the gate that must pass before the next step."""

    weight: Annotated[float, Unit("share"), Field(gt=0, le=1)]
    duration: SpanOrNone
    gate: CanaryGate


class CanaryPolicy(Block):
    """Growing shares of the traffic, a gate after each, and what takes it all back."""

    steps: Annotated[tuple[CanaryStep, ...], Field(min_length=2)]
    max_error_rate: Share
    max_p99: Span
    max_slowdown: Relative
    slow_from: Span
    max_auc_degradation: Annotated[float, Unit("AUC"), Field(gt=0, le=0.5)]
    min_requests: Annotated[int, Unit("requests"), Field(ge=1)]
    min_outcomes: Rows
    stale_after: Span
    hold_budget: Span

    def contradictions(self) -> Iterator[Contradiction]:
        """Weights grow to 100 %, and every step before the last is held behind a gate."""
        for i, (before, after) in enumerate(zip(self.steps, self.steps[1:], strict=False), start=1):
            if after.weight <= before.weight:
                yield Contradiction(
                    f"steps[{i}].weight",
                    f"{after.weight} does not grow from the step before, {before.weight}.",
                    "Order the steps by growing weight.",
                )
        for i, step in enumerate(self.steps[:-1]):
            if step.gate == "none" or not step.duration:
                yield Contradiction(
                    f"steps[{i}].gate",
                    "a step below the last has no gate or no duration, so traffic would grow unseen.",
                    "Give it a gate and a duration.",
                )
        last, at = self.steps[-1], len(self.steps) - 1
        if last.weight != 1:
            yield Contradiction(
                f"steps[{at}].weight",
                f"the last step ends at {last.weight}, so the rollout would never complete.",
                "Let the last step have weight 1.",
            )


class BatchEvidencePolicy(Block):
    """A rollout without requests: the daily batch is all that is known."""

    stage: Span
    stale_after: Span
    hold_budget: Span
    window: Span
    max_rows: Rows
    min_requests: Rows

    def contradictions(self) -> Iterator[Contradiction]:
        """What is known of one batch must still count when the stage is over."""
        if self.stale_after < self.stage:
            yield Contradiction(
                "stale_after", "it is shorter than a stage, so no batch would ever count.", "Keep it at or above stage."
            )


class ShadowPolicy(Block):
    """The challenger answers beside the champion, unseen."""

    duration: Span
    max_latency_increase: Relative


class BlueGreenPolicy(Block):
    """One switch after a health check, and one way back."""

    health_check: Span
    rollback_within: Span


class AbTestPolicy(Block):
    """A randomised comparison on outcomes, looked at sequentially."""

    treatment_share: Annotated[float, Unit("share"), Field(gt=0, lt=1)]
    duration: Span
    alpha: Probability
    power: Probability
    minimum_detectable_effect: Annotated[float, Unit("churn rate difference"), Field(gt=0, lt=1)]
    min_sample: Rows

    def contradictions(self) -> Iterator[Contradiction]:
        """A test with power below alpha is worse than a coin."""
        if self.power <= self.alpha:
            yield Contradiction(
                "power", f"{self.power} is not above alpha {self.alpha}.", "Raise power or lower alpha."
            )


class RolloutPolicy(Block):
    """The four strategies, the one taken unless a plan says otherwise, and what holds for all of them."""

    strategy: Literal["canary", "shadow", "blue_green", "ab_test"]
    high_risk_strategy: Literal["canary", "shadow", "blue_green", "ab_test"]
    on_hold_exhausted: Literal["rollback", "ask"]
    watch: Span
    false_rollbacks: Probability
    canary: CanaryPolicy
    batch: BatchEvidencePolicy
    shadow: ShadowPolicy
    blue_green: BlueGreenPolicy
    ab_test: AbTestPolicy


class RequestLimits(Block):
    """What a request may ask for, and how long it may wait: refused before it is parsed, or answered 429, rather than served late."""

    body: Annotated[int, Unit("bytes"), Field(ge=1024)]
    depth: Annotated[int, Unit("levels"), Field(ge=2)]
    batch: Rows
    waiting: Annotated[int, Unit("requests"), Field(ge=1)]
    deadline: Span
    retry_after: Span


class ServingPolicy(Block):
    """What the scoring API promises, and how it grows."""

    p99: Span
    availability: Annotated[float, Unit("share"), Field(gt=0, lt=1)]
    requests_per_second: RequestRate
    min_instances: Annotated[int, Unit("instances"), Field(ge=1)]
    max_instances: Annotated[int, Unit("instances"), Field(ge=1)]
    requests_per_second_per_instance: RequestRate
    features_kept: Span
    limits: RequestLimits

    def contradictions(self) -> Iterator[Contradiction]:
        """The largest fleet carries the promised load."""
        if self.min_instances > self.max_instances:
            yield Contradiction(
                "min_instances", "it is above max_instances.", "Keep min_instances at or below max_instances."
            )
        elif self.max_instances * self.requests_per_second_per_instance < self.requests_per_second:
            yield Contradiction(
                "max_instances",
                f"{self.max_instances} instances carry {self.max_instances * self.requests_per_second_per_instance:g} "
                f"requests per second, less than the promised {self.requests_per_second:g}.",
                "Allow more instances or promise less.",
            )


class BatchPolicy(Block):
    """When the daily scoring runs, and how long it may take."""

    at: TimeOfDay
    timeout: Span


class CrmPolicy(Block):
    """How a day's scores are written back to the CRM, and how patiently."""

    batch_rows: Rows
    attempts: Annotated[int, Unit("attempts"), Field(ge=1, le=100)]
    first_retry: Span
    longest_wait: Span
    timeout: Span

    def contradictions(self) -> Iterator[Contradiction]:
        """Patience has an end above its beginning."""
        if self.first_retry > self.longest_wait:
            yield Contradiction(
                "longest_wait", "it is shorter than the first retry.", "Keep first_retry at or below longest_wait."
            )
