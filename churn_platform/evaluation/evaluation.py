"""The evaluation of one model on one holdout: the record that gates judge, reports show and comparisons start from.

What belongs here: putting the parts together, and the record's JSON form. What does not: any metric (`metrics`), any
judgement (`gate`), any picture (`report`). The record holds no time and no path: the same rows and policy give the same
bytes.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import numpy as np
from numpy.typing import ArrayLike

from churn_platform.evaluation.auc import auc_difference
from churn_platform.evaluation.curves import Curves, curves
from churn_platform.evaluation.estimate import Estimate, EvaluationError
from churn_platform.evaluation.fairness import Fairness, fairness
from churn_platform.evaluation.intervals import calibration_noise, share_interval
from churn_platform.evaluation.metrics import MetricSettings, leavers_in_first, measures
from churn_platform.evaluation.outcomes import ScoredOutcomes, scored_outcomes, tally
from churn_platform.evaluation.performance import performance
from churn_platform.evaluation.record import from_record, to_record
from churn_platform.evaluation.segments import Segment, segments

if TYPE_CHECKING:
    import pandas as pd

    from churn_platform.policies.learning import EvaluationPolicy

LISTED_FIRST = 100
"""How many customers the plain sentence speaks of: a list that one team can call in a day."""


@dataclass(frozen=True, slots=True)
class ListedFirst:
    """The first `customers` of the list: which share of them leaves, and which share of all customers does."""

    customers: int
    leaving: Estimate
    by_chance: float


@dataclass(frozen=True, slots=True)
class Evaluation:
    """Everything measured of one model on one holdout.

    `metrics` and `baseline` (logistic regression, same rows) are keyed by `METRICS`; `auc_above_baseline` is the paired
    difference; `ece_if_calibrated` is the calibration error that a perfectly calibrated model would show on these rows,
    on average; `label_maturity` is the share of observed rows whose horizon has closed.
    """

    rows: int
    churners: int
    threshold: float
    horizon_days: int
    label_maturity: float
    metrics: dict[str, Estimate]
    baseline: dict[str, Estimate]
    auc_above_baseline: Estimate
    ece_if_calibrated: float
    listed_first: ListedFirst
    curves: Curves
    baseline_curves: Curves
    segments: tuple[Segment, ...]
    fairness: tuple[Fairness, ...]
    confidence: float
    top_share: float
    ece_bins: int
    resamples: int
    seed: int

    @property
    def churn_rate(self) -> float:
        """Share of the evaluated rows that churned."""
        return self.churners / self.rows

    def to_dict(self) -> dict[str, Any]:
        """JSON form; `from_dict` reads it back to an equal value."""
        return to_record(self)

    @classmethod
    def from_dict(cls, data: Any) -> Evaluation:
        """Read the form that `to_dict` wrote; EvaluationError names what is missing, unknown or mistyped, at any
        depth."""
        return from_record(cls, data)


def evaluate(
    churned: ArrayLike,
    probability: ArrayLike,
    *,
    baseline_probability: ArrayLike,
    attributes: pd.DataFrame,
    threshold: float,
    horizon_days: int,
    label_maturity: float,
    policy: EvaluationPolicy,
) -> Evaluation:
    """Measure a model on a holdout of matured outcomes.

    `churned`, `probability` and `baseline_probability` have shape (rows,); `attributes` has one row each, in the same
    order, with every column that `policy.segments` and `policy.fairness_attributes` name. `threshold` is the model
    package's, in probability. The order of rows does not change any figure but the bootstrap ends. Raises
    EvaluationError for unusable input.
    """
    scored = scored_outcomes(churned, probability, "the holdout")
    baseline = scored_outcomes(churned, baseline_probability, "the holdout, scored by the baseline")
    _refuse_settings(threshold, label_maturity, horizon_days)
    settings = MetricSettings(threshold, policy.top_share, policy.ece_bins)
    # One stream per part, so that adding a segment does not move the intervals of the whole.
    for_model, for_baseline, for_segments, for_noise = np.random.default_rng(policy.seed).spawn(4)
    ece = measures(settings)["ece"]
    return Evaluation(
        rows=scored.rows,
        churners=scored.churners,
        threshold=float(threshold),
        horizon_days=int(horizon_days),
        label_maturity=float(label_maturity),
        metrics=performance(scored, settings, resamples=policy.resamples, confidence=policy.confidence, rng=for_model),
        baseline=performance(
            baseline, settings, resamples=policy.resamples, confidence=policy.confidence, rng=for_baseline
        ),
        auc_above_baseline=auc_difference(scored, baseline, policy.confidence),
        ece_if_calibrated=float(calibration_noise(scored, ece, resamples=policy.resamples, rng=for_noise).mean()),
        listed_first=_listed_first(scored, policy.confidence),
        curves=curves(scored, bins=policy.ece_bins, confidence=policy.confidence),
        baseline_curves=curves(baseline, bins=policy.ece_bins, confidence=policy.confidence),
        segments=segments(scored, attributes, policy.segments, settings, policy, for_segments),
        fairness=fairness(scored, attributes, policy.fairness_attributes, threshold, policy),
        confidence=policy.confidence,
        top_share=policy.top_share,
        ece_bins=policy.ece_bins,
        resamples=policy.resamples,
        seed=policy.seed,
    )


def _refuse_settings(threshold: float, label_maturity: float, horizon_days: int) -> None:
    if not 0.0 <= threshold <= 1.0:
        raise EvaluationError(f"threshold {threshold} is no probability; take the one in the model package.")
    if not 0.0 < label_maturity <= 1.0:
        raise EvaluationError(
            f"label maturity {label_maturity} is no share above 0; "
            "an evaluation says which part of its rows has a closed horizon."
        )
    if horizon_days < 1:
        raise EvaluationError(f"a label horizon of {horizon_days} days means nothing; take policy label.horizon.")


def _listed_first(scored: ScoredOutcomes, confidence: float) -> ListedFirst:
    customers = min(LISTED_FIRST, max(1, scored.rows // 10))
    here = tally(scored)
    leaving = float(leavers_in_first(here, np.array([float(customers)]))[0])
    return ListedFirst(customers, share_interval(round(leaving), customers, confidence), scored.churners / scored.rows)
