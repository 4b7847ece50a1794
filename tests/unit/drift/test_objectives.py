"""Objectives: ages against promises, at the moment of asking; the error budget."""

from __future__ import annotations

from datetime import UTC, date, datetime, timedelta

import pytest

from churn_platform.drift.finding import Window
from churn_platform.drift.objectives import (
    Freshness,
    cadence_finding,
    end_of,
    error_budget_finding,
    freshness_finding,
    staleness_finding,
)
from churn_platform.flows.monitoring.objectives import asked_at
from churn_platform.policies import load_policies

POLICY = load_policies().slo
DAY = date(2026, 6, 10)
AT = end_of(DAY)


@pytest.mark.parametrize(("days_old", "severity"), [(0, "ok"), (1, "ok"), (2, "warning"), (4, "critical")])
def test_data_are_fresh_warn_and_are_critical_at_twice_the_promise(days_old: int, severity: str) -> None:
    finding = freshness_finding(Freshness("customers", DAY - timedelta(days_old), 0.0), AT, POLICY)
    assert (finding.severity, finding.acts) == (severity, severity != "ok")


def test_what_a_table_usually_trails_by_is_not_late() -> None:
    assert freshness_finding(Freshness("account_usage", DAY - timedelta(3), 3.0), AT, POLICY).severity == "ok"


def test_an_empty_table_no_scores_and_no_champion_are_never_ok() -> None:
    empty = (
        freshness_finding(Freshness("invoices", None, 0.0), AT, POLICY),
        staleness_finding(None, AT, POLICY),
        cadence_finding(None, "nobody", AT, POLICY),
    )
    assert {finding.severity for finding in empty} == {"insufficient_data"}


def test_scores_of_yesterday_are_current_this_morning_and_stale_tomorrow() -> None:
    morning = AT + timedelta(hours=6)
    assert staleness_finding(DAY, morning, POLICY).severity == "ok"
    assert staleness_finding(DAY, morning + timedelta(days=1), POLICY).severity == "warning"


def test_a_model_that_nobody_looked_at_for_a_quarter_warns() -> None:
    assert cadence_finding(DAY - POLICY.retraining_cadence, "churn-1", AT, POLICY).severity == "ok"
    for late in (timedelta(2), 2 * POLICY.retraining_cadence):
        assert cadence_finding(DAY - POLICY.retraining_cadence - late, "churn-1", AT, POLICY).severity == "warning"


@pytest.mark.parametrize(("failed", "severity"), [(0, "ok"), (4, "ok"), (7, "warning"), (11, "critical")])
def test_the_error_budget_warns_at_half_and_breaks_at_all(failed: int, severity: str) -> None:
    finding = error_budget_finding("scores", 10_000, failed, Window(DAY, DAY, 10_000), POLICY, {"not scored": failed})
    assert finding.severity == severity


def test_a_period_in_which_nothing_was_due_says_so() -> None:
    finding = error_budget_finding("scores", 0, 0, Window(DAY, DAY, 0), POLICY, {})
    assert finding.severity == "insufficient_data"


def test_a_lived_day_is_asked_about_now_and_a_replayed_one_on_its_evening() -> None:
    morning = AT + timedelta(hours=6)
    assert asked_at(morning, DAY) == morning
    assert asked_at(datetime(2030, 1, 1, tzinfo=UTC), DAY) == AT
