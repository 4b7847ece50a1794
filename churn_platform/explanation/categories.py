"""A frame's category values → the codes that the model was trained on.

Belongs here: the categories that XGBoost stores in the model, and matching rows to them. Does not belong here: the
contract's domains (`training.matrix` codes by those, and such a model stores no categories of its own).

XGBoost 3.2 matches categories itself, but takes an unseen one for its neighbour in sorted order unless it sorts after
all known ones (dmlc/xgboost issue 12189), so a row is never given to it unmatched.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import numpy as np
import pandas as pd
from numpy.typing import NDArray

from churn_platform.explanation.errors import ExplanationError

if TYPE_CHECKING:
    import xgboost

Categories = dict[str, tuple[Any, ...]]


def stored_categories(booster: xgboost.Booster) -> Categories:
    """The categories that the booster stores, by feature, in code order; empty if it was trained on numbers or on
    codes.
    """
    columns = booster.get_categories(export_to_arrow=True).to_arrow()
    return {name: tuple(values.to_pylist()) for name, values in columns if values is not None}


def category_codes(column: pd.Series[Any], known: tuple[Any, ...]) -> NDArray[np.float32]:
    """Each value's place in `known` as float32 (rows,), NaN for missing; ExplanationError for a value that is not in
    it.

    >>> category_codes(pd.Series(["Two year", None], name="contract"), ("One year", "Two year")).tolist()
    [1.0, nan]
    """
    places = pd.Index(known, dtype=object)
    if isinstance(column.dtype, pd.CategoricalDtype):
        of_category = places.get_indexer(pd.Index(column.cat.categories, dtype=object))
        codes = np.append(of_category, -1)[column.cat.codes.to_numpy()]  # the code of a missing value is -1: the last
    else:
        codes = places.get_indexer(pd.Index(column.astype(object)))
    unseen = (codes < 0) & column.notna().to_numpy()
    if unseen.any():
        examples = ", ".join(sorted({repr(value) for value in column[unseen]})[:5])
        raise ExplanationError(
            f"{column.name} holds {examples} in {int(unseen.sum())} of {len(column)} rows, which the model was not "
            f"trained on (it knows {', '.join(map(repr, known))}): quarantine these rows, or retrain"
        )
    return np.where(codes < 0, np.nan, codes).astype(np.float32)
