"""Made customers for tests of drift: a reference, and live days that are calm or changed from a day on."""

from __future__ import annotations

from collections.abc import Callable
from datetime import date, timedelta

import numpy as np
import pandas as pd

from churn_platform.contracts.features import V1, Feature
from churn_platform.drift.baseline import Baseline, make_baseline
from churn_platform.drift.context import DriftContext, HoldoutAuc
from churn_platform.drift.panel import SCORE, watched_features, watched_scores
from churn_platform.drift.tally import tally
from churn_platform.policies import load_policies
from churn_platform.policies.monitoring import DriftPolicy

POLICIES = load_policies()
POLICY = POLICIES.drift
HORIZON = 30
TRAINED_FROM, LIVE_FROM = date(2026, 1, 1), date(2026, 6, 1)
FEATURES: tuple[Feature, ...] = tuple(
    feature
    for feature in V1.features
    if feature.name in ("contract", "internet_service", "tenure_months", "monthly_charges", "gender")
)
INFLUENCE = {"contract": 0.4, "tenure_months": 0.3, "monthly_charges": 0.2, "internet_service": 0.1}

Change = Callable[[pd.DataFrame, np.random.Generator], pd.DataFrame]


def customers(
    rng: np.random.Generator, first: date, days: int, per_day: int, change: Change | None = None, since: int = 0
) -> pd.DataFrame:
    """Scored feature rows with the month before and who left when; `change` is applied to the rows from day `since` on."""
    n = days * per_day
    at = np.repeat(np.arange(days), per_day)
    monthly = np.round(rng.gamma(6.0, 11.0, n), 2)
    rows = pd.DataFrame(
        {
            "customer_id": [f"c{k}" for k in range(n)],
            "observation_date": pd.Timestamp(first) + pd.to_timedelta(at, unit="D"),
            "contract": rng.choice(["Month-to-month", "One year", "Two year"], n, p=[0.55, 0.21, 0.24]),
            "internet_service": rng.choice(["DSL", "Fiber optic", "No"], n, p=[0.34, 0.44, 0.22]),
            "gender": rng.choice(["Female", "Male"], n),
            "tenure_months": rng.integers(0, 73, n),
            "monthly_charges": monthly,
        }
    )
    for name in ("contract", "internet_service", "gender", "monthly_charges"):
        rows[f"before.{name}"] = rows[name]
    rows["before.tenure_months"] = (rows["tenure_months"] - 1).astype("float64")
    rows["before.observation_date"] = (rows["observation_date"] - pd.Timedelta(days=30)).where(
        rows["tenure_months"] > 0
    )
    log_odds = (
        -3.2
        + 1.8 * (rows["contract"] == "Month-to-month")
        - 0.03 * rows["tenure_months"]
        + 1.0 * (rows["internet_service"] == "Fiber optic")
    )
    rows["probability"] = 1.0 / (1.0 + np.exp(-log_odds))
    rows["truth"] = rows["probability"]
    if change is not None:
        touched = at >= since
        rows.loc[touched] = change(rows.loc[touched].copy(), rng)
    leaves = rng.random(n) < rows["truth"]
    offset = pd.to_timedelta(rng.integers(1, HORIZON + 1, n), unit="D")
    rows["churned_on"] = (rows["observation_date"] + offset).where(leaves)
    rows["churn_known_at"] = rows["churned_on"]
    rows["churned"] = leaves.astype("int8")
    rows["band"] = np.where(rows["probability"] >= 0.6, "high", np.where(rows["probability"] >= 0.3, "medium", "low"))
    return rows


def baseline(rng: np.random.Generator, rows: int = 12_000) -> Baseline:
    """The reference of calm customers."""
    seen = customers(rng, TRAINED_FROM, 60, rows // 60)
    shares = seen["band"].value_counts(normalize=True).to_dict()
    return make_baseline(
        watched_features(seen, FEATURES, 1), seen["probability"].to_numpy(), seen,
        bands=shares, bins=POLICY.bins, min_rows=POLICY.window.min_rows, horizon_days=HORIZON,
    )  # fmt: skip


def context(
    known: Baseline,
    rows: pd.DataFrame,
    first: int,
    last: int,
    *,
    policy: DriftPolicy = POLICY,
    late: dict[str, frozenset[date]] | None = None,
    holdout: float = 0.78,
) -> DriftContext:
    """The judging of live days `first` to `last` (counted from LIVE_FROM)."""
    axis_from, end = LIVE_FROM - timedelta(90), LIVE_FROM + timedelta(last)
    watched = watched_features(rows, FEATURES, 1)
    watched[SCORE] = watched_scores(rows["observation_date"].to_numpy(), rows["probability"].to_numpy())
    return DriftContext(
        days=tuple(LIVE_FROM + timedelta(k) for k in range(first, last + 1)),
        baseline=known,
        tallies=tally(watched, known.columns, axis_from, end),
        scored=rows,
        influence=INFLUENCE,
        holdout=HoldoutAuc(holdout, 0.008),
        horizon_days=HORIZON,
        policy=policy,
        late=late or {},
    )
