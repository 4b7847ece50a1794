"""A rollout plan: what was agreed before it started, frozen and named by its digest.

Belongs here: the values of a plan, their digest, and what makes a plan impossible. Does not belong here: which stages a strategy has
(`canary`, `shadow`, `blue_green`, `ab_test`), and deciding (`decision`).
"""

from __future__ import annotations

from dataclasses import dataclass, field, fields, is_dataclass
from datetime import timedelta
from typing import Any, Literal

from churn_platform.governance.canonical import digest_of

Strategy = Literal["canary", "shadow", "blue_green", "ab_test"]
Gate = Literal["latency_and_errors", "latency_errors_metrics", "full_metrics", "shadow_criteria", "health", "outcomes"]
OnHoldExhausted = Literal["rollback", "ask"]
Source = Literal["api", "batch"]
"""Where evidence comes from: the requests that the API answers, or the daily batch where no requests come."""


class PlanError(ValueError):
    """A plan that cannot be carried out; the message says what contradicts what."""


@dataclass(frozen=True, slots=True)
class Stage:
    """A share of the customers, how long at least, and the gate that must pass before the next.

    `weight` is the share whom the challenger answers; at 0 it answers beside the champion, unseen. `hold_budget` is how long the gate
    may stay inconclusive after `dwell` is over. A stage that `decides_early` may be left before its dwell is over.
    """

    name: str
    weight: float
    dwell: timedelta
    gate: Gate
    hold_budget: timedelta
    decides_early: bool = False


@dataclass(frozen=True, slots=True)
class Limits:
    """What a challenger may not exceed, and how much must be known before anything is said. Seconds, shares, differences of AUC."""

    max_error_rate: float
    max_p99: float
    max_slowdown: float
    slow_from: float
    max_score_shift: float
    max_auc_degradation: float
    max_latency_increase: float
    min_requests: int
    min_outcomes: int
    stale_after: timedelta
    false_rollbacks: float


@dataclass(frozen=True, slots=True)
class OutcomeTest:
    """The randomised comparison of an A/B plan: who is treated, how many outcomes an arm, and the error it may make."""

    treatment_share: float
    outcomes_per_arm: int
    min_sample: int
    alpha: float
    power: float
    minimum_detectable_effect: float


@dataclass(frozen=True, slots=True)
class Plan:
    """One rollout as agreed: `challenger` is to succeed `champion`. Another candidate is another plan, and starts from zero."""

    model: str
    champion: str
    challenger: str
    package: str
    strategy: Strategy
    evidence: Source
    risk_tier: str
    salt: str
    stages: tuple[Stage, ...]
    watch: Stage
    limits: Limits
    outcome_test: OutcomeTest | None
    on_hold_exhausted: OnHoldExhausted
    policy: str
    digest: str = field(init=False, compare=False)
    """sha256 of the whole plan: what evidence and approvals refer to."""

    def __post_init__(self) -> None:
        if not self.stages:
            raise PlanError(f"the plan for {self.challenger} has no stages: it would promote without looking")
        if self.champion == self.challenger:
            raise PlanError(f"{self.challenger} cannot succeed itself")
        if not self.salt.strip():
            raise PlanError("a plan needs a salt: without one each rollout would meet the same customers first")
        weights = [stage.weight for stage in self.stages]
        if weights != sorted(weights) or not all(0 <= weight <= 1 for weight in weights):
            raise PlanError(f"the stages' weights {weights} must grow from 0 to 1: nobody is sent back and forth")
        if any(stage.gate == "outcomes" for stage in self.stages) != (self.outcome_test is not None):
            raise PlanError("an outcome test and a stage that waits for outcomes belong together")
        object.__setattr__(self, "digest", digest_of(self.to_dict()))

    def to_dict(self) -> dict[str, Any]:
        """The plan as JSON holds it; durations in seconds."""
        return {one.name: _plain(getattr(self, one.name)) for one in fields(self) if one.init}

    @classmethod
    def from_dict(cls, told: dict[str, Any]) -> Plan:
        """The plan that `to_dict` wrote."""
        test = told["outcome_test"]
        limits = {**told["limits"], "stale_after": timedelta(seconds=told["limits"]["stale_after"])}
        return cls(
            **{
                **told,
                "stages": tuple(_stage(stage) for stage in told["stages"]),
                "watch": _stage(told["watch"]),
                "limits": Limits(**limits),
                "outcome_test": None if test is None else OutcomeTest(**test),
            }
        )


def _stage(told: dict[str, Any]) -> Stage:
    spans = {name: timedelta(seconds=told[name]) for name in ("dwell", "hold_budget")}
    return Stage(**{**told, **spans})


def _plain(value: Any) -> Any:
    if isinstance(value, timedelta):
        return value.total_seconds()
    if is_dataclass(value):
        return {one.name: _plain(getattr(value, one.name)) for one in fields(value)}
    if isinstance(value, list | tuple):
        return [_plain(one) for one in value]
    return value
