"""The gate at the landing zone: every landed row is accepted, or quarantined with the rule it broke. Nothing is dropped.

What belongs here: text to types, the contract of `contracts/raw.py`, repeated rows, and the account received = accepted + quarantined
for each file. What does not: reading the files, and what happens when too much is quarantined (a gate's business).
"""

from __future__ import annotations

import json
from dataclasses import dataclass

import pandas as pd

from churn_platform.contracts.raw import DTYPES, schema_of
from churn_platform.contracts.tables import Column, Table

FILE_COLUMNS = ("landed_on", "source_file", "source_digest")
QUARANTINE_COLUMNS = ("table_name", *FILE_COLUMNS, "row_number", "column_name", "rule", "found", "raw_content")
RECEIPT_COLUMNS = ("table_name", *FILE_COLUMNS, "received", "accepted", "quarantined", "unexpected_columns")


class AccountingError(AssertionError):
    """received != accepted + quarantined: a row was lost or counted twice. This is a bug, never data."""


@dataclass(frozen=True, slots=True)
class Screened:
    """One table's landed rows after the gate.

    `accepted` has the table's columns in order, typed as `contracts.raw.DTYPES`, plus `landed_on`, `source_file`, `source_digest`;
    `quarantined` has QUARANTINE_COLUMNS; `receipts` one row per file with RECEIPT_COLUMNS.
    """

    table: str
    accepted: pd.DataFrame
    quarantined: pd.DataFrame
    receipts: pd.DataFrame

    @property
    def received(self) -> int:
        """Rows landed."""
        return int(self.receipts["received"].sum())


@dataclass(frozen=True, slots=True)
class _Refusal:
    """Row positions that broke one rule in one column."""

    positions: pd.Index
    column: str
    rule: str


def _typed(values: pd.Series, column: Column) -> tuple[pd.Series, _Refusal | None]:
    """Turn one landed column into its contract's dtype; text that cannot be read becomes missing and is refused by name."""
    if not pd.api.types.is_numeric_dtype(values) and not pd.api.types.is_datetime64_any_dtype(values):
        text = values.astype("object").map(lambda value: value.strip() if isinstance(value, str) else value)
        values = text.mask(text.isna() | (text == ""))
    dtype = DTYPES[column.kind]
    if column.kind in ("id", "text", "category"):
        return values.astype("object").map(lambda value: str(value), na_action="ignore").astype(dtype), None
    if column.kind == "date":
        read = pd.to_datetime(values, errors="coerce", format="ISO8601" if values.dtype == object else None)
        read = read.dt.tz_localize(None) if getattr(read.dt, "tz", None) is not None else read
        rule = "must be a date written YYYY-MM-DD"
        typed = read.dt.normalize().astype(dtype)
    else:
        read = pd.to_numeric(values, errors="coerce")
        rule = "must be a number"
        if column.kind == "integer":
            whole = read.isna() | (read == read.round())
            typed = read.where(whole).astype("float64").astype(dtype)
            rule = "must be a whole number"
        else:
            typed = read.astype(dtype)
    unreadable = values.notna() & typed.isna()
    refusal = _Refusal(typed.index[unreadable], column.name, rule) if bool(unreadable.any()) else None
    return typed, refusal


def _contract_refusals(table: Table, typed: pd.DataFrame) -> list[_Refusal]:
    """Which rows break the pandera contract, one refusal per rule and column."""
    from pandera.errors import SchemaErrors

    try:
        schema_of(table.name).validate(typed, lazy=True)
    except SchemaErrors as errors:
        cases = errors.failure_cases
        unplaced = cases[cases["index"].isna()]
        if len(unplaced):
            raise AccountingError(
                f"table {table.name}: the contract failed without naming rows: {unplaced.to_dict('records')}"
            ) from errors
        of_row = cases["schema_context"] == "DataFrameSchema"
        cases = cases.assign(column=cases["column"].mask(of_row, "")).drop_duplicates(["column", "check", "index"])
        blank = "must not be blank"
        return [
            _Refusal(
                pd.Index(group["index"].astype("int64")), str(column), blank if check == "not_nullable" else str(check)
            )
            for (column, check), group in cases.groupby(["column", "check"], sort=False)
        ]
    return []


