"""The features computed a second time, row by row in plain Python, from their definitions: an oracle for the SQL.

It shares nothing with the SQL but the definitions. It is slow and obvious on purpose.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from datetime import date, timedelta
from statistics import fmean
from typing import Any

from churn_platform.contracts.tables import RAW_TABLES

Row = Mapping[str, Any]
Tables = Mapping[str, Sequence[Row]]


def newest_known(table: str, rows: Sequence[Row], day: date) -> list[Row]:
    """The newest version of each row that was known on `day`; of equals, the one landed last."""
    grain = [column for column in RAW_TABLES[table].grain if column != "known_at"]
    newest: dict[tuple[Any, ...], Row] = {}
    for row in sorted(rows, key=lambda row: row["known_at"]):
        if row["known_at"] <= day:
            newest[tuple(row[column] for column in grain)] = row
    return list(newest.values())


def profile(tables: Tables, customer_id: str, day: date) -> Row | None:
    """The profile under which a customer is observed on `day`; None if they are not."""
    if any(
        event["customer_id"] == customer_id and event["churned_on"] <= day and event["known_at"] <= day
        for event in tables["churn_events"]
    ):
        return None
    profiles = [
        row
        for row in newest_known("customers", tables["customers"], day)
        if row["customer_id"] == customer_id and row["observation_date"] <= day
    ]
    if not profiles:
        return None
    newest = max(profiles, key=lambda row: row["observation_date"])
    return newest if day in (newest["observation_date"], newest["next_observation_date"]) else None


def signals(tables: Tables, customer_id: str, day: date) -> dict[str, float | None]:
    """The operational signals of features_v2 for one observation."""

    def mine(table: str) -> list[Row]:
        return [r for r in newest_known(table, tables[table], day) if r["customer_id"] == customer_id]

    return usage(mine("account_usage")) | payments(tables, mine("invoices"), day) | support(tables, mine, day)


def usage(rows: Iterable[Row]) -> dict[str, float | None]:
    periods = sorted(rows, key=lambda row: row["period_end"])
    if not periods:
        names = ("avg_monthly_gb", "total_extra_data_charges", "total_long_distance_charges", "usage_trend")
        return dict.fromkeys(names)
    monthly = [row["data_gb"] for row in periods if row["months"] == 1]
    base = fmean(monthly[-4:-1]) if len(monthly) >= 4 else 0.0
    return {
        "avg_monthly_gb": sum(row["data_gb"] for row in periods) / sum(row["months"] for row in periods),
        "total_extra_data_charges": sum(row["extra_data_charges"] for row in periods),
        "total_long_distance_charges": sum(row["long_distance_charges"] for row in periods),
        "usage_trend": monthly[-1] / base if base else None,
    }


def payments(tables: Tables, invoices: Sequence[Row], day: date) -> dict[str, float | None]:
    feed = [row for row in tables["invoices"] if row["known_at"] <= day]
    overdue = [row for row in invoices if row["due_date"] is not None and row["due_date"] < day]
    recent = [row for row in overdue if (day - row["due_date"]).days <= 180]
    late = sum(row["paid_on"] is None or row["paid_on"] > row["due_date"] for row in recent)
    unpaid = sum(row["paid_on"] is None or row["paid_on"] > day for row in overdue)
    tells_due_dates = any(row["due_date"] is not None for row in feed)
    return {
        "total_refunds": sum(row["refunds"] for row in invoices) if feed else None,
        "late_payments_180d": late if tells_due_dates else None,
        "unpaid_invoices": unpaid if tells_due_dates else None,
    }


def support(tables: Tables, mine: Any, day: date) -> dict[str, float | None]:
    feed = [row for row in tables["support_tickets"] if row["known_at"] <= day]
    tickets = [row for row in mine("support_tickets") if row["opened_on"] <= day]
    closed = [row for row in tickets if row["resolved_on"] is not None and row["resolved_on"] <= day]
    days = [(row["resolved_on"] - row["opened_on"]).days for row in closed if (day - row["resolved_on"]).days < 180]
    return {
        "tickets_90d": sum((day - row["opened_on"]).days < 90 for row in tickets) if feed else None,
        "open_tickets": len(tickets) - len(closed) if feed else None,
        "avg_days_to_resolve_180d": fmean(days) if days else None,
    }


def outcome(tables: Tables, customer_id: str, day: date, horizon: int = 30) -> tuple[date | None, date | None] | None:
    """(churned_on, churn_known_at) of an observation, (None, None) if the customer stayed, None if they had left."""
    events = [row for row in tables["churn_events"] if row["customer_id"] == customer_id]
    if any(row["churned_on"] <= day for row in events):
        return None
    within = [(row["churned_on"], row["known_at"]) for row in events if row["churned_on"] <= day + timedelta(horizon)]
    return min(within, default=(None, None))
