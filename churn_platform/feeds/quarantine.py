"""The gate at the landing zone: every landed row is accepted, or quarantined with the rule it broke. Nothing is dropped.

What belongs here: the contract of `contracts/raw.py`, missing columns, repeated and contradictory rows, and the account
received = accepted + quarantined for each file. What does not: reading the files, turning text into types (`types.py`), and what
happens when too much is quarantined (a gate's business).
"""

from __future__ import annotations

import json
from dataclasses import dataclass

import pandas as pd

from churn_platform.contracts.raw import schema_of
from churn_platform.contracts.tables import KNOWN_AT, Table
from churn_platform.feeds.types import RULES, missing, typed

FILE_COLUMNS = ("landed_on", "source_file", "source_digest")
#: the file's own header as JSON: in a frame of many files, only this tells a column that is absent from one that is blank
HEADER_COLUMN = "source_columns"
QUARANTINE_COLUMNS = ("table_name", *FILE_COLUMNS, "row_number", "column_name", "rule", "found", "raw_content")
RECEIPT_COLUMNS = (
    "table_name",
    *FILE_COLUMNS,
    "received",
    "accepted",
    "quarantined",
    "unexpected_columns",
    "filled_columns",
)


class AccountingError(AssertionError):
    """received != accepted + quarantined: a row was lost or counted twice. This is a bug, never data."""


