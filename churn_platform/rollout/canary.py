"""Canary: growing shares of the customers, a gate after each.

When: the usual way. A broken model meets few customers first, and no second fleet is needed.
"""

from __future__ import annotations

from datetime import timedelta

from churn_platform.policies.releasing import CanaryPolicy
from churn_platform.rollout.plan import Stage


def canary_stages(policy: CanaryPolicy) -> tuple[Stage, ...]:
    """The policy's steps below the last; passing the last of them promotes."""
    return tuple(
        Stage(f"{step.weight:.0%}", step.weight, step.duration or timedelta(0), step.gate, policy.hold_budget)
        for step in policy.steps
        if step.gate != "none"
    )
