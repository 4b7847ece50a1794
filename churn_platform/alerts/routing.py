"""Whom a severity concerns, and on which channels: policy applied, nothing more."""

from __future__ import annotations

from churn_platform.alerts.members import Member
from churn_platform.alerts.signals import SIGNAL_TABLE, rank
from churn_platform.drift.finding import Finding, Severity
from churn_platform.policies.alerting import AlertsPolicy, Channel, RoutePolicy


def route(severity: Severity, pages: bool, policy: AlertsPolicy) -> RoutePolicy:
    """Owner, channels and escalation: by severity, and what pages is always on-call's."""
    return policy.critical if severity == "critical" or pages else policy.warning


def channels(severity: Severity, pages: bool, policy: AlertsPolicy) -> tuple[Channel, ...]:
    """Where a ticket is told: all channels of its route, the pager among them only if it pages.

    What does not page is a message that wakes nobody, and is read with the rest in the weekly review.
    """
    return tuple(one for one in route(severity, pages, policy).channels if pages or one != "pagerduty")


def pages(member: Member | Finding, policy: AlertsPolicy) -> bool:
    """Whether this signal, at this severity, wakes somebody."""
    entry = SIGNAL_TABLE[member.signal]
    return entry.page_word in policy.page_on and rank(member.severity) >= rank(entry.pages_from)