@dataclass(frozen=True, slots=True)
class Screened:
    """One table's landed rows after the gate.

    `accepted` has the table's columns in order, typed as `contracts.raw.DTYPES`, plus `landed_on`, `source_file`, `source_digest`;
    `quarantined` has QUARANTINE_COLUMNS; `receipts` one row per file that has rows, with RECEIPT_COLUMNS.
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
    """Row positions that broke one rule in one column (blank for a rule between columns)."""

    positions: pd.Index
    column: str
    rule: str


def screen(table: Table, landed: pd.DataFrame) -> Screened:
    """Split landed rows into accepted and quarantined; keep a receipt per file.

    A file without the column `known_at` is filled with the file's date, since that is when it arrived: the latest day that the rule
    allows, so features can only be older for it. The receipt says so in `filled_columns`. A blank `known_at` in a file that has the
    column is refused. Of rows that say the same twice the first is kept; rows that contradict each other are all refused.

    Args:
        table: the contract.
        landed: rows as they came, any dtypes, with `landed_on` (datetime), `source_file`, `source_digest` and, where rows of several
            files stand together, `source_columns` added by the reader. Optional columns may be absent; a required column that is
            absent quarantines every row of its file.

    Returns:
        Screened, with received = accepted + quarantined for each file.

    Raises:
        AccountingError: rows were lost or doubled (a bug).
    """
    landed = landed.reset_index(drop=True)
    headers = _headers(landed)
    frame, refusals = _typed(table, landed, headers)
    if len(frame):
        refusals += _contract_refusals(table, frame)
        refusals += _repeats(table, frame.drop(index=_positions(refusals)))
    return _account(table, landed, frame, refusals, headers)


def _headers(landed: pd.DataFrame) -> dict[str, tuple[str, ...]]:
    """Source file -> the columns it has."""
    if HEADER_COLUMN not in landed:
        own = tuple(name for name in landed.columns if name not in FILE_COLUMNS)
        return dict.fromkeys(landed["source_file"].unique(), own)
    first = landed.drop_duplicates("source_file")
    return {
        str(name): tuple(json.loads(header))
        for name, header in zip(first["source_file"], first[HEADER_COLUMN], strict=True)
    }


def _typed(
    table: Table, landed: pd.DataFrame, headers: dict[str, tuple[str, ...]]
) -> tuple[pd.DataFrame, list[_Refusal]]:
    landed_on = landed["landed_on"].astype("datetime64[s]")
    columns: dict[str, pd.Series] = {}
    refusals: list[_Refusal] = []
    for column in table.columns:
        if column.name in landed:
            values, unreadable = typed(landed[column.name], column.kind)
            refusals.append(_Refusal(landed.index[unreadable], column.name, RULES[column.kind]))
        else:
            values = missing(landed.index, column.kind)
        without = landed["source_file"].isin([name for name, header in headers.items() if column.name not in header])
        if column.name == KNOWN_AT.name:
            values = values.mask(without, landed_on)
        elif not column.nullable:
            rule = f"column {column.name} is missing from the file"
            refusals.append(_Refusal(landed.index[without], column.name, rule))
        columns[column.name] = values
    return pd.DataFrame({**columns, "landed_on": landed_on}, index=landed.index), refusals


def _contract_refusals(table: Table, frame: pd.DataFrame) -> list[_Refusal]:
    """Which rows break the pandera contract, one refusal per rule and column."""
    from pandera.errors import SchemaErrors

    try:
        schema_of(table.name).validate(frame, lazy=True)
    except SchemaErrors as errors:
        cases = errors.failure_cases
        unplaced = cases[cases["index"].isna()]
        if len(unplaced):
            raise AccountingError(
                f"table {table.name}: the contract failed without naming rows: {unplaced.to_dict('records')}"
            ) from errors
        # a column's own rule says more than one between columns, so it is told first
        cases = cases.iloc[(cases["schema_context"] == "DataFrameSchema").argsort(kind="stable")]
        of_row = cases["schema_context"] == "DataFrameSchema"
        cases = cases.assign(column=cases["column"].mask(of_row, "")).drop_duplicates(["column", "check", "index"])
        told = {"not_nullable": "must not be blank"}
        return [
            _Refusal(pd.Index(group["index"].astype("int64")), str(column), told.get(str(check), str(check)))
            for (column, check), group in cases.groupby(["column", "check"], sort=False)
        ]
    return []


def _repeats(table: Table, rows: pd.DataFrame) -> list[_Refusal]:
    """Among otherwise good rows of one landing day: later copies of a row, and all rows that contradict each other."""
    key = list(dict.fromkeys((*table.grain, KNOWN_AT.name)))
    same_key = rows[rows.duplicated([*key, "landed_on"], keep=False)]
    if same_key.empty:
        return []
    group = same_key.groupby([*key, "landed_on"]).ngroup()
    versions = group[~same_key.duplicated(keep="first")].value_counts()
    contradicts = group.isin(versions.index[versions > 1])
    copies = same_key.index[~contradicts & group.duplicated(keep="first")]
    told = " and ".join(key)
    return [
        _Refusal(
            same_key.index[contradicts], key[0], f"contradicts another row of the same {told}: land only the right one"
        ),
        _Refusal(copies, key[0], f"repeats an earlier row of the same {told}"),
    ]


def _positions(refusals: list[_Refusal]) -> pd.Index:
    return pd.Index(sorted({int(place) for refusal in refusals for place in refusal.positions.tolist()}), dtype="int64")


def _account(
    table: Table,
    landed: pd.DataFrame,
    frame: pd.DataFrame,
    refusals: list[_Refusal],
    headers: dict[str, tuple[str, ...]],
) -> Screened:
    source = landed[list(FILE_COLUMNS)].assign(landed_on=frame["landed_on"])
    bad = _positions(refusals)
    kept = frame.drop(index=bad)
    accepted = kept[list(table.column_names)].assign(**{name: source.loc[kept.index, name] for name in FILE_COLUMNS})
    receipts = _receipts(table, source, kept.index, bad, headers)
    hold_account(table.name, len(landed), receipts)
    quarantined = _quarantined(table, landed, source, refusals, headers)
    return Screened(table.name, accepted.reset_index(drop=True), quarantined, receipts)


def _receipts(
    table: Table, source: pd.DataFrame, kept: pd.Index, bad: pd.Index, headers: dict[str, tuple[str, ...]]
) -> pd.DataFrame:
    keys = list(FILE_COLUMNS)
    counted = source.assign(received=1, accepted=source.index.isin(kept), quarantined=source.index.isin(bad))
    receipts = (
        counted.groupby(keys, sort=True)[["received", "accepted", "quarantined"]].sum().astype("int64").reset_index()
    )
    known = set(table.column_names)
    return receipts.assign(
        table_name=table.name,
        unexpected_columns=[json.dumps(sorted(set(headers[name]) - known)) for name in receipts["source_file"]],
        filled_columns=[json.dumps(_filled(headers[name])) for name in receipts["source_file"]],
    )[list(RECEIPT_COLUMNS)]


def _filled(header: tuple[str, ...]) -> list[str]:
    return [] if KNOWN_AT.name in header else [KNOWN_AT.name]


def hold_account(table: str, landed: int, receipts: pd.DataFrame) -> None:
    """Raise AccountingError unless each receipt adds up, and all together account for the `landed` rows."""
    lost = receipts[receipts["received"] != receipts["accepted"] + receipts["quarantined"]]
    if len(lost) or int(receipts["received"].sum()) != landed:
        raise AccountingError(
            f"table {table}: {landed} rows received, but the receipts say {receipts.to_dict('records')}"
        )


def _quarantined(
    table: Table,
    landed: pd.DataFrame,
    source: pd.DataFrame,
    refusals: list[_Refusal],
    headers: dict[str, tuple[str, ...]],
) -> pd.DataFrame:
    """One row per refused row, with the first rule it broke."""
    first_rule: dict[int, _Refusal] = {}
    for refusal in refusals:
        for position in refusal.positions.tolist():
            first_rule.setdefault(int(position), refusal)
    # the row's place in its own file, counted from 1 after the header, as a person would look it up
    row_number = source.groupby("source_file").cumcount() + 1
    rows = []
    for position, refusal in sorted(first_rule.items()):
        where = {name: source.at[position, name] for name in FILE_COLUMNS}
        raw = {name: _plain(landed.at[position, name]) for name in headers[str(where["source_file"])]}
        rows.append(
            {
                "table_name": table.name,
                **where,
                "row_number": row_number.at[position],
                "column_name": refusal.column,
                "rule": refusal.rule,
                "found": json.dumps(raw.get(refusal.column), default=str),
                "raw_content": json.dumps(raw, default=str, sort_keys=True),
            }
        )
    return pd.DataFrame(rows, columns=list(QUARANTINE_COLUMNS))


def _plain(value: object) -> object:
    """A JSON-able form of one landed value; missing is null."""
    if not pd.api.types.is_scalar(value):
        return str(value)
    if pd.isna(value):  # type: ignore[call-overload]  # the stubs do not know that a scalar is one
        return None
    item = getattr(value, "item", None)
    return item() if callable(item) else value
