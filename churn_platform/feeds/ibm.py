"""The IBM extract, replayed: one snapshot without dates becomes six landed tables on a declared, seeded calendar.

What belongs here: IBM's column names, and which customer is observed on which day. Rows are real, dates are the replay's. What does
not: finding or reading the files (`adapters/extract.py`), and judging rows (`quarantine.py`): values pass through as they stand.

Sources: `Telco-Customer-Churn.csv` (IBM/telco-customer-churn-on-icp4d, Apache-2.0) and, where present, the services and status tables
of the Cognos sample "Telco customer churn 11.1.3+".
"""

from __future__ import annotations

from dataclasses import dataclass
from datetime import date, timedelta
from typing import TYPE_CHECKING

import numpy as np
import pandas as pd

from churn_platform.contracts.tables import RAW_TABLES

if TYPE_CHECKING:
    from churn_platform.policies import Policies

PROFILE_COLUMNS = {
    "customerID": "customer_id",
    "gender": "gender",
    "SeniorCitizen": "senior_citizen",
    "Partner": "partner",
    "Dependents": "dependents",
    "tenure": "tenure_months",
    "PhoneService": "phone_service",
    "MultipleLines": "multiple_lines",
    "InternetService": "internet_service",
    "OnlineSecurity": "online_security",
    "OnlineBackup": "online_backup",
    "DeviceProtection": "device_protection",
    "TechSupport": "tech_support",
    "StreamingTV": "streaming_tv",
    "StreamingMovies": "streaming_movies",
    "Contract": "contract",
    "PaperlessBilling": "paperless_billing",
    "PaymentMethod": "payment_method",
    "MonthlyCharges": "monthly_charges",
    "TotalCharges": "total_charges",
}
CLASSIC_COLUMNS = (*PROFILE_COLUMNS, "Churn")
SERVICES_KEY = STATUS_KEY = "Customer ID"
SERVICES_COLUMNS = (
    SERVICES_KEY,
    "Internet Service",
    "Internet Type",
    "Unlimited Data",
    "Number of Referrals",
    "Tenure in Months",
    "Avg Monthly GB Download",
    "Total Extra Data Charges",
    "Total Long Distance Charges",
    "Total Charges",
    "Total Refunds",
)
STATUS_COLUMNS = (STATUS_KEY, "CLTV", "Churn Category", "Churn Reason")


class ExtractError(ValueError):
    """The extract is not IBM's file: the message names the file and the columns that are missing."""


@dataclass(frozen=True, slots=True)
class Extract:
    """IBM's tables as read: every column text or number as in the file. `services` and `status` are optional."""

    churn: pd.DataFrame
    services: pd.DataFrame | None = None
    status: pd.DataFrame | None = None


def observation_days(customer_ids: pd.Series, policies: Policies) -> pd.Series:
    """Assign each customer the day on which the replay observes them: history first, then live.

    The assignment depends on the ids and the policy's seed only, not on the file's order. Days are filled evenly.

    Args:
        customer_ids: (n,) unique ids.

    Returns:
        (n,) datetime64[s], on the index of `customer_ids`.
    """
    replay = policies.replay
    rng = np.random.default_rng(replay.seed)
    shuffled = rng.permutation(np.sort(customer_ids.to_numpy(dtype="str")))
    n_live = round(len(shuffled) * replay.live_share)
    n_history = len(shuffled) - n_live
    history = np.arange(n_history) * replay.history.days // max(n_history, 1)
    live = (replay.history + replay.maturing).days + np.arange(n_live) * replay.live.days // max(n_live, 1)
    offset = pd.Series(np.concatenate([history, live]), index=shuffled)
    return _days(replay.start_date, customer_ids.map(offset))


def replay(extract: Extract, policies: Policies) -> dict[str, pd.DataFrame]:
    """Turn the extract into landed rows, each with `landed_on`; rows of tables that IBM does not have stay absent.

    A churner leaves 1 to `label.horizon` days after their observation (seeded, by customer id).

    Returns:
        table name -> rows in the table's columns plus `landed_on`, sorted by `landed_on` and id.

    Raises:
        ExtractError: a table lacks a column that is used, an id is blank or repeats, or `Churn` is neither Yes nor No.
    """
    _hold_to_layout(extract)
    churn = extract.churn
    observed = observation_days(churn["customerID"], policies)
    landed = {"customers": _customers(extract, observed), "churn_events": _churn_events(extract, observed, policies)}
    if extract.services is not None:
        services = extract.services.set_index(SERVICES_KEY).reindex(churn["customerID"]).set_index(churn.index)
        landed["account_usage"] = _account_usage(churn, services, observed)
        landed["invoices"] = _invoices(churn, services, observed)
    return {
        name: frame.sort_values(["landed_on", RAW_TABLES[name].grain[0]], kind="stable").reset_index(drop=True)
        for name, frame in landed.items()
    }


