"""The reasons a retention manager reads: which, in which order, in which words."""

from __future__ import annotations

import json

import numpy as np
import pandas as pd
import pytest
import xgboost
from hypothesis import given, settings
from hypothesis import strategies as st
from hypothesis.extra.numpy import arrays

from churn_platform.contracts.features import FEATURE_SETS, V1, V2, Feature, FeatureSet
from churn_platform.explanation.contributions import Contributions, contributions
from churn_platform.explanation.errors import ExplanationError
from churn_platform.explanation.reasons import rank, reasons_json, top_reasons
from churn_platform.explanation.wording import WORDING, CategoryWording, reason_text

FEATURES = [feature for feature_set in FEATURE_SETS.values() for feature in feature_set.features]


def explained(amounts: dict[str, float]) -> Contributions:
    values = np.array([list(amounts.values())])
    return Contributions(tuple(amounts), values, np.zeros(1), values.sum(axis=1))


@pytest.mark.parametrize("feature", FEATURES, ids=lambda feature: feature.name)
def test_every_feature_of_the_contract_has_wording_for_every_value(feature: Feature) -> None:
    wording = WORDING[feature.name]
    if feature.is_categorical:
        assert isinstance(wording, CategoryWording)
        assert set(wording.phrases) == set(feature.domain)
        values: list[object] = [*feature.domain, None]
    else:
        values = [0, 0.37, 1, 2, 12, 99.65, 6844.5, np.nan]
    texts = [reason_text(feature, value, towards_leaving=True) for value in values]
    assert all(text == text.strip() and text and "{" not in text for text in texts)
    assert len(set(texts)) == len(texts)
    assert texts[-1].endswith("not known")


def test_the_wording_names_no_feature_that_the_contract_lacks() -> None:
    assert set(WORDING) == {feature.name for feature in FEATURES}


@pytest.mark.parametrize(
    ("name", "value", "text"),
    [
        ("contract", "Month-to-month", "month-to-month contract"),
        ("tenure_months", 2, "only 2 months as a customer"),
        ("tenure_months", 66, "66 months as a customer"),
        ("tech_support", "No", "no tech support"),
        ("tech_support", "No internet service", "no internet, so no tech support"),
        ("payment_method", "Electronic check", "pays by electronic check"),
        ("monthly_charges", 99.65, "pays 99.65 USD a month"),
        ("avg_monthly_gb", np.nan, "data use not known"),
        ("usage_trend", 0.7, "data use down 30 % on the three months before"),
        ("number_of_referrals", 1, "referred 1 friend"),
    ],
)
def test_a_reason_is_said_as_a_retention_manager_would(name: str, value: object, text: str) -> None:
    assert reason_text(V2.feature(name), value, towards_leaving=True) == text


def test_a_short_tenure_that_speaks_for_staying_is_not_called_only() -> None:
    assert reason_text(V1.feature("tenure_months"), 2, towards_leaving=False) == "2 months as a customer"


def test_a_category_outside_the_contract_is_refused_not_worded() -> None:
    with pytest.raises(ExplanationError, match="no phrase for the category 'Ten year'"):
        reason_text(V1.feature("contract"), "Ten year", towards_leaving=True)


def test_reasons_towards_leaving_come_first_then_the_strongest_protection() -> None:
    row = pd.DataFrame(
        {"contract": ["Two year"], "tenure_months": [3], "tech_support": ["No"], "partner": ["Yes"], "gender": ["Male"]}
    )
    amounts = {"contract": -0.9, "tenure_months": 0.4, "tech_support": 0.1, "partner": -0.2, "gender": 0.0}
    (reasons,) = top_reasons(explained(amounts), row, V1, k=3)
    assert [(reason.feature, reason.direction) for reason in reasons] == [
        ("tenure_months", "leaving"),
        ("tech_support", "leaving"),
        ("contract", "staying"),
    ]
    (all_there_are,) = top_reasons(explained(amounts), row, V1, k=99)
    assert [reason.feature for reason in all_there_are] == ["tenure_months", "tech_support", "partner", "contract"]


