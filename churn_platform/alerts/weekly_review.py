"""The weekly review: what opened, what is still open, what was resolved, and what nobody could be told.

What belongs here: which week is due, and what its message says. What does not: sending it.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from datetime import datetime, timedelta

from churn_platform.alerts.messages import Message, MessageSeverity
from churn_platform.alerts.tickets import Ticket, unresolved
from churn_platform.policies.alerting import AlertsPolicy, WeeklyReviewPolicy

WEEKDAYS = ("monday", "tuesday", "wednesday", "thursday", "friday", "saturday", "sunday")
WEEK = timedelta(days=7)


def last_due(policy: WeeklyReviewPolicy, at: datetime) -> datetime:
    """The newest moment, not after `at` (UTC), at which a review was due.

    >>> from datetime import UTC, time
    >>> monday = WeeklyReviewPolicy(weekday="monday", at=time(8))
    >>> last_due(monday, datetime(2026, 6, 8, 7, 59, tzinfo=UTC)).isoformat()
    '2026-06-01T08:00:00+00:00'
    >>> last_due(monday, datetime(2026, 6, 8, 8, tzinfo=UTC)).isoformat()
    '2026-06-08T08:00:00+00:00'
    """
    back = (at.weekday() - WEEKDAYS.index(policy.weekday)) % 7
    due = datetime.combine(at.date() - timedelta(days=back), policy.at, tzinfo=at.tzinfo)
    return due if due <= at else due - WEEK


def key_of(due: datetime) -> str:
    """The review's name: one for each time that it is due."""
    return f"review-{due.date()}"


def review_of(
    tickets: Sequence[Ticket],
    untold: Mapping[str, int],
    due: datetime,
    policy: AlertsPolicy,
    *,
    simulated: bool,
    notes: Sequence[str] = (),
) -> tuple[Message, ...]:
    """The messages of the review that was due at `due`: one per channel of a warning.

    `untold` counts, by channel, the messages that could not be delivered; `notes` are lines of other parts, such as the week's KPIs.
    """
    week = [one for one in tickets if due - WEEK <= one.opened_at < due]
    over = [one for one in tickets if one.resolved_at is not None and due - WEEK <= one.resolved_at < due]
    still = unresolved(tickets)
    lines = [f"{len(week)} opened, {len(over)} resolved, {len(still)} open."]
    lines += _section("Open", still)
    lines += _section("Resolved", over)
    lines += [f"Not delivered on {channel}: {count} messages." for channel, count in sorted(untold.items()) if count]
    lines += list(notes)
    if not still and not week and not over:
        lines.append("Nothing fired. churn status says when findings were last recorded.")
    worst: MessageSeverity = (
        "critical" if any(one.severity == "critical" for one in still) else "warning" if still else "info"
    )
    title = f"{'[simulated] ' if simulated else ''}Weekly review of {due.date()}: {len(still)} open"
    key = key_of(due)
    return tuple(
        Message(f"{key}/{channel}", None, "weekly_review", channel, title, "\n".join(lines), worst, f"churn-{key}")
        for channel in policy.warning.channels
        if channel != "pagerduty"
    )


def _section(name: str, tickets: Sequence[Ticket]) -> list[str]:
    if not tickets:
        return []
    lines = [f"{name}:"]
    for one in tickets:
        state = one.state if one.acknowledged_by is None else f"{one.state} by {one.acknowledged_by}"
        cause = f", likely {one.cause.name}" if one.cause is not None else ""
        lines.append(
            f"  {one.ticket} [{one.severity}] {one.title} ({state}, {one.owner}, last fired {one.last_day}{cause})"
        )
    return lines
