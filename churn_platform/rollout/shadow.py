"""Shadow: the challenger answers beside the champion, unseen, and is compared on the same customers.

When: the risk is high, or nobody may meet a model that has not proved itself. It costs a second answer per request, and says nothing of
what customers do in response.
"""

from __future__ import annotations

from datetime import timedelta

from churn_platform.policies.releasing import ShadowPolicy
from churn_platform.rollout.plan import Stage


def shadow_stages(policy: ShadowPolicy, hold_budget: timedelta) -> tuple[Stage, ...]:
    """One stage in which no customer meets the challenger."""
    return (Stage("shadow", 0.0, policy.duration, "shadow_criteria", hold_budget),)
