"""What a metric is expected to be if every probability means what it says: leaving is a coin of just that probability.

What belongs here: exact expectations, and ratios of them where the metric is a ratio. What does not: intervals (`performance.py`).

The idea: if among the customers scored 0.3 three of ten leave, then the scores alone tell how often a leaver stands above a stayer.
Source: confidence-based performance estimation; Kivimäki et al., Journal of Artificial Intelligence Research 82 (2025).
"""

from __future__ import annotations

import numpy as np
from numpy.typing import ArrayLike, NDArray

Floats = NDArray[np.float64]


class EstimationError(ValueError):
    """Probabilities that nothing can be estimated from; the message says which and the way out."""


def probabilities(values: ArrayLike) -> Floats:
    """The probabilities as numbers, (rows,), each inside [0, 1].

    Raises:
        EstimationError: no rows, more than one dimension, or a value that is missing or no probability.
    """
    p = np.asarray(values, dtype=np.float64)
    if p.ndim != 1 or p.size == 0:
        raise EstimationError(f"an estimate needs probabilities of shape (rows,), at least one; got shape {p.shape}")
    bad = ~((p >= 0.0) & (p <= 1.0))
    if bad.any():
        raise EstimationError(
            f"{int(bad.sum())} of {p.size} probabilities are missing or outside [0, 1], the first at row "
            f"{int(bad.argmax())}: score them again"
        )
    return p


def expected_brier(p: Floats) -> float:
    """The exact expectation of the Brier score, mean p(1 - p).

    >>> expected_brier(np.array([0.5, 0.5])), expected_brier(np.array([0.0, 1.0]))
    (0.25, 0.0)
    """
    return float(np.mean(p * (1.0 - p)))


def expected_churn_rate(p: Floats) -> float:
    """The exact expectation of the share that leaves: the mean probability."""
    return float(np.mean(p))


def expected_auc(p: Floats) -> float:
    """Expected correctly ordered (leaver, stayer) pairs over expected pairs, ties counting half.

    Both are exact; AUC is their ratio on each draw, and the ratio of the means differs from its mean by O(1 / rows).

    Returns:
        a number in [0.5, 1], NaN where no pair can come about.

    >>> expected_auc(np.array([0.0, 1.0])), expected_auc(np.array([0.3, 0.3]))
    (1.0, 0.5)
    """
    values, counts = np.unique(p, return_counts=True)
    leaves, stays = values * counts, (1.0 - values) * counts
    below = np.concatenate([[0.0], np.cumsum(stays)[:-1]])
    # within a tie, a customer makes no pair with themselves
    tied = 0.5 * values * (1.0 - values) * counts * (counts - 1)
    pairs = leaves.sum() * stays.sum() - (values * (1.0 - values) * counts).sum()
    return float(((leaves * below).sum() + tied.sum()) / pairs) if pairs > 0 else float("nan")


def expected_f1(p: Floats, threshold: float) -> float:
    """F1 of expected counts, 2·TP / (selected + leavers); a customer is selected at p >= threshold. NaN where nobody can leave.

    >>> round(expected_f1(np.array([1.0, 1.0, 0.0]), 0.5), 6)
    1.0
    """
    selected = p >= threshold
    size = float(selected.sum() + p.sum())
    return float(2.0 * p[selected].sum() / size) if size > 0 else float("nan")
