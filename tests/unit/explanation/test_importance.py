"""Global importance: the mean size of contributions, and the direction in words."""

from __future__ import annotations

import numpy as np
import pandas as pd
import pytest
import xgboost

from churn_platform.contracts.features import V1
from churn_platform.explanation.contributions import Contributions, contributions
from churn_platform.explanation.errors import ExplanationError
from churn_platform.explanation.importance import global_importance, importance_frame


def test_on_the_extract_the_contract_matters_most_and_shares_sum_to_one(
    booster: xgboost.Booster, customers: pd.DataFrame, model_input: pd.DataFrame
) -> None:
    explained = contributions(booster, model_input)
    importances = global_importance(explained, customers, V1)
    assert importances[0].feature == "contract"
    assert importances[0].direction == "Month-to-month towards leaving"
    assert {one.feature: one.direction for one in importances}["tenure_months"] == "lower values towards leaving"
    assert sum(one.share for one in importances) == pytest.approx(1)
    expected = np.abs(explained.values).mean(axis=0)
    frame = importance_frame(importances).set_index("feature")
    np.testing.assert_array_equal(frame.loc[list(explained.features), "mean_absolute"], expected)
    assert frame["mean_absolute"].is_monotonic_decreasing


def test_a_feature_that_contributes_nothing_has_no_direction_and_no_share() -> None:
    nothing = Contributions(("tenure_months", "contract"), np.zeros((4, 2)), np.zeros(4), np.zeros(4))
    values = pd.DataFrame({"tenure_months": [1, 2, 3, 4], "contract": ["One year"] * 4})
    for one in global_importance(nothing, values, V1):
        assert (one.mean_absolute, one.share, one.towards_leaving, one.direction) == (0, 0, 0, "no direction")


def test_a_missing_category_can_be_what_pulls_towards_leaving() -> None:
    amounts = np.array([[0.4], [-0.1], [-0.2]])
    both = Contributions(("contract",), amounts, np.zeros(3), amounts[:, 0])
    (one,) = global_importance(both, pd.DataFrame({"contract": [None, "One year", "Two year"]}), V1)
    assert one.direction == "not known towards leaving"


def test_importance_over_no_rows_is_an_error() -> None:
    none = Contributions(("contract",), np.zeros((0, 1)), np.zeros(0), np.zeros(0))
    with pytest.raises(ExplanationError, match="no rows"):
        global_importance(none, pd.DataFrame({"contract": []}), V1)
