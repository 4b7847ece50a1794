"""When to learn again: each trigger, what holds it back, and a year of calm."""

from __future__ import annotations

from dataclasses import replace
from datetime import UTC, datetime, timedelta
from itertools import pairwise

import pytest
from evidence_of import POLICIES, TRAINED, Report, decide, drifting, finding, on, report
from hypothesis import given
from hypothesis import strategies as st

from churn_platform.retraining.evidence import PastTraining, drift_onset, in_force
from churn_platform.retraining.triggers import STALE_AFTER, WEEK

SUNDAY = 6


def test_nothing_happened_so_nothing_is_trained_and_every_trigger_says_why() -> None:
    decision = decide(3)
    assert decision.outcome == "skip"
    assert [answer.trigger for answer in decision.considered] == [
        "business_event",
        "performance_decay",
        "drift_detected",
        "scheduled",
        "data_volume",
    ]
    assert len(decision.reasons) == 4
    assert all(decision.reasons)


def test_drift_that_acts_retrains_and_cites_its_evidence_and_window() -> None:
    decision = decide(9, drifting(8, 9))
    assert (decision.outcome, decision.trigger) == ("retrain", "drift_detected")
    assert decision.evidence == (109,)
    assert decision.as_of == on(9)
    assert decision.window.first == on(9) - POLICIES.training.window
    assert decision.window.changed_on == on(2)


def test_drift_that_does_not_act_yet_waits() -> None:
    once = [report(9, finding("data_drift", on(9), "critical", acts=False))]
    assert decide(9, once).outcome == "skip"


def test_a_finding_of_last_week_says_nothing_of_today() -> None:
    stale = STALE_AFTER.days + 1
    assert decide(8 + stale, drifting(7, 8)).outcome == "skip"
    assert in_force(drifting(7, 8), on(8 + stale), STALE_AFTER) == ()


def test_a_report_that_turned_quiet_takes_the_drift_back() -> None:
    assert decide(10, [*drifting(8, 9), report(10)]).outcome == "skip"


@pytest.mark.parametrize("signal", ["performance_decay", "estimated_decay"])
def test_decay_realised_or_estimated_retrains_and_goes_before_drift(signal: str) -> None:
    both = [*drifting(9), report(9, finding(signal, on(9), subject="model"), sequence=300, name="performance")]  # type: ignore[arg-type]
    decision = decide(9, both)
    assert decision.trigger == "performance_decay"
    assert decision.evidence == (300,)


def test_within_the_cooldown_nothing_is_trained_and_the_reason_says_when_the_last_one_was() -> None:
    recent = PastTraining(datetime.combine(on(8), datetime.min.time(), UTC) + timedelta(hours=20), on(7), 28_000, "")
    decision = decide(9, drifting(8, 9), trainings=[TRAINED, recent])
    assert decision.outcome == "skip"
    assert any("less than 24 hours ago" in reason for reason in decision.reasons)


def test_the_same_drift_again_waits_until_a_whole_cycle_of_the_changed_world_has_matured() -> None:
    for_it = PastTraining(datetime.combine(on(9), datetime.min.time(), UTC), on(9), 28_000, "drift_detected")
    ready = 2 + POLICIES.retraining.drift_detected.relearn_after.days  # seen on day 8 over a week that began on day 2
    known = {"reports": drifting(*range(8, ready + 1)), "trainings": [TRAINED, for_it]}
    early = decide(ready - 1, **known, matured_since_onset=9_000)
    assert early.outcome == "skip"
    assert any(f"it can be learned from {on(ready)} on" in answer.reason for answer in early.considered)
    few = decide(ready, **known, matured_since_onset=999)
    assert few.outcome == "skip"
    assert any("trained for it already" in answer.reason for answer in few.considered)
    assert decide(ready, **known, matured_since_onset=1_000).trigger == "drift_detected"


def test_a_thin_window_after_the_change_is_said_and_not_papered_over() -> None:
    decision = decide(9, drifting(8, 9), matured_since_onset=0)
    assert decision.retrain
    assert decision.window.thin
    assert "too thin to learn the change from: 0 outcomes" in decision.reasons[-1]
    thick = decide(45, drifting(*range(8, 46)), matured_since_onset=3_000)
    assert not thick.window.thin


def test_a_month_has_a_budget_of_trainings_and_says_when_it_is_free_again() -> None:
    most = int(POLICIES.drift.cost.retrainings)
    trained = [
        PastTraining(datetime.combine(on(n), datetime.min.time(), UTC), on(n), 28_000, "")
        for n in range(60, 60 + 2 * most, 2)
    ]
    known = {"trainings": trained, "matured_since_onset": 9_000}
    decision = decide(80, drifting(*range(8, 81)), **known)
    assert decision.outcome == "skip"
    assert any("budget" in reason and str(on(90)) in reason for reason in decision.reasons)
    assert decide(91, drifting(*range(8, 92)), **known).retrain


BROKEN = [
    finding("schema_drift", on(9), "critical", acts=False, subject="customers.payment_method"),
    finding("feed_late", on(9), "warning", acts=True, subject="churn_events"),
    finding("data_freshness", on(9), "critical", acts=True, subject="customers"),
]


@pytest.mark.parametrize("broken", BROKEN, ids=lambda one: f"{one.signal} of {one.subject}")
def test_broken_data_never_start_a_training(broken: object) -> None:
    reports = [*drifting(8, 9), report(9, broken, sequence=400, name="schema")]  # type: ignore[arg-type]
    decision = decide(9, reports, matured=99_999)
    assert decision.outcome == "skip"
    assert any("learning from them would teach the fault" in reason for reason in decision.reasons)
    assert 400 in decision.evidence


