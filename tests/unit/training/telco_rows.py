"""The real rows as the feature and outcome tables would hold them, with dates from a seeded calendar."""

from __future__ import annotations

from dataclasses import dataclass, replace
from datetime import date, timedelta
from functools import cache
from pathlib import Path

import numpy as np
import pandas as pd

from churn_platform.contracts.features import FEATURE_SETS, V1, FeatureSet
from churn_platform.feeds.ibm import PROFILE_COLUMNS
from churn_platform.training.examples import TrainingExamples, training_examples

DATA = Path(__file__).parents[3] / "../shared/data"
if not DATA.exists():
    DATA = Path(__file__).parents[3] / "data/raw/ibm"

HORIZON = timedelta(days=30)
START = date(2026, 1, 1)
AS_OF = date(2026, 6, 1)

EXTENSION = {
    "Unlimited Data": "unlimited_data",
    "Number of Referrals": "number_of_referrals",
    "Avg Monthly GB Download": "avg_monthly_gb",
    "Total Extra Data Charges": "total_extra_data_charges",
    "Total Long Distance Charges": "total_long_distance_charges",
    "Total Refunds": "total_refunds",
}


@dataclass(frozen=True)
class Tuning:
    trials: int = 3
    folds: int = 5
    time_budget: timedelta = timedelta(seconds=240)
    max_rounds: int = 600
    early_stopping_rounds: int = 40


@dataclass(frozen=True)
class Recency:
    """What `recency` reads of `RecencyPolicy`."""

    half_life: timedelta = timedelta(days=30)
    short_window: timedelta = timedelta(days=60)
    backtest: timedelta = timedelta(days=14)
    min_rows: int = 1000
    min_churners: int = 50


@dataclass(frozen=True)
class Policy:
    """What the room reads of `TrainingPolicy`, small enough for a test to change one number."""

    feature_set: str = "v1"
    window: timedelta = timedelta(days=365)
    holdout_share: float = 0.2
    holdout_rows: int = 5000
    holdout_after_change: float = 0.25
    embargo: timedelta = timedelta(0)
    seed: int = 7
    threads: int = 1
    recency: Recency = Recency()
    tuning: Tuning = Tuning()


QUICK = Policy(tuning=Tuning(trials=2, folds=3, max_rounds=60, early_stopping_rounds=20))
"""For laws that hold whatever the model's worth."""


@dataclass(frozen=True)
class Tables:
    """A feature table and the outcomes beside it."""

    features: pd.DataFrame
    outcomes: pd.DataFrame
    feature_set: FeatureSet

    def examples(self, policy: Policy = Policy(), as_of: date = AS_OF) -> TrainingExamples:
        return training_examples(self.features, self.outcomes, self.feature_set, as_of, policy, HORIZON)

    def shuffled(self, seed: int = 1) -> Tables:
        return replace(
            self,
            features=self.features.sample(frac=1, random_state=seed),
            outcomes=self.outcomes.sample(frac=1, random_state=seed + 1),
        )

    def head(self, rows: int) -> Tables:
        return replace(self, features=self.features.head(rows), outcomes=self.outcomes.head(rows))


def real_tables(feature_set: str) -> Tables:
    """IBM's rows on a seeded calendar: observed over 120 days, leavers leave 1–30 days later and are known the day
    after."""
    classic = pd.read_csv(DATA / "telco_customer_churn.csv")
    services = pd.read_csv(DATA / "telco_services.csv", keep_default_na=False).set_index("Customer ID")
    services = services.loc[classic["customerID"]].reset_index(drop=True)
    rows = classic.rename(columns=PROFILE_COLUMNS)[list(PROFILE_COLUMNS.values())].copy()
    rows["senior_citizen"] = classic["SeniorCitizen"].map({0: "No", 1: "Yes"})
    rows["total_charges"] = pd.to_numeric(classic["TotalCharges"].str.strip().replace("", "0"))
    rows = rows.join(services.rename(columns=EXTENSION)[list(EXTENSION.values())])
    rows["internet_type"] = services["Internet Type"].replace("", "None")

    rng = np.random.default_rng(2026)
    rows["observation_date"] = pd.Timestamp(START) + pd.to_timedelta(rng.integers(0, 120, len(rows)), unit="D")
    rows["attributes_known_at"] = rows["observation_date"]
    left = (classic["Churn"] == "Yes").to_numpy()
    churned_on = rows["observation_date"] + pd.to_timedelta(rng.integers(1, 31, len(rows)), unit="D")
    outcomes = rows[["customer_id", "observation_date"]].copy()
    outcomes["matured_on"] = outcomes["observation_date"] + HORIZON
    outcomes["churned_on"] = churned_on.where(left)
    outcomes["churn_known_at"] = (churned_on + pd.Timedelta(days=1)).where(left)
    columns = FEATURE_SETS[feature_set]
    for name in columns.names:
        if name not in rows:
            rows[name] = np.nan
    features = rows[["customer_id", "observation_date", "attributes_known_at", *columns.names]]
    return Tables(features, outcomes, columns)


def made_up_tables(rows: int, seed: int = 0, customers: int | None = None) -> Tables:
    """Customers who never were, with a plain signal (contract, tenure), some missing values, 40 observation days.

    With `customers` < rows, customers are observed repeatedly, ten days apart.
    """
    rng = np.random.default_rng(seed)
    people = customers or rows
    who = np.arange(rows) % people
    turn = np.arange(rows) // people
    features = pd.DataFrame({"customer_id": [f"made-up-{number:06d}" for number in who]})
    start = rng.integers(0, 40, people)[who]
    features["observation_date"] = pd.Timestamp(START) + pd.to_timedelta(start + 10 * turn, unit="D")
    features["attributes_known_at"] = features["observation_date"] - pd.Timedelta(days=1)
    for feature in V1.features:
        if feature.is_categorical:
            features[feature.name] = rng.choice(np.array(feature.domain, dtype=object), rows)
        else:
            features[feature.name] = np.round(rng.gamma(2.0, 20.0, rows), 2)
    features.loc[rng.random(rows) < 0.1, "total_charges"] = np.nan
    features.loc[rng.random(rows) < 0.1, "payment_method"] = None
    log_odds = 1.2 * (features["contract"] == "Month-to-month") - 0.03 * features["tenure_months"] - 0.5
    left = (rng.random(rows) < 1 / (1 + np.exp(-log_odds))).to_numpy()
    outcomes = features[["customer_id", "observation_date"]].copy()
    outcomes["matured_on"] = outcomes["observation_date"] + HORIZON
    churned_on = outcomes["observation_date"] + pd.to_timedelta(rng.integers(1, 31, rows), unit="D")
    outcomes["churned_on"] = churned_on.where(left)
    outcomes["churn_known_at"] = churned_on.where(left)
    return Tables(features, outcomes, V1)


@cache
def made_up_examples(rows: int, seed: int = 0, customers: int | None = None) -> TrainingExamples:
    """The examples of `made_up_tables`; made once, so nobody may change them in place."""
    return made_up_tables(rows, seed, customers).examples()
