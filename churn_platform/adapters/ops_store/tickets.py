"""Tickets: their recorded events, the present state that the events add up to, and what evidence has been considered."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, fields
from datetime import date, datetime
from typing import Any

import sqlalchemy as sa

from churn_platform.adapters.ops_store.errors import TicketConflict, UnknownTicket
from churn_platform.adapters.ops_store.ledger import Change
from churn_platform.adapters.ops_store.tables import considered, ticket_events
from churn_platform.adapters.ops_store.tables import tickets as table
from churn_platform.alerts.members import Cause, Member
from churn_platform.alerts.tickets import Ticket, TicketEvent, after, replay
from churn_platform.governance.canonical import canonical_json, plain
from churn_platform.governance.ledger import LedgerFinding


@dataclass(frozen=True, slots=True)
class TicketsSeen:
    """The tickets at one moment: `considered` is the newest evidence that was considered, `version` changes with every change."""

    tickets: tuple[Ticket, ...]
    considered: int
    version: int


def seen(connection: sa.Connection) -> TicketsSeen:
    """Everything as it is now."""
    through: int = connection.execute(sa.select(sa.func.coalesce(sa.func.max(considered.c.through), 0))).scalar_one()
    return TicketsSeen(present(connection), through, _version(connection))


def present(connection: sa.Connection) -> tuple[Ticket, ...]:
    """All tickets, in order of number."""
    return tuple(_ticket(row.content) for row in connection.execute(table.select().order_by(table.c.number)))


def by_number(connection: sa.Connection, number: int) -> Ticket:
    """The ticket; UnknownTicket says which there are."""
    row = connection.execute(table.select().where(table.c.number == number)).one_or_none()
    if row is None:
        last: int = connection.execute(sa.select(sa.func.coalesce(sa.func.max(table.c.number), 0))).scalar_one()
        there = f"there are T-1 to T-{last}" if last else "none has been opened yet"
        raise UnknownTicket(f"there is no ticket T-{number}: {there}")
    return _ticket(row.content)


def events_of(connection: sa.Connection, ticket: str) -> tuple[TicketEvent, ...]:
    """What happened to a ticket, oldest first."""
    query = ticket_events.select().where(ticket_events.c.ticket == ticket).order_by(ticket_events.c.ledger_sequence)
    return tuple(_event(row) for row in connection.execute(query))


def require_unchanged(change: Change, version: int) -> None:
    """TicketConflict unless the tickets are those that the caller saw."""
    if _version(change.connection) != version:
        raise TicketConflict("the tickets have changed since they were looked at: look again and decide again")


def record(change: Change, event: TicketEvent) -> Ticket:
    """Record an event and bring its ticket to the state that follows; TicketError if it cannot happen any more."""
    row = change.connection.execute(table.select().where(table.c.ticket == event.ticket)).one_or_none()
    ticket = after(None if row is None else _ticket(row.content), event)
    details = plain(dict(event.details))
    sequence = change.record("ticket.changed", {"ticket": event.ticket, "kind": event.kind, "details": details})
    values = {"state": ticket.state, "content": _content(ticket), "event": sequence}
    if row is None:
        new = {"ticket": ticket.ticket, "number": ticket.number, "incident": ticket.incident}
        change.connection.execute(table.insert().values(**new, **values))
    else:
        change.connection.execute(table.update().where(table.c.ticket == ticket.ticket).values(**values))
    return ticket


def record_considered(change: Change, evidence: Sequence[int]) -> None:
    """Record which evidence has been considered: what is older than the newest of it is never new again."""
    change.record("findings.considered", {"through": max(evidence), "evidence": list(evidence)})


def state_findings(connection: sa.Connection) -> list[LedgerFinding]:
    """Tickets that are not what their recorded events add up to."""
    events: dict[str, list[TicketEvent]] = {}
    for row in connection.execute(ticket_events.select().order_by(ticket_events.c.ledger_sequence)):
        events.setdefault(row.ticket, []).append(_event(row))
    expected = {name: (canonical_json(_content(replay(own))), own[-1].sequence) for name, own in events.items()}
    actual = {row.ticket: (canonical_json(row.content), row.event) for row in connection.execute(table.select())}
    return [
        LedgerFinding(
            "state_differs",
            expected.get(name, ("", 0))[1],
            f"ticket {name} is not what its recorded events add up to. Restore the database from a backup.",
        )
        for name in sorted({*expected, *actual})
        if expected.get(name) != actual.get(name)
    ]


def _version(connection: sa.Connection) -> int:
    newest = (sa.func.coalesce(sa.func.max(one.c.ledger_sequence), 0) for one in (ticket_events, considered))
    return max(int(connection.execute(sa.select(number)).scalar_one()) for number in newest)


def _content(ticket: Ticket) -> Any:
    return plain({field.name: getattr(ticket, field.name) for field in fields(Ticket)})


def _ticket(content: dict[str, Any]) -> Ticket:
    values = dict(content)
    for name in ("opened_at", "announced_at", "acknowledged_at", "escalated_at", "resolved_at"):
        values[name] = None if values[name] is None else datetime.fromisoformat(values[name])
    values["resolved_day"] = None if values["resolved_day"] is None else date.fromisoformat(values["resolved_day"])
    values["days"] = tuple(date.fromisoformat(day) for day in values["days"])
    values["members"] = tuple(Member.from_dict(member) for member in values["members"])
    values["causes"] = tuple(Cause.from_dict(cause) for cause in values["causes"])
    values["strands"] = tuple(values["strands"])
    return Ticket(**values)


def _event(row: sa.Row[Any]) -> TicketEvent:
    return TicketEvent(row.ticket, row.kind, row.at, row.actor, row.details, row.ledger_sequence)
