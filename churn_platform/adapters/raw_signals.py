"""What the raw tables say day by day, as it was known on one day: the observations that root cause reads.

What belongs here: the queries, all over one short connection. What does not: what a series means (`drift/root_cause/signals.py`).

Every frame has a column `day` and one row per day that has anything. Nothing known after `as_of` is read.
"""

from __future__ import annotations

from collections.abc import Mapping
from datetime import date
from typing import TYPE_CHECKING

from churn_platform.contracts.tables import CUSTOMERS, RAW_TABLES
from churn_platform.drift.root_cause.raw import (
    AMOUNTS,
    CLIP,
    EVENT_DAY,
    JOINER_ATTRIBUTES,
    JUMP,
    NULLABLE,
    SERVICES,
    TERMS,
    RawSignals,
)

if TYPE_CHECKING:
    import pandas as pd

    from churn_platform.adapters.warehouse import Warehouse


def read_raw_signals(warehouse: Warehouse, since: date, as_of: date) -> RawSignals:
    """Every series from `since` to `as_of`, both inclusive.

    Raises:
        WarehouseError: the warehouse cannot be read.
    """
    span = {"since": since, "as_of": as_of}
    with warehouse.connect(read_only=True) as connection:

        def rows(sql: str, parameters: Mapping[str, object] = span) -> pd.DataFrame:
            frame: pd.DataFrame = connection.execute(sql, dict(parameters)).df()
            return frame

        return RawSignals(
            as_of,
            since,
            arrivals=rows(_arrivals()),
            receipts=rows(RECEIPTS),
            refusals=rows(REFUSALS),
            blanks=rows(_blanks()),
            pairs=rows(_pairs()),
            amounts=rows(_amounts()),
            joiners=rows(_joiners()),
            tickets=rows(TICKETS),
            departures=rows(DEPARTURES),
        )


def read_arrivals(warehouse: Warehouse, since: date, as_of: date) -> pd.DataFrame:
    """Only the arrivals: table_name, day (known), rows, newest (event day), delay."""
    return warehouse.query(_arrivals(), {"since": since, "as_of": as_of})


def _arrivals() -> str:
    """table_name, day (known), rows, newest (event day), delay (mean days from event to knowledge); a row's first version only."""
    parts = []
    for name, event in EVENT_DAY.items():
        key = RAW_TABLES[name].grain[0] if RAW_TABLES[name].grain[1] == "known_at" else f"customer_id, {event}"
        parts.append(
            f"SELECT '{name}' AS table_name, day, count(*) AS rows, max(event) AS newest, "
            "avg(date_diff('day', event, day)) AS delay FROM (SELECT "
            f"min(known_at) AS day, min({event}) AS event FROM raw.{name} "
            f"WHERE known_at BETWEEN $since AND $as_of GROUP BY {key}) GROUP BY day"
        )
    return " UNION ALL ".join(parts) + " ORDER BY table_name, day"


RECEIPTS = """
SELECT table_name, landed_on AS day, sum(received)::BIGINT AS received, sum(quarantined)::BIGINT AS quarantined,
       max(unexpected_columns) AS unexpected_columns, max(filled_columns) AS filled_columns
FROM raw.receipts WHERE landed_on BETWEEN $since AND $as_of GROUP BY ALL ORDER BY ALL
"""
"""table_name, day (landed), received, quarantined, unexpected_columns, filled_columns (JSON texts)."""

REFUSALS = """
SELECT table_name, landed_on AS day, column_name, rule, count(*) AS rows,
       median(try_cast(json_extract_string(found, '$') AS DOUBLE)) AS found
FROM raw.quarantine WHERE landed_on BETWEEN $since AND $as_of GROUP BY ALL ORDER BY ALL
"""
"""table_name, day (landed), column_name, rule, rows, found (the median refused number, where it is one)."""


def _blanks() -> str:
    """table_name, column_name, day (known), rows, blank."""
    parts = [
        f"SELECT '{table}' AS table_name, '{column}' AS column_name, known_at AS day, count(*) AS rows, "
        f"count(*) - count({column}) AS blank FROM raw.{table} WHERE known_at BETWEEN $since AND $as_of GROUP BY known_at"
        for table, column in NULLABLE
    ]
    return " UNION ALL ".join(parts) + " ORDER BY table_name, column_name, day"


