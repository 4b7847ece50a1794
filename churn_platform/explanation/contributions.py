"""What each feature contributes to a customer's margin, and the rule that the contributions sum to it.

Belongs here: the `Contributions` value, its computation by XGBoost's own exact TreeSHAP, its calibrated scale, and
the check of its sum. Does not belong here: the fast computation (`pattern_tables`), words (`reasons`), figures
(`plots`).

Source: Lundberg et al., From local explanations to global understanding with explainable AI for trees, Nature Machine
Intelligence 2 (2020), algorithm 2 (path-dependent TreeSHAP).
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import numpy as np
import pandas as pd
from numpy.typing import NDArray

from churn_platform.explanation.categories import category_codes, stored_categories
from churn_platform.explanation.errors import ContributionGapError, ExplanationError

if TYPE_CHECKING:
    import xgboost

Floats = NDArray[np.float64]


@dataclass(frozen=True, slots=True)
class Contributions:
    """What each feature adds to the margin (log-odds of leaving), row by row: positive is towards leaving.

    `values` is (rows, features) in the order of `features`; `base` and `margin` are (rows,). `base +
    values.sum(axis=1)` is `margin` up to rounding; `check_sum` measures it. `margin` comes from the model's own
    prediction, not from the sum.
    """

    features: tuple[str, ...]
    values: Floats
    base: Floats
    margin: Floats

    def __post_init__(self) -> None:
        rows = len(self.values)
        if (
            self.values.shape != (rows, len(self.features))
            or self.base.shape != (rows,)
            or self.margin.shape != (rows,)
        ):
            raise ExplanationError(
                f"contributions of {len(self.features)} features need values (rows, features), base (rows,) and "
                f"margin (rows,), got {self.values.shape}, {self.base.shape} and {self.margin.shape}"
            )

    def __len__(self) -> int:
        return len(self.values)

    def calibrated(self, slope: float, intercept: float) -> Contributions:
        """The same on the calibrated margin `slope * margin + intercept`, of which the probability is the logistic.

        Contributions scale by `slope`, the base also takes the intercept, so the sum stays exact. A slope that is not
        above zero would turn every reason into its opposite: ExplanationError.

        >>> one = Contributions(("tenure_months",), np.array([[0.5]]), np.array([-1.0]), np.array([-0.5]))
        >>> scaled = one.calibrated(slope=2.0, intercept=0.25)
        >>> scaled.values.tolist(), scaled.base.tolist(), scaled.margin.tolist()
        ([[1.0]], [-1.75], [-0.75])
        """
        if not (np.isfinite(slope) and np.isfinite(intercept) and slope > 0):
            raise ExplanationError(
                f"a calibration needs a finite slope above 0 and a finite intercept, got {slope} and {intercept}: "
                "recalibrate the model"
            )
        if (slope, intercept) == (1.0, 0.0):
            return self
        return Contributions(
            self.features, self.values * slope, self.base * slope + intercept, self.margin * slope + intercept
        )

    def frame(self, index: pd.Index | None = None) -> pd.DataFrame:
        """The contributions as a frame (rows, features), without base and margin."""
        return pd.DataFrame(self.values, columns=list(self.features), index=index)


def contributions(booster: xgboost.Booster, rows: xgboost.DMatrix | pd.DataFrame) -> Contributions:
    """Exact path-dependent TreeSHAP contributions of `rows` by XGBoost's `pred_contribs`, (rows, features) float64.

    `rows` is a DMatrix, or a frame that holds the booster's features: numbers, and native categoricals as pandas
    Categorical (XGBoost matches them by category, so their order does not matter). Raises ExplanationError for no
    rows, missing columns, or columns that XGBoost cannot read.
    """
    matrix = _matrix(booster, rows) if isinstance(rows, pd.DataFrame) else rows
    if matrix.num_row() == 0:
        raise ExplanationError(
            "there are no rows to explain: an empty day is an error upstream, not an empty explanation"
        )
    try:
        with_base = np.asarray(booster.predict(matrix, pred_contribs=True), dtype=np.float64)
        margin = np.asarray(booster.predict(matrix, output_margin=True), dtype=np.float64)
    except ValueError as error:
        raise ExplanationError(f"XGBoost cannot explain these rows: {str(error).splitlines()[0]}") from error
    if with_base.ndim != 2:
        raise ExplanationError(
            f"contributions have shape {with_base.shape}: only models with one output per row can be explained"
        )
    names = feature_names(booster)
    return Contributions(names, with_base[:, :-1], with_base[:, -1], margin)


def feature_names(booster: xgboost.Booster) -> tuple[str, ...]:
    """The booster's feature names in model order (f0, f1, … where it was trained without names, as XGBoost itself
    calls them)."""
    names: Sequence[str] | None = booster.feature_names
    return tuple(names) if names is not None else tuple(f"f{i}" for i in range(booster.num_features()))


def check_sum(explained: Contributions, at_most: float) -> float:
    """The largest |base + sum of contributions − margin| over the rows, in log-odds.

    Raises ContributionGapError if it is above `at_most` (the policy's `max_contribution_gap`), or if anything is NaN
    or infinite.

    >>> good = Contributions(("a", "b"), np.array([[0.25, -0.5]]), np.array([1.0]), np.array([0.75]))
    >>> check_sum(good, at_most=1e-4)
    0.0
    """
    gaps = np.abs(explained.base + explained.values.sum(axis=1) - explained.margin)
    if not np.isfinite(gaps).all():
        row = int(np.argmin(np.isfinite(gaps)))
        raise ContributionGapError(
            f"row {row}: contributions, base or margin is NaN or infinite, so the reasons explain nothing; "
            "score with another model version"
        )
    if len(gaps) == 0:
        raise ExplanationError("there are no rows to check: contributions of nothing sum to nothing")
    worst = int(np.argmax(gaps))
    gap = float(gaps[worst])
    if not gap <= at_most:
        raise ContributionGapError(
            f"row {worst}: base and contributions sum to {explained.base[worst] + explained.values[worst].sum():.6f}, "
            f"the margin is {explained.margin[worst]:.6f}; the gap {gap:.2e} is above the bound {at_most:.2e}. The "
            "explanation is of another model or other rows than the score: compute both from the same package and frame"
        )
    return gap


def _matrix(booster: xgboost.Booster, rows: pd.DataFrame) -> Any:
    import xgboost

    names = feature_names(booster)
    absent = [name for name in names if name not in rows.columns]
    if absent:
        raise ExplanationError(
            f"the rows lack the model's features {', '.join(absent)}: compute them with the model's own feature set"
        )
    stored = stored_categories(booster)
    columns = {
        name: pd.Series(_categorical(rows[name], stored[name]) if name in stored else rows[name].array)
        for name in names
    }
    try:
        return xgboost.DMatrix(pd.DataFrame(columns), enable_categorical=True)
    except ValueError as error:
        raise ExplanationError(
            f"the model cannot read these rows: {str(error).splitlines()[0]}. Convert them with the model's own matrix function"
        ) from error


def _categorical(column: pd.Series[Any], known: tuple[Any, ...]) -> Any:
    codes = category_codes(column, known)
    whole = np.where(np.isnan(codes), -1, codes).astype(np.int64)
    return pd.Categorical.from_codes(whole, dtype=pd.CategoricalDtype(list(known)))
