"""All metrics of one model on one set of rows, each with its interval.

What belongs here: which interval goes with which metric. What does not: the metrics' definitions (`metrics`), and the
comparison of models or segments (`evaluation`, `segments`).
"""

from __future__ import annotations

import numpy as np

from churn_platform.evaluation.auc import auc
from churn_platform.evaluation.estimate import Estimate
from churn_platform.evaluation.intervals import bootstrap, calibration_noise
from churn_platform.evaluation.metrics import METRICS, MetricSettings, measures
from churn_platform.evaluation.outcomes import ScoredOutcomes


def performance(
    scored: ScoredOutcomes,
    settings: MetricSettings,
    *,
    resamples: int,
    confidence: float,
    rng: np.random.Generator,
) -> dict[str, Estimate]:
    """Every metric of `METRICS`, in its order: AUC by DeLong, the calibration error as below, the rest by bootstrap.

    The calibration error cannot be negative and is biased upwards, so a percentile interval would never reach 0, not
    even for a perfectly calibrated model. Its low end is therefore 0 where perfect calibration shows as much (at
    `confidence`), else the basic bootstrap's; its high end is the percentile's, which errs on the pessimistic side.
    """
    functions = measures(settings)
    resampled = {name: function for name, function in functions.items() if name != "auc"}
    found = bootstrap(scored, resampled, resamples=resamples, confidence=confidence, rng=rng)
    found["auc"] = auc(scored, confidence)
    noise = calibration_noise(scored, functions["ece"], resamples=resamples, rng=rng)
    plug_in = found["ece"]
    by_chance = plug_in.value <= float(np.quantile(noise, confidence))
    low = 0.0 if by_chance else min(plug_in.value, max(0.0, 2.0 * plug_in.value - plug_in.high))
    found["ece"] = Estimate(
        plug_in.value,
        low,
        plug_in.high,
        confidence,
        f"bootstrap, {resamples} resamples, against perfect calibration",
        scored.rows,
    )
    return {name: found[name] for name in METRICS}
