"""The life of a ticket in examples: opening, joining, being raised, coming back, being over."""

from __future__ import annotations

import dataclasses
from datetime import timedelta

import pytest
from alert_evidence import AT, FIRST, POLICY, day, found, lived, report

from churn_platform.alerts import lifecycle
from churn_platform.alerts.messages import messages_for
from churn_platform.alerts.tickets import Ticket, TicketError, TicketEvent, after, replay
from churn_platform.drift.finding import Severity

BY = {"at": AT, "actor": "service:platform"}


def only(board: dict[str, Ticket]) -> Ticket:
    (ticket,) = board.values()
    return ticket


def drifting(
    number: int,
    severity: Severity = "critical",
    subject: str = "contract",
    sequence: int | None = None,
    cause: str | None = None,
):  # type: ignore[no-untyped-def]
    return report(sequence or number + 1, number, found("data_drift", subject, severity, number, cause))


def kinds(events: list[TicketEvent]) -> list[str]:
    return [event.kind for event in events]


def test_one_incident_is_one_ticket_however_often_it_fires() -> None:
    board, events = lived([[drifting(number)] for number in range(30)])
    assert only(board).days == tuple(day(number) for number in range(30))
    assert kinds(events) == ["opened"] + ["fired"] * 30


def test_feature_drift_inside_data_drift_is_the_same_incident() -> None:
    both = report(
        1, 0, found("data_drift", "features", "critical", 0), found("feature_drift", "tenure_months", "warning", 0)
    )
    board, _ = lived([[both]])
    assert {one.signal for one in only(board).members} == {"data_drift", "feature_drift"}


def test_what_violates_but_does_not_act_yet_opens_nothing() -> None:
    board, events = lived([[report(1, 0, found("data_drift", "contract", "critical", 0, acts=False))]])
    assert (board, events) == ({}, [])


def test_a_broken_table_and_a_late_feed_open_their_tickets_on_the_same_day() -> None:
    broken = found("schema_drift", "customers.payment_method", "critical", 0)
    late = found("feed_late", "invoices", "critical", 0)
    board, _ = lived([[report(1, 0, broken, late, name="schema")]])
    assert sorted(one.incident for one in board.values()) == ["late", "schema:customers"]
    assert {one.first_day for one in board.values()} == {FIRST}


def test_each_table_with_a_broken_contract_has_its_own_ticket_and_its_columns_share_it() -> None:
    broken = [found("schema_drift", name, "critical", 0) for name in ("customers.a", "customers.b", "invoices.a")]
    board, _ = lived([[report(1, 0, *broken, name="schema")]])
    assert sorted(one.incident for one in board.values()) == ["schema:customers", "schema:invoices"]


def test_what_has_one_named_cause_is_one_ticket_whatever_it_shows_in() -> None:
    data = report(1, 0, found("data_drift", "monthly_charges", "critical", 0, "pricing_change"))
    performance = report(2, 0, found("concept_drift", "model", "warning", 0, "pricing_change"), name="performance")
    later = report(3, 3, found("prediction_drift", "model", "warning", 3, "pricing_change"))
    board, _ = lived([[data], [performance], [later]])
    assert only(board).strands == ("data", "performance", "prediction")


@pytest.mark.parametrize("swapped", [False, True])
def test_of_two_tickets_with_the_cause_the_choice_does_not_depend_on_which_was_opened_first(swapped: bool) -> None:
    apart = [
        report(1, 0, found("data_drift", "a", "warning", 0)),
        report(2, 0, found("concept_drift", "model", "warning", 0)),
    ]
    named = [
        report(3, 1, found("data_drift", "a", "warning", 1, "crm_lag")),
        report(4, 1, found("concept_drift", "model", "warning", 1, "crm_lag")),
    ]
    third = report(5, 2, found("prediction_drift", "model", "warning", 2, "crm_lag"))
    first = list(reversed(apart)) if swapped else apart
    board, _ = lived([[first[0]], [first[1]], named, [third]])
    assert sorted(one.strands for one in board.values()) == [("data", "prediction"), ("performance",)]


@pytest.mark.parametrize("cause", [None, "crm_lag", "unknown"])
def test_without_the_same_named_cause_strands_stay_apart(cause: str | None) -> None:
    data = report(
        1, 0, found("data_drift", "monthly_charges", "critical", 0, "pricing_change" if cause == "crm_lag" else cause)
    )
    performance = report(2, 0, found("concept_drift", "model", "warning", 0, cause), name="performance")
    board, _ = lived([[data], [performance]])
    assert sorted(one.strands for one in board.values()) == [("data",), ("performance",)]


def test_a_cause_that_becomes_known_later_becomes_part_of_the_ticket_once() -> None:
    _, events = lived([[drifting(0)], [drifting(1, cause="pricing_change")], [drifting(2, cause="pricing_change")]])
    named = [event for event in events if event.kind == "cause_named"]
    assert [event.details["cause"]["name"] for event in named] == ["pricing_change"]


