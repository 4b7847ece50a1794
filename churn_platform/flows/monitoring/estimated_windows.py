"""Estimates of windows, kept from one report to the next.

What belongs here: remembering. What does not: the estimate (`estimation/performance.py`), and which windows are asked for
(`performance_judge`).
"""

from __future__ import annotations

from functools import lru_cache

import numpy as np

from churn_platform.estimation.doubt import CalibrationDoubt
from churn_platform.estimation.expectation import EstimationError
from churn_platform.estimation.performance import EstimatedPerformance, estimate_performance


@lru_cache(maxsize=256)
def estimated_window(
    scores: bytes, threshold: float, doubt: CalibrationDoubt, confidence: float, ece_bins: int, seed: int
) -> EstimatedPerformance | str:
    """The estimate of a window, named by all that it depends on: tomorrow asks for today's again, to see what persists."""
    try:
        return estimate_performance(
            np.frombuffer(scores, dtype=np.float64),
            threshold=threshold,
            doubt=doubt,
            confidence=confidence,
            ece_bins=ece_bins,
            rng=np.random.default_rng(seed),
        )
    except EstimationError as error:
        return str(error)
