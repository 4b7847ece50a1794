"""Laws of tickets, over made-up lives: whatever comes in whatever order, one incident is one ticket and nothing is dropped."""

from __future__ import annotations

import itertools
import random
from typing import Any

from alert_evidence import REPORT_OF, Recorded, found, lived, report
from hypothesis import given, settings
from hypothesis import strategies as st

from churn_platform.alerts.incidents import strand_of
from churn_platform.alerts.messages import messages_for
from churn_platform.alerts.signals import rank
from churn_platform.alerts.tickets import Ticket, TicketEvent, replay, unresolved
from churn_platform.drift.finding import Finding, Severity, Signal
from churn_platform.policies import load_policies

POLICY = load_policies().alerts
SUBJECTS: dict[Signal, tuple[str, ...]] = {
    "data_drift": ("contract", "monthly_charges"),
    "feature_drift": ("tenure_months",),
    "prediction_drift": ("model",),
    "concept_drift": ("model",),
    "estimated_decay": ("model",),
    "performance_decay": ("model",),
    "schema_drift": ("customers.contract", "invoices.amount"),
    "feed_late": ("customers",),
    "data_freshness": ("customers",),
}
CAUSES = (None, "crm_lag", "pricing_change", "pricing_change")
Life = list[list[Recorded]]


@st.composite
def lives(draw: st.DrawFn) -> Life:
    """Reports by day, in order of days; each signal in the report that it comes in, a day's causes the same in all of them.

    A seed is drawn and the life made from it: what matters are long lives in which incidents begin, spread, rest and come back, and
    drawn value by value hypothesis makes short ones.
    """
    dice = random.Random(draw(st.integers(0, 2**32)))
    signals = dice.sample(sorted(SUBJECTS), dice.randint(1, 5))
    firing = {signal: dice.random() < 0.5 for signal in signals}
    life: Life = []
    number = sequence = 0
    cause = dice.choice(CAUSES)
    for _ in range(dice.randint(1, 25)):
        number += dice.choice([1, 1, 1, 1, 2, 9])
        cause = dice.choice(CAUSES) if dice.random() < 0.3 else cause
        by_report: dict[str, list[Finding]] = {}
        for signal in signals:
            firing[signal] ^= dice.random() < 0.25
            if dice.random() < 0.1:
                continue
            violating = ("warning", "warning", "critical")
            severity: Severity = dice.choice(
                violating if firing[signal] else ("ok", "ok", "ok", "ok", "insufficient_data")
            )
            acts = firing[signal] and dice.random() < 0.8
            finding = found(signal, dice.choice(SUBJECTS[signal]), severity, number, cause if acts else None, acts)
            # performance also comes with the drift report sometimes: what is one strand may come in two reports
            by_report.setdefault(dice.choice([REPORT_OF[signal], "drift"]), []).append(finding)
        of_the_day = []
        for name, findings in by_report.items():
            sequence += 1
            of_the_day.append(report(sequence, number, *findings, name=name))
        life.append(of_the_day)
    return [of_the_day for of_the_day in life if of_the_day] or [
        [report(1, 0, found("data_drift", "contract", "critical", 0))]
    ]


def content(board: dict[str, Ticket]) -> list[Any]:
    """What tickets say, whatever number they have and whichever strand opened them."""
    return sorted(
        (
            one.strands,
            one.days,
            one.state,
            one.severity,
            one.pages,
            one.owner,
            one.members,
            one.cause and one.cause.name,
            one.title,
        )
        for one in board.values()
    )


def attributed(events: list[TicketEvent]) -> list[tuple[str, tuple[int, int]]]:
    return [
        (event.ticket, (place[0], place[1]))
        for event in events
        if event.kind == "fired"
        for place in event.details["findings"]
    ]


@given(lives())
def test_every_acting_finding_belongs_to_exactly_one_ticket_and_no_other_finding_to_any(life: Life) -> None:
    _, events = lived(life)
    acting = {
        (record.sequence, index)
        for record in itertools.chain(*life)
        for index, finding in enumerate(record.findings)
        if finding.acts
    }
    places = [place for _, place in attributed(events)]
    assert len(places) == len(set(places))
    assert set(places) == acting


@given(st.data())
def test_the_order_in_which_a_days_reports_come_changes_nothing(data: st.DataObject) -> None:
    life = data.draw(lives())
    batches: Life = []
    for of_the_day in life:
        shuffled = data.draw(st.permutations(of_the_day))
        cuts = sorted(data.draw(st.sets(st.integers(1, 4))))
        batches += [part for a, b in itertools.pairwise([0, *cuts, 99]) if (part := list(shuffled[a:b]))]
    assert content(lived(batches)[0]) == content(lived(life)[0])


