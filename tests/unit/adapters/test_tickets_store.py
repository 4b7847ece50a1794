"""Tickets and deliveries in the ops store: all of a change or nothing, nobody's change lost, each message held by one sender."""

from __future__ import annotations

import threading
from collections.abc import Sequence
from datetime import UTC, date, datetime, timedelta
from typing import Any

import pytest
import sqlalchemy as sa

from churn_platform.adapters.ops_store import LedgerAlarm, OpsStore, TicketConflict, UnknownTicket
from churn_platform.alerts.consideration import consider
from churn_platform.alerts.incidents import Evidence
from churn_platform.alerts.messages import Message
from churn_platform.alerts.tickets import TicketError, TicketEvent, replay
from churn_platform.drift.finding import Finding, Severity, Signal, Window
from churn_platform.policies import load_policies

AT = datetime(2026, 6, 3, 7, 30, tzinfo=UTC)
DAY = date(2026, 6, 3)
BY: dict[str, Any] = {"actor": "service:platform", "at": AT}
MINUTE = timedelta(minutes=1)
POLICY = load_policies().alerts


def found(signal: Signal = "data_drift", subject: str = "contract", severity: Severity = "critical") -> Finding:
    acts = severity in ("warning", "critical")
    window = Window(DAY, DAY, 300)
    causes = {"causes": [{"cause": "crm_lag", "share": 0.5, "because": ["late"]}]}
    return Finding(signal, subject, severity, "psi", 0.4, 0.2, window, "moved", "look", acts, evidence=causes)


def opened(store: OpsStore, *findings: Finding, day: date = DAY) -> tuple[TicketEvent, ...]:
    """The events of findings that are recorded here."""
    record = store.record_findings(day, "drift", "churn-1", findings or [found()], **BY)
    evidence: Sequence[Evidence] = [record]
    return consider(store.tickets(), evidence, evidence, POLICY, **BY)


def message(number: int = 1, channel: Any = "slack", ticket: str | None = "T-1") -> Message:
    return Message(f"T-1/opened-{number}/{channel}", ticket, "opened", channel, "title", "body", "critical", "thread-1")


@pytest.fixture
def with_ticket(ops_store: OpsStore) -> OpsStore:
    events = opened(ops_store)
    seen = ops_store.tickets_seen()
    ops_store.change_tickets(events, [message()], version=seen.version, considered=[1], **BY)
    return ops_store


def claim(store: OpsStore, at: datetime = AT, channels: Sequence[str] = ("slack",)) -> Any:
    return store.claim_delivery(channels, MINUTE, actor="sender", at=at)


def test_a_ticket_comes_back_as_its_events_made_it(with_ticket: OpsStore) -> None:
    (ticket,) = with_ticket.tickets()
    assert ticket == with_ticket.ticket(1) == replay(with_ticket.ticket_events("T-1"))
    assert (ticket.title, ticket.days, ticket.cause and ticket.cause.name) == (
        "customers look different (contract)",
        (DAY,),
        "crm_lag",
    )
    assert with_ticket.tickets_seen().considered == 1
    assert with_ticket.verify_ledger().verdict == "pass"


def test_events_messages_and_evidence_are_one_change_with_their_ledger_entries(with_ticket: OpsStore) -> None:
    actions = [entry.action for entry in with_ticket.ledger()]
    assert actions == [
        "findings.recorded",
        "ticket.changed",
        "ticket.changed",
        "ticket.changed",
        "delivery.queued",
        "findings.considered",
    ]


def test_an_unknown_ticket_is_an_error_that_says_which_there_are(with_ticket: OpsStore, ops_store: OpsStore) -> None:
    with pytest.raises(UnknownTicket, match="there is no ticket T-7: there are T-1 to T-1"):
        with_ticket.ticket(7)


def test_a_change_decided_on_tickets_that_have_changed_since_is_refused_whole(with_ticket: OpsStore) -> None:
    seen = with_ticket.tickets_seen()
    taken = TicketEvent("T-1", "acknowledged", AT, "ada", {})
    with_ticket.change_tickets([taken], version=seen.version, actor="ada", at=AT)
    entries = with_ticket.ledger()
    with pytest.raises(TicketConflict, match="look again and decide again"):
        with_ticket.change_tickets([taken], [message(2)], version=seen.version, considered=[1], actor="bob", at=AT)
    assert with_ticket.ledger() == entries
    assert with_ticket.ticket(1).acknowledged_by == "ada"


