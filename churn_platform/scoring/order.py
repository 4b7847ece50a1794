"""A day's customers in their order, each once, and which of them are looked at twice.

What belongs here: places in a day. What does not: what stands in a row (`row`, `contract`).
"""

from __future__ import annotations

import numpy as np
import pandas as pd
import pyarrow as pa
import pyarrow.compute as pc

from churn_platform.scoring.errors import NOBODY, ScoringError


def day_order(rows: pd.DataFrame) -> np.ndarray:
    """The order in which a day's rows are scored and published, (n,) places: by day and customer.

    Raises:
        ScoringError: no rows, or a customer twice a day.
    """
    if len(rows) == 0:
        raise ScoringError(NOBODY)
    keys = rows[["customer_id", "observation_date"]].reset_index(drop=True)
    keys["customer_id"] = keys["customer_id"].astype("str")
    keys["observation_date"] = pd.to_datetime(keys["observation_date"])
    days = keys["observation_date"].to_numpy()
    if not pd.isna(days[0]) and bool((days == days[0]).all()) and ascending(keys["customer_id"]):
        return np.arange(len(rows))
    refuse_customers_twice(keys)
    return keys.sort_values(["observation_date", "customer_id"], kind="stable").index.to_numpy()


def ascending(texts: pd.Series) -> bool:
    """Whether each text is above the one before it, so that none stands twice; False where one is missing."""
    column = pa.array(texts)
    return column.null_count == 0 and bool(pc.all(pc.less(column[:-1], column[1:])).as_py() is not False)


def checked_places(rows: int, at_most: int) -> np.ndarray:
    """Which of a day's rows have their margin compared with the booster's own: all up to `at_most`, then evenly spaced ones.

    >>> checked_places(3, 8).tolist(), checked_places(10, 4).tolist()
    ([0, 1, 2], [0, 3, 6, 9])
    """
    return np.arange(0, rows, max(1, -(-rows // at_most)))


def refuse_customers_twice(scores: pd.DataFrame) -> None:
    """Raise ScoringError where a customer stands twice on one day."""
    twice = scores.duplicated(["customer_id", "observation_date"])
    if bool(twice.any()):
        raise ScoringError(f"customer {scores.loc[twice, 'customer_id'].iloc[0]} is scored twice on one day")
