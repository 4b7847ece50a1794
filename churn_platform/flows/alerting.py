"""Alerting: recorded findings become tickets, tickets become messages, messages are delivered.

What belongs here: reading the ops store, one call into the room, writing back; every step may be run again, by anybody, at any
time, and does nothing where nothing is new. What does not: which findings are one incident, what a message says (`alerts/`).
"""

from __future__ import annotations

import time
from collections import Counter
from collections.abc import Callable, Collection, Sequence
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from typing import TYPE_CHECKING, Any

from churn_platform.adapters import clock
from churn_platform.adapters.home import read_home
from churn_platform.adapters.ops_store import TicketConflict
from churn_platform.adapters.platform import ACTOR
from churn_platform.alerts import lifecycle, retrying, weekly_review
from churn_platform.alerts.consideration import consider
from churn_platform.alerts.messages import messages_for, test_message
from churn_platform.alerts.tickets import Ticket, TicketEvent, after, unresolved

if TYPE_CHECKING:
    from churn_platform.adapters.notify import Channels
    from churn_platform.adapters.ops_store.deliveries import Claim
    from churn_platform.adapters.ops_store.tickets import TicketsSeen
    from churn_platform.adapters.platform import Platform
    from churn_platform.policies.alerting import Channel

SIMULATED_TIME = "simulated time: nothing is sent out of a life that is lived in minutes"
TRIES = 5
"""How often a change of tickets is decided anew if somebody else changes them in between: each try sees the other's change."""


@dataclass(frozen=True, slots=True)
class TicketChanges:
    """What a step did: how much evidence it considered, what happened to which tickets, how many messages it queued."""

    considered: int = 0
    events: tuple[TicketEvent, ...] = ()
    queued: int = 0

    @property
    def tickets(self) -> tuple[str, ...]:
        """The tickets that something happened to."""
        return tuple(dict.fromkeys(event.ticket for event in self.events))

    def of(self, kind: str) -> tuple[str, ...]:
        """The tickets that this happened to."""
        return tuple(event.ticket for event in self.events if event.kind == kind)

    @property
    def summary(self) -> str:
        """One line for a log."""
        kinds = dict.fromkeys(event.kind for event in self.events if event.kind != "fired")
        told = "; ".join(f"{kind} {', '.join(dict.fromkeys(self.of(kind)))}" for kind in kinds) or "no ticket changed"
        return f"{self.considered} reports considered, {told}; {self.queued} messages queued"


@dataclass(slots=True)
class Delivered:
    """What came of delivering."""

    sent: int = 0
    failed: int = 0
    undeliverable: int = 0
    details: list[str] = field(default_factory=list)

    @property
    def summary(self) -> str:
        """One line for a log."""
        more = f": {'; '.join(dict.fromkeys(self.details))}" if self.details else ""
        return f"{self.sent} sent, {self.failed} failed, {self.undeliverable} undeliverable{more}"


def raise_tickets(platform: Platform) -> TicketChanges:
    """Consider all recorded findings that have not been considered yet, and escalate what nobody has acknowledged in time."""
    policy, at = platform.policies.alerts, platform.now()

    def decide(seen: TicketsSeen) -> Decided:
        new = platform.ops.findings(since=seen.considered)
        events: tuple[TicketEvent, ...] = ()
        if new:
            oldest = min((one.last_day for one in unresolved(seen.tickets)), default=min(record.day for record in new))
            history = platform.ops.findings(first_day=min(oldest, *(record.day for record in new)))
            events = consider(seen.tickets, new, history, policy, at=at, actor=ACTOR)
        board = tuple(_board(seen.tickets, events).values())
        late = lifecycle.overdue(board, policy, at=at, actor=ACTOR)
        return Decided((*events, *late), tuple(record.sequence for record in new))

    return _change(platform, decide, ACTOR, at)


