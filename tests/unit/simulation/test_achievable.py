"""The best that the platform's columns allow: what they show is found, what they hide is not, and a change is known on its day."""

from __future__ import annotations

import numpy as np
import pandas as pd
import pytest

from churn_platform.contracts.features import Feature, FeatureSet
from churn_platform.flows.simulation.achievable import achievable_auc
from churn_platform.simulation.truth import best_auc

COLUMNS = FeatureSet("made_up", (Feature("first", "profile", "first"), Feature("second", "profile", "second")))
DAYS, PER_DAY = 40, 150


def telco(shown: float, hidden: float, turned_on: int = DAYS) -> tuple[pd.DataFrame, pd.DataFrame]:
    """Features and truth: leaving follows `first` as far as `shown`, turned over from day `turned_on` on, and a mood as far as `hidden`."""
    rng = np.random.default_rng(1)
    rows = DAYS * PER_DAY
    day = np.repeat(np.arange(DAYS), PER_DAY)
    first, second, mood = rng.normal(size=(3, rows))
    odds = -2.0 + shown * np.where(day < turned_on, first, -first) + hidden * mood
    keys = {
        "customer_id": [f"C{i:05d}" for i in range(rows)],
        "observation_date": pd.Timestamp("2026-06-01") + pd.to_timedelta(day, unit="D"),
    }
    truth = pd.DataFrame({**keys, "leave_probability": 1.0 / (1.0 + np.exp(-odds))})
    return pd.DataFrame({**keys, "first": first, "second": second}), truth


def mean_auc(features: pd.DataFrame, truth: pd.DataFrame) -> float:
    found = achievable_auc(features, truth, COLUMNS)
    assert len(found) == DAYS
    return float(np.mean(list(found.values())))


def mean_best(truth: pd.DataFrame) -> float:
    return float(truth.groupby("observation_date")["leave_probability"].apply(lambda p: best_auc(p.to_numpy())).mean())


def test_what_the_columns_show_is_found_and_no_day_is_ranked_better_than_the_truth() -> None:
    features, truth = telco(shown=1.5, hidden=0.0)
    assert mean_best(truth) - 0.01 < mean_auc(features, truth) <= mean_best(truth) + 1e-9


def test_what_no_column_shows_is_beyond_it() -> None:
    features, truth = telco(shown=1.0, hidden=1.5)
    assert mean_auc(features, truth) < mean_best(truth) - 0.08
    alone = telco(shown=0.0, hidden=1.5)
    assert mean_auc(*alone) == pytest.approx(0.5, abs=0.03)


def test_a_change_is_known_on_the_day_it_comes() -> None:
    steady, turned = telco(1.5, 0.0), telco(1.5, 0.0, turned_on=20)
    assert mean_auc(*turned) == pytest.approx(mean_auc(*steady), abs=0.02)


def test_days_without_truth_are_left_out_and_nobody_is_no_error() -> None:
    features, truth = telco(1.5, 0.0)
    some = truth[truth["observation_date"] < "2026-06-11"]
    assert len(achievable_auc(features, some, COLUMNS)) == 10
    assert achievable_auc(features.head(0), truth, COLUMNS) == {}
