"""A model with native categoricals, trained by the platform on IBM's rows, is explained exactly on every one of them, and on a million."""

from __future__ import annotations

import importlib.util
import sys
from pathlib import Path
from types import ModuleType

import numpy as np
import pytest

from churn_platform.explanation.explainer import Explainer
from churn_platform.training.fit import fit
from churn_platform.training.tuning import tune


@pytest.fixture(scope="module")
def telco() -> ModuleType:
    """The training tests' tables; they lie in another folder, which pytest may not have on its path."""
    path = Path(__file__).parents[1] / "training" / "telco_rows.py"
    spec = importlib.util.spec_from_file_location("telco_rows", path)
    assert spec is not None
    assert spec.loader is not None
    module = sys.modules.get("telco_rows")
    if module is None:
        module = sys.modules["telco_rows"] = importlib.util.module_from_spec(spec)
        spec.loader.exec_module(module)
    return module


@pytest.mark.parametrize("feature_set", ["v1", "v2"])
def test_the_tables_agree_with_xgboosts_contributions_on_every_real_row(
    feature_set: str, telco: ModuleType, real_data: Path
) -> None:
    tables = telco.real_tables(feature_set)
    policy = telco.Policy(feature_set=feature_set, tuning=telco.Tuning(trials=2, folds=3, max_rounds=120))
    examples = tables.examples(policy)
    model = fit(examples, tune(examples, policy), policy)
    assert any(feature.is_categorical for feature in model.features)
    explainer = Explainer.for_booster(model.booster)
    assert explainer.method == "pattern_tables", explainer.reason

    values = model.values(tables.features)
    assert len(values) == 7_043
    ours = explainer.explain(values)
    theirs = model.booster.predict(model.matrix(tables.features), pred_contribs=True)
    scale = np.abs(ours.margin).max()
    assert scale > 1
    assert np.abs(ours.values - theirs[:, :-1]).max() <= 1e-5 * scale
    assert np.abs(ours.base - theirs[:, -1]).max() <= 1e-5 * scale
    assert np.abs(ours.base + ours.values.sum(axis=1) - model.margin(tables.features)).max() <= 1e-5 * scale

    if feature_set == "v1":  # a row is explained alike among a million
        assert explainer.tables is not None
        drawn = np.random.default_rng(0).integers(0, len(values), 1_000_000)
        many = explainer.tables.contributions(values[drawn])
        assert np.array_equal(many[:, :-1], ours.values[drawn])
