"""The baseline that a boosted model must beat to be worth its keep: logistic regression on the same rows.

Here: one-hot categories, standardised numbers, missing values filled and flagged. Not here: judging the difference
(`evaluation`).
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import numpy as np
import pandas as pd

from churn_platform.contracts.features import Feature
from churn_platform.training.examples import TrainingExamples
from churn_platform.training.folds import content_rank
from churn_platform.training.matrix import feature_values

if TYPE_CHECKING:
    from numpy.typing import NDArray


@dataclass(frozen=True)
class Baseline:
    """A fitted logistic regression over the same features as the model."""

    features: tuple[Feature, ...]
    pipeline: Any

    def probability(self, frame: pd.DataFrame) -> NDArray[np.float64]:
        """The probability of leaving, (rows,)."""
        return np.asarray(
            self.pipeline.predict_proba(_filled(feature_values(frame, self.features), self.features))[:, 1],
            dtype=np.float64,
        )


def fit_baseline(train: TrainingExamples) -> Baseline:
    """Fit on `train`. A missing category is a level of its own; a missing number becomes the median, with a flag beside
    it."""
    from sklearn.compose import ColumnTransformer
    from sklearn.impute import SimpleImputer
    from sklearn.linear_model import LogisticRegression
    from sklearn.pipeline import make_pipeline
    from sklearn.preprocessing import OneHotEncoder, StandardScaler

    categorical = [place for place, feature in enumerate(train.features) if feature.is_categorical]
    numeric = [place for place, feature in enumerate(train.features) if not feature.is_categorical]
    levels = [np.arange(-1.0, len(train.features[place].domain)) for place in categorical]
    columns = ColumnTransformer(
        [
            ("categories", OneHotEncoder(categories=levels, sparse_output=False), categorical),
            ("numbers", make_pipeline(SimpleImputer(strategy="median", add_indicator=True), StandardScaler()), numeric),
        ]
    )
    # lbfgs needs about 40 steps here; 2,000 is far beyond and a failure to converge would warn.
    pipeline = make_pipeline(columns, LogisticRegression(max_iter=2000))
    order = np.argsort(content_rank(train), kind="stable")
    pipeline.fit(_filled(train.values[order], train.features), train.churned[order])
    return Baseline(train.features, pipeline)


def _filled(values: NDArray[np.float32], features: tuple[Feature, ...]) -> NDArray[np.float64]:
    """Category codes with −1 for missing; numbers keep NaN for the imputer."""
    filled = values.astype(np.float64)
    for place, feature in enumerate(features):
        if feature.is_categorical:
            filled[:, place] = np.nan_to_num(filled[:, place], nan=-1.0)
    return filled
