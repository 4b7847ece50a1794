"""The features of both sets, in pandas, from landed files.

Written apart from the platform's SQL, so that the world can be judged alone.
"""

from __future__ import annotations

import numpy as np
import pandas as pd

from churn_platform.contracts.features import V2
from churn_platform.simulation.world import DayLanding

DAY = pd.Timedelta(days=1)


def landed(days: list[DayLanding]) -> dict[str, pd.DataFrame]:
    """Every table's rows of all days."""
    return {table: pd.concat([day.tables[table] for day in days], ignore_index=True) for table in days[0].tables}


def features(tables: dict[str, pd.DataFrame]) -> pd.DataFrame:
    """A row per observation.

    Customer_id, observation_date, the features of v2, and whether they churned within 30 days.
    """
    observed = tables["customers"].sort_values("observation_date", kind="stable").reset_index(drop=True)
    out = observed[["customer_id", "observation_date", *(f.name for f in V2.features if f.name in observed)]].copy()
    out["total_charges"] = out["total_charges"].fillna(0.0)
    _usage(out, tables["account_usage"])
    _payments(out, tables["invoices"])
    _support(out, tables["support_tickets"])
    left = tables["churn_events"].set_index("customer_id")["churned_on"]
    churned_on = out["customer_id"].map(left)
    out["churned"] = (churned_on > out["observation_date"]) & (churned_on <= out["observation_date"] + 30 * DAY)
    return out[["customer_id", "observation_date", *V2.names, "churned"]]


def _as_of(out: pd.DataFrame, rows: pd.DataFrame, columns: list[str]) -> pd.DataFrame:
    return pd.merge_asof(
        out[["customer_id", "observation_date"]],
        rows[["customer_id", "known_at", *columns]].sort_values("known_at", kind="stable"),
        left_on="observation_date",
        right_on="known_at",
        by="customer_id",
    )[columns]


def _usage(out: pd.DataFrame, usage: pd.DataFrame) -> None:
    usage = usage.sort_values(["customer_id", "period_end"]).reset_index(drop=True)
    by = usage["customer_id"]
    for name in ("months", "data_gb", "extra_data_charges", "long_distance_charges"):
        usage[f"all_{name}"] = usage[name].astype("float64").groupby(by).cumsum()
    monthly = usage["data_gb"].where(usage["months"] == 1)
    before = (monthly.groupby(by).shift(1) + monthly.groupby(by).shift(2) + monthly.groupby(by).shift(3)) / 3
    usage["trend"] = monthly / before.where(before > 0)
    known = _as_of(
        out, usage, ["all_months", "all_data_gb", "all_extra_data_charges", "all_long_distance_charges", "trend"]
    )
    out["avg_monthly_gb"] = known["all_data_gb"] / known["all_months"]
    out["total_extra_data_charges"] = known["all_extra_data_charges"].fillna(0.0)
    out["total_long_distance_charges"] = known["all_long_distance_charges"].fillna(0.0)
    out["usage_trend"] = known["trend"]


def _payments(out: pd.DataFrame, invoices: pd.DataFrame) -> None:
    first = invoices.sort_values("known_at").drop_duplicates("invoice_id").copy()
    first["all_refunds"] = first["refunds"].groupby(first["customer_id"]).cumsum()
    out["total_refunds"] = _as_of(out, first, ["all_refunds"])["all_refunds"].fillna(0.0)
    paid = invoices[invoices["paid_on"].notna()].set_index("invoice_id")[["paid_on", "known_at"]]
    due = first[first["due_date"].notna()].join(paid, on="invoice_id", suffixes=("", "_paid"))
    pairs = _pairs(out, due[["customer_id", "due_date", "paid_on_paid", "known_at", "known_at_paid"]])
    pairs = pairs[(pairs["due_date"] < pairs["observation_date"]) & (pairs["known_at"] <= pairs["observation_date"])]
    is_paid = pairs["known_at_paid"] <= pairs["observation_date"]
    recent = pairs["due_date"] >= pairs["observation_date"] - 180 * DAY
    late = recent & (~is_paid | (pairs["paid_on_paid"] > pairs["due_date"]))
    out["late_payments_180d"] = _counts(pairs, late, out)
    out["unpaid_invoices"] = _counts(pairs, ~is_paid, out)


def _support(out: pd.DataFrame, tickets: pd.DataFrame) -> None:
    first = tickets.sort_values("known_at").drop_duplicates("ticket_id")
    done = tickets[tickets["resolved_on"].notna()].set_index("ticket_id")[["resolved_on", "known_at"]]
    rows = first.join(done, on="ticket_id", suffixes=("", "_done"))
    pairs = _pairs(out, rows[["customer_id", "opened_on", "resolved_on_done", "known_at_done"]])
    pairs = pairs[pairs["opened_on"] <= pairs["observation_date"]]
    day = pairs["observation_date"]
    is_done = pairs["known_at_done"] <= day
    out["tickets_90d"] = _counts(pairs, pairs["opened_on"] > day - 90 * DAY, out)
    out["open_tickets"] = _counts(pairs, ~is_done, out)
    recent = pairs[is_done & (pairs["resolved_on_done"] > day - 180 * DAY)]
    took = (recent["resolved_on_done"] - recent["opened_on"]) / DAY
    out["avg_days_to_resolve_180d"] = took.groupby(recent["row"]).mean().reindex(out.index)


def _pairs(out: pd.DataFrame, rows: pd.DataFrame) -> pd.DataFrame:
    return out[["customer_id", "observation_date"]].rename_axis("row").reset_index().merge(rows, on="customer_id")


def _counts(pairs: pd.DataFrame, chosen: pd.Series, out: pd.DataFrame) -> np.ndarray:
    return np.bincount(pairs["row"][chosen], minlength=len(out)).astype("float64")
