"""The ops store's door for tickets and deliveries: the part of `OpsStore` that alerting uses."""

from __future__ import annotations

from collections.abc import Collection, Sequence
from datetime import datetime, timedelta

import sqlalchemy as sa

from churn_platform.adapters.ops_store import deliveries, ledger, tickets
from churn_platform.adapters.ops_store.anchor import Anchor
from churn_platform.adapters.ops_store.database import reading
from churn_platform.adapters.ops_store.deliveries import Claim, Delivery
from churn_platform.adapters.ops_store.tickets import TicketsSeen
from churn_platform.alerts.messages import Message
from churn_platform.alerts.tickets import Ticket, TicketEvent


class TicketsDoor:
    """Tickets and their messages."""

    _engine: sa.Engine
    _anchor: Anchor

    def tickets_seen(self) -> TicketsSeen:
        """All tickets at one moment, with what `change_tickets` needs to tell whether they are still the same."""
        with reading(self._engine) as connection:
            return tickets.seen(connection)

    def tickets(self, unresolved_only: bool = False) -> tuple[Ticket, ...]:
        """Tickets in order of number."""
        with reading(self._engine) as connection:
            return tuple(one for one in tickets.present(connection) if not (unresolved_only and one.resolved))

    def ticket(self, number: int) -> Ticket:
        """The ticket of that number; UnknownTicket if there is none."""
        with reading(self._engine) as connection:
            return tickets.by_number(connection, number)

    def ticket_events(self, ticket: str) -> tuple[TicketEvent, ...]:
        """What happened to `T-1` and so on, oldest first."""
        with reading(self._engine) as connection:
            return tickets.events_of(connection, ticket)

    def change_tickets(
        self,
        events: Sequence[TicketEvent],
        messages: Sequence[Message] = (),
        *,
        version: int,
        considered: Sequence[int] = (),
        actor: str,
        at: datetime,
    ) -> int:
        """Record events, queue their messages, and mark evidence as considered: all of it or nothing; how many messages are new.

        TicketConflict if the tickets have changed since `version` was seen.
        """
        with ledger.change(self._engine, self._anchor, at, actor) as change:
            tickets.require_unchanged(change, version)
            for event in events:
                tickets.record(change, event)
            queued = deliveries.queue(change, messages)
            if considered:
                tickets.record_considered(change, considered)
            if not events and not messages and not considered:
                change.nothing_to_do()
            return queued

    def queue_messages(self, messages: Sequence[Message], *, actor: str, at: datetime) -> int:
        """Queue messages that belong to no ticket; those whose key is known are not queued again. How many are new."""
        with ledger.change(self._engine, self._anchor, at, actor) as change:
            change.nothing_to_do()
            return deliveries.queue(change, messages)

    def claim_delivery(self, channels: Collection[str], lease: timedelta, *, actor: str, at: datetime) -> Claim | None:
        """Take the message that has been due for longest on one of `channels`, for as long as `lease`; None if there is none."""
        if not channels:
            return None
        with ledger.change(self._engine, self._anchor, at, actor) as change:
            return deliveries.claim_one(change, at + lease, channels=channels)

    def claim_message(self, key: str, lease: timedelta, *, actor: str, at: datetime) -> Claim | None:
        """Take one message; None if somebody holds it or it is not to be sent."""
        with ledger.change(self._engine, self._anchor, at, actor) as change:
            return deliveries.claim_one(change, at + lease, key=key)

    def record_given_up(self, claim: Claim, detail: str, *, actor: str, at: datetime) -> None:
        """Record that a claimed message was not sent, and is not tried again."""
        with ledger.change(self._engine, self._anchor, at, actor) as change:
            deliveries.record_given_up(change, claim, detail)

    def record_sent(self, claim: Claim, detail: str, *, actor: str, at: datetime) -> None:
        """Record that a claimed message was sent."""
        with ledger.change(self._engine, self._anchor, at, actor) as change:
            deliveries.record_sent(change, claim, detail)

    def record_failed(
        self,
        claim: Claim,
        detail: str,
        next_attempt: datetime,
        *,
        overdue: bool,
        was_overdue: bool,
        actor: str,
        at: datetime,
    ) -> None:
        """Record that a claimed message was not sent, and when it is tried again."""
        with ledger.change(self._engine, self._anchor, at, actor) as change:
            deliveries.record_failed(change, claim, detail, next_attempt, overdue=overdue, was_overdue=was_overdue)

    def record_undeliverable(self, channels: Collection[str], reason: str, *, actor: str, at: datetime) -> int:
        """Record of everything queued on these channels that it cannot be delivered; how many."""
        if not channels:
            return 0
        with ledger.change(self._engine, self._anchor, at, actor) as change:
            return deliveries.record_undeliverable(change, channels, reason)

    def revive_undeliverable(self, channels: Collection[str], *, actor: str, at: datetime) -> int:
        """Queue again what could not be delivered on channels that can deliver now, where it still matters; how many."""
        if not channels:
            return 0
        with ledger.change(self._engine, self._anchor, at, actor) as change:
            return deliveries.revive(change, channels)

    def was_queued(self, key: str) -> bool:
        """Whether a message of that key was ever queued."""
        with reading(self._engine) as connection:
            return deliveries.is_known(connection, key)

    def deliveries(self, ticket: str | None = None, states: Collection[str] = ()) -> tuple[Delivery, ...]:
        """Messages about a ticket, in some states (`queued`, `failing`, `overdue`, `undeliverable`, `sent`), or all; oldest first."""
        with reading(self._engine) as connection:
            return deliveries.matching(connection, ticket, states)
