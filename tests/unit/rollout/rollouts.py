"""Plans and evidence for the tests of rollouts."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from typing import Any

from churn_platform.policies import load_policies
from churn_platform.rollout.evidence import Arms, Evidence, Measure
from churn_platform.rollout.plan import Plan, Strategy
from churn_platform.rollout.progress import Event, Progress, replay
from churn_platform.rollout.strategies import plan_rollout

POLICY = load_policies().rollout
START = datetime(2026, 6, 1, 6, 0, tzinfo=UTC)
STRATEGIES: tuple[Strategy, ...] = ("canary", "shadow", "blue_green", "ab_test")
LEVEL = POLICY.false_rollbacks


def plan(strategy: Strategy = "canary", policy: Any = POLICY, **changes: Any) -> Plan:
    settings = {
        "model": "telco-churn",
        "champion": "churn-1",
        "challenger": "churn-2",
        "package": "c" * 64,
        "risk_tier": "low",
        "salt": "rollout-1",
        "policy_digest": "p" * 64,
        "max_score_shift": 0.1,
        "base_rate": 0.265,
        "label_horizon": timedelta(days=30),
    }
    return plan_rollout(policy, strategy=strategy, **(settings | changes))  # type: ignore[arg-type]


def at_stage(agreed: Plan, stage: int, entered: datetime = START) -> Progress:
    """The rollout as it stands on entering a stage; the stage behind the last is the watch."""
    if stage == len(agreed.stages):
        return Progress("watching", stage, entered)
    return Progress("staged", stage, entered)


def good(agreed: Plan, stage: int, at: datetime) -> Evidence:
    """Evidence with which every gate passes."""
    measures = {
        "error_rate": Measure(0.001, 5000, at),
        "p99": Measure(0.025, 5000, at),
        "score_shift": Measure(0.01, 5000, at),
        "auc_degradation": Measure(-0.01, 900, at, 0.01),
        "latency_increase": Measure(0.02, 5000, at),
        "auc_gain": Measure(0.01, 900, at),
        "f1_gain": Measure(0.01, 900, at),
        "healthy": Measure(1.0, 1, at),
    }
    arms = Arms(2000, 2000, 1500, 1500, 400, 300, at) if agreed.outcome_test else None
    return Evidence(agreed.digest, stage, measures, arms)


def due(agreed: Plan, stage: int, entered: datetime = START) -> datetime:
    """When the stage's dwell is over."""
    return entered + (agreed.watch if stage == len(agreed.stages) else agreed.stages[stage]).dwell


def started(agreed: Plan, *more: Event) -> Progress:
    return replay(agreed, [Event("started", START, "person:me", ("go",)), *more])
