"""Which features matter over many customers: the mean size of their contributions, and which way they pull.

Belongs here: sums over rows, for reports and reviews. Does not belong here: figures (`plots`), one customer's reasons
(`reasons`). Source: mean |SHAP value| as global importance, Lundberg et al., Nature Machine Intelligence 2 (2020).
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
import pandas as pd

from churn_platform.contracts.features import FeatureSet
from churn_platform.explanation.contributions import Contributions
from churn_platform.explanation.errors import ExplanationError


@dataclass(frozen=True, slots=True)
class FeatureImportance:
    """One feature over many customers. `mean_absolute` is in log-odds; `share` is its part of all features' sum.

    `direction` says in words which values pull towards leaving; `towards_leaving` is the share of rows whose
    contribution is above 0.
    """

    feature: str
    label: str
    mean_absolute: float
    share: float
    towards_leaving: float
    direction: str


def global_importance(
    contributions: Contributions, values: pd.DataFrame, feature_set: FeatureSet
) -> tuple[FeatureImportance, ...]:
    """All features, the most important first (ties in model order). Raises ExplanationError for no rows or rows that
    do not match."""
    if len(contributions) == 0:
        raise ExplanationError("there are no rows to take an importance over")
    if len(values) != len(contributions):
        raise ExplanationError(f"{len(values)} rows of values for {len(contributions)} rows of contributions")
    sizes = np.abs(contributions.values).mean(axis=0)
    total = float(sizes.sum())
    found = []
    for j in np.argsort(-sizes, kind="stable"):
        feature = feature_set.feature(contributions.features[j])
        amounts = contributions.values[:, j]
        column = values[feature.name].reset_index(drop=True)
        direction = _direction_of_categories if feature.is_categorical else _direction_of_number
        found.append(
            FeatureImportance(
                feature.name,
                feature.label,
                float(sizes[j]),
                float(sizes[j]) / total if total > 0 else 0.0,
                float((amounts > 0).mean()),
                direction(column, amounts),
            )
        )
    return tuple(found)


def importance_frame(importances: tuple[FeatureImportance, ...]) -> pd.DataFrame:
    """The same as a frame, one row per feature, for tables."""
    return pd.DataFrame([{name: getattr(one, name) for name in FeatureImportance.__slots__} for one in importances])


def _direction_of_number(column: pd.Series, amounts: np.ndarray) -> str:
    """Which end of a number pulls towards leaving, by Spearman's rank correlation of value and contribution."""
    present = column.notna().to_numpy()
    value = column[present].astype(float).rank().to_numpy()
    amount = pd.Series(amounts[present]).rank().to_numpy()
    if not np.any(amounts) or len(value) < 3 or np.ptp(value) == 0 or np.ptp(amount) == 0:
        return "no direction"
    correlation = float(np.corrcoef(value, amount)[0, 1])
    if (
        correlation > 0.5
    ):  # half of a perfect order: below it the relation is not monotone enough to be told in one word
        return "higher values towards leaving"
    if correlation < -0.5:
        return "lower values towards leaving"
    return "mixed"


def _direction_of_categories(column: pd.Series, amounts: np.ndarray) -> str:
    """The category with the highest mean contribution, if it is towards leaving."""
    if not np.any(amounts):
        return "no direction"
    means = pd.Series(amounts).groupby(column.astype(object).where(column.notna(), "not known")).mean().sort_index()
    highest = str(means.idxmax())
    return f"{highest} towards leaving" if means[highest] > 0 else "no direction"
