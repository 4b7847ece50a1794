"""A ticket, and how each event changes it. A ticket is nothing but its events: replaying them gives it again.

What belongs here: the states and the one way from one to the next. What does not: when an event happens (`consideration`,
`lifecycle`), and storing either.

States: open -> acknowledged -> resolved; an open ticket may be resolved without having been acknowledged, a resolved one
reopened. A severity only rises until the ticket is resolved.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, replace
from datetime import date, datetime
from typing import Any, Literal, cast, get_args

from churn_platform.alerts.members import Cause, Member, join
from churn_platform.alerts.signals import SIGNAL_TABLE, rank
from churn_platform.drift.finding import Severity

State = Literal["open", "acknowledged", "resolved"]
EventKind = Literal["opened", "fired", "raised", "cause_named", "acknowledged", "escalated", "resolved", "reopened"]
STATES: tuple[State, ...] = get_args(State)
EVENT_KINDS: tuple[EventKind, ...] = get_args(EventKind)


class TicketError(ValueError):
    """An event cannot happen to this ticket; the message says in which state it is."""


@dataclass(frozen=True, slots=True)
class TicketEvent:
    """One thing that happened to a ticket: what, when, by whom. `sequence` is its ledger entry, 0 before it is recorded."""

    ticket: str
    kind: EventKind
    at: datetime
    actor: str
    details: Mapping[str, Any]
    sequence: int = 0


@dataclass(frozen=True, slots=True)
class Ticket:
    """One incident: what fired, how bad, whose it is, and what has been done about it.

    `incident` is the strand that opened it, `strands` are all that belong to it, `days` those on which it fired, `causes` what was
    named as its cause, in order of days; `severity`, `pages` and `announced_at` are those since it was last opened or reopened.
    """

    ticket: str
    number: int
    incident: str
    state: State
    severity: Severity
    pages: bool
    owner: str
    opened_at: datetime
    announced_at: datetime
    days: tuple[date, ...] = ()
    strands: tuple[str, ...] = ()
    members: tuple[Member, ...] = ()
    causes: tuple[Cause, ...] = ()
    acknowledged_by: str | None = None
    acknowledged_at: datetime | None = None
    escalated_to: str | None = None
    escalated_at: datetime | None = None
    resolved_by: str | None = None
    resolved_at: datetime | None = None
    resolved_day: date | None = None
    resolution: str | None = None
    times_reopened: int = 0

    @property
    def resolved(self) -> bool:
        """Whether nobody has to do anything about it."""
        return self.state == "resolved"

    @property
    def first_day(self) -> date:
        """The first day on which it fired."""
        return self.days[0]

    @property
    def last_day(self) -> date:
        """The newest day on which it fired."""
        return self.days[-1]

    @property
    def cause(self) -> Cause | None:
        """What is most likely behind it by now."""
        return self.causes[-1] if self.causes else None

    def cause_before(self, day: date) -> str | None:
        """The name of the cause that days before `day` gave it; of the day itself if it has fired on no other."""
        known = [one.name for one in self.causes if one.day < day or self.days == (day,)]
        return known[-1] if known else None

    @property
    def lead(self) -> Member:
        """The member that the ticket is named after: the worst, then the most influential."""
        return max(
            self.members,
            key=lambda one: (rank(one.severity), SIGNAL_TABLE[one.signal].page_word is not None, *one.weight),
        )

    @property
    def title(self) -> str:
        """One line: what is the matter, with what."""
        lead = self.lead
        same = sorted(
            (one for one in self.members if one.signal == lead.signal), key=lambda one: one.weight, reverse=True
        )
        subjects = list(dict.fromkeys(one.subject for one in same))
        more = f" and {len(subjects) - 3} more" if len(subjects) > 3 else ""
        return f"{SIGNAL_TABLE[lead.signal].title} ({', '.join(subjects[:3])}{more})"

    @property
    def runbooks(self) -> tuple[str, ...]:
        """The pages to open, the lead's first."""
        signals = dict.fromkeys((self.lead.signal, *(one.signal for one in self.members)))
        return tuple(SIGNAL_TABLE[signal].runbook for signal in signals)


