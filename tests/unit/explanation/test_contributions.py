"""Contributions sum to the margin and are those of the peer library."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pandas as pd
import pytest
import xgboost

from churn_platform.explanation.contributions import (
    Contributions,
    check_sum,
    contributions,
)
from churn_platform.explanation.errors import ContributionGapError, ExplanationError


@pytest.fixture(scope="module")
def explained(booster: xgboost.Booster, model_input: pd.DataFrame) -> Contributions:
    return contributions(booster, model_input)


def test_contributions_of_every_customer_of_the_extract_sum_to_the_margin(explained: Contributions) -> None:
    assert len(explained) == 7043
    assert check_sum(explained, at_most=1e-5) > 0  # float32 never sums to exactly zero over 7,043 rows


def test_the_sum_still_holds_on_the_calibrated_margin(explained: Contributions) -> None:
    calibrated = explained.calibrated(slope=0.87, intercept=-0.2)
    check_sum(calibrated, at_most=1e-5)
    np.testing.assert_allclose(calibrated.margin, 0.87 * explained.margin - 0.2, rtol=1e-12)


def test_they_are_what_shap_says_where_shap_can_read_the_model() -> None:
    # shap 0.51 reads native categoricals of XGBoost 3.2 as numbers: the peer is asked about a numeric model with gaps
    import shap

    rng = np.random.default_rng(3)
    X = rng.normal(size=(400, 5))
    X[rng.random(X.shape) < 0.1] = np.nan
    y = (np.nan_to_num(X[:, 0] * X[:, 1]) + rng.normal(size=400) > 0).astype(float)
    names = [f"x{i}" for i in range(5)]
    model = xgboost.train({"objective": "binary:logistic", "max_depth": 4, "nthread": 1}, _matrix(X, y, names), 20)
    ours = contributions(model, pd.DataFrame(X, columns=names))
    explainer = shap.TreeExplainer(model, feature_perturbation="tree_path_dependent")
    np.testing.assert_allclose(ours.values, explainer.shap_values(X), atol=1e-5)
    np.testing.assert_allclose(ours.base, explainer.expected_value, atol=1e-5)


def test_rows_keep_their_contributions_whatever_their_neighbours_and_order(
    booster: xgboost.Booster, model_input: pd.DataFrame, explained: Contributions
) -> None:
    shuffled = np.random.default_rng(0).permutation(500)
    again = contributions(booster, model_input.iloc[np.concatenate([shuffled, shuffled[:7]])])
    np.testing.assert_array_equal(again.values[:500], explained.values[shuffled])
    np.testing.assert_array_equal(again.values[500:], explained.values[shuffled[:7]])


def test_a_feature_that_never_varies_contributes_exactly_nothing() -> None:
    rng = np.random.default_rng(1)
    X = np.column_stack([rng.normal(size=300), np.full(300, 7.0)])
    model = xgboost.train({"max_depth": 3, "nthread": 1}, _matrix(X, X[:, 0] * 2, ["varies", "constant"]), 10)
    assert not contributions(model, pd.DataFrame(X, columns=["varies", "constant"])).values[:, 1].any()


def test_the_check_sees_contributions_of_another_model(explained: Contributions) -> None:
    check_sum(explained, at_most=1e-4)  # the control
    shifted = explained.margin.copy()
    shifted[41] += 2e-4
    with pytest.raises(ContributionGapError, match="row 41: base and contributions sum to"):
        check_sum(replace(explained, margin=shifted), at_most=1e-4)


@pytest.mark.parametrize("poison", [np.nan, np.inf])
def test_a_value_that_is_no_number_never_passes_the_check(explained: Contributions, poison: float) -> None:
    values = explained.values.copy()
    values[3, 2] = poison
    with pytest.raises(ContributionGapError, match=r"row 3: .*NaN or infinite"):
        check_sum(replace(explained, values=values), at_most=np.inf)


def test_a_bound_that_is_no_number_refuses_everything(explained: Contributions) -> None:
    with pytest.raises(ContributionGapError):
        check_sum(explained, at_most=float("nan"))


def test_no_rows_cannot_be_explained(booster: xgboost.Booster, model_input: pd.DataFrame) -> None:
    with pytest.raises(ExplanationError, match="no rows to explain"):
        contributions(booster, model_input.iloc[:0])


def test_missing_columns_are_named(booster: xgboost.Booster, model_input: pd.DataFrame) -> None:
    with pytest.raises(ExplanationError, match="lack the model's features tenure_months, contract"):
        contributions(booster, model_input.drop(columns=["contract", "tenure_months"]))


@pytest.mark.parametrize("unseen", ["Annual", "Ten year", "Zero year"])
def test_a_category_the_model_never_saw_is_refused_wherever_it_sorts(
    booster: xgboost.Booster, model_input: pd.DataFrame, unseen: str
) -> None:
    row = model_input.iloc[:1].assign(contract=pd.Categorical([unseen]))
    with pytest.raises(ExplanationError, match=f"contract holds '{unseen}' in 1 of 1 rows"):
        contributions(booster, row)


def test_categories_are_matched_by_name_whatever_their_order(
    booster: xgboost.Booster, model_input: pd.DataFrame, explained: Contributions
) -> None:
    turned = model_input.head(50).assign(
        contract=lambda rows: rows["contract"].cat.reorder_categories(["Two year", "Month-to-month", "One year"]),
        gender=lambda rows: rows["gender"].astype(str),
    )
    np.testing.assert_array_equal(contributions(booster, turned).values, explained.values[:50])


@pytest.mark.parametrize("slope", [0.0, -1.0, float("nan"), float("inf")])
def test_a_calibration_that_would_turn_the_reasons_round_is_refused(explained: Contributions, slope: float) -> None:
    with pytest.raises(ExplanationError, match="slope above 0"):
        explained.calibrated(slope, 0.0)


def _matrix(X: np.ndarray, y: np.ndarray, names: list[str]) -> xgboost.DMatrix:
    return xgboost.DMatrix(X, y, feature_names=names)
