"""The threshold with the largest F1."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from sklearn.metrics import f1_score, precision_score, recall_score

from churn_platform.training.threshold import best_f1_threshold

scored = st.lists(st.tuples(st.sampled_from(np.linspace(0, 1, 21).tolist()), st.booleans()), min_size=2, max_size=40)


@settings(max_examples=60, deadline=None)
@given(rows=scored.filter(lambda rows: any(left for _, left in rows)))
def test_no_threshold_beats_it_and_its_figures_are_sklearns(rows: list[tuple[float, bool]]) -> None:
    probability = np.array([p for p, _ in rows])
    churned = np.array([left for _, left in rows], dtype=int)
    best = best_f1_threshold(probability, churned)
    listed = (probability >= best.value).astype(int)
    assert best.f1 == pytest.approx(f1_score(churned, listed))
    assert best.precision == pytest.approx(precision_score(churned, listed))
    assert best.recall == pytest.approx(recall_score(churned, listed))
    every = [f1_score(churned, (probability >= p).astype(int)) for p in set(probability)]
    assert best.f1 == pytest.approx(max(every))


def test_of_equal_thresholds_the_one_that_contacts_fewer_wins() -> None:
    best = best_f1_threshold([0.9, 0.8, 0.7, 0.6], [1, 0, 0, 1])
    assert best.f1 == pytest.approx(2 / 3)
    assert best.value == pytest.approx(0.85)


@pytest.mark.parametrize(("probability", "churned"), [([0.2, 0.4], [0, 0]), ([0.2, np.nan], [0, 1]), ([0.2], [0, 1])])
def test_a_threshold_without_churners_or_numbers_is_refused(probability: list[float], churned: list[int]) -> None:
    with pytest.raises(ValueError, match="threshold needs"):
        best_f1_threshold(probability, churned)
