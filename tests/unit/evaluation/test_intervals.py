"""Bootstrap and binomial intervals: laws, determinism, coverage, and what the calibration error's interval says."""

from __future__ import annotations

import time

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from scipy.stats import binomtest
from scored_rows import scored

from churn_platform.evaluation import intervals
from churn_platform.evaluation.estimate import EvaluationError
from churn_platform.evaluation.intervals import bootstrap, share_difference, share_interval
from churn_platform.evaluation.metrics import METRICS, MetricSettings, brier, expected_calibration_error, measures
from churn_platform.evaluation.outcomes import ScoredOutcomes, Tally, scored_outcomes
from churn_platform.evaluation.performance import performance

SETTINGS = MetricSettings(threshold=0.4)


def measured(of: ScoredOutcomes, seed: int = 0, resamples: int = 200, confidence: float = 0.95):  # type: ignore[no-untyped-def]
    rng = np.random.default_rng(seed)
    return performance(of, SETTINGS, resamples=resamples, confidence=confidence, rng=rng)


def calibrated(rows: int, seed: int, bend: float = 1.0) -> ScoredOutcomes:
    """Outcomes drawn from the scores; with `bend` other than 1 the model promises too much or too little."""
    rng = np.random.default_rng(seed)
    truth = rng.beta(1.0, 2.6, rows)
    return scored_outcomes(rng.random(rows) < truth, truth**bend)


@settings(max_examples=40, deadline=None)
@given(scored(min_size=3))
def test_every_interval_holds_its_value_and_is_finite_whatever_the_rows(of: ScoredOutcomes) -> None:
    found = measured(of, resamples=40)
    assert list(found) == list(METRICS)
    for name, estimate in found.items():
        assert estimate.is_usable, name
        assert estimate.rows == of.rows


def test_the_same_seed_gives_the_same_intervals_and_another_seed_others(made_up: ScoredOutcomes) -> None:
    assert measured(made_up, seed=1) == measured(made_up, seed=1)
    assert measured(made_up, seed=1) != measured(made_up, seed=2)


def test_the_order_of_rows_does_not_move_the_ends_of_an_interval(made_up: ScoredOutcomes) -> None:
    order = np.random.default_rng(9).permutation(made_up.rows)
    moved = scored_outcomes(made_up.churned[order], made_up.probability[order])
    for name, estimate in measured(made_up).items():
        again = measured(moved)[name]
        assert (again.value, again.low, again.high) == pytest.approx((estimate.value, estimate.low, estimate.high)), (
            name
        )


def test_resampling_in_many_blocks_still_resamples_as_often(
    made_up: ScoredOutcomes, monkeypatch: pytest.MonkeyPatch
) -> None:
    whole = measured(made_up)["brier"]
    monkeypatch.setattr(intervals, "BLOCK_CELLS", 1000)
    blocks = list(intervals.resampled(made_up, np.unique(made_up.probability)[::-1], 200, np.random.default_rng(0)))
    assert len(blocks) > 10
    assert sum(len(block.leavers) for block in blocks) == 200
    assert all((block.rows == made_up.rows).all() for block in blocks)
    assert measured(made_up)["brier"].high == pytest.approx(whole.high, abs=0.005)


def test_more_rows_give_a_narrower_interval() -> None:
    few, many = measured(calibrated(200, 0)), measured(calibrated(3200, 0))
    for name in ("brier", "log_loss", "pr_auc", "f1", "top_lift"):
        width, narrower = few[name].high - few[name].low, many[name].high - many[name].low
        assert narrower < 0.5 * width, name


def test_a_resample_without_churners_is_drawn_again() -> None:
    rare = scored_outcomes([1] + [0] * 20, np.linspace(0.9, 0.1, 21))
    scores = np.unique(rare.probability)[::-1]
    for block in intervals.resampled(rare, scores, 500, np.random.default_rng(0)):
        assert (block.churners >= 1).all()
        assert (block.churners < block.rows).all()