def test_an_event_that_cannot_happen_takes_its_whole_change_with_it(with_ticket: OpsStore) -> None:
    entries, seen = with_ticket.ledger(), with_ticket.tickets_seen()
    good = TicketEvent("T-1", "acknowledged", AT, "ada", {})
    bad = TicketEvent("T-5", "acknowledged", AT, "ada", {})
    with pytest.raises(TicketError):
        with_ticket.change_tickets([good, bad], [message(2)], version=seen.version, actor="ada", at=AT)
    assert with_ticket.ledger() == entries
    assert with_ticket.ticket(1).state == "open"


def test_the_database_itself_refuses_a_second_unresolved_ticket_of_an_incident(with_ticket: OpsStore) -> None:
    """What neither a race nor a bug in the room may bring about."""
    again = {"number": 2, "incident": "data", "severity": "critical", "pages": True, "owner": "on-call"}
    with pytest.raises(sa.exc.IntegrityError):
        with_ticket.change_tickets(
            [TicketEvent("T-2", "opened", AT, "x", again)], version=with_ticket.tickets_seen().version, **BY
        )
    resolved = TicketEvent("T-1", "resolved", AT, "ada", {"day": DAY.isoformat(), "note": "done"})
    both = [resolved, TicketEvent("T-2", "opened", AT, "x", again)]
    with_ticket.change_tickets(both, version=with_ticket.tickets_seen().version, **BY)
    assert [one.ticket for one in with_ticket.tickets(unresolved_only=True)] == ["T-2"]


def test_a_ticket_changed_behind_the_stores_back_is_found(with_ticket: OpsStore, ops_database: Any) -> None:
    ops_database.tamper('UPDATE tickets SET content = replace(content, \'"state":"open"\', \'"state":"resolved"\')')
    assert [finding.kind for finding in with_ticket.verify_ledger().findings] == ["state_differs"]


@pytest.mark.parametrize(
    "statement",
    ["DELETE FROM delivery_states", "UPDATE delivery_states SET state = 'sent'"],
)
def test_a_message_that_would_never_be_sent_is_found(with_ticket: OpsStore, ops_database: Any, statement: str) -> None:
    ops_database.tamper(statement)
    assert [finding.kind for finding in with_ticket.verify_ledger().findings] == ["state_differs"]


@pytest.mark.parametrize("table", ["considered", "ticket_events", "deliveries", "delivery_outcomes"])
def test_what_is_recorded_of_tickets_is_append_only(with_ticket: OpsStore, table: str) -> None:
    with_ticket.record_sent(claim(with_ticket), "slack accepted it", **BY)
    for statement in (f"UPDATE {table} SET actor = 'x'", f"DELETE FROM {table}"):
        with pytest.raises(sa.exc.DatabaseError, match="append-only"), with_ticket._engine.begin() as connection:
            connection.execute(sa.text(statement))


# Deliveries


def test_a_message_is_held_by_one_sender_at_a_time(with_ticket: OpsStore) -> None:
    mine = claim(with_ticket)
    assert mine.message == message()
    assert not mine.repeated
    assert claim(with_ticket) is None
    assert claim(with_ticket, AT + MINUTE - timedelta(seconds=1)) is None


def test_a_claim_that_ran_out_is_taken_over_and_known_as_a_possible_repeat(with_ticket: OpsStore) -> None:
    claim(with_ticket)
    again = claim(with_ticket, AT + MINUTE)
    assert again.message == message()
    assert again.repeated


def test_what_was_sent_is_never_claimed_again_even_if_its_claim_had_run_out(with_ticket: OpsStore) -> None:
    slow = claim(with_ticket)
    quick = claim(with_ticket, AT + MINUTE)
    with_ticket.record_sent(slow, "slack accepted it", **BY)
    assert claim(with_ticket, AT + timedelta(days=9)) is None
    # the other one failed: what was sent stays sent
    with_ticket.record_failed(quick, "slack answered 500", AT, overdue=False, was_overdue=False, **BY)
    (delivery,) = with_ticket.deliveries()
    assert (delivery.state, delivery.detail) == ("sent", "slack accepted it")


