"""The whole recipe: tune on folds, calibrate and set the threshold on the out-of-fold margins, then fit on every
training row.

Here: the order of the steps, and the final fit. Not here: the steps themselves. The same examples and policy give the
same bytes, for any number of threads and any row order; other customer names change the rows' digest and nothing else.
Only a search that the time budget cut may end elsewhere on a slower machine: the record then says where it was cut.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np

from churn_platform.training.boosting import Parameters, advance, new_booster
from churn_platform.training.calibration import calibrate
from churn_platform.training.digest import training_digest
from churn_platform.training.examples import TrainingExamples
from churn_platform.training.folds import content_rank
from churn_platform.training.matrix import design_matrix
from churn_platform.training.model import TrainedModel, TrainingRecord
from churn_platform.training.recency import ALL_ALIKE, STILL_COUNTS, Weighting
from churn_platform.training.threshold import best_f1_threshold
from churn_platform.training.tuning import Clock, OnTrial, Tuning, tune

if TYPE_CHECKING:
    from numpy.typing import NDArray

    from churn_platform.policies import TrainingPolicy

__all__ = ["TrainedModel", "fit", "grow", "train_model"]


def train_model(
    train: TrainingExamples, policy: TrainingPolicy, clock: Clock | None = None, on_trial: OnTrial | None = None
) -> TrainedModel:
    """Tune, calibrate, choose the threshold and fit on `train` (never on the holdout); see `tuning.tune` for the
    arguments."""
    return fit(train, tune(train, policy, clock, on_trial), policy)


def fit(
    train: TrainingExamples, tuning: Tuning, policy: TrainingPolicy, weighting: Weighting = ALL_ALIKE
) -> TrainedModel:
    """Fit the winner of `tuning` on all of `train`; calibration and threshold come from its out-of-fold margins.

    With a `weighting` they come from the rows that still count: what a weighted model says of the past is no measure of the present.
    """
    weights = weighting.weights(train)
    present = weights >= STILL_COUNTS
    calibration = calibrate(tuning.margins[present], train.churned[present])
    observed = train.frame["observation_date"]
    return TrainedModel(
        booster_json=grow(
            train, tuning.params, tuning.rounds, policy.seed, weights=None if weights.min() == 1.0 else weights
        ),
        feature_set=train.feature_set,
        features=train.features,
        excluded=train.excluded,
        calibration=calibration,
        threshold=best_f1_threshold(calibration.probability(tuning.margins[present]), train.churned[present]),
        record=TrainingRecord(
            digest=training_digest(train),
            rows=len(train),
            churners=train.churners,
            first_day=observed.min().date(),
            last_day=observed.max().date(),
            as_of=train.as_of,
            params=tuning.params,
            rounds=tuning.rounds,
            seed=policy.seed,
            trials=tuning.trials,
            stopped=tuning.stopped,
            weighting=weighting,
        ),
    )


def grow(
    train: TrainingExamples,
    params: Parameters,
    rounds: int,
    seed: int,
    threads: int = 1,
    weights: NDArray[np.float64] | None = None,
) -> bytes:
    """A booster of `rounds` rounds on all rows of `train`, each of weight 1 or as `weights` (rows,) say, as XGBoost JSON bytes."""
    order = np.argsort(content_rank(train), kind="stable")
    matrix = design_matrix(train.values[order], train.features, train.churned[order], threads)
    if weights is not None:
        matrix.set_weight(weights[order])
    booster = new_booster(params, [matrix], seed, threads)
    advance(booster, matrix, 0, rounds)
    return bytes(booster.save_raw("json"))
