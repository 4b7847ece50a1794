"""Which customers a dbt build is about: told to every DuckDB session of the build, so that a day costs a day, however long the history.

What belongs here: finding the customers of a range, and dbt-duckdb's plugin that sets the session variable `built_customers`. What does
not: the condition itself (`dbt_project/macros/built_customers.sql`), and running dbt (`dbt.py`).

The staging views rank every version of every row, and DuckDB pushes no join below a window: at 150 days x 7,000 customers a day's build
spent 0.65 s there, growing with each day. Knowing its customers beforehand it spends 0.1 s (measured). The variable lives in the
build's own sessions: whoever else looks at the views, and any other dbt, sees everything.
"""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from datetime import date
from typing import TYPE_CHECKING, Any

from dbt.adapters.duckdb.plugins import BasePlugin

if TYPE_CHECKING:
    import duckdb

VARIABLE = "built_customers"
LONGEST_DAYS = 31
"""A longer range is about nearly everybody: then nothing is left out."""

#: the customers of the build that runs on a warehouse, by its path
_built: dict[str, list[str]] = {}


@contextmanager
def about(warehouse: str, customers: list[str] | None) -> Iterator[None]:
    """Inside, every session that dbt opens on `warehouse` looks at these customers only; None: at all."""
    if customers is not None:
        _built[warehouse] = customers
    try:
        yield
    finally:
        _built.pop(warehouse, None)


def customers_of(connection: duckdb.DuckDBPyConnection, first: date, last: date) -> list[str] | None:
    """Everybody who matters to a build of the observation dates first..last; None where that is everybody.

    Due in the range by any row, or in it from an earlier build; and of each feed the customer with its first row, since "before
    the feed's first row nothing is known" is a fact about the feed.
    """
    if (last - first).days >= LONGEST_DAYS:
        return None
    tables = {
        (row[0], row[1]) for row in connection.execute("SELECT schema_name, table_name FROM duckdb_tables()").fetchall()
    }
    if ("raw", "customers") not in tables:
        return None
    parts = [
        "SELECT customer_id FROM raw.customers WHERE observation_date BETWEEN $first AND $last",
        "SELECT customer_id FROM raw.customers WHERE next_observation_date BETWEEN $first AND $last",
        "SELECT arg_min(customer_id, known_at) FROM raw.invoices",
        "SELECT arg_min(customer_id, known_at) FILTER (WHERE due_date IS NOT NULL) FROM raw.invoices",
        "SELECT arg_min(customer_id, known_at) FROM raw.support_tickets",
    ]
    if ("main", "int_observation_candidates") in tables:
        parts.append(
            "SELECT customer_id FROM int_observation_candidates WHERE observation_date BETWEEN $first AND $last"
        )
    union = " UNION ".join(parts)
    rows = connection.execute(
        f"SELECT customer_id FROM ({union}) WHERE customer_id IS NOT NULL", {"first": first, "last": last}
    )
    return [row[0] for row in rows.fetchall()]


class Plugin(BasePlugin):  # type: ignore[misc]
    """What dbt-duckdb calls for each session that it opens (named in `dbt_project/profiles.yml`)."""

    def configure_cursor(self, cursor: Any) -> None:
        """Tell the session whom the build is about."""
        customers = _built.get(str(self.creds.path)) if self.creds is not None else None
        if customers is not None:
            cursor.execute(f"SET VARIABLE {VARIABLE} = ?", [customers])