@given(lives())
def test_considering_everything_at_once_is_considering_it_day_by_day(life: Life) -> None:
    assert content(lived([list(itertools.chain(*life))])[0]) == content(lived(life)[0])


@given(st.data())
def test_no_strand_is_ever_in_two_unresolved_tickets_even_if_days_come_out_of_order(data: st.DataObject) -> None:
    life = data.draw(lives())
    records = data.draw(st.permutations(list(itertools.chain(*life))))
    board: dict[str, Ticket] = {}
    seen: list[Recorded] = []
    for record in records:
        board, _ = lived([[record]], tuple(board.values())) if not seen else _considered(board, seen, record)
        seen.append(record)
        strands = [strand for one in unresolved(tuple(board.values())) for strand in one.strands]
        assert len(strands) == len(set(strands))


def _considered(
    board: dict[str, Ticket], seen: list[Recorded], record: Recorded
) -> tuple[dict[str, Ticket], list[TicketEvent]]:
    from alert_evidence import AT

    from churn_platform.alerts.consideration import consider
    from churn_platform.alerts.tickets import after

    events = consider(tuple(board.values()), [record], [*seen, record], POLICY, at=AT, actor="x")
    for event in events:
        board[event.ticket] = after(board.get(event.ticket), event)
    return board, list(events)


@given(lives())
def test_the_same_findings_considered_twice_change_no_ticket_and_tell_nobody(life: Life) -> None:
    once, _ = lived(life)
    from alert_evidence import AT

    from churn_platform.alerts.consideration import consider
    from churn_platform.alerts.tickets import after

    everything = list(itertools.chain(*life))
    again = dict(once)
    newest = max(record.day for record in everything)
    repeated = [record for record in everything if record.day == newest]
    events = consider(tuple(once.values()), repeated, everything, POLICY, at=AT, actor="x")
    for event in events:
        again[event.ticket] = after(again.get(event.ticket), event)
    assert content(again) == content(once)
    assert {event.kind for event in events} <= {"fired"}
    assert messages_for(once, again, events, POLICY, simulated=False) == ()
    assert consider(tuple(once.values()), [], everything, POLICY, at=AT, actor="x") == ()


@given(lives())
def test_a_ticket_is_what_its_events_add_up_to(life: Life) -> None:
    board, events = lived(life)
    for name, ticket in board.items():
        assert replay([event for event in events if event.ticket == name]) == ticket


@given(lives())
def test_strands_of_one_ticket_are_of_one_family_or_have_one_named_cause(life: Life) -> None:
    board, _ = lived(life)
    for one in board.values():
        if len(one.strands) > 1:
            assert one.causes


@given(lives())
def test_a_severity_only_rises_until_its_ticket_is_resolved(life: Life) -> None:
    _, events = lived(life)
    standing: dict[str, int] = {}
    for event in events:
        if event.kind in ("opened", "reopened"):
            standing[event.ticket] = rank(event.details["severity"])
        if event.kind == "raised":
            assert rank(event.details["severity"]) >= standing[event.ticket]
            standing[event.ticket] = rank(event.details["severity"])


@settings(max_examples=60)
@given(lives())
def test_nobody_is_told_the_same_thing_twice_and_nobody_is_paged_for_what_does_not_page(life: Life) -> None:
    board: dict[str, Ticket] = {}
    history: list[Recorded] = []
    keys: list[str] = []
    from alert_evidence import AT

    from churn_platform.alerts.consideration import consider
    from churn_platform.alerts.tickets import after

    for batch in itertools.chain.from_iterable([[record] for record in of_the_day] for of_the_day in life):
        history += batch
        before = dict(board)
        events = consider(tuple(board.values()), batch, history, POLICY, at=AT, actor="x")
        for event in events:
            board[event.ticket] = after(board.get(event.ticket), event)
        told = messages_for(before, board, events, POLICY, simulated=False)
        keys += [one.key for one in told]
        for one in told:
            assert one.ticket is not None
            if one.channel == "pagerduty":
                assert board[one.ticket].pages
        # whoever is paged is told at once: a ticket that begins to page sends a page
        for name, ticket in board.items():
            if ticket.pages and not ticket.resolved and (name not in before or not before[name].pages):
                assert any(one.ticket == name and one.channel == "pagerduty" for one in told)
    assert len(keys) == len(set(keys))


def test_the_strand_is_read_from_the_finding_alone() -> None:
    strands = {
        strand_of(found("feature_drift", "tenure", "warning", 0)),
        strand_of(found("data_drift", "features", "critical", 3)),
    }
    assert strands == {"data"}
