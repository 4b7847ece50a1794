"""The best that a model of the platform's own columns could do in a simulated telco, day by day.

What belongs here: the bound that is fair to the platform. What does not: the AUC of the true probabilities (`simulation.truth.best_auc`),
which knows moods that no column shows, and the AUC of what was published (`simulation.achieved`).

A model is fitted to the true probabilities instead of outcomes, on the feature set's columns and the day, over every day that is judged: it
knows what no deployed model can, the change on the day it comes and each customer's chance instead of a draw. Two halves of the
customers judge each other, so nobody judges themselves. What is left between it and the all-knowing bound is hidden from the columns;
between the published scores and it, the platform's own to win.
"""

from __future__ import annotations

from collections.abc import Mapping
from datetime import date
from typing import Any

import numpy as np
import pandas as pd

from churn_platform.contracts.features import Feature, FeatureSet
from churn_platform.simulation.achieved import expected_auc

GRAIN = ["customer_id", "observation_date"]
PARAMETERS: Mapping[str, float | int] = {
    "max_depth": 4,
    "learning_rate": 0.1,
    "subsample": 0.8,
    "colsample_bytree": 0.8,
    "min_child_weight": 5.0,
    "reg_lambda": 2.0,
}
ROUNDS = 100
"""60 to 150 rounds lie within 0.001 AUC of each other; 400 learn customers by heart, and lose 0.002 (180 days of 7,000, measured)."""
SEED = 7
DAY = Feature("day_number", "profile", "day number")


def achievable_auc(features: pd.DataFrame, truth: pd.DataFrame, feature_set: FeatureSet) -> dict[date, float]:
    """The expected AUC, by observation date, of the best ranking that `feature_set` allows, estimated from below.

    Args:
        features: customer_id, observation_date and the set's columns, a row an observation.
        truth: customer_id, observation_date and leave_probability of the same observations; others are left out.
        feature_set: which columns a model may use.

    Returns:
        the AUC under the true probabilities of each day on which both are known; empty without rows of both halves.
    """
    rows = _together(features[[*GRAIN, *feature_set.names]], truth)
    columns = tuple(feature for feature in feature_set.features if not rows[feature.name].isna().all())
    probability = rows["leave_probability"].to_numpy(dtype=np.float64)
    half = (pd.util.hash_pandas_object(rows["customer_id"], index=False) % 2).to_numpy()
    if len(rows) == 0 or half.min() == half.max():
        return {}
    values = _values(rows, columns)
    score = np.empty(len(rows))
    for held in (0, 1):
        judged = half == held
        score[judged] = _fitted(values, probability, ~judged, judged, (*columns, DAY))
    days = rows["observation_date"].to_numpy()
    return {
        pd.Timestamp(day).date(): expected_auc(score[days == day], probability[days == day]) for day in np.unique(days)
    }


def _together(features: pd.DataFrame, truth: pd.DataFrame) -> pd.DataFrame:
    known = [
        frame.assign(
            customer_id=frame["customer_id"].astype("str"),
            observation_date=pd.to_datetime(frame["observation_date"]).astype("datetime64[s]"),
        )
        for frame in (features, truth[[*GRAIN, "leave_probability"]])
    ]
    return known[0].merge(known[1], on=GRAIN, validate="one_to_one").sort_values(GRAIN, ignore_index=True)


def _values(rows: pd.DataFrame, columns: tuple[Feature, ...]) -> np.ndarray[Any, np.dtype[np.float32]]:
    from churn_platform.training.matrix import feature_values

    observed = rows["observation_date"]
    day = ((observed - observed.min()).dt.days).to_numpy(dtype=np.float32)
    return np.column_stack([feature_values(rows, columns), day])


def _fitted(values: Any, probability: Any, learned: Any, judged: Any, columns: tuple[Feature, ...]) -> Any:
    """Margins of the `judged` rows by a model of the true probabilities of the `learned` ones."""
    from churn_platform.training.boosting import advance, new_booster, raw_margins
    from churn_platform.training.matrix import design_matrix

    matrix = design_matrix(values[learned], columns, probability[learned])
    booster = new_booster(PARAMETERS, [matrix], SEED, 2)
    advance(booster, matrix, 0, ROUNDS)
    return raw_margins(booster, design_matrix(values[judged], columns))
