"""Feature columns → model matrix. The one road for training and for scoring, so that the two cannot differ.

Here: typing, coding, and the column order. Categories are coded by their place in the contract's domain, never by what
a batch of rows happens to contain: the same customer gets the same codes alone and among a million. Missing stays
missing; XGBoost sends it down each split's default direction. Not here: computing features (dbt does) and choosing them
(`examples`).
"""

from __future__ import annotations

from collections.abc import Hashable, Sequence
from functools import lru_cache
from typing import TYPE_CHECKING, Any

import numpy as np
import pandas as pd

from churn_platform.contracts.features import Feature
from churn_platform.training.errors import FeatureValueError, MissingColumnsError

if TYPE_CHECKING:
    from numpy.typing import NDArray


def typed_features(frame: pd.DataFrame, features: Sequence[Feature], table: str = "features") -> pd.DataFrame:
    """The feature columns in model order with fixed dtypes, index kept.

    A categorical becomes `pd.Categorical` with exactly the contract's domain, a number float64 with NaN for missing.

    Raises MissingColumnsError, or FeatureValueError naming table, column, the offending values and how many rows hold
    them.
    """
    _require_columns(frame, features, table)
    columns: dict[str, Any] = {}
    for feature in features:
        if feature.is_categorical:
            dtype = pd.CategoricalDtype(list(feature.domain))
            columns[feature.name] = pd.Categorical.from_codes(_codes(frame[feature.name], feature, table), dtype=dtype)
        else:
            columns[feature.name] = _numbers(frame[feature.name], table)
    return pd.DataFrame(columns, index=frame.index)


def feature_values(frame: pd.DataFrame, features: Sequence[Feature], table: str = "features") -> NDArray[np.float32]:
    """The model's own view of the rows: float32 (rows, features), category codes as numbers, NaN for missing.

    float32 is what XGBoost compares against its split thresholds, so nothing is lost here that the model could see.

    >>> contract = Feature("contract", "billing", "contract", domain=("Month-to-month", "One year"))
    >>> tenure = Feature("tenure_months", "profile", "months as a customer")
    >>> rows = pd.DataFrame({"tenure_months": [3, 40], "contract": ["One year", None], "extra": [0, 0]})
    >>> feature_values(rows, [contract, tenure]).tolist()
    [[1.0, 3.0], [nan, 40.0]]
    """
    _require_columns(frame, features, table)
    values = np.empty((len(frame), len(features)), dtype=np.float32)
    for position, feature in enumerate(features):
        if feature.is_categorical:
            codes = _codes(frame[feature.name], feature, table)
            of_code = np.append(np.arange(len(feature.domain), dtype=np.float32), np.float32(np.nan))
            values[:, position] = of_code[codes]  # the code of a missing value is -1: the last
        else:
            values[:, position] = _numbers(frame[feature.name], table)
    return values


def design_matrix(
    values: NDArray[np.float32],
    features: Sequence[Feature],
    churned: NDArray[np.int8] | None = None,
    threads: int = 1,
) -> Any:
    """`feature_values` as an `xgboost.DMatrix` that knows which columns are native categoricals."""
    import xgboost

    return xgboost.DMatrix(
        values,
        label=churned,
        missing=np.nan,
        feature_names=[feature.name for feature in features],
        feature_types=feature_types(features),
        enable_categorical=True,
        nthread=threads,
    )


def feature_types(features: Sequence[Feature]) -> list[str]:
    """XGBoost's type per feature: `c` for a native categorical, `float` for a number."""
    return ["c" if feature.is_categorical else "float" for feature in features]


def _require_columns(frame: pd.DataFrame, features: Sequence[Feature], table: str) -> None:
    missing = [feature.name for feature in features if feature.name not in frame.columns]
    if missing:
        raise MissingColumnsError(
            f"{table} lacks the feature columns {', '.join(missing)}. Build the table that the model's feature "
            "set names, or train on the set that this table holds."
        )


def _codes(column: pd.Series[Any], feature: Feature, table: str) -> NDArray[np.int64]:
    """Each value's place in the contract's domain; −1 for missing. Of coded texts only the distinct ones are looked up."""
    if isinstance(column.dtype, pd.CategoricalDtype):
        of_category = _places(feature.domain, tuple(column.cat.categories))
        codes = np.append(of_category, -1)[column.cat.codes.to_numpy()]  # the code of a missing value is -1: the last
        if (of_category >= 0).all():  # nothing strange can be in it
            return codes
    else:
        codes = pd.Index(feature.domain, dtype=object).get_indexer(pd.Index(column.astype(object)))
    strange = codes < 0
    unseen = strange & column.notna().to_numpy() if strange.any() else strange
    if unseen.any():
        values = sorted({repr(value) for value in column[unseen]})
        shown = ", ".join(values[:5]) + (" …" if len(values) > 5 else "")
        raise FeatureValueError(
            f"{table}.{feature.name} holds {shown} in {int(unseen.sum())} of {len(column)} rows, which the "
            f"contract does not know: it allows {', '.join(map(repr, feature.domain))} or missing. Correct the rows, "
            "or add the category to the contract and retrain."
        )
    return np.asarray(codes, dtype=np.int64)


@lru_cache(maxsize=1024)  # the blocks of a day have the same categories
def _places(domain: tuple[str, ...], categories: tuple[Hashable, ...]) -> NDArray[np.int64]:
    """Each category's place in the domain, −1 where it has none."""
    places = pd.Index(domain, dtype=object).get_indexer(pd.Index(list(categories), dtype=object)).astype(np.int64)
    places.flags.writeable = False
    return places


def _numbers(column: pd.Series[Any], table: str) -> NDArray[np.float64]:
    """The column as float64 with NaN for missing; text and true/false are refused rather than parsed."""
    if column.dtype in (np.dtype("float64"), np.dtype("float32"), np.dtype("int64"), np.dtype("int32")):
        return _refuse_infinite(column.to_numpy(dtype=np.float64), column, table)
    present = column.notna().to_numpy()
    if not present.any():
        return np.full(len(column), np.nan)
    if pd.api.types.is_bool_dtype(column) or not (
        pd.api.types.is_numeric_dtype(column) or pd.api.types.infer_dtype(column, skipna=True) in _NUMERIC_OBJECTS
    ):
        example = column[present].iloc[0]
        raise FeatureValueError(
            f"{table}.{column.name} must hold numbers, but is {column.dtype} (for instance {example!r}). "
            "Cast it where the feature is computed, so that training and scoring see the same."
        )
    values = np.full(len(column), np.nan)
    values[present] = column[present].to_numpy(dtype=np.float64)
    return _refuse_infinite(values, column, table)


def _refuse_infinite(values: NDArray[np.float64], column: pd.Series[Any], table: str) -> NDArray[np.float64]:
    infinite = np.isinf(values) | (np.abs(values) > np.finfo(np.float32).max)
    if infinite.any():
        raise FeatureValueError(
            f"{table}.{column.name} holds an infinite or too large number in {int(infinite.sum())} of "
            f"{len(column)} rows. A share whose base is zero is missing, not infinite: correct the feature."
        )
    return values


_NUMERIC_OBJECTS = ("integer", "floating", "mixed-integer-float", "decimal")
