"""Expectations against their definition over all outcomes, and their laws."""

from __future__ import annotations

import itertools

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from sklearn.metrics import roc_auc_score

from churn_platform.estimation.expectation import (
    EstimationError,
    expected_auc,
    expected_brier,
    expected_churn_rate,
    expected_f1,
    probabilities,
)

inside = st.lists(st.sampled_from([0.05, 0.2, 0.2, 0.5, 0.7, 0.95]), min_size=2, max_size=7).map(np.array)


def every_outcome(p: np.ndarray):
    """Each outcome of the rows with its probability."""
    for outcome in itertools.product((0, 1), repeat=len(p)):
        y = np.array(outcome)
        yield y, float(np.prod(np.where(y == 1, p, 1 - p)))


@given(inside)
def test_the_brier_scores_expectation_is_its_mean_over_all_outcomes(p: np.ndarray) -> None:
    by_definition = sum(chance * np.mean((p - y) ** 2) for y, chance in every_outcome(p))
    assert expected_brier(p) == pytest.approx(by_definition)


@given(inside)
def test_the_churn_rates_expectation_is_its_mean_over_all_outcomes(p: np.ndarray) -> None:
    assert expected_churn_rate(p) == pytest.approx(sum(chance * y.mean() for y, chance in every_outcome(p)))


@given(inside)
def test_expected_auc_is_ordered_pairs_over_pairs_both_over_all_outcomes(p: np.ndarray) -> None:
    ordered = pairs = 0.0
    for y, chance in every_outcome(p):
        leaver, stayer = p[y == 1][:, None], p[y == 0][None, :]
        ordered += chance * float(((leaver > stayer) + 0.5 * (leaver == stayer)).sum())
        pairs += chance * leaver.size * stayer.size
    assert expected_auc(p) == pytest.approx(ordered / pairs)


def test_expected_auc_is_close_to_the_mean_auc_of_many_draws() -> None:
    rng = np.random.default_rng(3)
    p = 1 / (1 + np.exp(-rng.normal(-1.5, 1.4, 800)))
    drawn = [roc_auc_score(rng.random(800) < p, p) for _ in range(400)]
    error = np.std(drawn) / np.sqrt(len(drawn))
    assert abs(np.mean(drawn) - expected_auc(p)) < 4 * error


@given(inside, st.permutations(range(7)))
def test_the_order_of_rows_does_not_matter(p: np.ndarray, order: list[int]) -> None:
    shuffled = p[[i for i in order if i < len(p)]]
    assert expected_auc(shuffled) == pytest.approx(expected_auc(p))
    assert expected_f1(shuffled, 0.4) == pytest.approx(expected_f1(p, 0.4))


def test_f1_of_certain_outcomes_is_that_of_the_decisions() -> None:
    p = np.array([1.0, 1.0, 0.0, 0.0])
    assert expected_f1(p, 0.5) == 1.0
    assert np.isnan(expected_f1(np.zeros(3), 0.5)), "nobody leaves and nobody is selected: there is no F1"


@pytest.mark.parametrize("bad", [[], [[0.1, 0.2]], [0.1, float("nan")], [0.2, 1.1], [-0.1]])
def test_what_is_no_probability_is_refused_with_its_row(bad: list[float]) -> None:
    with pytest.raises(EstimationError, match=r"probabilities"):
        probabilities(bad)
