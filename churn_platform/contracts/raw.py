"""The raw tables as pandera schemas: dtypes, domains, bounds, grain, and the rules between columns.

What belongs here: what makes a typed row acceptable. Turning text into types and keeping the refused rows is `feeds/quarantine.py`.
"""

from __future__ import annotations

from collections.abc import Callable
from functools import cache

import pandas as pd
import pandera.pandas as pa

from churn_platform.contracts.tables import RAW_TABLES, Column, Table

DTYPES = {
    "id": "str",
    "text": "str",
    "category": "str",
    "integer": "Int64",
    "number": "float64",
    "date": "datetime64[s]",
}


def _blank_total_only_before_the_first_bill(frame: pd.DataFrame) -> pd.Series:
    return frame["total_charges"].notna() | frame["tenure_months"].eq(0).fillna(False).astype(
        bool
    )  # blank tenure: not 0


def _next_observation_is_later(frame: pd.DataFrame) -> pd.Series:
    return frame["next_observation_date"].isna() | (frame["next_observation_date"] > frame["observation_date"])


def _resolved_not_before_opened(frame: pd.DataFrame) -> pd.Series:
    return frame["resolved_on"].isna() | (frame["resolved_on"] >= frame["opened_on"])


def _known_not_after_its_file(frame: pd.DataFrame) -> pd.Series:
    return frame["known_at"] <= frame["landed_on"]


Rule = Callable[[pd.DataFrame], pd.Series]

#: rules between columns: name (told to people) -> vectorised truth, True where the row is fine
ROW_RULES: dict[str, dict[str, Rule]] = {
    "customers": {
        "total_charges may be blank only at tenure 0": _blank_total_only_before_the_first_bill,
        "next_observation_date must be after observation_date": _next_observation_is_later,
    },
    "support_tickets": {"resolved_on must not be before opened_on": _resolved_not_before_opened},
}
EVERY_TABLE: dict[str, Rule] = {"known_at must not be after the date of the file it came in": _known_not_after_its_file}


def _checks(column: Column) -> list[pa.Check]:
    checks = []
    if column.domain:
        checks.append(pa.Check.isin(column.domain, error=f"must be one of {', '.join(column.domain)}"))
    if column.at_least is not None:
        checks.append(pa.Check.ge(column.at_least, error=f"must be at least {column.at_least:g}"))
    if column.at_most is not None:
        checks.append(pa.Check.le(column.at_most, error=f"must be at most {column.at_most:g}"))
    if column.kind == "number":
        checks.append(pa.Check(lambda values: values.abs() != float("inf"), error="must be finite", ignore_na=True))
    if column.kind == "id":
        checks.append(pa.Check(lambda values: values.str.strip() != "", error="must not be blank"))
    return checks


@cache
def schema_of(table_name: str) -> pa.DataFrameSchema:
    """The pandera schema of one raw table, plus `landed_on` (the date of the file); frames are typed as in DTYPES.

    Raises:
        KeyError: there is no such raw table.
    """
    table: Table = RAW_TABLES[table_name]
    columns = {
        column.name: pa.Column(DTYPES[column.kind], checks=_checks(column), nullable=column.nullable)
        for column in table.columns
    }
    columns["landed_on"] = pa.Column("datetime64[s]")
    rules = {**ROW_RULES.get(table_name, {}), **EVERY_TABLE}
    return pa.DataFrameSchema(
        columns,
        checks=[pa.Check(rule, name=name, error=name) for name, rule in rules.items()],
        strict=True,
        name=table_name,
    )