def _pairs() -> str:
    """A customer's row against their row before: day, pairs, alike (same services and terms), price (sum of the log ratios of
    the alike, each cut at CLIP), repriced (alike whose charges moved by over 1 %), and how many took up or changed each service or term.
    """
    columns = (*SERVICES, *TERMS)
    before = ", ".join(f"lag({name}) OVER w AS before_{name}" for name in (*columns, "monthly_charges"))
    alike = " AND ".join(f"{name} IS NOT DISTINCT FROM before_{name}" for name in columns)
    taken = ", ".join(
        f"count(*) FILTER ({name} IS DISTINCT FROM before_{name}"
        + (f" AND {name} = 'Yes'" if "Yes" in CUSTOMERS.column(name).domain else "")
        + f") AS {name}"
        for name in columns
    )
    return f"""
WITH followed AS (
    SELECT observation_date, {", ".join(columns)}, monthly_charges, {before}
    FROM raw.customers WHERE known_at BETWEEN $since AND $as_of
    WINDOW w AS (PARTITION BY customer_id ORDER BY observation_date, known_at)
), marked AS (
    SELECT *, ({alike}) AS alike,
           CASE WHEN monthly_charges > 0 AND before_monthly_charges > 0
                THEN ln(monthly_charges / before_monthly_charges) END AS moved
    FROM followed WHERE before_monthly_charges IS NOT NULL
)
SELECT observation_date AS day, count(*) AS pairs, count(*) FILTER (alike) AS alike,
       coalesce(sum(greatest(least(moved, {CLIP}), -{CLIP})) FILTER (alike), 0) AS price,
       count(*) FILTER (alike AND abs(moved) > 0.01) AS repriced,
       {taken}
FROM marked GROUP BY observation_date ORDER BY day
"""


def _amounts() -> str:
    """A customer's number against the one before: table_name, column_name, day (known), pairs (both above zero), jumped (by over
    JUMP times, either way), factor, factor_low, factor_high (median and quartiles of the ratio of those that jumped),
    middle (median ratio of all), moved (sum of the log ratios, each cut at CLIP).
    """
    parts = []
    for table, names in AMOUNTS.items():
        event = EVENT_DAY[table]
        only = "AND months = 1" if table != "customers" else ""
        version = (
            "QUALIFY row_number() OVER (PARTITION BY invoice_id ORDER BY known_at) = 1" if table == "invoices" else ""
        )
        for name in names:
            parts.append(f"""
SELECT '{table}' AS table_name, '{name}' AS column_name, day, count(*) AS pairs,
       count(*) FILTER (abs(moved) > ln({JUMP})) AS jumped,
       exp(median(moved) FILTER (abs(moved) > ln({JUMP}))) AS factor,
       exp(quantile_cont(moved, 0.25) FILTER (abs(moved) > ln({JUMP}))) AS factor_low,
       exp(quantile_cont(moved, 0.75) FILTER (abs(moved) > ln({JUMP}))) AS factor_high,
       exp(median(moved)) AS middle, sum(greatest(least(moved, {CLIP}), -{CLIP})) AS moved
FROM (
    SELECT day, ln(value / before) AS moved FROM (
        SELECT known_at AS day, value, lag(value) OVER (PARTITION BY customer_id ORDER BY event) AS before
        FROM (SELECT customer_id, known_at, {event} AS event, {name} AS value FROM raw.{table}
              WHERE known_at BETWEEN $since AND $as_of {only} {version})
        WHERE value > 0
    ) WHERE before > 0
) GROUP BY day""")
    return " UNION ALL ".join(parts) + " ORDER BY table_name, column_name, day"


def _joiners() -> str:
    """Customers seen for the first time in their first two months: day, attribute, value, rows."""
    listed = ", ".join(f"coalesce({name}, 'unknown') AS {name}" for name in JOINER_ATTRIBUTES)
    names = ", ".join(JOINER_ATTRIBUTES)
    return f"""
WITH first_rows AS (
    SELECT observation_date AS day, tenure_months, {listed}
    FROM raw.customers WHERE known_at BETWEEN $since AND $as_of
    QUALIFY row_number() OVER (PARTITION BY customer_id ORDER BY observation_date) = 1
), joined AS (SELECT * FROM first_rows WHERE tenure_months <= 1)
SELECT day, attribute, value, count(*) AS rows
FROM (UNPIVOT joined ON {names} INTO NAME attribute VALUE value) GROUP BY ALL ORDER BY ALL
"""


TICKETS = """
WITH known AS (
    SELECT ticket_id, min(known_at) AS first_known, min(opened_on) AS opened_on,
           min(CASE WHEN resolved_on <= $as_of THEN resolved_on END) AS resolved_on
    FROM raw.support_tickets WHERE known_at <= $as_of AND opened_on >= $since GROUP BY ticket_id
)
SELECT opened_on AS day, count(*) AS opened,
       count(*) FILTER (resolved_on - opened_on <= 2) AS within_2,
       count(*) FILTER (resolved_on - opened_on <= 4) AS within_4,
       count(*) FILTER (resolved_on - opened_on <= 7) AS within_7,
       count(*) FILTER (resolved_on IS NULL) AS still_open
FROM known GROUP BY opened_on ORDER BY day
"""
"""day (opened), opened, of them resolved within 2, 4 and 7 days, and still open on as_of."""

DEPARTURES = """
SELECT churned_on AS day, coalesce(churn_category, 'unknown') AS category, count(DISTINCT customer_id) AS rows
FROM raw.churn_events WHERE known_at BETWEEN $since AND $as_of AND churned_on >= $since GROUP BY ALL ORDER BY ALL
"""
"""day (left), category (the telco's own), rows."""
