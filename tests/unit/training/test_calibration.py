"""Slope and intercept on the margin, only where they are needed."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from scipy.special import expit
from sklearn.linear_model import LogisticRegression
from sklearn.metrics import log_loss as sklearn_log_loss

from churn_platform.training.calibration import CRITICAL, calibrate, log_loss, sigmoid


def drawn(seed: int, rows: int, slope: float = 1.0, intercept: float = 0.0) -> tuple[np.ndarray, np.ndarray]:
    """Margins, and outcomes whose true log odds are slope · margin + intercept."""
    rng = np.random.default_rng(seed)
    margins = rng.normal(-1.0, 1.5, rows)
    return margins, (rng.random(rows) < expit(slope * margins + intercept)).astype(int)


@given(margin=st.floats(-700, 700))
def test_the_sigmoid_is_scipys(margin: float) -> None:
    assert sigmoid(margin) == pytest.approx(expit(margin), rel=1e-14, abs=0)


@settings(max_examples=30, deadline=None)
@given(seed=st.integers(0, 10_000), slope=st.floats(0.4, 2.5), intercept=st.floats(-1, 1))
def test_a_fitted_calibration_is_the_maximum_likelihood_one(seed: int, slope: float, intercept: float) -> None:
    margins, churned = drawn(seed, 1500, slope, intercept)
    calibration = calibrate(margins, churned)
    peer = LogisticRegression(C=np.inf, tol=1e-10).fit(margins[:, None], churned)
    peer_loss = log_loss(peer.decision_function(margins[:, None]), churned.astype(float))
    statistic = 2 * 1500 * (calibration.log_loss_before - peer_loss)
    if statistic > CRITICAL + 1e-3:
        assert calibration.method == "affine"
        assert calibration.slope == pytest.approx(peer.coef_[0, 0], rel=1e-3)
        assert calibration.intercept == pytest.approx(peer.intercept_[0], abs=1e-3)
        assert calibration.log_loss_after < calibration.log_loss_before
    elif statistic < CRITICAL - 1e-3:
        assert (calibration.slope, calibration.intercept, calibration.method) == (1.0, 0.0, "identity")


def test_a_calibrated_model_is_left_alone_99_times_in_100() -> None:
    methods = [calibrate(*drawn(seed, 1000)).method for seed in range(300)]
    assert methods.count("affine") <= 10


def test_an_overconfident_model_is_corrected_every_time() -> None:
    methods = [calibrate(*drawn(seed, 1000, slope=0.5)).method for seed in range(50)]
    assert methods.count("affine") == 50


@settings(max_examples=30, deadline=None)
@given(seed=st.integers(0, 10_000))
def test_contributions_still_sum_to_what_was_scored(seed: int) -> None:
    calibration = calibrate(*drawn(3, 2000, slope=0.5, intercept=0.4))
    assert calibration.method == "affine"
    rng = np.random.default_rng(seed)
    contributions, base = rng.normal(size=(20, 7)), -1.3
    scored = calibration.probability(base + contributions.sum(axis=1))
    told = calibration.margin(base) + calibration.scale_contributions(contributions).sum(axis=1)
    np.testing.assert_allclose(expit(told), scored, rtol=1e-12)


def test_calibration_never_turns_the_ranking_around() -> None:
    margins, churned = drawn(1, 2000, slope=-1.0)
    calibration = calibrate(margins, churned)
    assert calibration.method == "identity"
    assert "turn the ranking around" in calibration.reason


@pytest.mark.parametrize("margins", [np.full(100, 0.3), np.linspace(-1, 1, 100)])
def test_constant_margins_and_perfect_separation_leave_the_margin_alone(margins: np.ndarray) -> None:
    calibration = calibrate(margins, (np.arange(100) >= 50).astype(int))
    assert calibration.method == "identity"
    assert calibration.slope == 1.0


def test_the_loss_is_sklearns() -> None:
    margins, churned = drawn(5, 500)
    assert log_loss(margins, churned.astype(float)) == pytest.approx(sklearn_log_loss(churned, expit(margins)))


@pytest.mark.parametrize(
    ("margins", "churned"),
    [([0.0, np.nan], [0, 1]), ([0.0, np.inf], [0, 1]), ([0.0, 1.0], [0, 2]), ([0.0], [0, 1]), ([], [])],
)
def test_margins_that_are_not_numbers_are_refused(margins: list[float], churned: list[int]) -> None:
    with pytest.raises(ValueError, match="calibration needs"):
        calibrate(margins, churned)
