"""Nested cross-validation of the whole recipe against the baseline: what the platform's way of training is worth on
some rows.

Here: the outer folds, and the figures over them. In each the recipe starts from nothing (tuning, calibration,
threshold) on the other folds, so no choice has seen the rows it is judged on. Not here: the evaluation of one model on
its holdout (`evaluation`).
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import asdict, dataclass
from typing import TYPE_CHECKING, Any

import numpy as np

from churn_platform.evaluation.metrics import average_precision, brier, expected_calibration_error, rank_auc
from churn_platform.evaluation.outcomes import Tally, scored_outcomes, tally
from churn_platform.training.baseline import fit_baseline
from churn_platform.training.examples import TrainingExamples
from churn_platform.training.fit import train_model
from churn_platform.training.folds import stratified_folds
from churn_platform.training.tuning import Clock

if TYPE_CHECKING:
    from numpy.typing import NDArray

    from churn_platform.policies import TrainingPolicy

OnFold = Callable[[int, int, float], None]
BINS = 10


@dataclass(frozen=True, slots=True)
class CrossValidatedMetrics:
    """AUC per fold and its mean; the others over all out-of-fold probabilities. ECE has ten bins of equal mass."""

    auc_per_fold: tuple[float, ...]
    auc: float
    pr_auc: float
    brier: float
    ece: float


@dataclass(frozen=True)
class CrossValidation:
    """The recipe and the baseline on the same folds. The probabilities are in the order of the examples' frame."""

    feature_set: str
    rows: int
    churners: int
    folds: int
    seed: int
    model: CrossValidatedMetrics
    baseline: CrossValidatedMetrics
    fold: NDArray[np.int64]
    probabilities: NDArray[np.float64]
    baseline_probabilities: NDArray[np.float64]

    def to_dict(self) -> dict[str, Any]:
        """The figures, ready for JSON; without the rows."""
        return {
            "feature_set": self.feature_set,
            "rows": self.rows,
            "churners": self.churners,
            "folds": self.folds,
            "seed": self.seed,
            "model": asdict(self.model),
            "baseline": asdict(self.baseline),
        }


def cross_validate(
    examples: TrainingExamples,
    policy: TrainingPolicy,
    folds: int = 5,
    seed: int = 0,
    on_fold: OnFold | None = None,
    clock: Clock | None = None,
) -> CrossValidation:
    """Train the whole recipe `folds` times, each time without one fold, and judge it on that fold.

    `seed` deals the outer folds; the recipe's own randomness is the policy's. `on_fold(number, folds, auc)` is called
    after each.
    """
    fold = stratified_folds(examples, folds, seed)
    churned = examples.churned
    ours, theirs = np.full(len(examples), np.nan), np.full(len(examples), np.nan)
    for number in range(folds):
        held_out = fold == number
        train = examples.take(~held_out)
        rows = examples.frame[held_out]
        ours[held_out] = train_model(train, policy, clock).probability(rows)
        theirs[held_out] = fit_baseline(train).probability(rows)
        if on_fold is not None:
            on_fold(number + 1, folds, _auc(churned[held_out], ours[held_out]))
    return CrossValidation(
        feature_set=examples.feature_set,
        rows=len(examples),
        churners=examples.churners,
        folds=folds,
        seed=seed,
        model=_metrics(churned, ours, fold),
        baseline=_metrics(churned, theirs, fold),
        fold=fold,
        probabilities=ours,
        baseline_probabilities=theirs,
    )


def _metrics(
    churned: NDArray[np.int8], probability: NDArray[np.float64], fold: NDArray[np.int64]
) -> CrossValidatedMetrics:
    per_fold = tuple(
        _auc(churned[fold == number], probability[fold == number]) for number in range(int(fold.max()) + 1)
    )
    pooled = _tally(churned, probability)
    return CrossValidatedMetrics(
        auc_per_fold=per_fold,
        auc=float(np.mean(per_fold)),
        pr_auc=float(average_precision(pooled)[0]),
        brier=float(brier(pooled)[0]),
        ece=float(expected_calibration_error(pooled, BINS)[0]),
    )


def _auc(churned: NDArray[np.int8], probability: NDArray[np.float64]) -> float:
    return float(rank_auc(_tally(churned, probability))[0])


def _tally(churned: NDArray[np.int8], probability: NDArray[np.float64]) -> Tally:
    return tally(scored_outcomes(churned, probability, "the cross-validated rows"))
