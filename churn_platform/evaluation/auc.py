"""The area under the ROC curve with DeLong's interval, for one model and for two on the same rows.

What belongs here: AUC, its variance and the paired difference. What does not: metrics without a closed form (`metrics`,
with `intervals`).

Sources: DeLong, DeLong and Clarke-Pearson, Biometrics 44 (1988); the fast form with midranks: Sun and Xu, IEEE Signal
Processing Letters 21 (2014).
"""

from __future__ import annotations

from statistics import NormalDist

import numpy as np

from churn_platform.evaluation.estimate import Estimate, EvaluationError
from churn_platform.evaluation.outcomes import Floats, ScoredOutcomes


def auc(scored: ScoredOutcomes, confidence: float = 0.95) -> Estimate:
    """The chance that a customer who leaves is scored above one who stays (ties count half), with DeLong's interval.

    The interval is normal on the AUC itself, cut at 0 and 1. Where the two classes are perfectly separated DeLong's
    variance is 0, which no finite sample warrants: the bound is then the exact binomial one with the rarer class as
    trials.

    >>> from churn_platform.evaluation.outcomes import scored_outcomes
    >>> print(auc(scored_outcomes([1, 1, 0, 1, 0, 0, 0, 1], [0.9, 0.8, 0.7, 0.6, 0.5, 0.4, 0.3, 0.2])))
    0.688 (0.208 to 1.000)
    """
    of_leavers, of_stayers = _placements(scored)
    value = float(of_leavers.mean())
    rarer = min(scored.churners, scored.rows - scored.churners)
    if value in (0.0, 1.0):
        reach = 1.0 - ((1.0 - confidence) / 2.0) ** (1.0 / rarer)
        low, high = max(0.0, value - reach), min(1.0, value + reach)
        return Estimate(value, low, high, confidence, "binomial bound at perfect separation", scored.rows)
    half = _z(confidence) * float(np.sqrt(_variance_of_mean(of_leavers) + _variance_of_mean(of_stayers)))
    return Estimate(value, max(0.0, value - half), min(1.0, value + half), confidence, "delong", scored.rows)


def auc_difference(scored: ScoredOutcomes, other: ScoredOutcomes, confidence: float = 0.95) -> Estimate:
    """AUC of `scored` minus AUC of `other`, both on the same rows, with DeLong's paired interval.

    Raises EvaluationError where the two were not measured on the same outcomes: figures from different rows say nothing
    about each other.
    """
    if scored.rows != other.rows or not np.array_equal(scored.churned, other.churned):
        raise EvaluationError(
            f"a paired AUC difference needs the same rows in the same order: {scored.rows} rows against {other.rows}, "
            "or their outcomes differ. Score both models on one holdout."
        )
    ours, theirs = _placements(scored), _placements(other)
    by_leaver, by_stayer = ours[0] - theirs[0], ours[1] - theirs[1]
    value = float(ours[0].mean() - theirs[0].mean())
    half = _z(confidence) * float(np.sqrt(_variance_of_mean(by_leaver) + _variance_of_mean(by_stayer)))
    return Estimate(value, max(-1.0, value - half), min(1.0, value + half), confidence, "delong paired", scored.rows)


def _placements(scored: ScoredOutcomes) -> tuple[Floats, Floats]:
    """Each leaver's share of stayers scored below, (leavers,), and each stayer's share of leavers scored above,
    (stayers,)."""
    leaver, stayer = scored.probability[scored.churned], scored.probability[~scored.churned]
    together = _midranks(scored.probability)
    of_leavers = (together[scored.churned] - _midranks(leaver)) / len(stayer)
    of_stayers = 1.0 - (together[~scored.churned] - _midranks(stayer)) / len(leaver)
    return of_leavers, of_stayers


def _midranks(values: Floats) -> Floats:
    _, place, count = np.unique(values, return_inverse=True, return_counts=True)
    return np.asarray((np.cumsum(count) - (count - 1) / 2.0)[place], dtype=np.float64)


def _variance_of_mean(values: Floats) -> float:
    """Sample variance over count. A single row has none: 1 is taken, the largest that a difference of placements can
    have."""
    return float(values.var(ddof=1)) / len(values) if len(values) > 1 else 1.0


def _z(confidence: float) -> float:
    return NormalDist().inv_cdf(0.5 + confidence / 2.0)