def acknowledge(platform: Platform, number: int, by: str) -> Ticket:
    """Record that `by` has taken the ticket.

    Raises:
        UnknownTicket: there is no such ticket. TicketError: it is resolved, or nobody is named.
    """
    at = platform.now()

    def decide(seen: TicketsSeen) -> Decided:
        event = lifecycle.acknowledge(_numbered(platform, seen, number), by=by, at=at)
        return Decided(() if event is None else (event,))

    _change(platform, decide, by, at)
    return platform.ops.ticket(number)


def resolve(platform: Platform, number: int, by: str, note: str) -> Ticket:
    """Record that `by` says it is over, and why. If it fires again on a later day, it is reopened.

    Raises:
        UnknownTicket: there is no such ticket. TicketError: it is resolved already, or name or note are missing.
    """
    at = platform.now()

    def decide(seen: TicketsSeen) -> Decided:
        ticket = _numbered(platform, seen, number)
        day = max(record.day for record in platform.ops.findings(first_day=ticket.last_day))
        return Decided((lifecycle.resolve(ticket, by=by, note=note, at=at, day=day),))

    _change(platform, decide, by, at)
    return platform.ops.ticket(number)


def review_week(platform: Platform) -> int:
    """Queue the weekly review that was due last, once; how many messages are new. Nothing to review yet queues nothing."""
    policy, at = platform.policies.alerts, platform.now()
    due = weekly_review.last_due(policy.weekly_review, at)
    began = platform.ops.findings_since_when()
    asked = f"{weekly_review.key_of(due)}/{policy.warning.channels[0]}"
    if began is None or began >= due or platform.ops.was_queued(asked):
        return 0
    untold = platform.ops.deliveries(states=("failing", "overdue", "undeliverable"))
    by_channel = Counter(str(one.message.channel) for one in untold)
    messages = weekly_review.review_of(platform.ops.tickets(), by_channel, due, policy, simulated=_simulated(platform))
    return platform.ops.queue_messages(messages, actor=ACTOR, at=at)


def deliver(
    platform: Platform,
    channels: Channels | None = None,
    within: timedelta | None = None,
    only: Collection[Channel] | None = None,
) -> Delivered:
    """Send what is due, each message by whoever claims it first.

    A channel that fails is left alone for the rest of the pass, so that one that hangs costs one timeout. In simulated time nothing
    is sent, and everything is recorded as undeliverable.

    Args:
        platform: the installation.
        channels: those to send on; by default what the environment configures.
        within: stop claiming after this long; None: until nothing is due.
        only: channels to send on, of those that are configured; None: all.
    """
    from churn_platform.adapters.notify import CHANNELS, channels_from

    if clock.is_simulated():
        queued = platform.ops.record_undeliverable(CHANNELS, SIMULATED_TIME, actor=ACTOR, at=platform.now())
        return Delivered(undeliverable=queued, details=[SIMULATED_TIME] if queued else [])
    channels = channels or channels_from()
    done = Delivered()
    for channel, problem in channels.problems.items():
        count = platform.ops.record_undeliverable([channel], problem, actor=ACTOR, at=platform.now())
        done.undeliverable += count
        done.details += [problem] if count else []
    if platform.ops.deliveries(states=("undeliverable",)):
        platform.ops.revive_undeliverable(channels.configured, actor=ACTOR, at=platform.now())
    working = set(channels.configured if only is None else channels.configured & set(only))
    began = time.monotonic()
    while within is None or time.monotonic() - began < within.total_seconds():
        lease = retrying.lease(platform.policies.alerts.delivery)
        claim = platform.ops.claim_delivery(working, lease, actor=ACTOR, at=platform.now())
        if claim is None:
            break
        if not _deliver_one(platform, channels, claim, done):
            working.discard(claim.message.channel)
    return done


