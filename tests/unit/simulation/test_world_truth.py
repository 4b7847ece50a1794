"""The best achievable AUC, against its definition and against outcomes drawn from the same probabilities."""

from __future__ import annotations

import math

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from sklearn.metrics import roc_auc_score

from churn_platform.simulation.truth import best_auc

probabilities = st.lists(st.sampled_from([0.0, 0.1, 0.1, 0.25, 0.5, 0.9, 1.0]), min_size=2, max_size=12)


@given(probabilities)
def test_it_is_the_expected_share_of_ordered_pairs(values: list[float]) -> None:
    p = np.array(values)
    pairs = ordered = 0.0
    for i in range(len(p)):
        for j in range(len(p)):
            if i != j:
                weight = p[i] * (1 - p[j])
                pairs += weight
                ordered += weight * (1.0 if p[i] > p[j] else 0.5 if p[i] == p[j] else 0.0)
    if pairs == 0.0:
        assert math.isnan(best_auc(p))
    else:
        assert best_auc(p) == pytest.approx(ordered / pairs)


def test_outcomes_drawn_from_the_probabilities_reach_it() -> None:
    rng = np.random.default_rng(0)
    p = rng.beta(0.4, 5.0, 50_000)
    drawn = roc_auc_score(rng.random(50_000) < p, p)
    assert drawn == pytest.approx(best_auc(p), abs=0.01)


def test_one_customer_has_no_auc() -> None:
    assert math.isnan(best_auc(np.array([0.3])))
