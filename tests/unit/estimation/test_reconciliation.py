"""Reconciliation: when an estimate's assumption counts as broken, and when chance explains what is seen."""

from __future__ import annotations

import pytest

from churn_platform.estimation.reconciliation import Comparison, judge_assumption
from churn_platform.evaluation.estimate import Estimate


def window(auc: float = 0.85, brier: float = 0.13, churn_rate: float = 0.25) -> dict[str, Comparison]:
    """Realised figures beside estimates of 0.85, 0.13 and 0.25, each with an interval of 0.04 either way."""
    said = {"auc": (0.85, auc), "brier": (0.13, brier), "churn_rate": (0.25, churn_rate)}
    return {
        name: Comparison(
            name,
            Estimate(estimated, estimated - 0.04, estimated + 0.04, 0.95, "", 1600),
            Estimate(realised, realised, realised, 0.95, "", 1600),
        )
        for name, (estimated, realised) in said.items()
    }


def test_the_distance_is_in_standard_errors_of_the_side_it_lies_on() -> None:
    one = Comparison("auc", Estimate(0.85, 0.80, 0.87, 0.95, "", 1), Estimate(0.80, 0.8, 0.8, 0.95, "", 1))
    assert one.distance == pytest.approx(-1.96, abs=0.01)
    assert one.inside


def test_without_matured_windows_nothing_is_known() -> None:
    assert judge_assumption([]).verdict == "unknown"


def test_inside_holds() -> None:
    assert judge_assumption([window(), window()]).verdict == "holds"


def test_once_outside_is_chance() -> None:
    found = judge_assumption([window(auc=0.80), window()])
    assert found.verdict == "holds"
    assert "once is within chance" in found.reason


def test_twice_on_the_same_side_is_not_chance() -> None:
    found = judge_assumption([window(auc=0.80), window(auc=0.79)])
    assert (found.verdict, found.metric) == ("broken", "auc")


def test_twice_on_different_sides_is_chance() -> None:
    assert judge_assumption([window(auc=0.80), window(auc=0.90)]).verdict == "holds"


def test_far_outside_needs_no_second_window() -> None:
    found = judge_assumption([window(churn_rate=0.35)])
    assert (found.verdict, found.metric) == ("broken", "churn_rate")