def test_a_metric_that_comes_out_as_nan_is_an_error_and_no_estimate(made_up: ScoredOutcomes) -> None:
    def broken(t: Tally) -> np.ndarray:
        return np.where(np.arange(len(t.leavers)) == 7, np.nan, brier(t))

    rng = np.random.default_rng(0)
    with pytest.raises(EvaluationError, match="brier came out as NaN"):
        bootstrap(made_up, {"brier": broken}, resamples=200, confidence=0.95, rng=rng)
    assert bootstrap(made_up, {"brier": brier}, resamples=200, confidence=0.95, rng=rng)["brier"].is_usable


def test_too_few_resamples_for_the_confidence_asked_are_refused(made_up: ScoredOutcomes) -> None:
    with pytest.raises(EvaluationError, match="at least 200"):
        measured(made_up, resamples=100, confidence=0.99)


def test_intervals_of_the_brier_score_hold_the_truth_about_as_often_as_they_say() -> None:
    # Drawing leavers and stayers apart held it in 87 % only: this is what keeps whole rows.
    truth = brier_of_the_population()
    held = 0
    for seed in range(150):
        of = calibrated(600, 1000 + seed)
        rng = np.random.default_rng(seed)
        found = bootstrap(of, {"brier": brier}, resamples=200, confidence=0.95, rng=rng)["brier"]
        held += found.low <= truth <= found.high
    assert 0.89 <= held / 150 <= 0.99


def brier_of_the_population() -> float:
    probability = np.random.default_rng(0).beta(1.0, 2.6, 400_000)
    return float((probability * (1.0 - probability)).mean())


def test_a_calibrated_model_is_not_accused_and_a_bent_one_is() -> None:
    lows = [measured(calibrated(1400, seed))["ece"].low for seed in range(20)]
    assert sum(low == 0.0 for low in lows) >= 17
    bent = [measured(calibrated(1400, seed, bend=0.6))["ece"].low for seed in range(5)]
    assert min(bent) > 0.03


def test_calibration_noise_is_what_a_perfect_model_shows() -> None:
    of = calibrated(1400, 0)

    def ece(t: Tally) -> np.ndarray:
        return expected_calibration_error(t, 10)

    noise = intervals.calibration_noise(of, ece, resamples=300, rng=np.random.default_rng(0))
    assert (np.diff(noise) >= 0).all()
    assert 0.015 < noise.mean() < 0.035


def test_a_thousand_resamples_of_fourteen_hundred_rows_take_about_a_second() -> None:
    of = calibrated(1409, 0)
    began = time.process_time()
    measured(of, resamples=1000)
    # Measured: 0.4 s of one core. Processor time, so that a busy machine does not count; a loop in Python would take minutes.
    assert time.process_time() - began < 1.5


@given(st.integers(1, 5000), st.floats(0, 1), st.sampled_from([0.8, 0.95, 0.99]))
def test_wilson_agrees_with_scipy(rows: int, share: float, confidence: float) -> None:
    hits = round(share * rows)
    found = share_interval(hits, rows, confidence)
    oracle = binomtest(hits, rows).proportion_ci(confidence, method="wilson")
    assert (found.low, found.high) == pytest.approx((oracle.low, oracle.high), abs=1e-9)
    assert found.low <= found.value <= found.high


@pytest.mark.parametrize(("hits", "rows"), [(0, 0), (3, 2), (-1, 5)])
def test_a_share_of_nothing_is_an_error(hits: int, rows: int) -> None:
    with pytest.raises(EvaluationError, match="cannot be measured"):
        share_interval(hits, rows, 0.95)


@given(st.integers(1, 200), st.integers(1, 200), st.floats(0, 1), st.floats(0, 1))
def test_the_difference_of_shares_turns_round_with_its_sides(m: int, n: int, p: float, q: float) -> None:
    one, other = share_interval(round(p * m), m, 0.95), share_interval(round(q * n), n, 0.95)
    forth, back = share_difference(one, other), share_difference(other, one)
    assert (forth.value, forth.low, forth.high) == pytest.approx((-back.value, -back.high, -back.low))
    assert -1.0 <= forth.low <= forth.value <= forth.high <= 1.0


def test_all_measures_are_taken_on_the_same_resamples(made_up: ScoredOutcomes) -> None:
    both = {"a": brier, "b": measures(SETTINGS)["brier"]}
    found = bootstrap(made_up, both, resamples=200, confidence=0.95, rng=np.random.default_rng(0))
    assert found["a"] == found["b"]
