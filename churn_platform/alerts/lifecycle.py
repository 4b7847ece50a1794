"""What people and time do to a ticket: acknowledge, resolve, escalate.

What belongs here: these three, as events. What does not: what evidence does (`consideration`).
"""

from __future__ import annotations

from collections.abc import Sequence
from datetime import date, datetime

from churn_platform.alerts.routing import route
from churn_platform.alerts.tickets import Ticket, TicketError, TicketEvent, after, unresolved
from churn_platform.policies.alerting import AlertsPolicy


def acknowledge(ticket: Ticket, *, by: str, at: datetime) -> TicketEvent | None:
    """Somebody has taken it: nothing escalates any more. None if the same person has acknowledged it already.

    Raises:
        TicketError: no name, or the ticket is resolved.
    """
    _named(by, "acknowledges")
    if ticket.state == "acknowledged" and ticket.acknowledged_by == by:
        return None
    event = TicketEvent(ticket.ticket, "acknowledged", at, by, {})
    after(ticket, event)
    return event


def resolve(ticket: Ticket, *, by: str, note: str, at: datetime, day: date) -> TicketEvent:
    """Somebody says that it is over, and why; `day` is the newest day whose evidence was seen.

    Raises:
        TicketError: no name, no note, or the ticket is resolved already.
    """
    _named(by, "resolves")
    if not note.strip():
        raise TicketError(f"{ticket.ticket} was not resolved: say with --note what was done, or why nothing had to be")
    event = TicketEvent(ticket.ticket, "resolved", at, by, {"day": day.isoformat(), "note": note.strip()})
    after(ticket, event)
    return event


def overdue(tickets: Sequence[Ticket], policy: AlertsPolicy, *, at: datetime, actor: str) -> tuple[TicketEvent, ...]:
    """One escalation for each ticket that nobody has acknowledged in its route's time since it was announced."""
    events = []
    for ticket in unresolved(tickets):
        way = route(ticket.severity, ticket.pages, policy)
        if ticket.state != "open" or ticket.escalated_at is not None or at - ticket.announced_at < way.escalate_after:
            continue
        waited = {"to": way.escalate_to, "after_seconds": way.escalate_after.total_seconds()}
        events.append(TicketEvent(ticket.ticket, "escalated", at, actor, waited))
    return tuple(events)


def _named(by: str, does: str) -> None:
    if not by.strip():
        raise TicketError(f"nobody {does} a ticket without a name: say who with --by")
