"""Blue-green: load the challenger beside the champion, check its health, switch everybody at once, and keep the way back warm.

When: the two may not answer side by side (another feature set, another contract), or a former champion is brought back.
"""

from __future__ import annotations

from datetime import timedelta

from churn_platform.policies.releasing import BlueGreenPolicy
from churn_platform.rollout.plan import Stage


def blue_green_stages(policy: BlueGreenPolicy, hold_budget: timedelta) -> tuple[Stage, ...]:
    """Health before the switch: what is not healthy in time is taken back; then all customers, for as long as the old colour stays warm."""
    return (
        Stage("health", 0.0, timedelta(0), "health", policy.health_check),
        Stage("all", 1.0, policy.rollback_within, "latency_and_errors", hold_budget),
    )