def send_test(platform: Platform, channels: Channels | None = None) -> dict[str, Any]:
    """Send a test message through every configured channel; what came of each, and why the others are not configured.

    It is recorded like any other message, but not tried again: a test that failed has done its work.
    """
    from churn_platform.adapters.notify import CHANNELS, channels_from

    channels, at = channels or channels_from(), platform.now()
    told = []
    for channel in CHANNELS:
        if channel in channels.problems:
            told.append({"channel": channel, "ok": False, "configured": False, "detail": channels.problems[channel]})
            continue
        message = test_message(channel, at, simulated=_simulated(platform))
        platform.ops.queue_messages([message], actor=ACTOR, at=at)
        claim = platform.ops.claim_message(
            message.key, retrying.lease(platform.policies.alerts.delivery), actor=ACTOR, at=at
        )
        if claim is None:  # a daemon was quicker: it sends the message
            told.append({"channel": channel, "ok": True, "configured": True, "detail": "sent by the daemon"})
            continue
        outcome = channels.send(message, platform.policies.alerts.delivery.timeout)
        if outcome.ok:
            platform.ops.record_sent(claim, outcome.detail, actor=ACTOR, at=platform.now())
        else:
            platform.ops.record_given_up(claim, outcome.detail, actor=ACTOR, at=platform.now())
        told.append({"channel": channel, "ok": outcome.ok, "configured": True, "detail": outcome.detail})
    configured = [one for one in told if one["configured"]]
    return {"channels": told, "ok": bool(configured) and all(one["ok"] for one in configured)}


def _deliver_one(platform: Platform, channels: Channels, claim: Claim, done: Delivered) -> bool:
    """Send a claimed message and record what came of it; whether its channel works."""
    policy = platform.policies.alerts.delivery
    outcome = channels.send(claim.message, policy.timeout, repeated=claim.repeated)
    at = platform.now()
    if outcome.ok:
        platform.ops.record_sent(claim, outcome.detail, actor=ACTOR, at=at)
        done.sent += 1
        return True
    attempts = claim.attempts + 1
    platform.ops.record_failed(
        claim,
        outcome.detail,
        retrying.next_attempt(attempts, policy, at),
        overdue=retrying.overdue(attempts, policy),
        was_overdue=retrying.overdue(claim.attempts, policy),
        actor=ACTOR,
        at=at,
    )
    done.failed += 1
    done.details.append(outcome.detail)
    return False


@dataclass(frozen=True, slots=True)
class Decided:
    """What a step wants to happen: events, and the evidence that it has considered."""

    events: tuple[TicketEvent, ...]
    considered: tuple[int, ...] = ()


def _change(platform: Platform, decide: Callable[[TicketsSeen], Decided], actor: str, at: datetime) -> TicketChanges:
    """Decide on what is there, and record it if it is still there; else decide again on what is there by then."""
    for left in reversed(range(TRIES)):
        seen = platform.ops.tickets_seen()
        decided = decide(seen)
        if not decided.events and not decided.considered:
            return TicketChanges()
        before = {one.ticket: one for one in seen.tickets}
        now = _board(seen.tickets, decided.events)
        simulated = _simulated(platform)
        messages = messages_for(before, now, decided.events, platform.policies.alerts, simulated=simulated)
        try:
            queued = platform.ops.change_tickets(
                decided.events, messages, version=seen.version, considered=decided.considered, actor=actor, at=at
            )
        except TicketConflict:
            if not left:
                raise
            continue
        return TicketChanges(len(decided.considered), decided.events, queued)
    raise AssertionError("unreachable: the last try returns or raises")


def _board(tickets: Sequence[Ticket], events: Sequence[TicketEvent]) -> dict[str, Ticket]:
    """The tickets once the events have happened."""
    board = {one.ticket: one for one in tickets}
    for event in events:
        board[event.ticket] = after(board.get(event.ticket), event)
    return board


def _numbered(platform: Platform, seen: TicketsSeen, number: int) -> Ticket:
    for ticket in seen.tickets:
        if ticket.number == number:
            return ticket
    return platform.ops.ticket(number)  # says which there are


def _simulated(platform: Platform) -> bool:
    home = read_home(platform.settings)
    return home is not None and home.simulated
