"""What a landed file looks like: its columns, how they are written, how much is missing, how large, how old.

What belongs here: facts as values, from the rows as they stand. What does not: comparing them (`usual`, `judge`).
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import asdict, dataclass
from datetime import date
from decimal import Decimal
from typing import Any

import numpy as np
import pandas as pd

from churn_platform.contracts.tables import Column, Table
from churn_platform.feeds.types import typed

#: the day a row is about, by table: how old a file's newest row is says how late it is
EVENT_DATE = {
    "customers": "observation_date",
    "account_usage": "period_end",
    "support_tickets": "opened_on",
    "invoices": "invoice_date",
    "churn_events": "churned_on",
    "retention_contacts": "contacted_on",
}


@dataclass(frozen=True, slots=True)
class ColumnFacts:
    """One column of one file. `written` is integer, number, date, text, boolean or blank; shares are of the rows.

    `unreadable` cannot be read as the contract's kind, `unknown` is outside its domain, `fractional` is the share of numbers that are
    not whole. `median` is of the `positive` numbers, None where there are none.
    """

    written: str
    missing: float
    unreadable: float
    unknown: float
    example: str
    median: float | None
    fractional: float
    positive: int = 0


@dataclass(frozen=True, slots=True)
class FileFacts:
    """One file: rows, columns, rows that stand there more than once (a share), the newest event's day; `error` where it cannot be read."""

    table: str
    day: date
    rows: int
    columns: Mapping[str, ColumnFacts]
    repeated: float
    newest: date | None
    error: str = ""

    def to_dict(self) -> dict[str, Any]:
        """JSON-able form."""
        return {
            "table": self.table,
            "day": self.day.isoformat(),
            "rows": self.rows,
            "columns": {name: asdict(column) for name, column in self.columns.items()},
            "repeated": self.repeated,
            "newest": None if self.newest is None else self.newest.isoformat(),
            "error": self.error,
        }

    @classmethod
    def from_dict(cls, content: Mapping[str, Any]) -> FileFacts:
        """Read `to_dict`'s form; KeyError or TypeError for anything else."""
        newest = content["newest"]
        return cls(
            content["table"],
            date.fromisoformat(content["day"]),
            int(content["rows"]),
            {name: ColumnFacts(**column) for name, column in content["columns"].items()},
            float(content["repeated"]),
            None if newest is None else date.fromisoformat(newest),
            str(content["error"]),
        )


def unreadable_file(table: str, day: date, error: str) -> FileFacts:
    """A file that cannot be opened at all."""
    return FileFacts(table, day, 0, {}, 0.0, None, error)


def file_facts(table: Table, day: date, rows: pd.DataFrame) -> FileFacts:
    """The facts of one file's rows as they stand.

    >>> from churn_platform.contracts.tables import RAW_TABLES
    >>> rows = pd.DataFrame({"customer_id": ["a", "b"], "churned_on": ["2026-06-01", "01.06.2026"]})
    >>> facts = file_facts(RAW_TABLES["churn_events"], date(2026, 6, 2), rows)
    >>> facts.rows, facts.columns["churned_on"].unreadable, str(facts.newest)
    (2, 0.5, '2026-06-01')
    """
    contract = {column.name: column for column in table.columns}
    columns = {str(name): _column(rows[name], contract.get(str(name))) for name in rows.columns}
    grain = [name for name in table.grain if name in rows]
    repeated = float(rows.duplicated(grain).mean()) if len(rows) and len(grain) == len(table.grain) else 0.0
    return FileFacts(table.name, day, len(rows), columns, repeated, _newest(table, rows))


def _newest(table: Table, rows: pd.DataFrame) -> date | None:
    name = EVENT_DATE[table.name]
    if name not in rows or rows.empty:
        return None
    values = rows[name]
    days = (
        values.dropna()
        if _written(values.dtype, values.dropna().to_numpy()) == "date"
        else typed(values, "date")[0].dropna()
    )
    return pd.Timestamp(days.max()).date() if len(days) else None


def _column(values: pd.Series, contract: Column | None) -> ColumnFacts:
    cells = values.to_numpy()
    gone = pd.isna(cells)
    written = _written(values.dtype, cells[~gone])
    if written == "text":
        gone = gone | (cells == "")
    rows = max(len(cells), 1)
    missing = float(gone.sum()) / rows
    kind = "text" if contract is None or written == "blank" else contract.kind
    if kind in ("integer", "number"):
        if written in ("integer", "number"):
            return _number(cells[~gone].astype("float64"), written, missing, 0.0, "")
        read, bad = typed(values, kind)
        numbers = read.to_numpy(dtype="float64", na_value=np.nan)
        return _number(numbers, written, missing, float(bad.sum()) / rows, _first(cells, bad.to_numpy()))
    if kind == "date" and written != "date":
        wrong_dates = typed(values, "date")[1].to_numpy()
        share = float(wrong_dates.sum()) / rows
        return ColumnFacts(written, missing, share, 0.0, _first(cells, wrong_dates), None, 0.0)
    if contract is not None and contract.domain and written != "blank":
        wrong = {value for value in set(cells[~gone]) if str(value).strip() not in contract.domain}
        stray = np.array([value in wrong for value in cells]) & ~gone if wrong else np.zeros(len(cells), dtype=bool)
        return ColumnFacts(written, missing, 0.0, float(stray.sum()) / rows, _first(cells, stray), None, 0.0)
    return ColumnFacts(written, missing, 0.0, 0.0, "", None, 0.0)


def _number(numbers: np.ndarray, written: str, missing: float, unreadable: float, example: str) -> ColumnFacts:
    known = numbers[np.isfinite(numbers)]
    positive = known[known > 0]
    median = float(np.median(positive)) if len(positive) else None
    fractional = float((known % 1 != 0).mean()) if len(known) else 0.0
    return ColumnFacts(written, missing, unreadable, 0.0, example, median, fractional, len(positive))


def _written(dtype: Any, present: np.ndarray) -> str:
    """How the present values of a column are written."""
    if pd.api.types.is_bool_dtype(dtype):
        return "boolean"
    if pd.api.types.is_integer_dtype(dtype):
        return "integer"
    if pd.api.types.is_numeric_dtype(dtype):
        return "number"
    if pd.api.types.is_datetime64_any_dtype(dtype):
        return "date"
    kinds = {type(value) for value in present}
    if not kinds:
        return "blank"
    for kind, name in (
        (bool, "boolean"),
        (int, "integer"),
        ((int, float, Decimal, np.number), "number"),
        (date, "date"),
    ):
        if all(issubclass(one, kind) for one in kinds):
            return name
    return "text"


def _first(cells: np.ndarray, where: np.ndarray) -> str:
    hits = cells[where]
    return str(hits[0])[:40] if len(hits) else ""
