"""Rows as a reader lands them, made up and good, for each raw table: what the tests of the gate start from."""

from __future__ import annotations

import json
from collections.abc import Mapping
from datetime import date
from typing import Any

import pandas as pd

from churn_platform.contracts.tables import RAW_TABLES, Column, Table

DAY = date(2026, 3, 4)
VALUES: dict[str, Any] = {
    "tenure_months": 14,
    "months": 1,
    "total_charges": 880.25,
    "next_observation_date": "2026-04-03",
    "known_at": "2026-03-04",
}
BY_KIND: dict[str, Any] = {"date": "2026-03-04", "integer": 3, "number": 12.5, "text": "a word", "id": "X"}


def _value(column: Column, number: int) -> Any:
    if column.kind == "id":
        return f"{column.name}-{number:03d}"
    if column.domain:
        return column.domain[number % len(column.domain)]
    return VALUES.get(column.name, BY_KIND[column.kind])


def good_rows(table: str = "customers", count: int = 3) -> pd.DataFrame:
    """`count` rows that the contract accepts, as they stand in a file, as objects."""
    rows = [{column.name: _value(column, number) for column in RAW_TABLES[table].columns} for number in range(count)]
    return pd.DataFrame(rows, dtype="object")


def landed(rows: pd.DataFrame, day: date = DAY, table: str = "customers", source: str | None = None) -> pd.DataFrame:
    """The rows with what the reader adds."""
    name = source or f"{table}/{day}.csv"
    return rows.assign(
        landed_on=pd.Timestamp(day).as_unit("s"),
        source_file=name,
        source_digest=f"digest of {name}",
        source_columns=json.dumps(list(rows.columns)),
    )


def with_value(rows: pd.DataFrame, row: int, values: Mapping[str, Any]) -> pd.DataFrame:
    """A copy with some cells of one row replaced."""
    changed = rows.copy()
    for name, value in values.items():
        changed[name] = changed[name].astype("object")
        changed.at[row, name] = value
    return changed


def table_of(name: str) -> Table:
    return RAW_TABLES[name]
