"""Whether tables give what the booster itself gives, on rows made to disturb them.

Belongs here: the made rows and the comparison. It guards against what no test can know: a later XGBoost that writes its
JSON, or walks its trees, in another way.
"""

from __future__ import annotations

from contextlib import suppress
from typing import TYPE_CHECKING

import numpy as np
from numpy.typing import NDArray

from churn_platform.explanation.contributions import contributions
from churn_platform.explanation.errors import ExplanationError, UnsupportedModelError

if TYPE_CHECKING:
    import xgboost

    from churn_platform.explanation.pattern_tables.tables import PatternTables

ROWS = (
    64  # each takes a feature to one of its thresholds, just below it, or to missing; 64 cost XGBoost 0.1 s at 500 x 6
)
AT_MOST = 1e-4  # of the margin's scale: float32 rounding is a hundredth of it, a branch taken wrongly a hundred times


def refuse_unlike_booster(tables: PatternTables, booster: xgboost.Booster) -> float:
    """The largest difference to the booster's margin and contributions over made rows, relative to the margin's scale.

    Raises UnsupportedModelError if it is above `AT_MOST`. Where XGBoost itself has no contributions (it divides zero by
    zero at a split that no training row reached, and gives up), only the margin is compared.
    """
    import xgboost

    values = made_rows(tables)
    names, types = booster.feature_names, booster.feature_types
    matrix = xgboost.DMatrix(values, feature_names=names, feature_types=types, enable_categorical=True)
    ours = tables.contributions(values, threads=1)
    margin = booster.predict(matrix, output_margin=True)
    largest = float(np.abs(ours.sum(axis=1) - margin).max())
    with suppress(ExplanationError):
        largest = max(largest, float(np.abs(ours[:, :-1] - contributions(booster, matrix).values).max()))
    largest /= max(1.0, float(np.abs(margin).max()))
    if not largest <= AT_MOST:
        raise UnsupportedModelError(
            f"the pattern tables differ from XGBoost {xgboost.__version__} by {largest:.1e} of the margin's scale, "
            f"above {AT_MOST:.0e}: the model's format or its walk is not the one they were written for; use pred_contribs"
        )
    return largest


def made_rows(tables: PatternTables) -> NDArray[np.float32]:
    """Rows at the thresholds of the tables' own conditions, float32 (ROWS, features), always the same."""
    rng = np.random.default_rng(0)
    layout = tables.layout
    values = np.zeros((ROWS, len(tables.features)), dtype=np.float32)
    for feature, name in enumerate(tables.features):
        columns = np.flatnonzero(layout.column_feature == feature)
        if len(columns) == 0:
            continue
        if layout.column_numeric[columns[0]]:
            thresholds = layout.condition_threshold[np.isin(layout.condition_column, columns)]
            at = rng.choice(thresholds, ROWS)
            values[:, feature] = np.where(rng.random(ROWS) < 0.5, at, np.nextafter(at, np.float32(-np.inf)))
        else:
            codes = int(np.diff(layout.member_start)[columns].max()) + 1
            values[:, feature] = rng.integers(0, min(codes, len(tables.categories.get(name, range(codes)))), ROWS)
    values[rng.random(values.shape) < 0.1] = np.nan
    return values
