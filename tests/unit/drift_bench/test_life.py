"""Living days in ranges, with a made-up runner that refuses some days."""

from __future__ import annotations

from dataclasses import replace
from datetime import date, timedelta
from types import SimpleNamespace
from typing import Any, cast

import hypothesis.strategies as st
from hypothesis import given

from churn_platform.drift.finding import Finding, Severity, Window
from churn_platform.flows.drift_bench.alarms import Alarm
from churn_platform.flows.drift_bench.life import LONGEST_RANGE, PATIENCE, alarms_of, live

LIVE_FROM = date(2026, 6, 1)
PLATFORM = cast("Any", SimpleNamespace(calendar=SimpleNamespace(live_from=LIVE_FROM)))


class Runner:
    """Refuses every range that holds one of `broken`; remembers which days each good run lived."""

    def __init__(self, broken: set[int]) -> None:
        self.broken = broken
        self.lived: list[range] = []

    def __call__(self, job: str, days: tuple[date, date] | None) -> str | None:
        assert days is not None
        span = range((days[0] - LIVE_FROM).days, (days[1] - LIVE_FROM).days + 1)
        if self.broken & set(span):
            return "refused"
        self.lived.append(span)
        return None


@given(st.sets(st.integers(0, 99), max_size=12), st.integers(0, 20), st.integers(20, 99), st.integers(1, 60))
def test_every_day_is_lived_once_in_order_or_refused_by_itself(
    broken: set[int], first: int, last: int, longest: int
) -> None:
    runner = Runner(broken)
    lived = live(PLATFORM, runner, first, last, longest=longest)
    refused = {day for day, why in lived.blocked.items() if why == "refused"}
    given_up = set(lived.blocked) - refused
    days = [day for span in runner.lived for day in span]
    assert days == sorted(days)
    assert sorted([*days, *lived.blocked]) == list(range(first, last + 1))
    assert refused <= broken
    assert all(len(span) <= longest for span in runner.lived)
    if not given_up:
        assert refused == broken & set(range(first, last + 1))


def test_good_days_are_one_range_and_a_bad_one_costs_a_few_runs() -> None:
    assert live(PLATFORM, Runner(set()), 0, LONGEST_RANGE - 1).runs == 1
    assert live(PLATFORM, Runner({5}), 0, LONGEST_RANGE - 1).runs < 16


def test_a_life_that_is_refused_day_after_day_is_not_lived_on() -> None:
    runner = Runner(set(range(10, 100)))
    lived = live(PLATFORM, runner, 0, 99)
    assert [day for span in runner.lived for day in span] == list(range(10))
    assert set(lived.blocked) == set(range(10, 100))
    assert [why for day, why in lived.blocked.items() if day < 10 + PATIENCE] == ["refused"] * PATIENCE
    assert "not lived on" in lived.blocked[99]


def test_a_life_ends_where_enough_has_been_seen() -> None:
    runner = Runner(set())
    lived = live(PLATFORM, runner, 0, 99, longest=21, enough=lambda day: day >= 30)
    assert lived.last == 41
    assert [(span[0], span[-1]) for span in runner.lived] == [(0, 20), (21, 41)]


def test_only_findings_about_data_and_model_that_act_on_live_days_are_alarms() -> None:
    def finding(severity: Severity, acts: bool) -> Finding:
        day = LIVE_FROM + timedelta(1)
        return Finding(
            "data_drift", "contract", severity, "psi", 0.3, 0.2, Window(day, day, 300), "moved", "look", acts
        )

    found = {
        -1: [finding("critical", True)],
        1: [finding("warning", False)],
        2: [finding("critical", True)],
        3: [finding("ok", False)],
    }
    found[4] = [replace(finding("critical", True), signal="retraining_cadence")]
    assert alarms_of(found) == {2: frozenset({Alarm("data_drift:contract", "critical")})}
