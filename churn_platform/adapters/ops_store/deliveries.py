"""Deliveries, the outbox: what is to be told, who is telling it just now, and what came of it.

A message is committed with the change that it tells of, so neither exists without the other. A sender claims it for a while, sends,
and records the outcome. If it dies in between, the claim runs out and the message is sent again: at least once, under the same key
and thread, by which a receiver can tell that it has it already. What was queued and what came of it is recorded for good; who holds
it just now (`delivery_states`) is not.
"""

from __future__ import annotations

import uuid
from collections.abc import Collection, Iterable, Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Any, Literal

import sqlalchemy as sa

from churn_platform.adapters.ops_store.ledger import Change
from churn_platform.adapters.ops_store.tables import deliveries, delivery_outcomes, delivery_states, tickets
from churn_platform.alerts.messages import Message
from churn_platform.governance.ledger import LedgerFinding

DeliveryState = Literal["queued", "failing", "overdue", "undeliverable", "sent"]
TO_BE_SENT = ("queued", "failing", "overdue")


@dataclass(frozen=True, slots=True)
class Delivery:
    """A message and how far it has come; `detail` is the last recorded outcome's."""

    message: Message
    state: DeliveryState
    attempts: int
    next_attempt: datetime
    queued_at: datetime
    detail: str
    ledger_sequence: int


@dataclass(frozen=True, slots=True)
class Claim:
    """The right to send one message until `until`; `repeated` if an earlier sender may have sent it before it died."""

    message: Message
    attempts: int
    token: str
    until: datetime
    repeated: bool


def queue(change: Change, messages: Sequence[Message]) -> int:
    """Queue messages whose keys are new; how many."""
    known = set(_known(change.connection, [one.key for one in messages]))
    new = [one for one in messages if one.key not in known]
    for one in new:
        values = {
            "key": one.key,
            "ticket": one.ticket,
            "kind": one.kind,
            "channel": one.channel,
            "message": one.to_dict(),
        }
        change.record("delivery.queued", values)
        state = {"delivery": one.key, "state": "queued", "attempts": 0, "next_attempt": change.at}
        change.connection.execute(delivery_states.insert().values(claim=None, claimed_until=None, **state))
    return len(new)


def claim_one(
    change: Change, until: datetime, channels: Collection[str] | None = None, key: str | None = None
) -> Claim | None:
    """The message on one of `channels`, or of that key, that has been due for longest and that nobody holds; None if there is none.

    The ledger's head is checked with it: a message is not sent if the outcome could not be recorded.
    """
    query = (
        _joined()
        .where(delivery_states.c.state.in_(TO_BE_SENT), delivery_states.c.next_attempt <= change.at)
        .where(sa.or_(delivery_states.c.claimed_until.is_(None), delivery_states.c.claimed_until <= change.at))
        .order_by(delivery_states.c.next_attempt, deliveries.c.ledger_sequence)
        .limit(1)
    )
    if channels is not None:
        query = query.where(deliveries.c.channel.in_(sorted(channels)))
    if key is not None:
        query = query.where(deliveries.c.key == key)
    change.nothing_to_do()
    row = change.connection.execute(query).one_or_none()
    if row is None:
        return None
    token = uuid.uuid4().hex
    mine = delivery_states.update().where(delivery_states.c.delivery == row.key)
    change.connection.execute(mine.values(claim=token, claimed_until=until))
    return Claim(_message(row), row.attempts, token, until, row.claim is not None)


def record_sent(change: Change, claim: Claim, detail: str) -> None:
    """It was sent. That holds even if the claim has run out meanwhile: nobody else shall send it once more."""
    _record_outcome(change, claim.message.key, "sent", claim.attempts + 1, detail)
    _move(
        change.connection, claim.message.key, state="sent", attempts=claim.attempts + 1, claim=None, claimed_until=None
    )


def record_failed(
    change: Change, claim: Claim, detail: str, next_attempt: datetime, *, overdue: bool, was_overdue: bool
) -> None:
    """It was not sent, and is tried again then. Once it is overdue, further failures are counted and no longer recorded one by
    one. If the claim has run out, the one who holds it now decides.
    """
    if not _holds(change.connection, claim):
        change.nothing_to_do()
        return
    if was_overdue:
        change.nothing_to_do()
    else:
        _record_outcome(change, claim.message.key, "failed", claim.attempts + 1, detail)
    state: DeliveryState = "overdue" if overdue else "failing"
    moved = {"state": state, "attempts": claim.attempts + 1, "next_attempt": next_attempt}
    _move(change.connection, claim.message.key, claim=None, claimed_until=None, **moved)


def record_given_up(change: Change, claim: Claim, detail: str) -> None:
    """It was not sent and is not tried again, as with a test."""
    _record_outcome(change, claim.message.key, "failed", claim.attempts + 1, detail)
    moved = {"state": "undeliverable", "attempts": claim.attempts + 1}
    _move(change.connection, claim.message.key, claim=None, claimed_until=None, **moved)


