"""What a model looks like beyond single figures: calibration, ranking and the spread of its scores.

What belongs here: curves as values, small enough to store with the evaluation. What does not: drawing them (`report`),
and single figures with intervals (`performance`).
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from churn_platform.evaluation.estimate import Estimate
from churn_platform.evaluation.intervals import share_interval
from churn_platform.evaluation.metrics import leavers_in_first
from churn_platform.evaluation.outcomes import Floats, ScoredOutcomes, Tally, tally

CURVE_POINTS = 200
"""Points kept of the ROC and PR curves: finer than a screen shows, and the same size for any number of rows."""

SCORE_BINS = 20
"""Bars of the score histogram: five percentage points each."""


@dataclass(frozen=True, slots=True)
class CalibrationBin:
    """Customers of like probability: what was promised on average, and what came true (with Wilson's interval)."""

    lowest: float
    highest: float
    promised: float
    observed: Estimate


@dataclass(frozen=True, slots=True)
class Curve:
    """A line through points (x[i], y[i]); x never falls."""

    x: tuple[float, ...]
    y: tuple[float, ...]


@dataclass(frozen=True, slots=True)
class ScoreDistribution:
    """How many leavers and stayers scored within each bin; `edges` has one entry more than the counts."""

    edges: tuple[float, ...]
    leavers: tuple[int, ...]
    stayers: tuple[int, ...]


@dataclass(frozen=True, slots=True)
class Curves:
    """All curves of one model on one set of rows.

    `roc`: false against true positive rate. `pr`: recall against precision. `gain`: share of customers listed against
    share of leavers reached, at each percent.
    """

    calibration: tuple[CalibrationBin, ...]
    roc: Curve
    pr: Curve
    gain: Curve
    scores: ScoreDistribution


def curves(scored: ScoredOutcomes, *, bins: int, confidence: float) -> Curves:
    """All curves of one model; `bins` calibration bins of equal mass."""
    here = tally(scored)
    return Curves(
        calibration=calibration_bins(scored, bins, confidence),
        roc=roc_curve(here),
        pr=pr_curve(here),
        gain=gain_curve(here),
        scores=score_distribution(scored),
    )


def calibration_bins(scored: ScoredOutcomes, bins: int, confidence: float) -> tuple[CalibrationBin, ...]:
    """Whole customers in up to `bins` groups of nearly equal size by probability, lowest first; equal scores stay
    together.

    >>> from churn_platform.evaluation.outcomes import scored_outcomes
    >>> low, high = calibration_bins(scored_outcomes([0, 0, 1, 1, 0, 1], [0.1, 0.1, 0.2, 0.7, 0.8, 0.9]), 2, 0.95)
    >>> round(low.promised, 3), str(low.observed), high.observed.rows
    (0.133, '0.333 (0.061 to 0.792)', 3)
    """
    order = np.argsort(scored.probability, kind="stable")
    probability, churned = scored.probability[order], scored.churned[order]
    # A tied group belongs to the bin of its first row, so that no score stands in two bins.
    first_of_tie = np.searchsorted(probability, probability, side="left")
    group = first_of_tie * bins // len(order)
    found = []
    for number in np.unique(group):
        members = group == number
        score = probability[members]
        observed = share_interval(int(churned[members].sum()), int(members.sum()), confidence)
        found.append(CalibrationBin(float(score[0]), float(score[-1]), float(score.mean()), observed))
    return tuple(found)


def roc_curve(t: Tally) -> Curve:
    """False positive rate (x) against true positive rate (y), thinned to CURVE_POINTS."""
    false_positives = np.concatenate([[0.0], np.cumsum(t.stayers[0]) / t.stayers[0].sum()])
    true_positives = np.concatenate([[0.0], np.cumsum(t.leavers[0]) / t.leavers[0].sum()])
    return _thinned(false_positives, true_positives)


def pr_curve(t: Tally) -> Curve:
    """Recall (x) against precision (y), thinned to CURVE_POINTS."""
    found, listed = np.cumsum(t.leavers[0]), np.cumsum(t.leavers[0] + t.stayers[0])
    return _thinned(found / found[-1], found / listed)


def gain_curve(t: Tally) -> Curve:
    """Share of customers listed (x: 0, 0.01, ... 1) against share of leavers among them (y)."""
    share = np.linspace(0.0, 1.0, 101)
    reached = [float(leavers_in_first(t, part * t.rows)[0]) for part in share]
    return _curve(share, np.asarray(reached) / t.churners[0])


def score_distribution(scored: ScoredOutcomes) -> ScoreDistribution:
    """Leavers and stayers in SCORE_BINS bins of equal width over [0, 1]."""
    edges = np.linspace(0.0, 1.0, SCORE_BINS + 1)
    leavers, _ = np.histogram(scored.probability[scored.churned], edges)
    stayers, _ = np.histogram(scored.probability[~scored.churned], edges)
    return ScoreDistribution(tuple(edges.tolist()), tuple(leavers.tolist()), tuple(stayers.tolist()))


def _thinned(x: Floats, y: Floats) -> Curve:
    """At most CURVE_POINTS of the points, evenly by place, the first and the last among them."""
    keep = np.unique(np.linspace(0, len(x) - 1, min(len(x), CURVE_POINTS)).round().astype(np.int64))
    return _curve(x[keep], y[keep])


def _curve(x: Floats, y: Floats) -> Curve:
    # Seven digits are far below what a figure shows, and keep the record small.
    return Curve(tuple(np.round(x, 7).tolist()), tuple(np.round(y, 7).tolist()))
