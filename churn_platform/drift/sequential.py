"""Watching for ever without crying wolf: e-detectors, whose mean time to a false alarm holds however often one looks.

What belongs here: the two likelihood ratios on who leaves when, and the detector over all starting points. What does not: which rows
(`early`).

A likelihood ratio of an alternative against the null, multiplied over time, has expectation at most 1 while the null holds: an
e-process. Started anew at each possible day of change and summed (Shiryaev 1963, Roberts 1966), the sum grows by at most 1 a day in
expectation, so the mean time until it reaches A is at least A days (Shin, Ramdas and Rinaldo, "E-detectors", NEJSDS 2023). It needs no
correction for looking daily, and no choice of a window.
"""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
from numpy.typing import NDArray

Floats = NDArray[np.float64]
LARGEST = 700.0
"""Logarithms are cut here: the largest exponent of a double."""
RATES_BEYOND = (1.2, 1.6, 2.5, 5.0)
SLOPES_BELOW = (0.0, 0.25, 0.5, 0.75)


def rate_log_ratios(events: Floats, expected: Floats, tolerated: float) -> list[Floats]:
    """Log likelihood ratios of Poisson counts that are too many, then too few, for several sizes of change.

    Args:
        events, expected: same shape.
        tolerated: a rate up to this many times, and down to one over this many times, the expected one is no change.
    """
    out = []
    for beyond in RATES_BEYOND:
        for null, alternative in ((tolerated, tolerated * beyond), (1.0 / tolerated, 1.0 / (tolerated * beyond))):
            out.append(events * np.log(alternative / null) - expected * (alternative - null))
    return out


def ranking_log_ratios(log_scores: Floats, leavers: NDArray[np.int64], tolerated: float) -> Floats:
    """(alternatives, leavers) log ratios of *who* left, in the order in which they left, given that somebody did.

    Of those still there the one with score s leaves with a chance proportional to s to the power of a slope: 1 ranks as scored, 0 at
    random.
    The rate of leaving cancels, so that more leavers alone say nothing.

    Args:
        log_scores: (customers,) logarithms of the scores of one day's customers.
        leavers: positions of those who left, in order.
        tolerated: the smallest slope that is no change.

    >>> ratios = ranking_log_ratios(np.log([0.9, 0.1]), np.array([1]), 1.0)
    >>> round(float(np.exp(ratios[0, 0])), 6)  # at random 1/2, as scored 1/10
    5.0
    """
    alternatives = np.array([tolerated * share for share in SLOPES_BELOW])
    left = log_scores[leavers]

    def log_chance(slope: float) -> Floats:
        weights = np.exp(slope * (log_scores - log_scores.max()))
        gone = np.concatenate([[0.0], np.cumsum(weights[leavers])[:-1]])
        there: Floats = np.log(np.maximum(weights.sum() - gone, 1e-300))
        chance: Floats = slope * (left - log_scores.max()) - there
        return chance

    null = log_chance(tolerated)
    return np.stack([log_chance(float(slope)) - null for slope in alternatives])


def e_detector(log_ratios: Sequence[Floats]) -> tuple[Floats, NDArray[np.int64]]:
    """(days,) the detector by day, and the cohort since which the evidence is strongest, from log ratios (cohorts, days) per alternative.

    A cohort is those observed on one day. Half of the detector starts with cohorts (a change that touches only customers observed after
    it), half with days (one that touches everybody at once); alternatives are averaged.
    """
    days = log_ratios[0].shape[1]
    total = np.zeros(days)
    best, since = np.full(days, -np.inf), np.zeros(days, dtype=np.int64)
    for ratio in log_ratios:
        # from cohort c on, up to day t
        by_cohort = np.cumsum(np.cumsum(ratio[::-1], axis=0)[::-1], axis=1)
        lived = np.triu(np.ones(ratio.shape, dtype=bool))
        by_cohort = np.where(lived, np.minimum(by_cohort, LARGEST), -np.inf)
        until = np.concatenate([[0.0], np.cumsum(ratio.sum(axis=0))])
        by_day = np.where(lived.T, np.minimum(until[1:, None] - until[None, :-1], LARGEST), -np.inf)
        total += 0.5 * np.exp(by_cohort).sum(axis=0) + 0.5 * np.exp(by_day).sum(axis=1)
        strongest = by_cohort.argmax(axis=0)
        value = by_cohort.max(axis=0)
        since = np.where(value > best, strongest, since)
        best = np.maximum(best, value)
    return np.minimum(total / len(log_ratios), 1e300), since