def test_customers_that_come_late_are_old_and_not_wrong_so_they_do_not_hold_back() -> None:
    late = finding("feed_late", on(9), "warning", acts=True, subject="customers")
    assert decide(9, [*drifting(8, 9), report(9, late, sequence=400, name="schema")]).retrain


def test_volume_is_counted_against_what_was_learned_from() -> None:
    assert not decide(9, matured=5_599).retrain
    decision = decide(9, matured=5_600)
    assert decision.trigger == "data_volume"
    small = replace(TRAINED, rows=3_000)
    assert not decide(9, matured=999, trainings=[small]).retrain
    assert decide(9, matured=1_000, trainings=[small]).retrain


def test_the_schedule_is_skipped_without_drift_and_keeps_its_day_and_hour() -> None:
    skipped = decide(SUNDAY)
    assert skipped.outcome == "skip"
    assert any("skipped: nothing drifted" in reason for reason in skipped.reasons)
    with_drift = [*drifting(3), report(SUNDAY)]
    assert decide(SUNDAY, with_drift).trigger == "scheduled"
    before = datetime.combine(on(SUNDAY), datetime.min.time(), UTC) + timedelta(hours=1)
    assert decide(SUNDAY, with_drift, at=before).outcome == "skip"
    assert decide(SUNDAY + 1, with_drift).outcome == "skip"


def test_a_person_may_retrain_at_any_time_with_a_reason_and_never_without() -> None:
    busy = PastTraining(datetime.combine(on(9), datetime.min.time(), UTC), on(9), 28_000, "")
    decision = decide(9, trainings=[busy] * 9, reason="new price list from Monday")
    assert (decision.trigger, decision.retrain) == ("business_event", True)
    assert "new price list from Monday" in decision.reasons[0]
    assert decide(9, reason="   ").outcome == "skip"


def test_the_same_evidence_is_the_same_decision_and_new_evidence_another() -> None:
    one = decide(9, drifting(8, 9))
    later = decide(9, drifting(8, 9), at=datetime.combine(on(9), datetime.min.time(), UTC) + timedelta(hours=15))
    assert one.key == later.key
    assert decide(10, drifting(8, 9, 10)).key != one.key
    other = [report(9, finding("data_drift", on(9)), sequence=777)]
    assert decide(9, other).key != one.key


@given(st.integers(0, 60), st.sets(st.integers(0, 60)), st.integers(0, 9_000), st.integers(0, 9_000))
def test_whatever_is_seen_a_decision_has_reasons_names_its_trigger_and_never_looks_ahead(
    day: int, drift_days: set[int], matured: int, after_change: int
) -> None:
    reports = [*(report(n) for n in range(61) if n not in drift_days), *drifting(*sorted(drift_days))]
    decision = decide(day, reports, matured=matured, matured_since_onset=after_change)
    assert decision.reasons
    assert decision.retrain == (decision.trigger is not None)
    assert all(sequence <= 100 + day for sequence in decision.evidence)
    assert decision.to_dict()["considered"]
    seen = [one for one in reports if one.day <= on(day)]
    assert decision.window.changed_on == drift_onset(seen, on(day), WEEK)


def live(days: int, reports: list[Report], per_day: int = 233) -> list[tuple[int, str]]:
    """Live some days at 7,000 customers and return (day, trigger) of each training."""
    trainings, found = [TRAINED], []
    for number in range(days):
        onset = drift_onset([one for one in reports if one.day <= on(number)], on(number), WEEK)
        last = trainings[-1]
        matured = per_day * (on(number) - last.as_of).days
        first_new = max(last.as_of, onset + timedelta(30)) if onset else None
        after = per_day * max(0, (on(number) - first_new).days) if first_new else 0
        decision = decide(
            number,
            [one for one in reports if on(number) - one.day <= timedelta(90)],
            trainings=trainings[-40:],
            matured=matured,
            matured_since_onset=after,
        )
        if decision.retrain:
            found.append((number, str(decision.trigger)))
            rows = min(28_000 + per_day * number, per_day * 335)
            trainings.append(
                PastTraining(
                    datetime.combine(on(number), datetime.min.time(), UTC) + timedelta(hours=6), on(number), rows, ""
                )
            )
    return found


def test_a_calm_year_retrains_by_volume_only_and_every_few_weeks() -> None:
    found = live(365, [report(number) for number in range(365)])
    assert {trigger for _, trigger in found} == {"data_volume"}
    assert 4 <= len(found) <= 13
    gaps = [later - earlier for (earlier, _), (later, _) in pairwise(found)]
    assert min(gaps) >= 20


def test_after_a_change_it_is_learned_at_once_and_again_once_it_can_be_within_the_budget() -> None:
    reports = [*(report(number) for number in range(97)), *drifting(*range(97, 190))]
    days = [day for day, trigger in live(190, reports) if trigger == "drift_detected"]
    ready = 91 + POLICIES.retraining.drift_detected.relearn_after.days
    assert days[0] == 97
    assert days[1] == ready
    assert not any(97 < day < ready for day in days)
    assert sum(ready < day <= ready + 15 for day in days) >= 2
    for start in range(190):
        assert sum(start <= day < start + 30 for day in days) <= POLICIES.drift.cost.retrainings
