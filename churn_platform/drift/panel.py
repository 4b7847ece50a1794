"""What is watched: columns of values with the day each value belongs to, from feature rows, raw rows and scores.

What belongs here: which columns there are, and how rows become them. What does not: counting (`tally`) and judging.

Five families, since a change shows first where it happens first:

- `feature`: every column of the feature tables, also those that the model does not use.
- `newcomers`: the same columns among customers in their first months. A change in who joins is a tenth of the base after a month and a
  half, but all of the newcomers at once.
- `change`: how a column moved since the same customer's observation before: `down`, `same`, `up`, or `same`, `changed` for a category.
  Hardly anybody's price moves in a month, so a price rise shows on its first day, long before the base's prices look different.
- `source`: quantities of the raw tables by the day they landed (days to resolve a ticket, data per month): what the features smooth
  over half a year.
- `score`: the published probability.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Literal, get_args

import numpy as np
import pandas as pd

from churn_platform.contracts.features import V2, Feature
from churn_platform.contracts.tables import RAW_TABLES

Family = Literal["feature", "newcomers", "change", "source", "score"]
FAMILIES: tuple[Family, ...] = get_args(Family)
SCORE = "probability"
MOVED = 0.005
"""Relative: what differs by less is rounding, not a move."""
GROWS_ANYWAY = frozenset({"tenure_months", "total_charges", "usage_trend", "gender"})
"""No `change` column: they grow for everybody each month, are a change already, or never move."""


@dataclass(frozen=True)
class Watched:
    """One watched column: `days` (rows,) as datetime64[D], `values` (rows,) float64 or text; `domain` empty means numeric."""

    name: str
    family: Family
    label: str
    domain: tuple[str, ...]
    days: np.ndarray
    values: np.ndarray


def watched_features(rows: pd.DataFrame, features: Sequence[Feature], newcomer_months: int) -> dict[str, Watched]:
    """Columns of the families feature, newcomers and change.

    Args:
        rows: customer_id, observation_date, the features, and for each a column `before.<feature>` with the value at the customer's
            observation before, and `before.observation_date`; blank where there was none.
        features: which columns to watch.
        newcomer_months: up to which tenure a customer is a newcomer.
    """
    days = rows["observation_date"].to_numpy().astype("datetime64[D]")
    new = (
        rows["tenure_months"].to_numpy(dtype="float64", na_value=np.nan) <= newcomer_months
        if "tenure_months" in rows
        else np.zeros(len(rows), dtype=bool)
    )
    known_before = rows["before.observation_date"].notna().to_numpy()
    out: dict[str, Watched] = {}
    for feature in features:
        if feature.name not in rows:
            continue
        values = _values(rows[feature.name], feature.is_categorical)
        out[feature.name] = Watched(feature.name, "feature", feature.label, feature.domain, days, values)
        if feature.name != "tenure_months":
            name = f"newcomers.{feature.name}"
            label = f"{feature.label}, new customers"
            out[name] = Watched(name, "newcomers", label, feature.domain, days[new], values[new])
        if feature.name not in GROWS_ANYWAY:
            name = f"change.{feature.name}"
            before = _values(rows[f"before.{feature.name}"], feature.is_categorical)
            moved, domain = _moved(values, before, feature.is_categorical)
            label = f"{feature.label}, change since last month"
            out[name] = Watched(name, "change", label, domain, days[known_before], moved[known_before])
    return out


def watched_sources(tables: Mapping[str, pd.DataFrame]) -> dict[str, Watched]:
    """Columns of the family source, from raw rows by table, each with `landed_on`. A later row of the same ticket or invoice counts on
    its own day."""
    out: dict[str, Watched] = {}

    def add(name: str, label: str, rows: pd.DataFrame, values: pd.Series, domain: tuple[str, ...] = ()) -> None:
        days = rows["landed_on"].to_numpy().astype("datetime64[D]")
        out[name] = Watched(name, "source", label, domain, days, _values(values, bool(domain)))

    usage = tables.get("account_usage")
    if usage is not None and len(usage):
        for column, label in (
            ("data_gb", "data use per month as landed"),
            ("extra_data_charges", "extra data charges per month as landed"),
            ("long_distance_charges", "long-distance charges per month as landed"),
        ):
            add(f"account_usage.{column}", label, usage, usage[column] / usage["months"])
    tickets = tables.get("support_tickets")
    if tickets is not None and len(tickets):
        solved = tickets[tickets["resolved_on"].notna()]
        took = (solved["resolved_on"] - solved["opened_on"]).dt.days
        add("support_tickets.days_to_resolve", "days to resolve a ticket as landed", solved, took)
        first = (
            tickets[tickets["known_at"] <= tickets["opened_on"]]
            if (tickets["known_at"] <= tickets["opened_on"]).any()
            else tickets
        )
        for column, label in (("topic", "topic of a ticket"), ("severity", "severity of a ticket")):
            add(
                f"support_tickets.{column}",
                label,
                first,
                first[column],
                RAW_TABLES["support_tickets"].column(column).domain,
            )
    invoices = tables.get("invoices")
    if invoices is not None and len(invoices):
        add("invoices.amount", "amount of an invoice per month", invoices, invoices["amount"] / invoices["months"])
        paid = invoices[invoices["paid_on"].notna()]
        if len(paid):
            add(
                "invoices.days_to_pay", "days to pay an invoice", paid, (paid["paid_on"] - paid["invoice_date"]).dt.days
            )
    return out


def watched_scores(days: np.ndarray, probability: np.ndarray) -> Watched:
    """The published probabilities."""
    return Watched(SCORE, "score", "probability of leaving", (), days.astype("datetime64[D]"), probability)


def influence_of(name: str, influence: Mapping[str, float]) -> float:
    """The share of the model's contributions behind a watched column: its feature's own; 0 for what the model does not use.

    >>> influence_of("change.contract", {"contract": 0.2}), influence_of("invoices.amount", {"contract": 0.2})
    (0.2, 0.0)
    """
    return float(influence.get(feature_of(name), 0.0))


def feature_of(name: str) -> str:
    """The feature that a watched column is about; a source column is about itself."""
    family, _, feature = name.partition(".")
    return feature if family in ("newcomers", "change") else name


FEATURES: tuple[Feature, ...] = V2.features
"""All that the feature tables have: a superset of every model's inputs."""


def _values(column: pd.Series, categorical: bool) -> np.ndarray:
    if categorical and isinstance(column.dtype, pd.CategoricalDtype):
        texts = np.array([*column.cat.categories, None], dtype="object")
        return texts[column.cat.codes.to_numpy()]  # the code -1 of a missing value is the last
    if categorical:
        return column.astype("object").where(column.notna(), None).to_numpy()
    return column.to_numpy(dtype="float64", na_value=np.nan)


def _moved(now: np.ndarray, before: np.ndarray, categorical: bool) -> tuple[np.ndarray, tuple[str, ...]]:
    if categorical:
        gone = pd.isna(now) | pd.isna(before)
        return _unless(gone, np.where(now == before, "same", "changed")), ("same", "changed")
    gone = np.isnan(now) | np.isnan(before)
    reach = MOVED * np.maximum(np.abs(before), np.abs(now))
    way = np.where(now > before + reach, "up", np.where(now < before - reach, "down", "same"))
    return _unless(gone, way), ("down", "same", "up")


def _unless(gone: np.ndarray, words: np.ndarray) -> np.ndarray:
    out = words.astype("object")
    out[gone] = None
    return out