def record_undeliverable(change: Change, channels: Collection[str], reason: str) -> int:
    """Say of everything queued on these channels that it cannot be delivered, and why; how many."""
    change.nothing_to_do()
    query = _joined().where(delivery_states.c.state.in_(TO_BE_SENT), deliveries.c.channel.in_(sorted(channels)))
    free = sa.or_(delivery_states.c.claimed_until.is_(None), delivery_states.c.claimed_until <= change.at)
    rows = change.connection.execute(query.where(free).order_by(deliveries.c.ledger_sequence)).all()
    for row in rows:
        _record_outcome(change, row.key, "undeliverable", row.attempts, reason)
        _move(change.connection, row.key, state="undeliverable", claim=None, claimed_until=None)
    return len(rows)


def revive(change: Change, channels: Collection[str]) -> int:
    """Queue again what was undeliverable on channels that are configured by now, where it still matters: the newest message about
    each ticket that is not resolved, and the newest weekly review; how many.
    """
    change.nothing_to_do()
    query = _joined().where(delivery_states.c.state == "undeliverable", deliveries.c.channel.in_(sorted(channels)))
    rows = change.connection.execute(query.order_by(deliveries.c.ledger_sequence)).all()
    unresolved: set[str] = set(
        change.connection.execute(sa.select(tickets.c.ticket).where(tickets.c.state != "resolved")).scalars()
    )
    newest = {
        (row.channel, row.ticket or row.kind): row
        for row in rows
        if row.ticket in unresolved or row.kind == "weekly_review"
    }
    for row in newest.values():
        _move(change.connection, row.key, state="queued", next_attempt=change.at)
    return len(newest)


def matching(
    connection: sa.Connection, ticket: str | None = None, states: Collection[str] = ()
) -> tuple[Delivery, ...]:
    """Deliveries about a ticket, in some states, or all; oldest first."""
    query = _joined()
    if ticket is not None:
        query = query.where(deliveries.c.ticket == ticket)
    if states:
        query = query.where(delivery_states.c.state.in_(sorted(states)))
    rows = connection.execute(query.order_by(deliveries.c.ledger_sequence)).all()
    outcomes = delivery_outcomes.select().order_by(delivery_outcomes.c.ledger_sequence)
    if ticket is not None or states:
        outcomes = outcomes.where(delivery_outcomes.c.delivery.in_([row.key for row in rows]))
    details = {row.delivery: row.detail for row in connection.execute(outcomes)}
    return tuple(
        Delivery(
            _message(row),
            row.state,
            row.attempts,
            row.next_attempt,
            row.queued_at,
            details.get(row.key, ""),
            row.ledger_sequence,
        )
        for row in rows
    )


def is_known(connection: sa.Connection, key: str) -> bool:
    """Whether a message of that key was ever queued."""
    return bool(list(_known(connection, [key])))


def state_findings(connection: sa.Connection) -> list[LedgerFinding]:
    """Deliveries whose state is not what was recorded: one without a state would never be sent, one falsely `sent` neither."""
    outcomes: dict[str, set[str]] = {}
    for row in connection.execute(delivery_outcomes.select()):
        outcomes.setdefault(row.delivery, set()).add(row.outcome)
    states = {row.delivery: row.state for row in connection.execute(delivery_states.select())}
    findings = []
    for row in connection.execute(deliveries.select().order_by(deliveries.c.ledger_sequence)):
        state, sent = states.get(row.key), "sent" in outcomes.get(row.key, set())
        if state is None or (state == "sent") != sent:
            reason = f"message {row.key} is {state or 'without a state'}, but its recorded outcomes say otherwise"
            way_out = "Restore the database from a backup."
            findings.append(LedgerFinding("state_differs", row.ledger_sequence, f"{reason}. {way_out}"))
    return findings


def _joined() -> sa.Select[Any]:
    return sa.select(
        deliveries.c.key,
        deliveries.c.ticket,
        deliveries.c.kind,
        deliveries.c.channel,
        deliveries.c.message,
        deliveries.c.ledger_sequence,
        deliveries.c.at.label("queued_at"),
        delivery_states.c.state,
        delivery_states.c.attempts,
        delivery_states.c.next_attempt,
        delivery_states.c.claim,
        delivery_states.c.claimed_until,
    ).join(delivery_states, delivery_states.c.delivery == deliveries.c.key)


def _known(connection: sa.Connection, keys: Iterable[str]) -> Iterable[str]:
    return connection.execute(sa.select(deliveries.c.key).where(deliveries.c.key.in_(list(keys)))).scalars()


def _record_outcome(change: Change, key: str, outcome: str, attempt: int, detail: str) -> None:
    change.record("delivery.attempted", {"delivery": key, "outcome": outcome, "attempt": attempt, "detail": detail})


def _holds(connection: sa.Connection, claim: Claim) -> bool:
    held = sa.select(delivery_states.c.claim).where(delivery_states.c.delivery == claim.message.key)
    return bool(connection.execute(held).scalar_one() == claim.token)


def _move(connection: sa.Connection, key: str, **values: Any) -> None:
    connection.execute(delivery_states.update().where(delivery_states.c.delivery == key).values(**values))


def _message(row: sa.Row[Any]) -> Message:
    return Message(key=row.key, ticket=row.ticket, kind=row.kind, channel=row.channel, **row.message)
