"""The expected AUC of scores under the truth: what it is by definition, what it does not depend on, what bounds it."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from churn_platform.simulation.achieved import expected_auc
from churn_platform.simulation.truth import best_auc

SHARES = st.sampled_from([0.0, 0.05, 0.2, 0.5, 0.9, 1.0])
CUSTOMERS = st.lists(st.tuples(st.integers(0, 4), SHARES), min_size=2, max_size=12)


def by_definition(score: list[int], p: list[float]) -> float:
    """Every ordered pair of different customers: the first leaves, the second stays."""
    pairs = ordered = 0.0
    for i in range(len(p)):
        for j in range(len(p)):
            if i != j:
                chance = p[i] * (1 - p[j])
                pairs += chance
                ordered += chance * (1.0 if score[i] > score[j] else 0.5 if score[i] == score[j] else 0.0)
    return ordered / pairs if pairs > 1e-12 else float("nan")


@settings(deadline=None)
@given(customers=CUSTOMERS)
def test_it_is_the_share_of_expected_pairs_in_order(customers: list[tuple[int, float]]) -> None:
    score, p = [s for s, _ in customers], [q for _, q in customers]
    found = expected_auc(np.array(score, dtype=float), np.array(p))
    assert found == pytest.approx(by_definition(score, p), nan_ok=True, abs=1e-9)


@settings(deadline=None)
@given(customers=CUSTOMERS)
def test_no_score_beats_the_truth_and_the_truth_reaches_it(customers: list[tuple[int, float]]) -> None:
    score, p = np.array([s for s, _ in customers], dtype=float), np.array([q for _, q in customers])
    best = best_auc(p)
    assert expected_auc(p, p) == pytest.approx(best, nan_ok=True)
    if not np.isnan(best):
        assert expected_auc(score, p) <= best + 1e-9


@settings(deadline=None)
@given(customers=CUSTOMERS)
def test_only_the_order_of_scores_counts(customers: list[tuple[int, float]]) -> None:
    score, p = np.array([s for s, _ in customers], dtype=float), np.array([q for _, q in customers])
    assert expected_auc(np.exp(score) - 7, p) == pytest.approx(expected_auc(score, p), nan_ok=True)
    turned = expected_auc(-score, p)
    assert turned == pytest.approx(1 - expected_auc(score, p), nan_ok=True)


def test_nobody_can_be_ranked_where_nobody_can_leave() -> None:
    assert np.isnan(expected_auc(np.array([0.1, 0.2]), np.array([0.0, 0.0])))