def replay(events: Iterable[TicketEvent]) -> Ticket:
    """The ticket that these events, oldest first, made.

    Raises:
        TicketError: there are none, or one cannot follow the one before.
    """
    ticket: Ticket | None = None
    for event in events:
        ticket = after(ticket, event)
    if ticket is None:
        raise TicketError("a ticket without events is none")
    return ticket


def after(ticket: Ticket | None, event: TicketEvent) -> Ticket:
    """The ticket once `event` has happened to it; None before it is opened."""
    details = event.details
    if event.kind == "opened":
        if ticket is not None:
            raise TicketError(f"{ticket.ticket} is open already")
        return Ticket(
            ticket=event.ticket,
            number=int(details["number"]),
            incident=str(details["incident"]),
            state="open",
            severity=cast("Severity", details["severity"]),
            pages=bool(details["pages"]),
            owner=str(details["owner"]),
            opened_at=event.at,
            announced_at=event.at,
        )
    if ticket is None or ticket.ticket != event.ticket:
        raise TicketError(f"{event.ticket} was not opened, so nothing can have been {event.kind}")
    return _CHANGES[event.kind](ticket, event)


def _fired(ticket: Ticket, event: TicketEvent) -> Ticket:
    members = [Member.from_dict(content) for content in event.details["members"]]
    days = sorted({*ticket.days, date.fromisoformat(event.details["day"])})
    strands = sorted({*ticket.strands, str(event.details["strand"])})
    return replace(ticket, members=join(ticket.members, members), days=tuple(days), strands=tuple(strands))


def _raised(ticket: Ticket, event: TicketEvent) -> Ticket:
    _refuse(ticket, event, "resolved")
    severity = cast("Severity", event.details["severity"])
    return replace(
        ticket,
        severity=severity,
        pages=bool(event.details["pages"]),
        owner=str(event.details["owner"]),
        announced_at=event.at,
        escalated_to=None,
        escalated_at=None,
    )


def _cause_named(ticket: Ticket, event: TicketEvent) -> Ticket:
    causes = [*ticket.causes, Cause.from_dict(event.details["cause"])]
    return replace(ticket, causes=tuple(sorted(causes, key=lambda one: (one.day, one.share, one.name))))


def _acknowledged(ticket: Ticket, event: TicketEvent) -> Ticket:
    _refuse(ticket, event, "resolved")
    return replace(ticket, state="acknowledged", acknowledged_by=event.actor, acknowledged_at=event.at)


def _escalated(ticket: Ticket, event: TicketEvent) -> Ticket:
    _refuse(ticket, event, "resolved", "acknowledged")
    return replace(ticket, escalated_to=str(event.details["to"]), escalated_at=event.at)


def _resolved(ticket: Ticket, event: TicketEvent) -> Ticket:
    _refuse(ticket, event, "resolved")
    return replace(
        ticket,
        state="resolved",
        resolved_by=event.actor,
        resolved_at=event.at,
        resolved_day=date.fromisoformat(event.details["day"]),
        resolution=str(event.details["note"]),
    )


def _reopened(ticket: Ticket, event: TicketEvent) -> Ticket:
    _refuse(ticket, event, "open", "acknowledged")
    again = replace(
        ticket, state="open", times_reopened=ticket.times_reopened + 1, acknowledged_by=None, acknowledged_at=None
    )
    again = replace(again, resolved_by=None, resolved_at=None, resolved_day=None, resolution=None)
    return _raised(again, event)


_CHANGES = {
    "fired": _fired,
    "raised": _raised,
    "cause_named": _cause_named,
    "acknowledged": _acknowledged,
    "escalated": _escalated,
    "resolved": _resolved,
    "reopened": _reopened,
}


def _refuse(ticket: Ticket, event: TicketEvent, *states: State) -> None:
    if ticket.state in states:
        by = {"resolved": ticket.resolved_by, "acknowledged": ticket.acknowledged_by}.get(ticket.state)
        raise TicketError(
            f"{ticket.ticket} is {ticket.state}{f' by {by}' if by else ''}: it cannot be {event.kind} any more"
        )


def unresolved(tickets: Sequence[Ticket]) -> tuple[Ticket, ...]:
    """Those that somebody has to do something about, in order of number."""
    return tuple(sorted((one for one in tickets if not one.resolved), key=lambda one: one.number))
