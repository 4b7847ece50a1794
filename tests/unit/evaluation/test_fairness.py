"""Fairness: group rates by the library and by counting, differences, and groups too small to compare."""

from __future__ import annotations

import numpy as np
import pandas as pd
import pytest
from fairlearn.metrics import equal_opportunity_difference, selection_rate_difference

from churn_platform.evaluation.evaluation import Evaluation
from churn_platform.evaluation.fairness import RATES, fairness
from churn_platform.evaluation.outcomes import scored_outcomes
from churn_platform.policies import Policies


def test_rates_are_counts_over_counts(evaluation: Evaluation, holdout) -> None:  # type: ignore[no-untyped-def]
    listed = holdout.probability >= 0.32
    for attribute in evaluation.fairness:
        for group in attribute.groups:
            of = (holdout.frame[attribute.attribute] == group.value).to_numpy()
            left = holdout.churned == 1
            assert group.rows == of.sum()
            assert group.rates["selection_rate"].value == pytest.approx(listed[of].mean())
            assert group.rates["true_positive_rate"].value == pytest.approx(listed[of & left].mean())
            assert group.rates["false_positive_rate"].value == pytest.approx(listed[of & ~left].mean())


def test_differences_are_those_of_fairlearn_itself(evaluation: Evaluation, holdout) -> None:  # type: ignore[no-untyped-def]
    listed = (holdout.probability >= 0.32).astype(int)
    for attribute in evaluation.fairness:
        groups = holdout.frame[attribute.attribute]
        given = {"y_true": holdout.churned, "y_pred": listed, "sensitive_features": groups}
        found = attribute.differences
        assert found["true_positive_rate"].value == pytest.approx(equal_opportunity_difference(**given))
        assert found["selection_rate"].value == pytest.approx(selection_rate_difference(**given))
        assert all(found[rate].low <= found[rate].value <= found[rate].high for rate in RATES)


def test_a_planted_bias_is_seen_and_without_it_there_is_none(policies: Policies) -> None:
    rng = np.random.default_rng(0)
    probability = rng.random(4000)
    churned = rng.random(4000) < probability
    frame = pd.DataFrame({"gender": np.where(rng.random(4000) < 0.5, "Female", "Male")})
    fair = fairness(scored_outcomes(churned, probability), frame, ["gender"], 0.5, policies.evaluation)[0]
    assert fair.differences["true_positive_rate"].low <= 0.02
    biased = np.where(frame["gender"] == "Male", probability * 0.6, probability)
    found = fairness(scored_outcomes(churned, biased), frame, ["gender"], 0.5, policies.evaluation)[0]
    assert found.differences["true_positive_rate"].low > 0.2


def small_group(policies: Policies, rows: int, churners: int):  # type: ignore[no-untyped-def]
    """500 customers of two large groups, and `rows` of a third one, all of whom would be missed."""
    rng = np.random.default_rng(1)
    churned = np.concatenate([rng.random(500) < 0.4, np.arange(rows) < churners])
    probability = np.concatenate([np.where(churned[:500], 0.8, 0.2), np.full(rows, 0.1)])
    group = np.concatenate([np.where(rng.random(500) < 0.5, "Female", "Male"), np.full(rows, "Other")])
    frame = pd.DataFrame({"gender": group})
    return fairness(scored_outcomes(churned, probability), frame, ["gender"], 0.5, policies.evaluation)[0]


def test_a_group_too_small_is_flagged_and_left_out_of_the_difference(policies: Policies) -> None:
    found = small_group(policies, rows=20, churners=10)
    other = {group.value: group for group in found.groups}["Other"]
    assert not other.comparable
    assert other.reason == "20 customers, fewer than the 50 that a group needs"
    assert other.rates["true_positive_rate"].value == 0.0
    assert found.differences["true_positive_rate"].value < 0.1


def test_the_same_group_large_enough_is_compared(policies: Policies) -> None:
    assert small_group(policies, rows=80, churners=40).differences["true_positive_rate"].value > 0.9


def test_a_group_in_which_nobody_left_has_no_rate_of_leavers_found(policies: Policies) -> None:
    other = {group.value: group for group in small_group(policies, rows=80, churners=0).groups}["Other"]
    assert "true_positive_rate" not in other.rates
    assert "stayed, so one of its rates does not exist" in other.reason


def test_with_one_group_nothing_is_compared_and_it_is_said(policies: Policies) -> None:
    frame = pd.DataFrame({"gender": ["Female"] * 100})
    scored = scored_outcomes([1, 0] * 50, [0.7, 0.2] * 50)
    found = fairness(scored, frame, ["gender"], 0.5, policies.evaluation)[0]
    assert found.differences == {}
    assert found.reason == "fewer than two groups of gender can be compared (there is one group)"