def test_a_failed_message_waits_for_its_next_attempt(with_ticket: OpsStore) -> None:
    with_ticket.record_failed(
        claim(with_ticket), "slack answered 500", AT + MINUTE, overdue=False, was_overdue=False, **BY
    )
    assert claim(with_ticket, AT + MINUTE - timedelta(seconds=1)) is None
    again = claim(with_ticket, AT + MINUTE)
    assert (again.attempts, again.repeated) == (1, False)
    (delivery,) = with_ticket.deliveries("T-1")
    assert (delivery.state, delivery.attempts, delivery.detail) == ("failing", 1, "slack answered 500")


def test_an_overdue_message_is_tried_for_ever_without_filling_the_ledger(with_ticket: OpsStore) -> None:
    with_ticket.record_failed(claim(with_ticket), "no", AT, overdue=True, was_overdue=False, **BY)
    entries = len(with_ticket.ledger())
    for number in range(5):
        held = claim(with_ticket)
        assert held.attempts == number + 1
        with_ticket.record_failed(held, "no", AT, overdue=True, was_overdue=True, **BY)
    assert len(with_ticket.ledger()) == entries
    assert with_ticket.deliveries()[0].state == "overdue"


def test_a_message_is_queued_once_by_its_key(with_ticket: OpsStore) -> None:
    assert with_ticket.queue_messages([message(), message(2)], **BY) == 1
    assert with_ticket.queue_messages([message(), message(2)], **BY) == 0
    assert len(with_ticket.deliveries()) == 2


def test_what_cannot_be_delivered_is_recorded_and_comes_back_when_its_channel_does(with_ticket: OpsStore) -> None:
    with_ticket.queue_messages([message(2), message(3, "email"), message(4, "slack", None)], **BY)
    assert with_ticket.record_undeliverable(["slack"], "no channel configured", **BY) == 3
    assert {one.state for one in with_ticket.deliveries() if one.message.channel == "slack"} == {"undeliverable"}
    assert with_ticket.deliveries()[0].detail == "no channel configured"
    assert claim(with_ticket) is None
    # of what matters still, the newest: one message about the ticket, not the backlog
    assert with_ticket.revive_undeliverable(["slack"], **BY) == 1
    assert claim(with_ticket).message == message(2)


def test_nothing_comes_back_about_a_resolved_ticket(with_ticket: OpsStore) -> None:
    with_ticket.record_undeliverable(["slack"], "no channel configured", **BY)
    resolved = TicketEvent("T-1", "resolved", AT, "ada", {"day": DAY.isoformat(), "note": "done"})
    with_ticket.change_tickets([resolved], version=with_ticket.tickets_seen().version, **BY)
    assert with_ticket.revive_undeliverable(["slack"], **BY) == 0


def test_messages_are_sent_in_the_order_in_which_they_became_due(with_ticket: OpsStore) -> None:
    with_ticket.queue_messages([message(number) for number in range(2, 6)], actor="x", at=AT + MINUTE)
    order = []
    while (held := claim(with_ticket, AT + MINUTE)) is not None:
        order.append(held.message.key)
        with_ticket.record_sent(held, "ok", **BY)
    assert order == [message(number).key for number in range(1, 6)]


def test_two_senders_never_hold_the_same_message(with_ticket: OpsStore) -> None:
    with_ticket.queue_messages([message(number) for number in range(2, 30)], **BY)
    held: list[str] = []

    def work() -> None:
        while (mine := claim(with_ticket)) is not None:
            held.append(mine.message.key)

    senders = [threading.Thread(target=work) for _ in range(4)]
    for sender in senders:
        sender.start()
    for sender in senders:
        sender.join()
    assert len(held) == len(set(held)) == 29


def test_nothing_is_claimed_while_the_outcome_could_not_be_recorded(with_ticket: OpsStore, ops_database: Any) -> None:
    ops_database.tamper("DELETE FROM ledger WHERE sequence > 1")
    with pytest.raises(LedgerAlarm):
        claim(with_ticket)
