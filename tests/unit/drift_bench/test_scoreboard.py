"""The scoreboard from made-up lives."""

from __future__ import annotations

from dataclasses import replace

import pytest

from churn_platform.drift.root_cause.ranking import UNKNOWN
from churn_platform.flows.drift_bench.alarms import Alarm, AlarmsByDay
from churn_platform.flows.drift_bench.cases import BenchSize, plan
from churn_platform.flows.drift_bench.scoreboard import FIGURES, PLATFORM, LivedCase, false_alarms, scoreboard

PLAN = plan(BenchSize(seeds=1), ["crm_lag", "pricing_change"])[0]
CALM, LAG, PRICE = PLAN.cases
GAP = 7


def on(*days: int, subject: str = "data_drift:contract") -> AlarmsByDay:
    return {day: frozenset({Alarm(subject)}) for day in days}


def lived(calm: AlarmsByDay, lag: AlarmsByDay, price: AlarmsByDay, causes: dict[int, str]) -> list[LivedCase]:
    return [
        LivedCase(CALM, {PLATFORM: calm, "nannyml": {}}, {}),
        LivedCase(LAG, {PLATFORM: lag, "nannyml": {}}, {90: "crm_lag"}),
        LivedCase(PRICE, {PLATFORM: price, "nannyml": {}}, causes),
    ]


def test_a_perfect_monitor_scores_perfectly() -> None:
    board = scoreboard(lived({}, on(90), on(94), {94: "pricing_change"}), [PLATFORM], GAP)[PLATFORM]
    assert board == {
        "false_critical_per_calm_year": 0.0,
        "false_alarms_per_calm_year": 0.0,
        "alarm_days_per_calm_year": 0.0,
        "detected_share": 1.0,
        "median_days_to_detection": 2.0,
        "worst_days_to_detection": 4,
        "same_day_share": 1.0,
        "cause_first_share": 1.0,
    }


def test_a_silent_monitor_detects_nothing_and_names_nothing() -> None:
    line = scoreboard(lived({}, on(90), on(94), {}), [PLATFORM, "nannyml"], GAP)["peers"]["nannyml"]
    assert (line["detected_share"], line["cause_first_share"], line["median_days_to_detection"]) == (0.0, 0.0, 60.0)


def test_a_monitor_that_was_not_run_has_no_figures_rather_than_good_ones() -> None:
    line = scoreboard(lived({}, {}, {}, {}), [PLATFORM, "evidently"], GAP)["peers"]["evidently"]
    assert line == dict.fromkeys(FIGURES)


def test_false_alarms_are_counted_by_episode_and_by_day() -> None:
    board = scoreboard(lived(on(1, 2, 3, 200), {}, {}, {}), [PLATFORM], GAP)[PLATFORM]
    assert (board["false_critical_per_calm_year"], board["alarm_days_per_calm_year"]) == (2.0, 4.0)


@pytest.mark.parametrize(
    ("causes", "right"),
    [
        ({94: "pricing_change"}, True),
        ({94: UNKNOWN, 96: "pricing_change"}, True),
        ({94: "unit_change", 95: "pricing_change"}, False),
        ({94: UNKNOWN}, False),
        ({93: "pricing_change"}, False),
        ({102: "pricing_change"}, False),
        ({}, False),
    ],
    ids=["at once", "unknown first", "another first", "unknown only", "before the detection", "too late", "never"],
)
def test_the_cause_counts_that_is_named_first_from_the_detection_on(causes: dict[int, str], right: bool) -> None:
    share = scoreboard(lived({}, on(90), on(94), causes), [PLATFORM], GAP)[PLATFORM]["cause_first_share"]
    assert share == (1.0 if right else 0.5)


def test_a_change_that_was_not_noticed_has_no_right_cause() -> None:
    share = scoreboard(lived({}, on(90), {}, {94: "pricing_change"}), [PLATFORM], GAP)[PLATFORM]["cause_first_share"]
    assert share == 0.5


def test_several_seeds_are_compared_with_their_own_calm_life() -> None:
    other = [replace(one, case=replace(one.case, seed=7)) for one in lived(on(94), on(90), on(94), {})]
    board = scoreboard([*lived({}, on(90), on(94), {}), *other], [PLATFORM], GAP)
    days = {(c["scenario"], c["seed"]): c[PLATFORM]["days"] for c in board["changes"]}
    assert days[("pricing_change", CALM.seed)] == 4
    assert days[("pricing_change", 7)] is None


def test_false_alarms_are_told_by_subject_the_worst_first() -> None:
    told = false_alarms({**on(1), 5: frozenset({Alarm("a", "warning")}), 6: frozenset({Alarm("a", "warning")})}, GAP)
    assert [(row["subject"], row["episodes"], row["critical_episodes"], row["days"]) for row in told] == [
        ("data_drift:contract", 1, 1, 1),
        ("a", 1, 0, 2),
    ]
