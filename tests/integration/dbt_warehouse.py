"""A warehouse file with raw rows in it, and the dbt project run on it in this process: what the dbt tests share.

What belongs here: rows with sensible defaults, landing them, parsing the project once, building a range.
What does not: assertions.
"""

from __future__ import annotations

import os
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from datetime import date, timedelta
from pathlib import Path
from typing import Any

import duckdb
import pandas as pd

from churn_platform.contracts.tables import CUSTOMERS, RAW_TABLES

PROJECT = Path(__file__).parents[2] / "dbt_project"
SQL_TYPES = {"id": "varchar", "text": "varchar", "category": "varchar", "integer": "bigint", "number": "double"}
INGESTION = {"landed_on": "date", "source_file": "varchar", "source_digest": "varchar"}

Row = dict[str, Any]


def raw_columns(table: str) -> dict[str, str]:
    """Column → DuckDB type of a raw table as the warehouse creates it."""
    columns = {column.name: SQL_TYPES.get(column.kind, "date") for column in RAW_TABLES[table].columns}
    return columns | INGESTION


def create_raw_tables(con: duckdb.DuckDBPyConnection, catalog: str = "") -> None:
    """The six raw tables, empty."""
    prefix = f"{catalog}." if catalog else ""
    con.execute(f"create schema if not exists {prefix}raw")
    for table in RAW_TABLES:
        columns = ", ".join(f"{name} {kind}" for name, kind in raw_columns(table).items())
        con.execute(f"create or replace table {prefix}raw.{table} ({columns})")


def land(con: duckdb.DuckDBPyConnection, table: str, rows: Iterable[Mapping[str, Any]], catalog: str = "") -> None:
    """Append rows; what a row does not say is null, and it lands on the day it is known."""
    columns = raw_columns(table)
    prefix = f"{catalog}." if catalog else ""
    start = con.execute(f"select count(*) from {prefix}raw.{table}").fetchall()[0][0]
    defaults = {"source_file": f"{table}.parquet"}
    values = [
        [
            ({"landed_on": row["known_at"], "source_digest": f"{start + i:08d}"} | defaults | dict(row)).get(name)
            for name in columns
        ]
        for i, row in enumerate(rows)
    ]
    if values:
        marks = ", ".join("?" * len(columns))
        con.executemany(f"insert into {prefix}raw.{table} values ({marks})", values)


def customer(customer_id: str, day: date, *, known_at: date | None = None, **values: Any) -> Row:
    """One row of `customers`: the first value of each domain, known on the day, announcing the day 30 days later."""
    row: Row = {column.name: column.domain[0] for column in CUSTOMERS.columns if column.domain and not column.nullable}
    row |= {
        "customer_id": customer_id,
        "observation_date": day,
        "next_observation_date": day + timedelta(days=30),
        "known_at": known_at or day,
        "tenure_months": 12,
        "monthly_charges": 50.0,
        "total_charges": 600.0,
    }
    return row | values


@dataclass(frozen=True)
class Warehouse:
    """A warehouse file and the parsed project that is run on it."""

    path: Path
    manifest: Any
    project: Path = PROJECT

    def land(self, table: str, rows: Iterable[Mapping[str, Any]]) -> None:
        """Append rows to a raw table."""
        with duckdb.connect(str(self.path)) as con:
            land(con, table, rows)

    def execute(self, sql: str) -> None:
        """Run a statement on the file."""
        with duckdb.connect(str(self.path)) as con:
            con.execute(sql)

    def frame(self, table: str) -> pd.DataFrame:
        """A table or view, sorted by its first two columns."""
        with duckdb.connect(str(self.path), read_only=True) as con:
            frame: pd.DataFrame = con.execute(f"select * from {table} order by 1, 2").df()
        return frame

    def dbt(self, *arguments: str, first: date | None = None, last: date | None = None) -> Any:
        """Run a dbt command over first..last (all of history by default); the runner's result."""
        variables = ["--vars", f"{{from_date: '{first}', to_date: '{last or first}'}}"] if first else []
        return invoke(self.path, [*arguments, *variables], manifest=self.manifest, project=self.project)

    def run(self, first: date | None = None, last: date | None = None) -> Any:
        """Build the models of a range, without tests; must succeed."""
        result = self.dbt("run", first=first, last=last)
        assert result.success, failures(result)
        return result

    def rerun(self, first: date, last: date | None = None) -> Any:
        """Build the tables of a range again; the views, which know of no range, are there already."""
        return self.dbt("run", "--select", "config.materialized:incremental", first=first, last=last)


def invoke(warehouse: Path, arguments: list[str], manifest: Any = None, project: Path = PROJECT) -> Any:
    """Run dbt in this process on `warehouse`; target and logs go beside the file."""
    from dbt.cli.main import dbtRunner

    before = os.environ.get("CHURN_WAREHOUSE")
    os.environ["CHURN_WAREHOUSE"] = str(warehouse)
    try:
        places = ["--project-dir", str(project), "--profiles-dir", str(project)]
        outputs = ["--target-path", str(warehouse.parent / "target"), "--log-path", str(warehouse.parent / "logs")]
        return dbtRunner(manifest=manifest).invoke(
            ["--quiet", "--log-level-file", "none", *arguments, *places, *outputs]
        )
    finally:
        if before is None:
            del os.environ["CHURN_WAREHOUSE"]
        else:
            os.environ["CHURN_WAREHOUSE"] = before


def parse(folder: Path, project: Path = PROJECT) -> Any:
    """The project's manifest; needs no warehouse, only the name of its file."""
    result = invoke(folder / "warehouse.duckdb", ["parse"], project=project)
    assert result.success, result.exception
    return result.result


def failures(result: Any) -> list[str]:
    """What failed, one line each: the node and dbt's message."""
    if result.result is None:
        return [str(result.exception)]
    return [f"{r.node.name}: {r.message}" for r in result.result.results if r.status not in ("success", "pass")]