def _hold_to_layout(extract: Extract) -> None:
    """What the gate cannot judge later: without its id or its outcome, a row would vanish or turn into another."""
    tables = (
        ("Telco-Customer-Churn.csv", extract.churn, CLASSIC_COLUMNS),
        ("the services table", extract.services, SERVICES_COLUMNS),
        ("the status table", extract.status, STATUS_COLUMNS),
    )
    for told, frame, expected in tables:
        if frame is None:
            continue
        missing = [name for name in expected if name not in frame]
        if missing:
            raise ExtractError(f"the IBM extract's {told} lacks {', '.join(missing)}: take IBM's file as published")
        ids = frame[expected[0]]
        blank = ids.isna() | (ids.astype("str").str.strip() == "")
        if bool(blank.any()):
            raise ExtractError(f"{expected[0]} is blank in row {int(np.argmax(blank)) + 1} of {told}: give it its id")
        if bool(ids.duplicated().any()):
            again = ids[ids.duplicated()].iloc[0]
            raise ExtractError(f"{told} repeats {expected[0]} {again!r}; each customer must stand once")
    if extract.churn.empty:
        raise ExtractError("Telco-Customer-Churn.csv holds no customers: take IBM's file as published")
    odd = extract.churn["Churn"][~extract.churn["Churn"].isin(["No", "Yes"])]
    if len(odd):
        raise ExtractError(f"Churn must be Yes or No; {len(odd)} rows of Telco-Customer-Churn.csv say {odd.iloc[0]!r}")


def _days(start: date, offsets: pd.Series) -> pd.Series:
    return (pd.Timestamp(start) + pd.to_timedelta(offsets, unit="D")).astype("datetime64[s]")


def _customers(extract: Extract, observed: pd.Series) -> pd.DataFrame:
    churn = extract.churn
    rows = churn[list(PROFILE_COLUMNS)].rename(columns=PROFILE_COLUMNS)
    senior = pd.to_numeric(rows["senior_citizen"], errors="coerce").map({0: "No", 1: "Yes"})
    # what is neither 0 nor 1 passes as it stands, as text: the gate refuses it by name
    rows["senior_citizen"] = senior.where(senior.notna(), rows["senior_citizen"].astype("str"))
    rows["observation_date"] = rows["known_at"] = rows["landed_on"] = observed
    rows["next_observation_date"] = pd.NaT
    empty = pd.Series(None, index=churn.index, dtype="object")
    rows["internet_type"] = rows["unlimited_data"] = rows["number_of_referrals"] = rows["cltv"] = empty
    if extract.services is not None:
        services = extract.services.set_index(SERVICES_KEY).reindex(churn["customerID"]).set_index(churn.index)
        known = services["Internet Service"].notna()
        # the extension leaves the type blank exactly where there is no internet service
        rows["internet_type"] = services["Internet Type"].where(services["Internet Type"].notna() | ~known, "None")
        rows["unlimited_data"] = services["Unlimited Data"]
        rows["number_of_referrals"] = services["Number of Referrals"]
    if extract.status is not None:
        rows["cltv"] = extract.status.set_index(STATUS_KEY)["CLTV"].reindex(churn["customerID"]).to_numpy()
    return rows[[*RAW_TABLES["customers"].column_names, "landed_on"]]


def _account_usage(churn: pd.DataFrame, services: pd.DataFrame, observed: pd.Series) -> pd.DataFrame:
    """One summary row per customer: the extension gives the lifetime, so `months` is the tenure."""
    rows = pd.DataFrame(
        {
            "customer_id": churn["customerID"],
            "period_end": observed,
            "months": services["Tenure in Months"],
            "known_at": observed,
            "data_gb": services["Avg Monthly GB Download"] * services["Tenure in Months"],
            "extra_data_charges": services["Total Extra Data Charges"],
            "long_distance_charges": services["Total Long Distance Charges"],
            "landed_on": observed,
        }
    )
    return rows[services["Tenure in Months"].notna()]


def _invoices(churn: pd.DataFrame, services: pd.DataFrame, observed: pd.Series) -> pd.DataFrame:
    """One statement per customer with the lifetime's totals; the extension does not say when it was due or paid."""
    rows = pd.DataFrame(
        {
            "invoice_id": "IBM-" + churn["customerID"].astype("str"),
            "customer_id": churn["customerID"],
            "invoice_date": observed,
            "months": services["Tenure in Months"],
            "known_at": observed,
            "amount": services["Total Charges"],
            "refunds": services["Total Refunds"],
            "due_date": pd.NaT,
            "paid_on": pd.NaT,
            "landed_on": observed,
        }
    )
    return rows[services["Tenure in Months"].notna()]


def _churn_events(extract: Extract, observed: pd.Series, policies: Policies) -> pd.DataFrame:
    churn = extract.churn
    horizon: timedelta = policies.label.horizon
    # drawn in id order, so that the file's order does not matter
    order = np.argsort(churn["customerID"].to_numpy(dtype="str"), kind="stable")
    delay = np.empty(len(churn), dtype="int64")
    delay[order] = np.random.default_rng([policies.replay.seed, 1]).integers(1, horizon.days + 1, len(churn))
    left = observed + pd.to_timedelta(delay, unit="D")
    rows = pd.DataFrame(
        {
            "customer_id": churn["customerID"],
            "churned_on": left,
            "known_at": left,
            "churn_category": None,
            "churn_reason": None,
            "landed_on": left,
        }
    )
    if extract.status is not None:
        told = extract.status.set_index(STATUS_KEY).reindex(churn["customerID"])
        rows["churn_category"] = told["Churn Category"].to_numpy()
        rows["churn_reason"] = told["Churn Reason"].to_numpy()
    return rows[churn["Churn"] == "Yes"]