@given(
    arrays(np.float64, st.tuples(st.integers(1, 8), st.integers(1, 9)), elements=st.integers(-3, 3)),
    st.integers(1, 10),
)
def test_the_order_is_the_same_as_by_plain_sorting(amounts: np.ndarray, k: int) -> None:
    for row, chosen in zip(amounts, rank(amounts, k), strict=True):
        leaving = sorted((j for j in range(len(row)) if row[j] > 0), key=lambda j: (-row[j], j))[:k]
        staying = sorted((j for j in range(len(row)) if row[j] < 0), key=lambda j: (-row[j], j))
        expected = leaving + staying[max(0, len(staying) - (k - len(leaving))) :]
        assert [j for j in chosen if j >= 0] == expected
        assert len(chosen) == min(k, len(row))


@settings(max_examples=40, deadline=None)
@given(st.integers(0, 2**32 - 1), st.integers(1, 6), st.sampled_from([0.0, 0.3, 1.0]))
def test_the_json_holds_the_same_reasons_as_the_values(seed: int, rows: int, missing: float) -> None:
    rng = np.random.default_rng(seed)
    columns = {
        feature.name: rng.choice(feature.domain, rows) if feature.is_categorical else rng.integers(0, 999, rows) / 4
        for feature in V2.features
    }
    shape = (rows, len(V2.features))
    values = pd.DataFrame(columns).mask(rng.random(shape) < missing)
    amounts = np.where(rng.random(shape) < missing, 0.0, rng.normal(size=shape))
    both = Contributions(V2.names, amounts, np.zeros(rows), amounts.sum(axis=1))
    for text, reasons in zip(reasons_json(both, values, V2, 5), top_reasons(both, values, V2, 5), strict=True):
        found = json.loads(text)
        assert [list(one) for one in found] == [["feature", "value", "contribution", "text"]] * len(reasons)
        for one, reason in zip(found, reasons, strict=True):
            assert one == {**reason.as_dict(), "contribution": pytest.approx(reason.contribution, abs=5.1e-7)}


def test_the_reasons_of_real_customers_are_told_from_their_own_values(
    booster: xgboost.Booster, customers: pd.DataFrame, model_input: pd.DataFrame
) -> None:
    told = reasons_json(contributions(booster, model_input), customers, V1, 5)
    first = json.loads(told[0])  # 7590-VHVEG, one month in, month to month
    assert customers["customer_id"].iloc[0] == "7590-VHVEG"
    assert {"month-to-month contract", "only 1 month as a customer"} <= {reason["text"] for reason in first}
    amounts = [reason["contribution"] for reason in first]
    assert amounts == sorted(amounts, reverse=True)


def test_rows_of_another_frame_are_refused(customers: pd.DataFrame) -> None:
    with pytest.raises(ExplanationError, match="2 rows of values for 1 rows of contributions"):
        reasons_json(explained({"contract": 0.5}), customers.head(2), V1, 5)


def test_a_model_of_another_feature_set_is_refused() -> None:
    values = pd.DataFrame({"avg_monthly_gb": [3.0]})
    with pytest.raises(ExplanationError, match="feature set v1 has no avg_monthly_gb"):
        top_reasons(explained({"avg_monthly_gb": 0.5}), values, V1, 5)


def test_asking_for_no_reasons_is_an_error() -> None:
    with pytest.raises(ExplanationError, match="asks for no reasons"):
        rank(np.ones((1, 2)), 0)


@pytest.mark.parametrize("poison", [np.nan, np.inf])
def test_contributions_that_are_no_numbers_have_no_order(poison: float) -> None:
    with pytest.raises(ExplanationError, match="NaN or infinite"):
        reasons_json(explained({"contract": poison}), pd.DataFrame({"contract": ["One year"]}), V1, 1)


def test_a_feature_without_wording_falls_back_to_its_label() -> None:
    new = FeatureSet("v3", (Feature("roaming_days", "usage", "roaming days", unit="days"),))
    (reasons,) = top_reasons(explained({"roaming_days": 0.5}), pd.DataFrame({"roaming_days": [4.0]}), new, 1)
    assert reasons[0].text == "roaming days: 4 days"
