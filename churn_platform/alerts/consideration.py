"""What new evidence does to the tickets: it opens, feeds, raises, reopens, and by its absence resolves them.

What belongs here: from evidence and the present tickets to events. What does not: what people and time do (`lifecycle`), and
which messages follow (`messages`).

Evidence is taken day by day, strand by strand. A strand that fires joins
1. the ticket for which it has fired on that day already, or the unresolved one that it belongs to; else
2. an unresolved ticket of the same named cause that fired within `alerts.same_incident_within`: what has one cause is one incident,
   whether it shows in the features, the scores or the performance; else
3. the resolved ticket that it belonged to, if that fired within the same time: it is back; else
4. it opens a ticket.

A ticket is resolved once its strands have been quiet for `alerts.quiet_windows` days that are over: a day on which they could not be
judged is not a quiet one. Causes are ranked for a day, not for a report: which of a day's reports comes first changes nothing.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from datetime import date, datetime
from typing import Any

from churn_platform.alerts.incidents import Evidence, Firing, findings_of, firings, newest, strand, strand_of
from churn_platform.alerts.members import Cause, Member, cause_in, join, likeliest
from churn_platform.alerts.quiet import quiet_since, windows_to_rest
from churn_platform.alerts.routing import pages, route
from churn_platform.alerts.signals import rank
from churn_platform.alerts.tickets import EventKind, Ticket, TicketEvent, after, unresolved
from churn_platform.drift.finding import Severity
from churn_platform.policies.alerting import AlertsPolicy


def consider(
    tickets: Sequence[Ticket],
    new: Sequence[Evidence],
    history: Sequence[Evidence],
    policy: AlertsPolicy,
    *,
    at: datetime,
    actor: str,
) -> tuple[TicketEvent, ...]:
    """The events that `new` evidence causes, in order.

    Args:
        tickets: every ticket there is.
        new: evidence that has not been considered yet.
        history: the evidence that counts, `new` among it, at least from the oldest unresolved ticket's last day on.
        policy: `alerts`.
        at: the time of the events.
        actor: whose they are.
    """
    board = _Board(tickets, at, actor, policy)
    by_day, known = newest(new), newest([*history, *new])
    for day, records in by_day.items():
        board.settle({past: known[past] for past in known if past < day})
        fired: dict[str, list[Firing]] = {}
        for firing in firings(records):
            fired.setdefault(strand_of(firing.finding), []).append(firing)
        for name in sorted(fired):
            board.fire(name, day, fired[name])
    return tuple(board.events)


class _Board:
    """The tickets while events happen to them."""

    def __init__(self, tickets: Iterable[Ticket], at: datetime, actor: str, policy: AlertsPolicy) -> None:
        self.tickets = {one.ticket: one for one in tickets}
        self.at, self.actor, self.policy = at, actor, policy
        self.events: list[TicketEvent] = []

    def fire(self, firing: str, day: date, fired: Sequence[Firing]) -> None:
        """One strand on one day."""
        members = join((), [Member.of(one.finding, day) for one in fired])
        severity = max((one.severity for one in members), key=rank)
        paging = any(pages(one, self.policy) for one in members)
        cause = likeliest(one for one in (cause_in(each.finding, day) for each in fired) if one is not None)
        ticket = self._belonging(firing, day, cause)
        if ticket is not None and self._comes_back(ticket, day, severity, paging):
            # what belongs together by now is not torn apart again by bringing an old ticket back beside an open one
            ticket = self._open_beside(ticket) or ticket
        if ticket is None:
            number = 1 + max((one.number for one in self.tickets.values()), default=0)
            name = f"T-{number}"
            opening = {"number": number, "incident": firing, "day": day.isoformat()}
            self._happen(name, "opened", opening | self._standing(severity, paging))
        else:
            name = ticket.ticket
            if self._comes_back(ticket, day, severity, paging):
                self._happen(name, "reopened", {"day": day.isoformat()} | self._standing(severity, paging))
            elif not ticket.resolved and _worse(ticket, severity, paging):
                worst = max(severity, ticket.severity, key=rank)
                standing = self._standing(worst, paging or ticket.pages)
                self._happen(name, "raised", {"day": day.isoformat(), "from": ticket.severity} | standing)
        places = sorted([one.evidence, one.index] for one in fired)
        content = {"day": day.isoformat(), "strand": firing, "findings": places}
        self._happen(name, "fired", content | {"members": [one.to_dict() for one in members]})
        self._name_cause(name, cause)

    def settle(self, past: Mapping[date, Sequence[Evidence]]) -> None:
        """Resolve what has been quiet for long enough."""
        for ticket in unresolved(tuple(self.tickets.values())):
            told = {day: tuple(findings_of(ticket.strands, records)) for day, records in past.items()}
            windows = windows_to_rest(ticket, self.policy.quiet_windows)
            since = quiet_since(ticket, told, windows)
            if since is not None:
                often = f"{windows} windows in a row, the last of them" if windows > 1 else "one window,"
                note = f"quiet for {often} {since}"
                self._happen(ticket.ticket, "resolved", {"day": since.isoformat(), "note": note})

    def _belonging(self, firing: str, day: date, cause: Cause | None) -> Ticket | None:
        """The ticket that a strand's firing joins, by the rules above. None of them looks at the order in which a day's reports came."""
        own = [one for one in self.tickets.values() if firing in one.strands]
        fired_already = [one for one in own if day in one.days]
        if fired_already:
            return max(fired_already, key=lambda one: one.number)
        for one in unresolved(own):
            return one
        within = self.policy.same_incident_within
        near = [one for one in self.tickets.values() if one.first_day - within <= day <= one.last_day + within]
        if cause is not None:
            same_cause = [one for one in unresolved(near) if one.cause_before(day) == cause.name]
            if same_cause:
                return min(same_cause, key=lambda one: (one.first_day, _strands_before(one, day)))
        return max(
            (one for one in near if firing in one.strands), key=lambda one: (one.last_day, one.number), default=None
        )

    def _comes_back(self, ticket: Ticket, day: date, severity: Severity, paging: bool) -> bool:
        """Whether a resolved ticket has to be looked at again: it fires on a later day, or is worse than anybody knew."""
        later = ticket.resolved_day is not None and day > ticket.resolved_day
        return ticket.resolved and (later or _worse(ticket, severity, paging))

    def _open_beside(self, ticket: Ticket) -> Ticket | None:
        """The unresolved ticket that holds a strand of this one."""
        beside = [one for one in unresolved(tuple(self.tickets.values())) if {*one.strands} & {*ticket.strands}]
        return min(beside, key=lambda one: (one.first_day, one.strands), default=None)

    def _standing(self, severity: Severity, paging: bool) -> dict[str, Any]:
        return {"severity": severity, "pages": paging, "owner": route(severity, paging, self.policy).owner}

    def _name_cause(self, name: str, cause: Cause | None) -> None:
        """A cause that is new, or another than its neighbours in time, becomes part of the ticket."""
        if cause is None:
            return
        causes = self.tickets[name].causes
        of_the_day = [one for one in causes if one.day == cause.day]
        before = [one for one in causes if one.day < cause.day]
        known = of_the_day or before[-1:]
        if not known or (likeliest([*known, cause]) == cause and known[-1].name != cause.name):
            self._happen(name, "cause_named", {"cause": cause.to_dict()})

    def _happen(self, ticket: str, kind: EventKind, details: Mapping[str, Any]) -> None:
        event = TicketEvent(ticket, kind, self.at, self.actor, details)
        self.tickets[ticket] = after(self.tickets.get(ticket), event)
        self.events.append(event)


def _worse(ticket: Ticket, severity: Severity, paging: bool) -> bool:
    return rank(severity) > rank(ticket.severity) or (paging and not ticket.pages)


def _strands_before(ticket: Ticket, day: date) -> list[str]:
    """The strands that a ticket had before a day: a name for it that does not depend on what of that day came first."""
    return sorted({strand(one.signal, one.subject) for one in ticket.members if one.first_day < day})
