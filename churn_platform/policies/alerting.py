"""Policies of alerts: who hears of what, how often, and how it is delivered.

What belongs here: the alerts' own numbers. What does not: signals and tickets (`alerts/`).
"""

from __future__ import annotations

from collections.abc import Iterator
from typing import Annotated, Literal

from pydantic import Field

from churn_platform.policies.quantities import (
    Block,
    Contradiction,
    Span,
    TimeOfDay,
    Unit,
    Word,
)

Weekday = Literal["monday", "tuesday", "wednesday", "thursday", "friday", "saturday", "sunday"]
Channel = Literal["slack", "pagerduty", "email", "webhook"]


class RoutePolicy(Block):
    """Who is told at one severity, how, and when it goes to the next person."""

    owner: Word
    channels: Annotated[tuple[Channel, ...], Field(min_length=1)]
    escalate_to: Word
    escalate_after: Span


class WeeklyReviewPolicy(Block):
    """When what does not page is looked at."""

    weekday: Weekday
    at: TimeOfDay


class DeliveryPolicy(Block):
    """How an alert is sent again when a channel does not answer."""

    attempts: Annotated[int, Unit("attempts"), Field(ge=1, le=100)]
    first_retry: Span
    slow_retry: Span
    timeout: Span

    def contradictions(self) -> Iterator[Contradiction]:
        """The slow pace is slower than the first one."""
        if self.first_retry > self.slow_retry:
            yield Contradiction(
                "slow_retry",
                "the slow retry would come sooner than the first one.",
                "Keep first_retry at or below slow_retry.",
            )


class AlertsPolicy(Block):
    """Whom to tell, what may page, and how a message gets through."""

    warning: RoutePolicy
    critical: RoutePolicy
    page_on: Annotated[
        tuple[Literal["data_drift", "performance_decay", "schema_drift", "slo_breach"], ...], Field(min_length=1)
    ]
    same_incident_within: Span
    quiet_windows: Annotated[int, Unit("windows"), Field(ge=1)]
    weekly_review: WeeklyReviewPolicy
    delivery: DeliveryPolicy

    def contradictions(self) -> Iterator[Contradiction]:
        """Critical never waits longer than a warning."""
        if self.critical.escalate_after > self.warning.escalate_after:
            yield Contradiction(
                "critical.escalate_after",
                "a critical alert would wait longer than a warning before it escalates.",
                "Keep critical.escalate_after at or below warning.escalate_after.",
            )
