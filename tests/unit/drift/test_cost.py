"""Cost drift: what a thousand scores took, against what they used to take."""

from __future__ import annotations

from datetime import UTC, date, datetime, timedelta

import pytest

from churn_platform.drift.cost import DayCost, cost_findings, retraining_finding
from churn_platform.policies import load_policies

POLICY = load_policies().drift.cost
START = date(2026, 6, 1)


def days(seconds: list[float | None], size: int = 1000) -> list[DayCost]:
    return [DayCost(START + timedelta(n), 200, value, size) for n, value in enumerate(seconds)]


def test_twice_the_seconds_warn_and_act() -> None:
    costs = days([0.1] * 7 + [0.2] * 7)
    seconds, size = cost_findings(costs, START + timedelta(13), 7, POLICY)
    assert (seconds.severity, seconds.acts) == ("warning", True)
    assert seconds.value == pytest.approx(1.0)
    assert size.severity == "ok"


def test_one_slow_day_is_a_busy_machine() -> None:
    costs = days([0.1] * 13 + [5.0])
    assert cost_findings(costs, START + timedelta(13), 7, POLICY)[0].severity == "ok"


def test_larger_files_warn() -> None:
    costs = [*days([0.1] * 7), *(DayCost(START + timedelta(7 + n), 200, 0.1, 3000) for n in range(7))]
    assert cost_findings(costs, START + timedelta(13), 7, POLICY)[1].severity == "warning"


@pytest.mark.parametrize("costs", [[], days([0.1] * 5), days([None] * 14)])
def test_what_nobody_timed_is_insufficient_and_never_ok(costs: list[DayCost]) -> None:
    assert cost_findings(costs, START + timedelta(13), 7, POLICY)[0].severity == "insufficient_data"


def test_more_trainings_than_allowed_in_a_month_warn() -> None:
    at = datetime(2026, 6, 30, tzinfo=UTC)
    within = [at - timedelta(days=n) for n in range(POLICY.retrainings)]
    assert retraining_finding([*within, at - timedelta(days=40)], at, POLICY).severity == "ok"
    assert retraining_finding([*within, at - timedelta(days=9)], at, POLICY).severity == "warning"
