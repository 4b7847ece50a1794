"""The explainer takes the tables where it can, XGBoost where it must, and says which."""

from __future__ import annotations

import numpy as np
import pandas as pd
import pytest
import xgboost

from churn_platform.explanation.contributions import check_sum, contributions
from churn_platform.explanation.errors import ContributionGapError, ExplanationError
from churn_platform.explanation.explainer import Explainer


def test_both_ways_explain_alike_and_say_which_they_were(booster: xgboost.Booster, model_input: pd.DataFrame) -> None:
    rows = model_input.head(400)
    fast, slow = Explainer.for_booster(booster), Explainer.for_booster(booster, max_bytes=1000)
    assert (fast.method, slow.method) == ("pattern_tables", "pred_contribs")
    assert fast.metadata()["tables_bytes"] > 0  # type: ignore[operator]
    assert "allow more" in str(slow.metadata()["reason"])
    found, peer = fast.explain(rows), slow.explain(rows)
    assert found.features == peer.features
    np.testing.assert_allclose(found.values, peer.values, atol=1e-5)
    np.testing.assert_array_equal(found.margin, peer.margin)
    np.testing.assert_array_equal(peer.values, contributions(booster, rows).values)
    check_sum(found, 1e-5)
    check_sum(peer, 1e-5)


def test_a_model_that_tables_cannot_explain_is_explained_by_xgboost() -> None:
    X = np.random.default_rng(0).normal(size=(100, 3))
    matrix = xgboost.DMatrix(X, np.abs(X[:, 0]))
    booster = xgboost.train({"objective": "count:poisson", "nthread": 1}, matrix, 3)
    explainer = Explainer.for_booster(booster)
    assert (explainer.method, explainer.tables) == ("pred_contribs", None)
    assert "count:poisson" in explainer.reason
    check_sum(explainer.explain(X), 1e-5)


@pytest.mark.parametrize("max_bytes", [0, 2**28])
def test_a_margin_from_elsewhere_is_compared_and_not_replaced(
    booster: xgboost.Booster, model_input: pd.DataFrame, max_bytes: int
) -> None:
    explainer = Explainer.for_booster(booster, max_bytes=max_bytes)
    rows = model_input.head(10)
    margin = explainer.explain(rows).margin
    check_sum(explainer.explain(rows, margin), 1e-5)  # the control
    with pytest.raises(ContributionGapError, match="another model"):
        check_sum(explainer.explain(rows, margin + 0.1), 1e-5)
    with pytest.raises(ExplanationError, match="10 rows need as many margins"):
        explainer.explain(rows, margin[:9])
