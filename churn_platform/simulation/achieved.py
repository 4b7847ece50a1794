"""How well scores rank the customers of a world whose true probabilities are known.

What belongs here: scores against truth. What does not: the truth's own best (`truth.best_auc`), and any estimate from outcomes.
"""

from __future__ import annotations

import numpy as np

from churn_platform.simulation.draws import Floats


def expected_auc(score: Floats, probability: Floats) -> float:
    """The expected AUC of `score` over outcomes drawn from the true probabilities: free of the noise of any one draw.

    The expected number of (leaver, stayer) pairs in which the leaver scores higher, ties counting half, divided by the expected
    number of such pairs. Of the true probabilities themselves it is `best_auc`, and no score exceeds that.

    Args:
        score: (n,) any score, higher meaning more likely to leave.
        probability: (n,) the true probabilities of leaving, in [0, 1].

    Returns:
        a number in [0, 1]; NaN where no pair is possible.

    >>> expected_auc(np.array([0.2, 0.9]), np.array([0.0, 1.0])), expected_auc(np.array([0.9, 0.2]), np.array([0.0, 1.0]))
    (1.0, 0.0)
    >>> expected_auc(np.array([0.5, 0.5]), np.array([0.1, 0.8]))
    0.5
    """
    leaves, stays = probability.astype(np.float64), 1.0 - probability.astype(np.float64)
    _, place = np.unique(score, return_inverse=True)
    leaving, staying = np.bincount(place, leaves), np.bincount(place, stays)
    below = np.concatenate([[0.0], np.cumsum(staying)[:-1]])
    own = float((leaves * stays).sum())  # nobody is paired with themselves
    pairs = float(leaves.sum() * stays.sum()) - own
    if not pairs > 0:
        return float("nan")
    within = np.bincount(place, leaves * stays)
    ordered = float((leaving * below).sum() + 0.5 * (leaving * staying - within).sum())
    return ordered / pairs
