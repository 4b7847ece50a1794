"""The DuckDB warehouse: raw tables, receipts and quarantine go in, feature tables and outcomes come out.

What belongs here: short connections (one process with a writable connection shuts every other out), DDL of the raw schema, and
replacing whole days in one transaction. What dbt builds inside is `dbt_project/`.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping
from contextlib import contextmanager
from datetime import date
from pathlib import Path
from typing import TYPE_CHECKING, Any

import pandas as pd

from churn_platform.contracts.features import FEATURE_SETS, FeatureSet
from churn_platform.contracts.tables import RAW_TABLES, Table

if TYPE_CHECKING:
    import duckdb

    from churn_platform.feeds.quarantine import Screened

DUCKDB_TYPES = {
    "id": "VARCHAR",
    "text": "VARCHAR",
    "category": "VARCHAR",
    "integer": "BIGINT",
    "number": "DOUBLE",
    "date": "DATE",
}
FILE_DDL = "landed_on DATE NOT NULL, source_file VARCHAR NOT NULL, source_digest VARCHAR NOT NULL"


class WarehouseError(RuntimeError):
    """The warehouse cannot be used; the message says why and what to do."""


def _table_ddl(table: Table) -> str:
    columns = ", ".join(
        f"{column.name} {DUCKDB_TYPES[column.kind]}{'' if column.nullable else ' NOT NULL'}" for column in table.columns
    )
    return f"CREATE TABLE IF NOT EXISTS raw.{table.name} ({columns}, {FILE_DDL})"


def create_raw_tables(connection: duckdb.DuckDBPyConnection) -> None:
    """Create the raw schema, empty, where it is not there yet."""
    connection.execute("CREATE SCHEMA IF NOT EXISTS raw")
    for table in RAW_TABLES.values():
        connection.execute(_table_ddl(table))
    connection.execute(
        f"CREATE TABLE IF NOT EXISTS raw.receipts (table_name VARCHAR NOT NULL, {FILE_DDL}, received BIGINT NOT NULL, "
        "accepted BIGINT NOT NULL, quarantined BIGINT NOT NULL, unexpected_columns VARCHAR NOT NULL, "
        "filled_columns VARCHAR NOT NULL)"
    )
    connection.execute(
        f"CREATE TABLE IF NOT EXISTS raw.quarantine (table_name VARCHAR NOT NULL, {FILE_DDL}, row_number BIGINT NOT NULL, "
        "column_name VARCHAR NOT NULL, rule VARCHAR NOT NULL, found VARCHAR, raw_content VARCHAR NOT NULL)"
    )


_held: set[Path] = set()
"""Files that this process holds open for writing: whoever opens one of them again must ask for the same."""


class Warehouse:
    """One DuckDB file. Every method opens, works and closes, so that the file's lock is held for moments only, unless `held`."""

    def __init__(self, path: Path) -> None:
        self.path = path

    @contextmanager
    def held(self) -> Iterator[None]:
        """Inside, this process keeps the file open, so that each opening in it is free; every other process is shut out meanwhile.

        For a home that belongs to one process, as a simulated life's does: its days open the file some forty times each.

        Raises:
            WarehouseError: as `connect`.
        """
        if self.path in _held:
            yield
            return
        with self.connect():
            _held.add(self.path)
            try:
                yield
            finally:
                _held.discard(self.path)

    @contextmanager
    def connect(self, *, read_only: bool = False) -> Iterator[duckdb.DuckDBPyConnection]:
        """A short connection.

        Raises:
            WarehouseError: another process holds the file, it is not a database, or it does not exist yet (read-only).
        """
        import duckdb

        if read_only and not self.path.is_file():
            raise WarehouseError(f"there is no warehouse at {self.path} yet: run `churn run` first")
        self.path.parent.mkdir(parents=True, exist_ok=True)
        try:
            connection = duckdb.connect(str(self.path), read_only=read_only and self.path not in _held)
        except duckdb.Error as error:
            told = str(error).splitlines()[0]
            if "lock" in told:
                raise WarehouseError(
                    f"{self.path} is held by another process ({told}); wait for its run to end, or stop it"
                ) from error
            raise WarehouseError(
                f"{self.path} cannot be opened ({told}); move it away, and the next run builds it again"
            ) from error
        try:
            yield connection
        finally:
            connection.close()

    @contextmanager
    def reading(self) -> Iterator[None]:
        """Inside, queries share one reading: opening the file anew for each costs more than most of them (measured: 12 ms).

        Nobody can write meanwhile, so keep it to one report. Without a warehouse each query says so itself.
        """
        if not self.path.is_file():
            yield
            return
        with self.connect(read_only=True):  # DuckDB shares a file's instance inside a process
            yield

    def prepare(self) -> None:
        """Create the file and the raw schema."""
        with self.connect() as connection:
            create_raw_tables(connection)

    def replace_days(self, days: Iterable[date], screened: Iterable[Screened]) -> None:
        """Make the raw tables hold exactly `screened` for the landing days `days`: all tables in one transaction.

        Raises:
            WarehouseError: the file is held by another process, or a row landed on none of `days` (it would double when run again).
        """
        span = sorted({day.isoformat() for day in days})
        screened = list(screened)
        for part in screened:
            stray = part.receipts.loc[~part.receipts["landed_on"].isin(pd.to_datetime(span)), "landed_on"]
            if len(stray):
                raise WarehouseError(
                    f"rows of {part.table} landed on {stray.iloc[0].date()}, which is not among the days to replace; name that day too"
                )
        with self.connect() as connection:
            create_raw_tables(connection)
            connection.execute("BEGIN TRANSACTION")
            try:
                for name in (*RAW_TABLES, "quarantine", "receipts") if span else ():
                    # the range lets DuckDB pass over every block of another time, the list alone does not
                    connection.execute(
                        f"DELETE FROM raw.{name} WHERE landed_on BETWEEN ? AND ? AND landed_on IN (SELECT unnest(?::DATE[]))",
                        [span[0], span[-1], span],
                    )
                for part in screened:
                    self._insert(connection, f"raw.{part.table}", part.accepted)
                # of all tables together: handing a frame over costs more than a day's rows of it
                for name in ("quarantine", "receipts"):
                    parts = [
                        rows
                        for part in screened
                        if len(rows := part.quarantined if name == "quarantine" else part.receipts)
                    ]
                    if parts:
                        self._insert(connection, f"raw.{name}", pd.concat(parts, ignore_index=True))
                connection.execute("COMMIT")
            except BaseException:
                connection.execute("ROLLBACK")
                raise

    @staticmethod
    def _insert(connection: duckdb.DuckDBPyConnection, target: str, rows: pd.DataFrame) -> None:
        if len(rows):
            connection.register("incoming", rows)
            connection.execute(f"INSERT INTO {target} BY NAME SELECT * FROM incoming")
            connection.unregister("incoming")

    def query(self, sql: str, parameters: Mapping[str, Any] | None = None) -> pd.DataFrame:
        """Rows of a read-only query; `$name` parameters. Dates come back as datetime64."""
        with self.connect(read_only=True) as connection:
            rows: pd.DataFrame = connection.execute(sql, dict(parameters or {})).df()
            return rows

    def coded(self, sql: str, parameters: Mapping[str, Any] | None = None) -> pd.DataFrame:
        """Like `query`, with texts as categories: each distinct text becomes a Python object once, not once a row."""
        import pyarrow as pa

        with self.connect(read_only=True) as connection:
            table = connection.execute(sql, dict(parameters or {})).to_arrow_table()
        for place, name in enumerate(table.column_names):
            if pa.types.is_string(table.schema.types[place]) or pa.types.is_large_string(table.schema.types[place]):
                table = table.set_column(place, name, table.column(place).combine_chunks().dictionary_encode())
        rows: pd.DataFrame = table.to_pandas(date_as_object=False)
        return rows

    def features(self, feature_set: FeatureSet, first: date, last: date) -> pd.DataFrame:
        """Feature rows observed in [first, last]: customer_id, observation_date, attributes_known_at, then the set's columns."""
        return self.query(
            f"SELECT * FROM {feature_set.table} WHERE observation_date BETWEEN $first AND $last "
            "ORDER BY observation_date, customer_id",
            {"first": first, "last": last},
        )

    def observed_days(self, feature_set: FeatureSet, first: date, last: date) -> frozenset[date]:
        """The days in [first, last] that have feature rows."""
        found = self.query(
            f"SELECT DISTINCT observation_date FROM {feature_set.table} WHERE observation_date BETWEEN $first AND $last",
            {"first": first, "last": last},
        )
        return frozenset(pd.to_datetime(found["observation_date"]).dt.date)

    def outcomes(self, first: date, last: date) -> pd.DataFrame:
        """Outcomes of observations in [first, last]: customer_id, observation_date, matured_on, churned_on, churn_known_at."""
        return self.query(
            "SELECT * FROM observation_outcomes WHERE observation_date BETWEEN $first AND $last "
            "ORDER BY observation_date, customer_id",
            {"first": first, "last": last},
        )

    def matured_outcomes(self, after: date, until: date, observed_from: date | None = None) -> int:
        """How many outcomes matured in (after, until], of customers observed from `observed_from` on where that is given."""
        found = self.query(
            "SELECT count(*) AS outcomes FROM observation_outcomes WHERE matured_on > $after AND matured_on <= $until "
            "AND observation_date >= $observed",
            {"after": after, "until": until, "observed": observed_from or date.min},
        )
        return int(found["outcomes"].iloc[0])

    def customer_worth(self, first: date, last: date) -> pd.DataFrame:
        """What is known of the worth of the customers observed in [first, last]: customer_id, observation_date, monthly_charges, cltv.

        Money for the business metrics, never a feature. A row that was corrected later counts as it was known last.
        """
        return self.query(
            "SELECT customer_id, observation_date, last(monthly_charges ORDER BY known_at) AS monthly_charges, "
            "last(cltv ORDER BY known_at) AS cltv FROM stg_raw__customers "
            "WHERE observation_date BETWEEN $first AND $last GROUP BY ALL",
            {"first": first, "last": last},
        )

    def stored_rows(self, days: Iterable[date]) -> dict[str, int]:
        """Rows held for the landing days `days`, by raw table, and under `quarantine`."""
        names, span = [*RAW_TABLES, "quarantine"], sorted({day.isoformat() for day in days})
        if not span:
            return dict.fromkeys(names, 0)
        counts = ", ".join(
            f"(SELECT count(*) FROM raw.{name} WHERE landed_on BETWEEN $first AND $last "
            f"AND landed_on IN (SELECT unnest($days::DATE[]))) AS {name}"
            for name in names
        )
        row = self.query(f"SELECT {counts}", {"first": span[0], "last": span[-1], "days": span}).iloc[0]
        return {name: int(row[name]) for name in names}

    def receipts(self, day: date | None = None) -> pd.DataFrame:
        """Rows received, accepted and quarantined, by table, over all landed files or those of one day."""
        where = "WHERE landed_on = $day" if day is not None else ""
        return self.query(
            "SELECT table_name, sum(received)::BIGINT AS received, sum(accepted)::BIGINT AS accepted, "
            f"sum(quarantined)::BIGINT AS quarantined FROM raw.receipts {where} GROUP BY table_name ORDER BY table_name",
            {} if day is None else {"day": day},
        )

    def has_features(self) -> bool:
        """Whether the feature tables have been built in this home."""
        if not self.path.is_file():
            return False
        found = self.query(
            "SELECT count(*) AS tables FROM information_schema.tables WHERE table_name LIKE 'features_v%'"
        )
        return int(found["tables"].iloc[0]) >= len(FEATURE_SETS)
