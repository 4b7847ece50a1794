"""A frame or array of feature values → the float32 array that the model compares with its thresholds.

Belongs here: column order, types, category codes. Does not belong here: checking values (`kernels` does, in passing).
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import numpy as np
import pandas as pd
from numpy.typing import NDArray

from churn_platform.explanation.categories import Categories, category_codes
from churn_platform.explanation.errors import ExplanationError


def model_values(
    rows: pd.DataFrame | NDArray[Any], features: Sequence[str], categories: Categories
) -> NDArray[np.float32]:
    """`rows` as float32 (rows, features) in model order, NaN for missing, categories as codes; read-only.

    An array is taken as it is: columns in model order, categories as codes. In a frame, a feature in `categories`
    (those that the model stores) is matched by category; without them a pandas Categorical gives its own codes, which
    then must be the training's. Raises ExplanationError for no rows, missing columns, or values that are not numbers.
    """
    values = _from_frame(rows, features, categories) if isinstance(rows, pd.DataFrame) else _from_array(rows, features)
    if len(values) == 0:
        raise ExplanationError("there are no rows to explain: look upstream for why the frame is empty")
    view = values.view()
    view.flags.writeable = False
    return view


def _from_array(rows: NDArray[Any], features: Sequence[str]) -> NDArray[np.float32]:
    if not isinstance(rows, np.ndarray) or rows.ndim != 2 or rows.shape[1] != len(features):
        shape = getattr(rows, "shape", type(rows).__name__)
        raise ExplanationError(
            f"the model has {len(features)} features: rows of shape (rows, {len(features)}), not {shape}"
        )
    return np.ascontiguousarray(_as_float32(rows, "the rows"))


def _from_frame(rows: pd.DataFrame, features: Sequence[str], categories: Categories) -> NDArray[np.float32]:
    absent = [name for name in features if name not in rows.columns]
    if absent:
        raise ExplanationError(
            f"the rows lack the model's features {', '.join(absent)}: compute them with the model's own feature set"
        )
    values = np.empty((len(rows), len(features)), dtype=np.float32)
    for place, name in enumerate(features):
        column = rows[name]
        if name in categories:
            values[:, place] = category_codes(column, categories[name])
        elif isinstance(column.dtype, pd.CategoricalDtype):
            codes = column.cat.codes.to_numpy()
            values[:, place] = np.where(codes < 0, np.nan, codes)
        else:
            values[:, place] = _as_float32(column.to_numpy(), name)
    return values


def _as_float32(values: NDArray[Any], what: str) -> NDArray[np.float32]:
    """Rounded to float32 as XGBoost rounds; what is too large becomes infinite, which is refused later."""
    try:
        with np.errstate(over="ignore"):
            return values.astype(np.float32, copy=False)
    except (TypeError, ValueError) as error:
        raise ExplanationError(
            f"{what} must hold numbers, but are {values.dtype} ({error}): give categories as codes, "
            "or as a pandas Categorical"
        ) from error