def screen(table: Table, landed: pd.DataFrame) -> Screened:
    """Split landed rows into accepted and quarantined; keep a receipt per file.

    Args:
        table: the contract.
        landed: rows as they came, any dtypes, with `landed_on` (datetime), `source_file`, `source_digest` added by the reader.
            Optional columns may be absent; a required column that is absent quarantines every row of the frame.

    Returns:
        Screened, with received = accepted + quarantined for each file.

    Raises:
        AccountingError: rows were lost or doubled (a bug).
    """
    landed = landed.reset_index(drop=True)
    refusals: list[_Refusal] = []
    columns: dict[str, pd.Series] = {}
    for column in table.columns:
        if column.name in landed:
            columns[column.name], refusal = _typed(landed[column.name], column)
            refusals += [refusal] if refusal else []
        else:
            columns[column.name] = pd.Series(pd.NA, index=landed.index, dtype="object").astype(DTYPES[column.kind])
            if not column.nullable and len(landed):
                refusals.append(_Refusal(landed.index, column.name, f"column {column.name} is missing from the file"))
    typed = pd.DataFrame(columns, index=landed.index)
    typed["landed_on"] = pd.to_datetime(landed["landed_on"]).astype("datetime64[s]")
    if len(typed):
        refusals += _contract_refusals(table, typed)
        repeated = typed.duplicated(subset=[*table.grain, "landed_on"], keep="first")
        if bool(repeated.any()):
            rule = f"repeats an earlier row of the same {' and '.join(table.grain)}"
            refusals.append(_Refusal(typed.index[repeated], table.grain[0], rule))
    return _account(table, landed, typed, refusals)


def _account(table: Table, landed: pd.DataFrame, typed: pd.DataFrame, refusals: list[_Refusal]) -> Screened:
    source = landed[list(FILE_COLUMNS)].assign(landed_on=typed["landed_on"])
    first_rule: dict[int, _Refusal] = {}
    for refusal in refusals:
        for position in refusal.positions:
            first_rule.setdefault(int(position), refusal)
    bad = pd.Index(sorted(first_rule), dtype="int64")
    own_columns = [name for name in landed.columns if name not in FILE_COLUMNS]
    # the row's place in its own file, counted from 1 after the header, as a person would look it up
    row_number = source.groupby("source_file").cumcount() + 1
    rows = []
    for position in bad:
        refusal = first_rule[int(position)]
        raw = {name: _plain(landed.at[position, name]) for name in own_columns}
        rows.append(
            {
                "table_name": table.name,
                **{name: source.at[position, name] for name in FILE_COLUMNS},
                "row_number": int(row_number.at[position]),
                "column_name": refusal.column,
                "rule": refusal.rule,
                "found": json.dumps(raw.get(refusal.column), default=str),
                "raw_content": json.dumps(raw, default=str, sort_keys=True),
            }
        )
    quarantined = pd.DataFrame(rows, columns=list(QUARANTINE_COLUMNS))
    kept = typed.drop(index=bad)
    accepted = kept[list(table.column_names)].assign(**{name: source.loc[kept.index, name] for name in FILE_COLUMNS})

    keys = list(FILE_COLUMNS)
    counts = source.groupby(keys, sort=True).size().rename("received").reset_index()
    good = source.loc[kept.index].groupby(keys).size().rename("accepted").reset_index()
    refused = source.loc[bad].groupby(keys).size().rename("quarantined").reset_index()
    receipts = counts.merge(good, how="left", on=keys).merge(refused, how="left", on=keys)
    receipts[["accepted", "quarantined"]] = receipts[["accepted", "quarantined"]].fillna(0).astype("int64")
    unexpected = sorted(set(own_columns) - set(table.column_names))
    receipts = receipts.assign(table_name=table.name, unexpected_columns=json.dumps(unexpected))[list(RECEIPT_COLUMNS)]
    lost = receipts[receipts["received"] != receipts["accepted"] + receipts["quarantined"]]
    if len(lost) or int(receipts["received"].sum()) != len(landed):
        raise AccountingError(
            f"table {table.name}: {len(landed)} rows received, but the receipts say {receipts.to_dict('records')}"
        )
    return Screened(table.name, accepted.reset_index(drop=True), quarantined, receipts)


def _plain(value: object) -> object:
    """A JSON-able form of one landed value; missing is null."""
    if value is None or (not isinstance(value, str) and bool(pd.isna(value))):
        return None
    item = getattr(value, "item", None)
    return item() if callable(item) else value
