"""Curves: each agrees with scikit-learn or with the metric it belongs to, and none puts a score in two places."""

from __future__ import annotations

import itertools

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from scored_rows import scored
from sklearn import metrics as sk

from churn_platform.evaluation.curves import CURVE_POINTS, calibration_bins, curves
from churn_platform.evaluation.metrics import rank_auc, top_recall
from churn_platform.evaluation.outcomes import ScoredOutcomes, scored_outcomes, tally


@settings(deadline=None)
@given(scored(), st.integers(1, 12))
def test_calibration_bins_hold_every_row_once_and_equal_scores_together(of: ScoredOutcomes, bins: int) -> None:
    found = calibration_bins(of, bins, 0.95)
    assert sum(b.observed.rows for b in found) == of.rows
    assert sum(b.observed.value * b.observed.rows for b in found) == pytest.approx(of.churners)
    for below, above in itertools.pairwise(found):
        assert below.highest < above.lowest
    for b in found:
        assert b.lowest <= b.promised + 1e-9
        assert b.promised <= b.highest + 1e-9


def test_bins_of_distinct_scores_are_of_equal_size() -> None:
    of = scored_outcomes([1, 0] * 50, np.linspace(0.01, 0.99, 100))
    assert [b.observed.rows for b in calibration_bins(of, 10, 0.95)] == [10] * 10


@settings(deadline=None)
@given(scored())
def test_the_area_under_the_roc_curve_is_the_auc(of: ScoredOutcomes) -> None:
    roc = curves(of, bins=5, confidence=0.95).roc
    assert (roc.x[0], roc.y[0], roc.x[-1], roc.y[-1]) == (0.0, 0.0, 1.0, 1.0)
    assert np.trapezoid(roc.y, roc.x) == pytest.approx(rank_auc(tally(of))[0], abs=1e-5)


@settings(deadline=None)
@given(scored())
def test_precision_and_recall_are_those_of_scikit_learn(of: ScoredOutcomes) -> None:
    pr = curves(of, bins=5, confidence=0.95).pr
    precision, recall, _ = sk.precision_recall_curve(of.churned, of.probability)
    ours = np.array(sorted(zip(pr.x, pr.y, strict=True)))
    theirs = np.array(sorted(zip(np.round(recall[:-1], 7), np.round(precision[:-1], 7), strict=True)))
    np.testing.assert_allclose(ours, theirs, atol=2e-7)


def test_the_gain_curve_passes_through_recall_at_each_depth(made_up: ScoredOutcomes) -> None:
    gain = curves(made_up, bins=5, confidence=0.95).gain
    for percent in (5, 10, 50, 100):
        assert gain.y[percent] == pytest.approx(top_recall(tally(made_up), percent / 100)[0], abs=1e-6)
    assert (gain.x[0], gain.y[0], gain.y[-1]) == (0.0, 0.0, 1.0)


def test_the_score_distribution_counts_every_row_a_score_of_1_included() -> None:
    of = scored_outcomes([1, 0, 1, 0], [1.0, 0.0, 0.5, 0.5])
    scores = curves(of, bins=2, confidence=0.95).scores
    assert sum(scores.leavers) == sum(scores.stayers) == 2
    assert scores.leavers[-1] == 1
    assert scores.stayers[0] == 1


def test_a_curve_is_no_larger_for_a_million_rows_than_for_a_screen() -> None:
    rng = np.random.default_rng(0)
    of = scored_outcomes(rng.random(20_000) < 0.3, rng.random(20_000))
    roc = curves(of, bins=10, confidence=0.95).roc
    assert len(roc.x) <= CURVE_POINTS
    assert np.trapezoid(roc.y, roc.x) == pytest.approx(rank_auc(tally(of))[0], abs=2e-3)