def test_a_corrected_cause_replaces_the_first_guess_and_both_are_kept() -> None:
    board, _ = lived([[drifting(0, cause="crm_lag")], [drifting(1, cause="pricing_change")]])
    cause = only(board).cause
    assert cause is not None
    assert cause.name == "pricing_change"
    assert [one.name for one in only(board).causes] == ["crm_lag", "pricing_change"]


def test_a_worse_severity_raises_the_ticket_and_a_better_one_does_not_lower_it() -> None:
    board, events = lived([[drifting(0, "warning")], [drifting(1, "critical")], [drifting(2, "warning")]])
    assert kinds(events).count("raised") == 1
    assert (only(board).severity, only(board).pages, only(board).owner) == ("critical", True, "on-call")


def test_a_ticket_is_resolved_after_its_quiet_windows_and_not_before_the_last_of_them_is_over() -> None:
    quiet = [[drifting(number, "ok")] for number in (1, 2, 3)]
    board, _ = lived([[drifting(0)], *quiet])
    assert only(board).state == "open"  # the third quiet day has only begun
    board, events = lived([[drifting(0)], *quiet, [drifting(4, "ok")]])
    assert only(board).state == "resolved"
    assert only(board).resolved_day == day(3)
    assert events[-1].details["note"] == f"quiet for {POLICY.quiet_windows} windows in a row, the last of them {day(3)}"


def test_what_is_judged_by_events_is_over_with_the_next_good_one() -> None:
    blocked = report(1, 0, found("release_blocked", "model", "warning", 0), name="release")
    released = report(2, 20, found("release_blocked", "model", "ok", 20), name="release")
    elsewhere = report(3, 21, found("cost_drift", "scoring", "ok", 21), name="slo")
    assert only(lived([[blocked], [elsewhere]])[0]).state == "open"
    assert only(lived([[blocked], [released], [elsewhere]])[0]).resolved_day == day(20)


def test_a_day_that_could_not_be_judged_is_not_a_quiet_one() -> None:
    unknown = [[drifting(number, "insufficient_data")] for number in range(1, 20)]
    board, _ = lived([[drifting(0)], *unknown])
    assert only(board).state == "open"
    # nor does it break the row
    rows = [
        drifting(1, "ok"),
        drifting(2, "insufficient_data"),
        drifting(3, "ok"),
        drifting(4, "ok"),
        drifting(5, "ok"),
    ]
    board, _ = lived([[drifting(0)], *([row] for row in rows)])
    assert only(board).resolved_day == day(4)


def test_silence_is_not_health() -> None:
    elsewhere = [
        [report(number + 1, number, found("cost_drift", "scoring", "ok", number), name="slo")]
        for number in range(1, 20)
    ]
    board, _ = lived([[drifting(0)], *elsewhere])
    assert only(board).state == "open"


def test_a_violation_that_does_not_act_starts_the_quiet_row_again() -> None:
    twitch = report(4, 3, found("data_drift", "contract", "warning", 3, acts=False))
    rows = [drifting(1, "ok"), drifting(2, "ok"), twitch, drifting(4, "ok"), drifting(5, "ok"), drifting(6, "ok")]
    board, _ = lived([[drifting(0)], *([row] for row in rows)])
    assert only(board).state == "open"


def test_the_same_strand_within_the_policys_time_brings_the_ticket_back() -> None:
    rows = [drifting(0), *(drifting(number, "ok") for number in range(1, 6)), drifting(6)]
    board, events = lived([[row] for row in rows])
    assert (only(board).state, only(board).times_reopened) == ("open", 1)
    assert "reopened" in kinds(events)


def test_after_the_policys_time_it_is_another_incident() -> None:
    apart = POLICY.same_incident_within.days + 1
    rows = [drifting(0), *(drifting(number, "ok") for number in range(1, apart)), drifting(apart)]
    board, _ = lived([[row] for row in rows])
    assert [one.days for one in board.values()] == [(day(0),), (day(apart),)]


def test_a_late_record_of_a_day_belongs_to_the_ticket_that_fired_on_it_though_another_is_open_by_now() -> None:
    rows = [drifting(0), *(drifting(number, "ok") for number in range(1, 10)), drifting(10)]
    superseding = drifting(0, subject="tenure_months", sequence=99)
    board, events = lived([*([row] for row in rows), [superseding]])
    assert [one.days for one in board.values()] == [(day(0),), (day(10),)]
    assert events[-1].ticket == "T-1"
    assert board["T-1"].resolved


