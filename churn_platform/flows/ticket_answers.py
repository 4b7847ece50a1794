"""What the ticket commands answer: plain dicts of tickets, their history and their messages.

What belongs here: reading and arranging. What does not: changing anything (`flows/alerting`), words for a terminal (`cli/tickets`).
"""

from __future__ import annotations

from collections import Counter
from typing import TYPE_CHECKING, Any

from churn_platform.alerts.messages import member_line, ranked
from churn_platform.alerts.routing import route
from churn_platform.alerts.signals import SIGNAL_TABLE
from churn_platform.governance.canonical import plain

if TYPE_CHECKING:
    from churn_platform.adapters.ops_store.deliveries import Delivery
    from churn_platform.adapters.platform import Platform
    from churn_platform.alerts.tickets import Ticket, TicketEvent


def tickets_answer(platform: Platform, unresolved_only: bool) -> dict[str, Any]:
    """Tickets, newest first, with what could not be told."""
    tickets = platform.ops.tickets()
    shown = [one for one in reversed(tickets) if not (unresolved_only and one.resolved)]
    return {
        "tickets": [_line(one) for one in shown],
        "open": sum(one.state == "open" for one in tickets),
        "acknowledged": sum(one.state == "acknowledged" for one in tickets),
        "resolved": sum(one.resolved for one in tickets),
        "messages": dict(Counter(one.state for one in platform.ops.deliveries())),
        "considered_through": platform.ops.tickets_seen().considered,
    }


def ticket_answer(platform: Platform, number: int) -> dict[str, Any]:
    """One ticket whole: its members, its history, its messages, and by which numbers it is judged.

    Raises:
        UnknownTicket: there is no such ticket.
    """
    ticket = platform.ops.ticket(number)
    way = route(ticket.severity, ticket.pages, platform.policies.alerts)
    entries = [SIGNAL_TABLE[signal] for signal in dict.fromkeys(one.signal for one in ranked(ticket))]
    return _line(ticket) | {
        "members": [plain(one.to_dict()) for one in ranked(ticket)],
        "lines": [member_line(one) for one in ranked(ticket)],
        "thresholds": {path: str(platform.policies.value(path)) for one in entries for path in one.thresholds},
        "escalation": {"to": way.escalate_to, "after_seconds": way.escalate_after.total_seconds()},
        "escalated_to": ticket.escalated_to,
        "resolution": ticket.resolution,
        "causes": [one.to_dict() for one in ticket.causes],
        "days": [day.isoformat() for day in ticket.days],
        "history": [_event(one) for one in platform.ops.ticket_events(ticket.ticket)],
        "messages": [_message(one) for one in platform.ops.deliveries(ticket.ticket)],
    }


def _line(ticket: Ticket) -> dict[str, Any]:
    return {
        "ticket": ticket.ticket,
        "number": ticket.number,
        "incident": ticket.incident,
        "strands": list(ticket.strands),
        "state": ticket.state,
        "severity": ticket.severity,
        "pages": ticket.pages,
        "title": ticket.title,
        "owner": ticket.escalated_to or ticket.owner,
        "signals": sorted({one.signal for one in ticket.members}),
        "subjects": list(dict.fromkeys(one.subject for one in ranked(ticket))),
        "cause": None if ticket.cause is None else ticket.cause.name,
        "first_day": ticket.first_day.isoformat(),
        "last_day": ticket.last_day.isoformat(),
        "opened_at": ticket.opened_at.isoformat(),
        "acknowledged_by": ticket.acknowledged_by,
        "resolved_by": ticket.resolved_by,
        "times_reopened": ticket.times_reopened,
        "runbooks": list(ticket.runbooks),
    }


def _event(event: TicketEvent) -> dict[str, Any]:
    details = dict(event.details)
    if event.kind == "fired":
        details["members"] = [f"{one['signal']} {one['subject']}" for one in details["members"]]
    return {"at": event.at.isoformat(), "actor": event.actor, "kind": event.kind, "entry": event.sequence, **details}


def _message(delivery: Delivery) -> dict[str, Any]:
    return {
        "key": delivery.message.key,
        "channel": delivery.message.channel,
        "kind": delivery.message.kind,
        "state": delivery.state,
        "attempts": delivery.attempts,
        "detail": delivery.detail,
        "next_attempt": None if delivery.state in ("sent", "undeliverable") else delivery.next_attempt.isoformat(),
    }
