"""When a message is tried again, and for how long one sender may hold it.

What belongs here: the pace. What does not: who holds what just now (`adapters/ops_store/deliveries`).
"""

from __future__ import annotations

from datetime import datetime, timedelta

from churn_platform.policies.alerting import DeliveryPolicy

LEASE_TIMEOUTS = 3
"""A sender holds a message for three timeouts: sending has one as its deadline, the rest is for recording what came of it."""


def next_attempt(attempts: int, policy: DeliveryPolicy, at: datetime) -> datetime:
    """When a message that has failed `attempts` times is tried again: doubling from `first_retry`, then at the slow pace, for ever.

    >>> from churn_platform.policies import load_policies
    >>> from datetime import UTC
    >>> policy, now = load_policies().alerts.delivery, datetime(2026, 6, 1, 8, tzinfo=UTC)
    >>> [int((next_attempt(n, policy, now) - now).total_seconds()) for n in range(1, 8)]
    [30, 60, 120, 240, 480, 3600, 3600]
    """
    if overdue(attempts, policy):
        return at + policy.slow_retry
    doubled: timedelta = policy.first_retry * 2 ** (attempts - 1)
    return at + min(doubled, policy.slow_retry)


def overdue(attempts: int, policy: DeliveryPolicy) -> bool:
    """Whether the first attempts are used up, so that a person has to know that the channel is down."""
    return attempts >= policy.attempts


def lease(policy: DeliveryPolicy) -> timedelta:
    """How long a claimed message belongs to its sender: after that it was lost with its process, and is sent again."""
    return LEASE_TIMEOUTS * policy.timeout
