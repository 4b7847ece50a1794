"""Daily series of the raw tables, and which columns they are about.

What belongs here: the value, and the lists of columns by what they mean. What does not: the queries (`adapters/raw_signals.py`).
"""

from __future__ import annotations

from dataclasses import dataclass
from datetime import date

import pandas as pd

from churn_platform.contracts.tables import CUSTOMERS, RAW_TABLES

EVENT_DAY = {
    "customers": "observation_date",
    "account_usage": "period_end",
    "support_tickets": "opened_on",
    "invoices": "invoice_date",
    "churn_events": "churned_on",
    "retention_contacts": "contacted_on",
}
"""The column that says when what a row tells happened, in contrast to when it was known."""

SERVICES = (
    "phone_service", "multiple_lines", "internet_service", "online_security", "online_backup", "device_protection",
    "tech_support", "streaming_tv", "streaming_movies", "internet_type", "unlimited_data",
)  # fmt: skip
TERMS = ("contract", "paperless_billing", "payment_method")
JOINER_ATTRIBUTES = tuple(
    column.name for column in CUSTOMERS.columns if column.domain and column.name not in ("gender",)
)
AMOUNTS = {
    "customers": ("monthly_charges", "total_charges"),
    "account_usage": ("data_gb", "extra_data_charges", "long_distance_charges"),
    "invoices": ("amount", "refunds"),
}
"""Numbers with a unit, whose value for one customer is comparable from one row to the next."""
UNKNOWN_YET = ("resolved_on", "paid_on", "accepted")
"""Columns that are blank until something has happened."""
NULLABLE = tuple(
    (table.name, column.name)
    for table in RAW_TABLES.values()
    for column in table.columns
    if column.nullable and column.name not in ("total_charges", "offer", *UNKNOWN_YET)
)
"""Columns that may be blank, and whose share of blanks does not depend on what has not happened yet."""
JUMP = 2.5
"""A customer's number that is more than this many times what it was, or less than its inverse."""
CLIP = 0.4
"""Log ratios are cut here before they are summed: a first part of a month, or a jump, must not drown a change of prices."""


@dataclass(frozen=True)
class RawSignals:
    """The daily series; see the queries for their columns."""

    as_of: date
    since: date
    arrivals: pd.DataFrame
    receipts: pd.DataFrame
    refusals: pd.DataFrame
    blanks: pd.DataFrame
    pairs: pd.DataFrame
    amounts: pd.DataFrame
    joiners: pd.DataFrame
    tickets: pd.DataFrame
    departures: pd.DataFrame
