"""Reconciliation: when an estimate's assumption counts as broken, and when chance explains what is seen."""

from __future__ import annotations

import numpy as np
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


@pytest.mark.parametrize("figure", ["auc", "brier", "churn_rate"])
def test_a_figure_that_is_missing_or_no_number_is_unknown_and_never_holds(figure: str) -> None:
    assert judge_assumption([window(**{figure: float("nan")})]).verdict == "unknown"
    without = {name: one for name, one in window().items() if name != figure}
    found = judge_assumption([without])
    assert (found.verdict, figure in found.reason) == ("unknown", True)


def test_inside_holds() -> None:
    assert judge_assumption([window(), window()]).verdict == "holds"


def test_once_outside_is_chance() -> None:
    found = judge_assumption([window(auc=0.80), window()])
    assert found.verdict == "holds"
    assert "once is within chance" in found.reason


def test_outside_on_the_same_side_twice_is_within_chance_and_four_times_is_not() -> None:
    """2.4 standard errors each: 3.5 in two windows together, 4.2 in three."""
    outside = window(auc=0.80)
    assert judge_assumption([outside, outside]).verdict == "holds"
    found = judge_assumption([outside, outside, outside])
    assert (found.verdict, found.metric) == ("broken", "auc")
    assert "together with the 2 windows before: 4.2 standard errors away" in found.reason


def test_what_came_back_into_its_interval_is_not_held_against_it() -> None:
    assert judge_assumption([window(), window(auc=0.79), window(auc=0.79), window(auc=0.79)]).verdict == "holds"


def years(shift: float, number: int, seed: int) -> float:
    """The share of years of 52 windows, drawn from what the estimate says, shifted by so many standard errors, that have an alarm."""
    rng = np.random.default_rng(seed)
    alarmed = 0
    for _ in range(number):
        drawn = 0.02 * (rng.standard_normal((52, 3)) + shift)
        windows = [window(0.85 + a, 0.13 + b, 0.25 + c) for a, b, c in drawn]
        alarmed += any(
            judge_assumption(windows[i : i - 4 if i >= 4 else None : -1]).verdict == "broken" for i in range(52)
        )
    return alarmed / number


def test_a_calm_year_has_no_alarm_and_a_year_that_is_off_has_one() -> None:
    """Outside twice as the rule gave an alarm in one calm year of five; this one gives one in forty."""
    assert years(0.0, 200, seed=3) <= 0.03
    assert years(2.0, 20, seed=4) == 1.0  # the control


def test_twice_on_different_sides_is_chance() -> None:
    assert judge_assumption([window(auc=0.80), window(auc=0.90)]).verdict == "holds"


def test_far_outside_needs_no_second_window() -> None:
    found = judge_assumption([window(churn_rate=0.35)])
    assert (found.verdict, found.metric) == ("broken", "churn_rate")
