"""Messages: what is told where, in which words, and when it is tried again."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta

import pytest
from alert_evidence import AT, POLICIES, POLICY, found, lived, report

from churn_platform.alerts import lifecycle, retrying, weekly_review
from churn_platform.alerts.messages import Message, messages_for
from churn_platform.alerts.signals import SIGNAL_TABLE
from churn_platform.alerts.tickets import Ticket, after
from churn_platform.drift.finding import SIGNALS, Severity, Signal

QUIET = {"slack", "email", "webhook"}


def told(
    signal: Signal, severity: Severity, subject: str = "customers", simulated: bool = False
) -> tuple[Message, ...]:
    board, events = lived([[report(1, 0, found(signal, subject, severity, 0, "crm_lag"))]])
    return messages_for({}, board, events, POLICY, simulated=simulated)


def test_data_drift_pages_when_critical_and_performance_decay_always_and_nothing_else() -> None:
    paging = {
        (signal, severity)
        for signal in SIGNALS
        for severity in ("warning", "critical")
        if any(one.channel == "pagerduty" for one in told(signal, severity))  # type: ignore[arg-type]
    }
    assert paging == {
        ("data_drift", "critical"),
        ("feature_drift", "critical"),
        ("concept_drift", "critical"),
        ("estimated_decay", "critical"),
        ("performance_decay", "warning"),
        ("performance_decay", "critical"),
    }


def test_what_may_page_is_policy() -> None:
    stricter = POLICIES.changed("alerts.page_on", ("schema_drift",), reason="a test").alerts
    board, _ = lived([[report(1, 0, found("schema_drift", "customers", "critical", 0))]])
    assert not any(one.pages for one in board.values())
    from churn_platform.alerts.consideration import consider

    (opened, *_) = consider(
        [], [report(1, 0, found("schema_drift", "customers", "critical", 0))], [], stricter, at=AT, actor="x"
    )
    assert opened.details["pages"]


@pytest.mark.parametrize("signal", SIGNALS)
def test_every_signal_is_told_on_the_channels_that_wake_nobody(signal: Signal) -> None:
    assert {one.channel for one in told(signal, "warning")} >= QUIET


def test_a_message_says_what_how_far_why_whose_and_what_to_do() -> None:
    message = next(one for one in told("feed_late", "critical") if one.channel == "slack")
    assert message.title == "[critical] T-1 opened: a feed is late (customers)"
    for part in (
        "psi 0.4, threshold 0.2",
        "Likely cause: crm_lag (60% of what speaks for any): it looks like crm_lag.",
        "Owner: on-call; without acknowledgement it goes to ml-owner after 30 minutes.",
        "Runbook: docs/runbooks/feed_late.md",
        "churn ticket ack 1 --by NAME",
    ):
        assert part in message.body


def test_made_up_data_say_so_in_every_title() -> None:
    assert all(one.title.startswith("[simulated] ") for one in told("data_drift", "critical", simulated=True))


def test_all_messages_about_a_ticket_share_its_thread_and_a_resolution_closes_it() -> None:
    board, events = lived([[report(1, 0, found("data_drift", "contract", "critical", 0))]])
    opened = messages_for({}, board, events, POLICY, simulated=False)
    ticket = board["T-1"]
    event = lifecycle.resolve(ticket, by="ada", note="done", at=AT, day=ticket.last_day)
    resolved = messages_for(board, {"T-1": after(ticket, event)}, [event], POLICY, simulated=False)
    assert {one.thread for one in (*opened, *resolved)} == {opened[0].thread}
    assert {one.channel for one in resolved} == {one.channel for one in opened}
    assert all(one.closes for one in resolved)
    assert not any(one.closes for one in opened)


def test_tickets_of_the_same_number_in_two_installations_have_two_threads() -> None:
    board, events = lived([[report(1, 0, found("data_drift", "contract", "critical", 0))]])
    here = messages_for({}, board, events, POLICY, simulated=False)[0]
    later = [type(event)(**{**_fields(event), "at": AT + timedelta(seconds=1)}) for event in events]
    other: dict[str, Ticket] = {}
    for event in later:
        other[event.ticket] = after(other.get(event.ticket), event)
    assert messages_for({}, other, later, POLICY, simulated=False)[0].thread != here.thread


def _fields(event: object) -> dict[str, object]:
    return {name: getattr(event, name) for name in event.__slots__}  # type: ignore[attr-defined]


def test_an_escalation_says_who_was_told_and_who_has_it_now() -> None:
    board, _ = lived([[report(1, 0, found("data_drift", "contract", "critical", 0))]])
    events = lifecycle.overdue(tuple(board.values()), POLICY, at=AT + timedelta(hours=1), actor="x")
    now = {"T-1": after(board["T-1"], events[0])}
    message = messages_for(board, now, events, POLICY, simulated=False)[0]
    assert "on-call was told, now it is with ml-owner" in message.body


def test_a_message_is_tried_for_ever_first_doubling_then_at_the_slow_pace() -> None:
    waits = [retrying.next_attempt(n, POLICY.delivery, AT) - AT for n in range(1, 30)]
    assert waits[0] == POLICY.delivery.first_retry
    assert waits == sorted(waits)
    assert waits[-1] == POLICY.delivery.slow_retry
    assert [retrying.overdue(n, POLICY.delivery) for n in (5, 6)] == [False, True]
    assert retrying.lease(POLICY.delivery) > POLICY.delivery.timeout


# The weekly review

MONDAY = datetime(2026, 6, 8, 8, tzinfo=UTC)


def test_the_review_is_due_on_the_policys_weekday_and_hour() -> None:
    assert weekly_review.last_due(POLICY.weekly_review, MONDAY) == MONDAY
    assert weekly_review.last_due(POLICY.weekly_review, MONDAY - timedelta(seconds=1)) == MONDAY - timedelta(days=7)
    assert weekly_review.last_due(POLICY.weekly_review, MONDAY + timedelta(days=6)) == MONDAY


def test_the_review_lists_what_opened_what_is_open_what_was_resolved_and_what_nobody_was_told() -> None:
    board, _ = lived(
        [[report(1, 0, found("data_drift", "contract", "critical", 0), found("label_drift", "model", "warning", 0))]]
    )
    ticket = board["T-2"]
    resolved = after(ticket, lifecycle.resolve(ticket, by="ada", note="done", at=AT, day=ticket.last_day))
    messages = weekly_review.review_of(
        [board["T-1"], resolved], {"slack": 2}, MONDAY, POLICY, simulated=True, notes=["churn_rate 8.1 %"]
    )
    assert {one.channel for one in messages} == QUIET
    assert messages[0].title == "[simulated] Weekly review of 2026-06-08: 1 open"
    for part in (
        "2 opened, 1 resolved, 1 open.",
        "T-1 [critical]",
        "T-2 [warning]",
        "Not delivered on slack: 2 messages.",
        "churn_rate 8.1 %",
    ):
        assert part in messages[0].body


def test_a_quiet_week_is_told_too() -> None:
    (message, *_) = weekly_review.review_of([], {}, MONDAY, POLICY, simulated=False)
    assert "Nothing fired." in message.body
    assert message.severity == "info"


def test_a_review_has_one_key_a_week() -> None:
    keys = {one.key for hour in range(9, 100) for one in _review(MONDAY + timedelta(hours=hour))}
    assert keys == {f"review-2026-06-08/{channel}" for channel in QUIET}


def _review(at: datetime) -> tuple[Message, ...]:
    return weekly_review.review_of([], {}, weekly_review.last_due(POLICY.weekly_review, at), POLICY, simulated=False)


def test_every_signal_has_its_row() -> None:
    assert set(SIGNAL_TABLE) == set(SIGNALS)
