"""Performance of a window of scores before its outcomes are known, each figure with an interval for what will be realised.

What belongs here: the estimate and its interval. What does not: comparing it with outcomes (`reconciliation.py`).

The interval is for the **realised** figure: outcomes are drawn from the probabilities many times, each time with a slope and
intercept that the calibration may really have, and every metric is taken on every draw. So it carries both the noise of a finite
window and the doubt about the calibration. What it cannot carry is a changed relation between features and outcome (concept drift):
that is what `reconciliation.py` looks for.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

import numpy as np
from numpy.typing import ArrayLike

from churn_platform.estimation.doubt import CalibrationDoubt, margin_of
from churn_platform.estimation.expectation import (
    EstimationError,
    Floats,
    expected_auc,
    expected_brier,
    expected_churn_rate,
    expected_f1,
    probabilities,
)
from churn_platform.evaluation.estimate import Estimate
from churn_platform.evaluation.metrics import brier, expected_calibration_error, f1, rank_auc
from churn_platform.evaluation.outcomes import Tally

ESTIMATED = ("auc", "f1", "brier", "ece", "churn_rate")
DRAWS = 400
"""Ten draws beyond each end of a 95 % interval; 1,600 rows take about 0.04 s."""
MOST_GROUPS = 4096
"""More distinct scores than this are merged into groups of equal size before drawing: their order is kept, ties are then in 1/4096."""
METHOD = "confidence-based, {draws} draws"


@dataclass(frozen=True, slots=True)
class EstimatedPerformance:
    """The window's estimated metrics by name (`ESTIMATED`); `value` is the expectation, the interval is for the realised figure."""

    metrics: Mapping[str, Estimate]
    rows: int
    threshold: float

    def __getitem__(self, name: str) -> Estimate:
        return self.metrics[name]


def estimate_performance(
    scores: ArrayLike,
    *,
    threshold: float,
    doubt: CalibrationDoubt,
    confidence: float,
    ece_bins: int,
    rng: np.random.Generator,
    draws: int = DRAWS,
) -> EstimatedPerformance:
    """Estimate AUC, F1, Brier score, calibration error and churn rate of a window.

    Args:
        scores: (rows,) calibrated probabilities; their order does not matter.
        threshold: a customer is selected at probability >= threshold.
        doubt: of the calibration; `NO_DOUBT` only where probabilities are true by construction.
        confidence: of the intervals.
        ece_bins: bins of the calibration error.
        rng: source of the draws.
        draws: simulated outcomes of the window.

    Raises:
        EstimationError: no probabilities, impossible ones, or so few expected leavers or stayers that no AUC will be realised.

    >>> p = np.linspace(0.02, 0.9, 1000)
    >>> from churn_platform.estimation.doubt import NO_DOUBT
    >>> rng = np.random.default_rng(1)
    >>> estimated = estimate_performance(p, threshold=0.5, doubt=NO_DOUBT, confidence=0.95, ece_bins=10, rng=rng)
    >>> estimated["brier"].low < float(np.mean(p * (1 - p))) < estimated["brier"].high
    True
    """
    p = np.sort(probabilities(scores))[::-1]
    drawn = _draw(p, doubt, draws, rng)
    both = (drawn.churners > 0) & (drawn.churners < drawn.rows)
    if both.mean() < 0.99:
        raise EstimationError(
            f"{len(p)} scores with {p.sum():.1f} expected leavers: one outcome may be missing, so no AUC can be estimated; widen the window"
        )
    drawn = Tally(drawn.scores, drawn.leavers[both], drawn.stayers[both])
    values = {
        "auc": rank_auc(drawn),
        "f1": f1(drawn, threshold),
        "brier": brier(drawn),
        "ece": expected_calibration_error(drawn, ece_bins),
        "churn_rate": drawn.churners / drawn.rows,
    }
    centre = {
        "auc": expected_auc(p),
        "f1": expected_f1(p, threshold),
        "brier": expected_brier(p),
        "ece": float(values["ece"].mean()),
        "churn_rate": expected_churn_rate(p),
    }
    method = METHOD.format(draws=draws)
    return EstimatedPerformance(
        {name: _estimate(centre[name], values[name], confidence, method, len(p)) for name in ESTIMATED},
        len(p),
        threshold,
    )


def _estimate(centre: float, values: Floats, confidence: float, method: str, rows: int) -> Estimate:
    tail = (1.0 - confidence) / 2.0
    low, high = (float(end) for end in np.quantile(values, (tail, 1.0 - tail)))
    return Estimate(centre, min(low, centre), max(high, centre), confidence, method, rows)


def _draw(p: Floats, doubt: CalibrationDoubt, draws: int, rng: np.random.Generator) -> Tally:
    """Outcomes of rows scored `p` (falling), tallied by score."""
    falling, counts = _grouped(p)
    real = doubt.draw(draws, rng)
    margin = margin_of(falling)
    chance = 1.0 / (1.0 + np.exp(-(real[:, :1] * margin + real[:, 1:])))
    if (counts == 1).all():
        leavers = (rng.random((draws, len(falling)), dtype=np.float32) < chance).astype(np.float64)
    else:
        leavers = rng.binomial(counts.astype(np.int64), chance).astype(np.float64)
    return Tally(falling, leavers, counts - leavers)


def _grouped(p: Floats) -> tuple[Floats, Floats]:
    """Distinct scores, falling, and how many rows have each; at most MOST_GROUPS, neighbours merged at their mean."""
    rising, counts = np.unique(p, return_counts=True)
    falling, rows = rising[::-1], np.asarray(counts[::-1], dtype=np.float64)
    if len(falling) <= MOST_GROUPS:
        return falling, rows
    place = np.minimum(((np.cumsum(rows) - rows / 2.0) / rows.sum() * MOST_GROUPS).astype(np.int64), MOST_GROUPS - 1)
    size = np.asarray(np.bincount(place, weights=rows, minlength=MOST_GROUPS), dtype=np.float64)
    mean = np.asarray(np.bincount(place, weights=rows * falling, minlength=MOST_GROUPS), dtype=np.float64)
    there = size > 0
    return mean[there] / size[there], size[there]
