"""The logistic regression beside the model."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pandas as pd
import pytest
from sklearn.linear_model import LogisticRegression
from sklearn.metrics import roc_auc_score
from telco_rows import Policy, Tables

from churn_platform.training.baseline import fit_baseline
from churn_platform.training.errors import FeatureValueError
from churn_platform.training.split import temporal_split


def test_it_is_the_textbook_model_on_the_real_rows(v1: Tables) -> None:
    """The peer: pandas' one-hot columns and standardised numbers; the penalty differs in redundant columns only."""
    split = temporal_split(v1.examples(), Policy())
    ours = fit_baseline(split.train).probability(split.holdout.frame)
    names = [feature.name for feature in split.train.features]
    train = pd.get_dummies(split.train.frame[names]).astype(float)
    rows = pd.get_dummies(split.holdout.frame[names]).astype(float)
    mean, spread = train.mean(), train.std()
    for feature in split.train.features:
        if not feature.is_categorical:
            train[feature.name] = (train[feature.name] - mean[feature.name]) / spread[feature.name]
            rows[feature.name] = (rows[feature.name] - mean[feature.name]) / spread[feature.name]
    peer = LogisticRegression(max_iter=2000).fit(train, split.train.churned).predict_proba(rows)[:, 1]
    np.testing.assert_allclose(ours, peer, atol=2e-3)
    assert roc_auc_score(split.holdout.churned, ours) > 0.82


def test_missing_values_get_a_probability_and_row_order_does_not_matter(small: Tables) -> None:
    examples = small.examples()
    baseline = fit_baseline(examples)
    blank = examples.frame.head(2).assign(contract=None, tenure_months=np.nan)
    assert ((baseline.probability(blank) > 0) & (baseline.probability(blank) < 1)).all()
    again = fit_baseline(small.shuffled().examples())
    assert (again.probability(small.features) == baseline.probability(small.features)).all()


def test_a_number_missing_in_scoring_only_is_filled(small: Tables) -> None:
    examples = small.examples()
    assert examples.frame["monthly_charges"].notna().all()
    row = examples.frame.head(1).assign(monthly_charges=np.nan)
    filled = examples.frame.head(1).assign(monthly_charges=examples.frame["monthly_charges"].median())
    baseline = fit_baseline(examples)
    np.testing.assert_allclose(baseline.probability(row), baseline.probability(filled), atol=1e-6)


def test_it_refuses_what_the_model_refuses(small: Tables) -> None:
    with pytest.raises(FeatureValueError, match="Weekly"):
        fit_baseline(small.examples()).probability(small.features.head(1).assign(contract="Weekly"))


def test_only_categories_or_only_numbers_are_enough(small: Tables) -> None:
    examples = small.examples()
    for wanted in (True, False):
        some = tuple(feature for feature in examples.features if feature.is_categorical is wanted)
        assert len(fit_baseline(replace(examples, features=some)).probability(examples.frame)) == 600
