"""The weighted score: one number for four relative changes, none of which may outvote the rest.

What belongs here: the relative change of each measure and their weighted sum. What does not: measuring them (`paired`), and what a
score is good for (`decision`).

Higher is better for AUC and F1, lower for latency and size. A change of latency or size is relative to the champion's figure, or to
the policy's floor where that is larger: of two models that both answer in a tenth of a millisecond neither is faster in any way that
somebody could feel, and a timer's noise must not decide who is champion.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np
from numpy.typing import NDArray

if TYPE_CHECKING:
    from churn_platform.policies.releasing import ChampionChallengerPolicy

Floats = NDArray[np.float64]


def weighted_score(auc: Floats, f1: Floats, latency: float, size: float, policy: ChampionChallengerPolicy) -> Floats:
    """The weighted sum of relative changes, each clipped to ±`policy.clip`, same shape as `auc`.

    Args:
        auc, f1: relative changes, (challenger - champion) / champion; any shape.
        latency, size: relative changes from `relative_saving`, positive where the challenger is quicker or smaller.

    >>> from churn_platform.policies import load_policies
    >>> policy = load_policies().champion_challenger
    >>> round(float(weighted_score(np.array(0.02), np.array(0.01), 0.0, -0.5, policy)), 4)
    0.001
    """
    weights, clip = policy.weights, policy.clip
    parts = ((weights.auc, auc), (weights.f1, f1), (weights.latency, latency), (weights.size, size))
    total = np.zeros(np.shape(auc))
    for weight, change in parts:
        total = total + weight * np.clip(change, -clip, clip)
    return np.asarray(total, dtype=np.float64)


def relative_gain(challenger: Floats, champion: Floats) -> Floats:
    """(challenger - champion) / champion; 0 where both are 0, and a whole where the champion has nothing."""
    both = np.asarray(challenger - champion, dtype=np.float64)
    return np.divide(both, champion, out=np.sign(both), where=np.asarray(champion) > 0)


def relative_saving(challenger: float, champion: float, floor: float) -> float:
    """(champion - challenger) / the larger of champion and `floor`: what is saved of a cost, positive where there is less.

    >>> relative_saving(0.05, 0.1, floor=20.0), relative_saving(50.0, 100.0, floor=20.0)
    (0.0025, 0.5)
    """
    return (champion - challenger) / max(champion, floor)
