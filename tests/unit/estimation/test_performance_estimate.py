"""Intervals: they cover what comes true as often as they say, with and without doubt about the calibration; and their cost."""

from __future__ import annotations

import time

import numpy as np
import pytest

from churn_platform.drift.reference import numeric_distribution
from churn_platform.estimation.doubt import NO_DOUBT, CalibrationDoubt, doubt_of, margin_of
from churn_platform.estimation.expectation import EstimationError
from churn_platform.estimation.performance import ESTIMATED, estimate_performance
from churn_platform.estimation.reconciliation import realised_performance, reconcile
from churn_platform.evaluation.outcomes import scored_outcomes

SETTINGS = {"threshold": 0.35, "confidence": 0.95, "ece_bins": 10}


def scores(rows: int, rng: np.random.Generator) -> np.ndarray:
    return 1 / (1 + np.exp(-rng.normal(-1.4, 1.3, rows)))


def coverage(doubt: CalibrationDoubt, off: CalibrationDoubt, windows: int, rows: int = 600) -> dict[str, float]:
    """Share of windows whose realised metrics lie inside, where the calibration is off by a draw from `off`."""
    rng = np.random.default_rng(11)
    inside = dict.fromkeys(ESTIMATED, 0)
    for _ in range(windows):
        p = scores(rows, rng)
        slope, intercept = off.draw(1, rng)[0]
        truly = 1 / (1 + np.exp(-(slope * margin_of(p) + intercept)))
        outcomes = scored_outcomes(rng.random(rows) < truly, p)
        estimated = estimate_performance(p, doubt=doubt, rng=rng, draws=120, **SETTINGS)
        for name, one in reconcile(estimated, realised_performance(outcomes, **SETTINGS)).items():
            inside[name] += one.inside
    return {name: count / windows for name, count in inside.items()}


def test_of_calibrated_scores_the_intervals_cover_what_comes_true() -> None:
    found = coverage(NO_DOUBT, NO_DOUBT, windows=160)
    # 152 of 160 are expected; fewer than 142 with a chance of one in a thousand
    assert all(0.8875 <= share <= 1.0 for share in found.values()), found


def test_doubt_about_the_calibration_is_carried_by_the_intervals() -> None:
    doubt = doubt_of(scores(300, np.random.default_rng(5)))
    with_it = coverage(doubt, doubt, windows=120)
    without = coverage(NO_DOUBT, doubt, windows=120)
    assert with_it["churn_rate"] >= 0.88
    assert without["churn_rate"] < 0.86, "the control: intervals of noise alone are too narrow"


def test_concept_drift_lies_outside() -> None:
    rng = np.random.default_rng(2)
    p = scores(1600, rng)
    turned = np.where(rng.random(1600) < 0.3, rng.permutation(p), p)  # a third of the customers leave for other reasons
    estimated = estimate_performance(p, doubt=NO_DOUBT, rng=rng, **SETTINGS)
    compared = reconcile(estimated, realised_performance(scored_outcomes(rng.random(1600) < turned, p), **SETTINGS))
    assert not compared["auc"].inside
    assert compared["auc"].error < 0


def test_the_value_lies_in_the_interval_and_a_rerun_gives_the_same() -> None:
    p = scores(400, np.random.default_rng(1))
    first = estimate_performance(p, doubt=NO_DOUBT, rng=np.random.default_rng(9), **SETTINGS)
    again = estimate_performance(p[::-1], doubt=NO_DOUBT, rng=np.random.default_rng(9), **SETTINGS)
    assert first == again
    assert all(one.low <= one.value <= one.high for one in first.metrics.values())


def test_many_rows_are_estimated_like_few_but_more_surely() -> None:
    rng = np.random.default_rng(4)
    few = estimate_performance(scores(2_000, rng), doubt=NO_DOUBT, rng=rng, **SETTINGS)
    many = estimate_performance(scores(60_000, rng), doubt=NO_DOUBT, rng=rng, **SETTINGS)
    assert many["auc"].value == pytest.approx(few["auc"].value, abs=0.02)
    assert many["auc"].high - many["auc"].low < 0.35 * (few["auc"].high - few["auc"].low)


@pytest.mark.parametrize("p", [np.full(300, 1e-6), np.full(5, 0.02)])
def test_scores_from_which_no_auc_will_come_are_refused(p: np.ndarray) -> None:
    with pytest.raises(EstimationError, match="widen the window"):
        estimate_performance(p, doubt=NO_DOUBT, rng=np.random.default_rng(0), **SETTINGS)


def test_doubt_shrinks_with_the_rows_it_was_measured_on_and_needs_scores_that_vary() -> None:
    few, many = (doubt_of(scores(rows, np.random.default_rng(3))) for rows in (500, 50_000))
    assert many.slope_variance < few.slope_variance / 50
    with pytest.raises(EstimationError, match="do not vary"):
        doubt_of(np.full(100, 0.3))


def test_the_references_bins_tell_nearly_as_much_as_its_rows() -> None:
    from churn_platform.drift.reference import Reference
    from churn_platform.estimation.doubt import doubt_of_reference

    p = scores(5_000, np.random.default_rng(8))
    reference = Reference(5_000, "", "", (), numeric_distribution("probability", p), (0.1,) * 9)
    binned, whole = doubt_of_reference(reference), doubt_of(p)
    assert binned.slope_variance == pytest.approx(whole.slope_variance, rel=0.35)
    assert binned.intercept_variance == pytest.approx(whole.intercept_variance, rel=0.35)


def test_a_window_of_a_week_takes_a_tenth_of_a_second_of_processor_time() -> None:
    p = scores(1_600, np.random.default_rng(0))
    began = time.process_time()
    for _ in range(3):
        estimate_performance(p, doubt=doubt_of(p), rng=np.random.default_rng(0), **SETTINGS)
    assert (time.process_time() - began) / 3 < 0.3, "three times what it should take, for a busy machine"
