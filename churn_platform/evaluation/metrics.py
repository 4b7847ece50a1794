"""What a churn model is measured by: each metric's definition, once, for the rows themselves and for any resample of
them.

What belongs here: point values on a `Tally`. What does not: their intervals (`intervals`), AUC's closed form (`auc`),
curves to look at (`curves`), and what is good enough (the policy, judged in `gate`).

Each function takes a tally of shape (samples, scores) and returns (samples,). Tied scores are never put in an arbitrary
order: a tie on a boundary is shared out in proportion, which is the mean over all orders.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import Literal

import numpy as np

from churn_platform.evaluation.outcomes import Floats, Tally

Better = Literal["higher", "lower"]


@dataclass(frozen=True, slots=True)
class Metric:
    """A metric's name in code and records, what people call it, which way is better, and what it says in plain
    words."""

    name: str
    label: str
    better: Better
    about: str


METRICS: dict[str, Metric] = {
    metric.name: metric
    for metric in (
        Metric("auc", "ROC AUC", "higher", "how often a customer who leaves is scored above one who stays"),
        Metric("pr_auc", "PR-AUC", "higher", "precision averaged over all depths of the list (average precision)"),
        Metric("f1", "F1", "higher", "balance of precision and recall at the model's threshold"),
        Metric("precision", "Precision", "higher", "share of customers above the threshold who leave"),
        Metric("recall", "Recall", "higher", "share of leavers who are above the threshold"),
        Metric("brier", "Brier score", "lower", "mean squared distance of probability and outcome"),
        Metric("log_loss", "Log loss", "lower", "penalty for confident mistakes"),
        Metric(
            "ece", "Calibration error", "lower", "mean distance of promised and real churn rate, in bins of equal size"
        ),
        Metric("top_precision", "Precision, top of the list", "higher", "share of the listed customers who leave"),
        Metric("top_recall", "Recall, top of the list", "higher", "share of all leavers who are on the list"),
        Metric(
            "top_lift", "Lift, top of the list", "higher", "how many times more leavers than in a list drawn by chance"
        ),
    )
}


@dataclass(frozen=True, slots=True)
class MetricSettings:
    """What the metrics need to know: decision threshold, share of customers listed, number of calibration bins."""

    threshold: float
    top_share: float = 0.1
    ece_bins: int = 10


def measures(settings: MetricSettings) -> dict[str, Callable[[Tally], Floats]]:
    """Each metric of `METRICS` as a function of a tally alone."""
    return {
        "auc": rank_auc,
        "pr_auc": average_precision,
        "f1": lambda t: f1(t, settings.threshold),
        "precision": lambda t: precision(t, settings.threshold),
        "recall": lambda t: recall(t, settings.threshold),
        "brier": brier,
        "log_loss": log_loss,
        "ece": lambda t: expected_calibration_error(t, settings.ece_bins),
        "top_precision": lambda t: top_precision(t, settings.top_share),
        "top_recall": lambda t: top_recall(t, settings.top_share),
        "top_lift": lambda t: top_lift(t, settings.top_share),
    }


def rank_auc(t: Tally) -> Floats:
    """Area under the ROC curve, ties counting half."""
    above = np.cumsum(t.leavers, axis=1) - t.leavers / 2.0
    stayers = t.stayers.sum(axis=1)
    return np.asarray((t.stayers * above).sum(axis=1) / (t.churners * stayers))


def average_precision(t: Tally) -> Floats:
    """Average precision: precision at each score, weighted by the recall gained there (no interpolation)."""
    found = np.cumsum(t.leavers, axis=1)
    listed = np.cumsum(t.leavers + t.stayers, axis=1)
    precision_there = np.divide(found, listed, out=np.zeros_like(found), where=listed > 0)
    return np.asarray((t.leavers * precision_there).sum(axis=1) / t.churners)


def precision(t: Tally, threshold: float) -> Floats:
    """Share of rows with probability >= threshold that churned; 0 where no row reaches it."""
    found, listed = _at_threshold(t, threshold)
    return np.divide(found, listed, out=np.zeros_like(found), where=listed > 0)


def recall(t: Tally, threshold: float) -> Floats:
    """Share of churners with probability >= threshold (the true positive rate)."""
    return _at_threshold(t, threshold)[0] / t.churners


def f1(t: Tally, threshold: float) -> Floats:
    """Harmonic mean of precision and recall at `threshold`; 0 where no churner reaches it."""
    found, listed = _at_threshold(t, threshold)
    return 2.0 * found / (listed + t.churners)


def brier(t: Tally) -> Floats:
    """Mean squared difference of probability and outcome."""
    return (t.leavers @ (1.0 - t.scores) ** 2 + t.stayers @ t.scores**2) / t.rows


def log_loss(t: Tally) -> Floats:
    """Mean negative log-likelihood, with probabilities kept one machine epsilon away from 0 and 1."""
    epsilon = np.finfo(np.float64).eps
    safe = np.clip(t.scores, epsilon, 1.0 - epsilon)
    return -(t.leavers @ np.log(safe) + t.stayers @ np.log1p(-safe)) / t.rows


def expected_calibration_error(t: Tally, bins: int) -> Floats:
    """Mean |observed churn rate - mean probability| over `bins` bins of equal mass by probability, each weighted alike.

    Equal mass and not equal width, so that no bin is nearly empty. The plug-in value is biased upwards: even a
    perfectly calibrated model shows some error on finitely many rows (about 0.025 on 1,400 rows and 10 bins), see
    `intervals.calibration_noise`. Source: Naeini, Cooper and Hauskrecht, AAAI 2015; bias: Roelofs et al., AISTATS 2022.
    """
    edges = np.linspace(0.0, 1.0, bins + 1) * t.rows[:, None]
    observed = np.diff(_cumulative_at(t, t.leavers, edges), axis=1)
    promised = np.diff(_cumulative_at(t, (t.leavers + t.stayers) * t.scores, edges), axis=1)
    return np.asarray(np.abs(observed - promised).sum(axis=1) / t.rows)


def top_precision(t: Tally, share: float) -> Floats:
    """Churn rate among the `share` of rows with the highest probability."""
    return leavers_in_first(t, share * t.rows) / (share * t.rows)


def top_recall(t: Tally, share: float) -> Floats:
    """Share of all churners who are among the `share` of rows with the highest probability."""
    return leavers_in_first(t, share * t.rows) / t.churners


def top_lift(t: Tally, share: float) -> Floats:
    """Churn rate among the `share` of rows with the highest probability, over the churn rate of all rows."""
    return top_precision(t, share) * t.rows / t.churners


def leavers_in_first(t: Tally, depth: Floats) -> Floats:
    """Churners among the first `depth` (samples,) rows of the list; a tie or a fraction at the end is shared out in
    proportion."""
    return _cumulative_at(t, t.leavers, depth[:, None])[:, 0]


def _at_threshold(t: Tally, threshold: float) -> tuple[Floats, Floats]:
    reached = t.scores >= threshold
    found = t.leavers[:, reached].sum(axis=1)
    return found, found + t.stayers[:, reached].sum(axis=1)


def _cumulative_at(t: Tally, amounts: Floats, depths: Floats) -> Floats:
    """Cumulative `amounts` (samples, scores) down the list, read at `depths` (samples, k) rows, linear within tied
    rows."""
    samples, scores = amounts.shape
    start = np.zeros((samples, 1))
    listed = np.hstack([start, np.cumsum(t.leavers + t.stayers, axis=1)])
    total = np.hstack([start, np.cumsum(amounts, axis=1)])
    # One search for all samples: each sample's depths are moved into a range of their own.
    shift = np.arange(samples)[:, None] * (t.rows.max() + 1.0)
    depths = np.minimum(depths, t.rows[:, None])
    right = np.searchsorted((listed + shift).ravel(), (depths + shift).ravel()).reshape(depths.shape)
    right = np.maximum(right, np.arange(samples)[:, None] * (scores + 1) + 1)
    left_rows, right_rows = listed.ravel()[right - 1], listed.ravel()[right]
    # A resample may begin with scores that it has not drawn: there, depth 0 lies on a step of no rows.
    step = right_rows - left_rows
    inside = np.divide(depths - left_rows, step, out=np.zeros_like(depths), where=step > 0)
    left, after = total.ravel()[right - 1], total.ravel()[right]
    return np.asarray(left + inside * (after - left))
