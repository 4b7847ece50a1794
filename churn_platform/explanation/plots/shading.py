"""Where a point of a swarm lies, and which shade its value has."""

from __future__ import annotations

from typing import Any

import numpy as np
import pandas as pd

from churn_platform.explanation.plots.checks import Floats


def is_categorical(column: pd.Series[Any]) -> bool:
    """Whether a column holds categories: pandas Categorical, text or booleans."""
    return not pd.api.types.is_numeric_dtype(column.dtype) or pd.api.types.is_bool_dtype(column.dtype)


def value_shade(column: pd.Series[Any]) -> Floats:
    """Each value's place between the column's lowest (0) and highest (1), shape (rows,); NaN where missing.

    Numbers by rank, so that one outlier does not bleach all others; categories by their place in the domain.

    >>> value_shade(pd.Series([10.0, 1.0, 500.0])).tolist()
    [0.5, 0.0, 1.0]
    >>> value_shade(pd.Series(pd.Categorical(["Yes", "No", None], categories=["No", "Yes"]))).tolist()
    [1.0, 0.0, nan]
    """
    if is_categorical(column):
        names = categories(column)
        codes = pd.Categorical(column.astype(str).where(column.notna()), categories=names).codes
        return np.where(codes < 0, np.nan, codes / max(1, len(names) - 1))
    rank = column.astype(float).rank(method="average").to_numpy()
    low, high = (np.nanmin(rank), np.nanmax(rank)) if column.notna().any() else (0.0, 0.0)
    return np.asarray((rank - low) / (high - low) if high > low else np.where(np.isnan(rank), np.nan, 0.5))


def density_offsets(amounts: Floats, within: Floats | None, reach: float, bins: int = 90) -> Floats:
    """How far each point moves across the axis so that points of like contribution lie beside each other, in [-0.4,
    0.4].

    Points in one of `bins` slices of `reach` spread out from the middle, in the order of `within` (such as the shade),
    so that the height of the swarm is its density and neighbours in colour stay together.
    """
    ordering = np.zeros(len(amounts)) if within is None else np.nan_to_num(within, nan=-1.0)
    slices = np.round(amounts / (2.0 * reach) * bins).astype(np.int64)
    order = np.lexsort((ordering, slices))
    _, first, count = np.unique(slices[order], return_index=True, return_counts=True)
    place = np.arange(len(order)) - np.repeat(first, count)
    from_middle = place - (np.repeat(count, count) - 1) / 2.0
    offsets = np.empty(len(amounts))
    offsets[order] = from_middle / max(16, int(count.max(initial=1)) - 1) * 0.8
    return offsets


def categories(column: pd.Series[Any]) -> list[str]:
    """A column's categories as text: the domain where it has one, else what occurs, sorted."""
    if isinstance(column.dtype, pd.CategoricalDtype):
        return [str(name) for name in column.cat.categories]
    return sorted(str(name) for name in column.dropna().unique())
