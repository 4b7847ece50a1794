"""A model package's own feature SQL, run on a few raw rows in memory: there is no second feature code for requests.

What belongs here: an in-memory database with empty raw tables and the package's views over them, and asking it. What does not: judging
raw rows (`feeds/quarantine.py`), and the warehouse, which the same SQL fills by the day.
"""

from __future__ import annotations

import re
import threading
from collections.abc import Mapping
from typing import TYPE_CHECKING

from churn_platform.adapters.warehouse import create_raw_tables
from churn_platform.contracts.tables import RAW_TABLES

if TYPE_CHECKING:
    import pandas as pd

_SECTION = re.compile(r"^-- (?P<name>[a-z0-9_]+)\n(?P<sql>.*?)\n;$", re.MULTILINE | re.DOTALL)
#: the catalog that the compiled SQL names
_CATALOG = "warehouse"


class FeatureSqlError(ValueError):
    """The package's feature SQL cannot be used, or refused the rows; the message says why."""


class FeatureSql:
    """The views of one package. Threads may share it: one asks at a time.

    Args:
        sql: `features.sql` of a package: sections `-- name`, SQL, `;`, upstream first.
        table: the section that is asked, as `features_v1`.

    Raises:
        FeatureSqlError: the SQL has no such section, or a section does not compile over the raw tables.
    """

    def __init__(self, sql: str, table: str) -> None:
        import duckdb

        self.table = table
        self._lock = threading.Lock()
        self._connection = duckdb.connect(":memory:", config={"threads": 1})
        self._connection.execute(f"ATTACH ':memory:' AS {_CATALOG}")
        self._connection.execute(f"USE {_CATALOG}")
        sections = [(match["name"], match["sql"]) for match in _SECTION.finditer(sql)]
        if table not in [name for name, _ in sections]:
            raise FeatureSqlError(f"the package's feature SQL has no section {table}: train again with this version")
        try:
            create_raw_tables(self._connection)
            for name, view in sections:
                self._connection.execute(f'CREATE VIEW "{name}" AS {view}')
        except duckdb.Error as error:
            raise FeatureSqlError(
                f"the package's feature SQL does not compile: {str(error).splitlines()[0]}"
            ) from error

    def features(self, raw: Mapping[str, pd.DataFrame]) -> pd.DataFrame:
        """The feature rows that the package makes of `raw`, by observation_date and customer_id.

        Args:
            raw: table name -> accepted rows as `feeds.quarantine.screen` gives them; a table that is left out is empty.

        Raises:
            FeatureSqlError: a name that is no raw table, or rows that the SQL cannot take.
        """
        import duckdb

        unknown = sorted(set(raw) - set(RAW_TABLES))
        if unknown:
            raise FeatureSqlError(f"{unknown[0]} is no raw table: there are {', '.join(RAW_TABLES)}")
        with self._lock:
            connection = self._connection
            connection.execute("BEGIN TRANSACTION")
            try:
                for name, rows in raw.items():
                    connection.register("incoming", rows)
                    connection.execute(f"INSERT INTO raw.{name} BY NAME SELECT * FROM incoming")
                    connection.unregister("incoming")
                features: pd.DataFrame = connection.execute(
                    f'SELECT * FROM "{self.table}" ORDER BY observation_date, customer_id'
                ).df()
            except duckdb.Error as error:
                raise FeatureSqlError(f"the feature SQL refused the rows: {str(error).splitlines()[0]}") from error
            finally:
                connection.execute("ROLLBACK")  # nothing of a request stays for the next one
            return features

    def close(self) -> None:
        """Give the memory back."""
        self._connection.close()
