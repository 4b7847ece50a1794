"""Text to types: one landed column becomes its contract's dtype, and what cannot be read is told, never guessed.

What belongs here: how a date, a number and a text may be written. What does not: domains and bounds (`contracts/raw.py`), and what
happens to a refused row (`quarantine.py`).

Why by hand and not by `to_datetime` and `to_numeric`: those read the number 20260131 as a moment of 1970, "2026" as its first of
January, `True` as 1, and raise on two time zones in one column.
"""

from __future__ import annotations

import re
from collections.abc import Callable
from datetime import date
from decimal import Decimal

import numpy as np
import pandas as pd

from churn_platform.contracts.raw import DTYPES
from churn_platform.contracts.tables import Kind

#: a time of day may follow; the day counts as it is written, whatever the zone
DATE = re.compile(
    r"([0-9]{4}-[0-9]{2}-[0-9]{2})(?:[T ][0-9]{2}:[0-9]{2}(?::[0-9]{2}(?:\.[0-9]+)?)?(?:Z|[+-][0-9:]+)?)?"
)
NUMBER = re.compile(r"[+-]?(?:[0-9]+\.?[0-9]*|\.[0-9]+)(?:[eE][+-]?[0-9]+)?")
#: beyond it a float64 no longer tells whole numbers apart
LARGEST_WHOLE = 2.0**53

TEXT_RULE = "must be text"
RULES: dict[Kind, str] = {
    "id": TEXT_RULE,
    "text": TEXT_RULE,
    "category": TEXT_RULE,
    "integer": "must be a whole number written like 1234, without thousands separators",
    "number": "must be a number written like 1234.5, without thousands separators",
    "date": "must be a date written YYYY-MM-DD",
}


def typed(values: pd.Series, kind: Kind) -> tuple[pd.Series, pd.Series]:
    """Turn one landed column, of any dtype, into its contract's dtype.

    Args:
        values: (n,) as landed: text from CSV; numbers, dates, booleans or objects from Parquet. Surrounding spaces do not count;
            an empty text is missing.
        kind: the column's kind.

    Returns:
        (n,) values of `DTYPES[kind]`, and (n,) booleans: True where something stood that cannot be read (its value is then missing).

    >>> values, unreadable = typed(pd.Series(["12", " 3.5", "1,200", ""]), "number")
    >>> values.tolist(), unreadable.tolist()
    ([12.0, 3.5, nan, nan], [False, False, True, False])
    """
    present = _blank_as_missing(values)
    if kind == "date":
        read = _dates(present)
    elif kind in ("integer", "number"):
        read = _numbers(present)
        if kind == "integer":
            read = read.where((read % 1 == 0) & (read.abs() < LARGEST_WHOLE))
    else:
        read = _cells(present, _text)
    read = read.astype(pd.api.types.pandas_dtype(DTYPES[kind]))
    return read, present.notna() & read.isna()


def missing(index: pd.Index, kind: Kind) -> pd.Series:
    """A column of missing values in its contract's dtype."""
    return pd.Series(None, index=index, dtype="object").astype(pd.api.types.pandas_dtype(DTYPES[kind]))


def _blank_as_missing(values: pd.Series) -> pd.Series:
    if pd.api.types.is_numeric_dtype(values) or pd.api.types.is_datetime64_any_dtype(values):
        return values
    text = values.astype("object").map(lambda value: value.strip() if isinstance(value, str) else value)
    return text.mask(text.isna() | (text == ""), None)


def _cells(values: pd.Series, read: Callable[[object], object]) -> pd.Series:
    return pd.Series([None if gone else read(v) for v, gone in zip(values, values.isna(), strict=True)], values.index)


def _dates(values: pd.Series) -> pd.Series:
    if pd.api.types.is_datetime64_any_dtype(values):
        days: pd.Series = values.dt.tz_localize(None).dt.normalize()
        return days
    written = _cells(values, _day).astype("object")
    return pd.to_datetime(written, format="%Y-%m-%d", errors="coerce")


def _day(value: object) -> str | None:
    if isinstance(value, str):
        found = DATE.fullmatch(value)
        return found[1] if found else None
    return value.isoformat()[:10] if isinstance(value, date) else None


def _numbers(values: pd.Series) -> pd.Series:
    if pd.api.types.is_numeric_dtype(values) and not pd.api.types.is_bool_dtype(values):
        return values.astype("float64")
    return _cells(values, _number).astype("float64")


def _number(value: object) -> float | None:
    if isinstance(value, str):
        return float(value) if NUMBER.fullmatch(value) else None
    if isinstance(value, bool | np.bool_) or not isinstance(value, int | float | Decimal | np.number):
        return None
    try:
        return float(value)
    except OverflowError:
        return None


def _text(value: object) -> str | None:
    if isinstance(value, float | np.floating) and float(value).is_integer():
        return str(int(value))  # a Parquet writer makes 7 of an id column with a gap 7.0
    return str(value) if isinstance(value, str | bool | np.bool_ | int | float | Decimal | np.number | date) else None
