"""What a figure refuses, and which rows it shows.

Belongs here: the checks that all figures share, and display names. Does not belong here: any figure.
"""

from __future__ import annotations

import html
from collections.abc import Iterable, Mapping

import numpy as np
import pandas as pd
from numpy.typing import NDArray

from churn_platform.explanation.errors import ExplanationError

Floats = NDArray[np.float64]


def refuse_unusable(contributions: pd.DataFrame) -> None:
    """Raise ExplanationError for contributions without rows, without features, or not finite."""
    if contributions.empty:
        raise ExplanationError(f"contributions of shape {contributions.shape} show nothing; pass rows and features")
    bad = ~np.isfinite(contributions.to_numpy(dtype=np.float64))
    if bad.any():
        where = ", ".join(map(str, contributions.columns[bad.any(axis=0)]))
        raise ExplanationError(
            f"{int(bad.sum())} contributions are missing or infinite, in {where}; compute them again"
        )


def refuse_mismatch(contributions: pd.DataFrame, values: pd.DataFrame, features: Iterable[str]) -> None:
    """Raise ExplanationError where a feature is absent from either frame or the frames differ in rows."""
    absent = [str(name) for name in features if name not in values.columns or name not in contributions.columns]
    if absent:
        raise ExplanationError(f"{', '.join(absent)} not in values or contributions; pass the frame that was explained")
    if len(values) != len(contributions):
        rows = f"{len(values)} rows of values for {len(contributions)} rows of contributions"
        raise ExplanationError(f"{rows}; pass the frame that was explained")


def thinned(rows: int, max_rows: int) -> NDArray[np.int64]:
    """Positions of at most `max_rows` rows, evenly spread over all of them."""
    return np.unique(np.linspace(0, rows - 1, min(rows, max_rows)).round().astype(np.int64))


def display_name(name: str, labels: Mapping[str, str]) -> str:
    """The label of a feature, else its name, safe in a figure (plotly reads HTML in its texts)."""
    return html.escape(str(labels.get(name, name)))


def height(rows: int, each: int) -> int:
    """Pixels for a figure of `rows` lines, `each` pixels apart."""
    return 90 + each * rows
