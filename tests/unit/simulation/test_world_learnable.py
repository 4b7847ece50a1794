"""What can be learned in the calm world.

The platform's kind of model reaches the bands, and operational signals tell more than attributes.
"""

from __future__ import annotations

import pandas as pd
import pytest
from features_as_known import features, landed
from sklearn.metrics import roc_auc_score

from churn_platform.contracts.features import FEATURE_SETS
from churn_platform.simulation.world import DayLanding, World

TRAIN, GAP, TEST = 90, 30, 45
OPERATIONAL = (
    "number_of_referrals", "avg_monthly_gb", "usage_trend", "total_refunds", "total_extra_data_charges", "late_payments_180d",
    "tickets_90d", "open_tickets", "avg_days_to_resolve_180d",
)  # fmt: skip


@pytest.fixture(scope="module")
def days() -> list[DayLanding]:
    world = World(customers=9_000, seed=5)
    return [world.opening(), *(world.day(world.next_date) for _ in range(TRAIN + GAP + TEST + 33))]


@pytest.fixture(scope="module")
def table(days: list[DayLanding]) -> pd.DataFrame:
    return features(landed(days))


def auc(table: pd.DataFrame, days: list[DayLanding], feature_set: str) -> float:
    """300 trees of depth 3 at a rate of 0.05, native categoricals, trained on matured months, judged on later ones."""
    import xgboost

    chosen = FEATURE_SETS[feature_set].features
    X = pd.DataFrame(
        {
            f.name: pd.Categorical(table[f.name], categories=f.domain)
            if f.is_categorical
            else table[f.name].astype("float64")
            for f in chosen
        }
    )
    number = (table["observation_date"] - pd.Timestamp(days[1].day)).dt.days
    train, test = number < TRAIN, (number >= TRAIN + GAP) & (number < TRAIN + GAP + TEST)
    model = xgboost.XGBClassifier(n_estimators=300, max_depth=3, learning_rate=0.05, enable_categorical=True, n_jobs=2)
    model.fit(X[train], table["churned"][train])
    return float(roc_auc_score(table["churned"][test], model.predict_proba(X[test])[:, 1]))


@pytest.mark.slow
def test_attributes_alone_reach_their_band_and_operational_signals_theirs(
    table: pd.DataFrame, days: list[DayLanding]
) -> None:
    v1, v2 = auc(table, days, "v1"), auc(table, days, "v2")
    assert 0.83 <= v1 <= 0.87
    assert 0.86 <= v2 <= 0.91
    assert v2 > v1 + 0.02


@pytest.mark.slow
@pytest.mark.parametrize("name", OPERATIONAL)
def test_each_operational_signal_tells_of_leaving_by_itself(table: pd.DataFrame, name: str) -> None:
    """Among customers of about the same tenure, since totals grow with it; extra data charges among those who can
    have any.

    Differences of means between leavers and stayers, pooled over the bands, in standard errors. Referrals are no line: as in
    the extract, who has made one leaves more often than who has made none, who has made several hardly ever.
    """
    known = table[table[name].notna() & ((table["unlimited_data"] == "No") | (name != "total_extra_data_charges"))]
    total = variance = 0.0
    for _, band in known.groupby(
        pd.qcut(known["tenure_months"].astype("float64"), 8, duplicates="drop"), observed=True
    ):
        values = band[name].astype("float64")
        if name == "number_of_referrals":
            values = values.clip(upper=2).map({0.0: 0.0, 1.0: 1.0, 2.0: -1.0})
        left = band["churned"]
        if left.sum() > 1 and values.std() > 0:
            standard = (values - values.mean()) / values.std()
            total += left.sum() * (standard[left].mean() - standard[~left].mean())
            variance += left.sum() ** 2 * (1.0 / left.sum() + 1.0 / (~left).sum())
    assert abs(total) / variance**0.5 > 3.0, (name, total / variance**0.5)