def test_an_old_ticket_does_not_come_back_beside_an_open_one_that_has_its_strand() -> None:
    joined = report(
        1,
        0,
        found("data_drift", "a", "critical", 0, "crm_lag"),
        found("concept_drift", "model", "warning", 0, "crm_lag"),
    )
    well = [
        report(
            number + 1, number, found("data_drift", "a", "ok", number), found("concept_drift", "model", "ok", number)
        )
        for number in range(1, 5)
    ]
    after_long = report(20, 12, found("concept_drift", "model", "warning", 12))
    late = report(21, 5, found("data_drift", "a", "warning", 5))
    board, _ = lived([[joined], *([row] for row in well), [after_long], [late]])
    open_strands = [one.strands for one in board.values() if not one.resolved]
    assert open_strands == [("data", "performance")]


def test_nobody_is_told_of_a_ticket_that_was_over_before_anybody_could_know() -> None:
    rows = [drifting(0), *(drifting(number, "ok") for number in range(1, 6))]
    board, events = lived([rows])
    assert only(board).resolved
    assert messages_for({}, board, events, POLICY, simulated=False) == ()


# People and time


@pytest.fixture
def open_ticket() -> Ticket:
    return only(lived([[drifting(0)]])[0])


def test_an_acknowledgement_says_who_and_stops_the_escalation(open_ticket: Ticket) -> None:
    event = lifecycle.acknowledge(open_ticket, by="ada", at=AT)
    assert event is not None
    taken = after(open_ticket, event)
    assert (taken.state, taken.acknowledged_by) == ("acknowledged", "ada")
    assert lifecycle.overdue([taken], POLICY, at=AT + timedelta(days=9), actor="x") == ()
    assert lifecycle.acknowledge(taken, by="ada", at=AT) is None


def test_what_nobody_acknowledges_in_time_escalates_once(open_ticket: Ticket) -> None:
    wait = POLICY.critical.escalate_after
    assert lifecycle.overdue([open_ticket], POLICY, at=AT + wait - timedelta(seconds=1), actor="x") == ()
    (event,) = lifecycle.overdue([open_ticket], POLICY, at=AT + wait, actor="x")
    late = after(open_ticket, event)
    assert late.escalated_to == POLICY.critical.escalate_to
    assert lifecycle.overdue([late], POLICY, at=AT + 10 * wait, actor="x") == ()


def test_a_ticket_that_got_worse_may_escalate_again() -> None:
    mild = only(lived([[drifting(0, "warning")]])[0])
    (event,) = lifecycle.overdue([mild], POLICY, at=AT + POLICY.warning.escalate_after, actor="x")
    worse, events = lived([[drifting(1)]], [after(mild, event)])
    assert "raised" in kinds(events)
    assert lifecycle.overdue(tuple(worse.values()), POLICY, at=AT + POLICY.warning.escalate_after, actor="x")


def test_a_person_resolves_with_a_note_and_a_later_day_brings_it_back(open_ticket: Ticket) -> None:
    event = lifecycle.resolve(open_ticket, by="ada", note="the bill run was repeated", at=AT, day=day(0))
    closed = after(open_ticket, event)
    assert (closed.state, closed.resolved_by, closed.resolution) == ("resolved", "ada", "the bill run was repeated")
    same_day, events = lived([[drifting(0, subject="tenure_months")]], [closed])
    assert only(same_day).resolved
    assert kinds(events) == ["fired"]
    later, _ = lived([[drifting(1)]], [closed])
    assert (only(later).state, only(later).acknowledged_by, only(later).resolution) == ("open", None, None)


def test_what_cannot_be_is_refused_with_the_state_that_forbids_it(open_ticket: Ticket) -> None:
    closed = after(open_ticket, lifecycle.resolve(open_ticket, by="ada", note="done", at=AT, day=day(0)))
    with pytest.raises(TicketError, match="T-1 is resolved by ada: it cannot be acknowledged any more"):
        lifecycle.acknowledge(closed, by="bob", at=AT)
    with pytest.raises(TicketError, match="it cannot be resolved any more"):
        lifecycle.resolve(closed, by="bob", note="again", at=AT, day=day(0))
    with pytest.raises(TicketError, match="say with --note what was done"):
        lifecycle.resolve(open_ticket, by="bob", note=" ", at=AT, day=day(0))
    with pytest.raises(TicketError, match="nobody acknowledges a ticket without a name"):
        lifecycle.acknowledge(open_ticket, by="", at=AT)
    with pytest.raises(TicketError, match="was not opened"):
        after(None, TicketEvent("T-9", "acknowledged", AT, "ada", {}))
    with pytest.raises(TicketError, match="is open already"):
        after(open_ticket, TicketEvent("T-1", "opened", AT, "x", {}))
    with pytest.raises(TicketError, match="without events"):
        replay([])


def test_the_title_names_the_worst_and_most_influential_and_counts_the_rest() -> None:
    moved = [
        dataclasses.replace(found("data_drift", f"feature_{n}", "critical", 0), influence=n / 10) for n in range(5)
    ]
    title = only(lived([[report(1, 0, *moved)]])[0]).title
    assert title == "customers look different (feature_4, feature_3, feature_2 and 2 more)"
