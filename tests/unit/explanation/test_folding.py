"""Tables of one feature alone are folded into one step function per feature, and nothing that anyone reads changes."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest
import xgboost
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from made_models import MadeModel, made_models

from churn_platform.explanation.pattern_tables import PatternTables
from churn_platform.explanation.pattern_tables.folding import fold, unfolded


def read_one_by_one(tables: PatternTables) -> PatternTables:
    """The same tables, none of them folded."""
    plain = replace(tables)
    object.__setattr__(plain, "rest", tables.layout)
    object.__setattr__(plain, "folded", unfolded(len(tables.features)))
    return plain


@settings(max_examples=25, deadline=None, suppress_health_check=[HealthCheck.too_slow])
@given(made_models(rows=200), st.booleans())
def test_folded_tables_give_what_they_give_one_by_one(made: MadeModel, stumps: bool) -> None:
    booster, X = (replace(made, depth=1) if stumps else made).build()
    tables = PatternTables.from_booster(booster)
    plain = read_one_by_one(tables).contributions(X)
    np.testing.assert_allclose(tables.contributions(X), plain, atol=2e-6 * max(1.0, float(np.abs(plain).max())))
    alone = np.concatenate([tables.contributions(X[[row]]) for row in range(20)])
    np.testing.assert_array_equal(alone, tables.contributions(X)[:20])


def test_stumps_fold_into_one_table_per_feature_and_keep_every_step() -> None:
    rng = np.random.default_rng(1)
    X = rng.normal(size=(4000, 3)).astype(np.float32)
    X[rng.random(X.shape) < 0.1] = np.nan
    churned = np.nan_to_num(X).sum(axis=1) + np.isnan(X[:, 0]) > 0.5
    booster = xgboost.train(
        {"objective": "binary:logistic", "max_depth": 1, "nthread": 1}, xgboost.DMatrix(X, churned), 200
    )
    tables = PatternTables.from_booster(booster)
    assert len(tables.rest.condition_column) == 0
    steps = [tables.folded.steps[a:b] for a, b in zip(tables.folded.start, tables.folded.start[1:], strict=False)]
    at = np.unique(tables.layout.condition_threshold)
    assert sorted(np.concatenate(steps).tolist()) == at.tolist()
    edges = np.concatenate([at, np.nextafter(at, np.float32(-np.inf)), [np.nan]]).astype(np.float32)
    rows = np.stack([edges, np.roll(edges, 1), np.roll(edges, 2)], axis=1)
    margin = booster.predict(xgboost.DMatrix(rows), output_margin=True)
    np.testing.assert_allclose(tables.margin(rows), margin, atol=1e-5 * np.abs(margin).max())


def test_a_tree_of_several_features_is_not_folded() -> None:
    X = np.random.default_rng(2).normal(size=(500, 2)).astype(np.float32)
    booster = xgboost.train({"max_depth": 2, "nthread": 1}, xgboost.DMatrix(X, X[:, 0] * X[:, 1]), 5)
    tables = PatternTables.from_booster(booster)
    rest, folded = fold(tables.layout, 2)
    assert len(rest.condition_start) > 1
    assert len(rest.condition_column) + len(folded.steps) <= len(tables.layout.condition_column)


@pytest.mark.parametrize("code", [0.0, 1.0, 5.0, 6.0, 40.0, np.nan])
def test_a_folded_category_goes_where_xgboost_sends_it(code: float) -> None:
    codes = (np.arange(600) % 6).astype(np.float32)[:, None]
    booster = xgboost.train(
        {"max_depth": 1, "nthread": 1, "max_cat_to_onehot": 1},
        xgboost.DMatrix(codes, codes[:, 0] % 3, feature_types=["c"], enable_categorical=True),
        20,
    )
    tables = PatternTables.from_booster(booster)
    assert len(tables.rest.condition_column) == 0
    row = np.array([[code]], dtype=np.float32)
    margin = booster.predict(xgboost.DMatrix(row, feature_types=["c"], enable_categorical=True), output_margin=True)
    np.testing.assert_allclose(tables.margin(row), margin, atol=1e-5)
