"""What new evidence does to the tickets: it opens, feeds, raises, reopens, and by its absence resolves them.

What belongs here: from evidence and the present tickets to events. What does not: what people and time do (`lifecycle`), and
which messages follow (`messages`).

Evidence is taken day by day. A finding joins the unresolved ticket of its incident; else the resolved one that fired within
`alerts.same_incident_within` of it; else it opens one. A ticket is resolved once its incident has been quiet for
`alerts.quiet_windows` days that are over: a day on which it could not be judged is not a quiet one.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from datetime import date, datetime
from typing import Any

from churn_platform.alerts.incidents import Evidence, Firing, findings_of, firings, incident_of, newest
from churn_platform.alerts.members import Cause, Member, cause_in, join, likeliest
from churn_platform.alerts.quiet import quiet_since
from churn_platform.alerts.routing import pages, route
from churn_platform.alerts.signals import rank
from churn_platform.alerts.tickets import EventKind, Ticket, TicketEvent, after, unresolved
from churn_platform.drift.finding import Severity
from churn_platform.policies.monitoring import AlertsPolicy


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
            fired.setdefault(incident_of(firing.finding), []).append(firing)
        for incident in sorted(fired):
            board.fire(incident, day, fired[incident])
    return tuple(board.events)


class _Board:
    """The tickets while events happen to them."""

    def __init__(self, tickets: Iterable[Ticket], at: datetime, actor: str, policy: AlertsPolicy) -> None:
        self.tickets = {one.ticket: one for one in tickets}
        self.at, self.actor, self.policy = at, actor, policy
        self.events: list[TicketEvent] = []

    def fire(self, incident: str, day: date, fired: Sequence[Firing]) -> None:
        """One incident on one day."""
        members = join((), [Member.of(one.finding, day) for one in fired])
        severity = max((one.severity for one in members), key=rank)
        paging = any(pages(one, self.policy) for one in members)
        ticket = self._belonging(incident, day)
        if ticket is None:
            number = 1 + max((one.number for one in self.tickets.values()), default=0)
            name = f"T-{number}"
            opening = {"number": number, "incident": incident, "day": day.isoformat()}
            self._happen(name, "opened", opening | self._standing(severity, paging))
        else:
            name = ticket.ticket
            higher = rank(severity) > rank(ticket.severity) or (paging and not ticket.pages)
            if ticket.resolved and (higher or ticket.resolved_day is None or day > ticket.resolved_day):
                self._happen(name, "reopened", {"day": day.isoformat()} | self._standing(severity, paging))
            elif not ticket.resolved and higher:
                worst = max(severity, ticket.severity, key=rank)
                standing = self._standing(worst, paging or ticket.pages)
                self._happen(name, "raised", {"day": day.isoformat(), "from": ticket.severity} | standing)
        places = sorted([one.evidence, one.index] for one in fired)
        content = {"day": day.isoformat(), "findings": places, "members": [one.to_dict() for one in members]}
        self._happen(name, "fired", content)
        self._name_cause(name, [cause_in(one.finding, day) for one in fired])

    def settle(self, past: Mapping[date, Sequence[Evidence]]) -> None:
        """Resolve what has been quiet for long enough."""
        for ticket in unresolved(tuple(self.tickets.values())):
            told = {day: tuple(findings_of(ticket.incident, records)) for day, records in past.items()}
            since = quiet_since(ticket, told, self.policy.quiet_windows)
            if since is not None:
                note = f"quiet for {self.policy.quiet_windows} windows in a row, the last of them {since}"
                self._happen(ticket.ticket, "resolved", {"day": since.isoformat(), "note": note})

    def _belonging(self, incident: str, day: date) -> Ticket | None:
        same = [one for one in self.tickets.values() if one.incident == incident]
        for one in unresolved(same):
            return one
        within = self.policy.same_incident_within
        near = [one for one in same if one.first_day - within <= day <= one.last_day + within]
        return max(near, key=lambda one: (one.last_day, one.number), default=None)

    def _standing(self, severity: Severity, paging: bool) -> dict[str, Any]:
        return {"severity": severity, "pages": paging, "owner": route(severity, self.policy).owner}

    def _name_cause(self, name: str, found: Iterable[Cause | None]) -> None:
        present = self.tickets[name].cause
        best = likeliest(one for one in (present, *found) if one is not None)
        if best is not None and (present is None or best.name != present.name):
            self._happen(name, "cause_named", {"cause": best.to_dict()})

    def _happen(self, ticket: str, kind: EventKind, details: Mapping[str, Any]) -> None:
        event = TicketEvent(ticket, kind, self.at, self.actor, details)
        self.tickets[ticket] = after(self.tickets.get(ticket), event)
        self.events.append(event)
