"""Which messages follow when tickets have changed: one per ticket, change and channel, each under a key of its own.

What belongs here: what is told where, and in which words. What does not: sending (`adapters/notify`), trying again (`retrying`).

A key is made of the ticket, what happened and the channel, so the same change can never be told twice: the store refuses a key
that it has. Nothing is told twice by severity either: a ticket pages when it opens as a page or is raised to one, and then no more
until it is reopened.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Any, Literal

from churn_platform.alerts.members import Member
from churn_platform.alerts.routing import channels, route
from churn_platform.alerts.signals import SIGNAL_TABLE
from churn_platform.alerts.tickets import EventKind, Ticket, TicketEvent
from churn_platform.governance.canonical import digest_of
from churn_platform.policies.alerting import AlertsPolicy, Channel

MessageKind = Literal["opened", "reopened", "raised", "escalated", "resolved", "weekly_review", "test"]
MessageSeverity = Literal["info", "warning", "critical"]
TOLD: tuple[EventKind, ...] = ("opened", "reopened", "raised", "escalated", "resolved")
"""What is told, the most telling first: of several at once a ticket sends one message."""


@dataclass(frozen=True, slots=True)
class Message:
    """What one channel is told. `thread` groups all messages about one ticket at receivers that can (PagerDuty's dedup key);
    `closes` says that the thread is over."""

    key: str
    ticket: str | None
    kind: MessageKind
    channel: Channel
    title: str
    body: str
    severity: MessageSeverity
    thread: str
    closes: bool = False

    def to_dict(self) -> dict[str, Any]:
        """JSON-able form of what is sent; key, ticket, kind and channel are columns of their own."""
        return {name: getattr(self, name) for name in ("title", "body", "severity", "thread", "closes")}


def messages_for(
    before: Mapping[str, Ticket],
    now: Mapping[str, Ticket],
    events: Sequence[TicketEvent],
    policy: AlertsPolicy,
    *,
    simulated: bool,
) -> tuple[Message, ...]:
    """The messages that `events` send, in order of tickets.

    Args:
        before: tickets by name as they were.
        now: the same after the events.
        events: what happened between the two.
        policy: `alerts`.
        simulated: whether the data are made up, which every title then says.
    """
    kinds: dict[str, set[EventKind]] = {}
    for event in events:
        kinds.setdefault(event.ticket, set()).add(event.kind)
    told: list[Message] = []
    for name, happened in kinds.items():
        kind = _told(before.get(name), now[name], happened)
        if kind is not None:
            told += _on_every_channel(now[name], before.get(name), kind, policy, simulated)
    return tuple(told)


def _told(before: Ticket | None, now: Ticket, happened: Iterable[EventKind]) -> MessageKind | None:
    """What is told of these events; nothing of a ticket that was over before anybody could have been told of it."""
    if now.resolved:
        was_told = before is not None and not before.resolved
        return "resolved" if was_told and "resolved" in happened else None
    words: dict[EventKind, MessageKind] = {
        "opened": "opened",
        "reopened": "reopened",
        "raised": "raised",
        "escalated": "escalated",
    }
    return next((words[kind] for kind in TOLD if kind in happened and kind in words), None)


def _on_every_channel(
    ticket: Ticket, before: Ticket | None, kind: MessageKind, policy: AlertsPolicy, simulated: bool
) -> list[Message]:
    standing = before if kind == "resolved" and before is not None else ticket
    severity: MessageSeverity = "critical" if standing.severity == "critical" else "warning"
    title = f"{'[simulated] ' if simulated else ''}[{severity}] {ticket.ticket} {_HEADLINES[kind]}: {ticket.title}"
    body = body_of(ticket, kind, policy)
    return [
        Message(
            key=f"{ticket.ticket}/{_occasion(standing, kind)}/{channel}",
            ticket=ticket.ticket,
            kind=kind,
            channel=channel,
            title=title,
            body=body,
            severity=severity,
            thread=thread_of(ticket),
            closes=kind == "resolved",
        )
        for channel in channels(standing.severity, standing.pages, policy)
    ]


_HEADLINES = {
    "opened": "opened",
    "reopened": "is back",
    "raised": "got worse",
    "escalated": "is unacknowledged",
    "resolved": "is resolved",
}


def _occasion(ticket: Ticket, kind: MessageKind) -> str:
    """The change's name among all changes of its ticket: how often it has been reopened, how severe it is, whether it pages."""
    standing = f"{ticket.severity}{'-page' if ticket.pages else ''}"
    return f"{kind}-{ticket.times_reopened}" + (f"-{standing}" if kind in ("raised", "escalated") else "")


def thread_of(ticket: Ticket) -> str:
    """One name for all that is said about a ticket, which no other installation's ticket of that number has."""
    origin = digest_of({"incident": ticket.incident, "opened_at": ticket.opened_at.isoformat()})
    return f"churn-{ticket.ticket}-{origin[:12]}"


def body_of(ticket: Ticket, kind: MessageKind, policy: AlertsPolicy) -> str:
    """What a person reads: what fired and how far, the cause if it is known, whose it is, and what to do now."""
    way = route(ticket.severity, ticket.pages, policy)
    lines = [member_line(one) for one in ranked(ticket)[:5]]
    if len(ticket.members) > len(lines):
        lines.append(f"and {len(ticket.members) - len(lines)} more: churn ticket show {ticket.number}")
    if ticket.cause is not None:
        because = f": {'; '.join(ticket.cause.because)}" if ticket.cause.because else ""
        lines.append(f"Likely cause: {ticket.cause.name} ({ticket.cause.share:.0%} of what speaks for any){because}.")
    days = f"{ticket.first_day} to {ticket.last_day}" if len(ticket.days) > 1 else f"{ticket.first_day}"
    lines.append(f"Fired on {len(ticket.days)} day{'s' if len(ticket.days) > 1 else ''}: {days}.")
    if kind == "resolved":
        lines.append(f"Resolved by {ticket.resolved_by}: {ticket.resolution}.")
        return "\n".join(lines)
    if kind == "escalated":
        lines.append(f"Nobody has acknowledged it: {ticket.owner} was told, now it is with {ticket.escalated_to}.")
    else:
        minutes = way.escalate_after.total_seconds() / 60
        wait = f"{minutes:g} minutes" if minutes < 120 else f"{minutes / 60:g} hours"
        lines.append(f"Owner: {ticket.owner}; without acknowledgement it goes to {way.escalate_to} after {wait}.")
    lines.append(f"Runbook: {', '.join(ticket.runbooks)}")
    lines.append(f"Acknowledge: churn ticket ack {ticket.number} --by NAME")
    return "\n".join(lines)


def ranked(ticket: Ticket) -> list[Member]:
    """Members, the one that the ticket is named after first, then the worst and the most influential."""
    lead = ticket.lead
    rest = sorted((one for one in ticket.members if one != lead), key=lambda one: (one.severity, *_falling(one)))
    return [lead, *rest]


def _falling(member: Member) -> tuple[float, str]:
    return (-member.influence, member.subject)


def member_line(member: Member) -> str:
    """One member in a sentence."""
    number = "not measured" if member.value is None else f"{member.value:.4g}"
    bound = "" if member.threshold is None else f", threshold {member.threshold:.4g}"
    title = SIGNAL_TABLE[member.signal].title
    return f"{member.signal} ({title}) {member.subject}: {member.statistic} {number}{bound}. {member.reason}"


def test_message(channel: Channel, at: datetime, *, simulated: bool) -> Message:
    """What `churn alerts test` sends: it asks for nothing, and closes its own thread where there are threads."""
    key = f"test-{at.isoformat()}"
    title = f"{'[simulated] ' if simulated else ''}[test] The churn platform can reach you here"
    body = f"Sent by churn alerts test at {at.isoformat(timespec='seconds')}. Nothing has to be done."
    return Message(f"{key}/{channel}", None, "test", channel, title, body, "info", f"churn-{key}")
