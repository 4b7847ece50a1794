"""What the recipe is worth on the real rows, nested, beside the baseline."""

from __future__ import annotations

import json
from dataclasses import replace

import numpy as np
import pytest
from sklearn.metrics import average_precision_score, brier_score_loss, roc_auc_score
from telco_rows import QUICK, Policy, Tables, Tuning

from churn_platform.training.cross_validation import cross_validate


@pytest.mark.parametrize(("feature_set", "seed", "least_auc"), [("v1", 0, 0.847), ("v2", 1, 0.88)])
def test_the_recipe_reaches_what_these_columns_allow(
    request: pytest.FixtureRequest, feature_set: str, seed: int, least_auc: float
) -> None:
    """One trial (the default) on three folds; with twelve on five the figures are the same within 0.001, in minutes."""
    tables: Tables = request.getfixturevalue(feature_set)
    policy = Policy(threads=2, tuning=Tuning(trials=1, folds=3))
    told: list[tuple[int, int, float]] = []
    result = cross_validate(tables.examples(), policy, folds=5, seed=seed, on_fold=lambda *fold: told.append(fold))
    assert result.model.auc >= least_auc
    assert result.model.ece <= 0.02
    assert result.model.auc > result.baseline.auc + 0.003
    assert result.model.brier < result.baseline.brier
    assert result.model.pr_auc > result.baseline.pr_auc
    assert [(number, folds) for number, folds, _ in told] == [(number, 5) for number in range(1, 6)]
    assert tuple(auc for _, _, auc in told) == result.model.auc_per_fold


def test_its_figures_are_sklearns(small: Tables) -> None:
    examples = small.examples()
    result = cross_validate(examples, QUICK, folds=3, seed=2)
    for metrics, probability in (
        (result.model, result.probabilities),
        (result.baseline, result.baseline_probabilities),
    ):
        per_fold = [roc_auc_score(examples.churned[result.fold == k], probability[result.fold == k]) for k in range(3)]
        np.testing.assert_allclose(metrics.auc_per_fold, per_fold)
        assert metrics.auc == pytest.approx(np.mean(per_fold))
        assert metrics.pr_auc == pytest.approx(average_precision_score(examples.churned, probability))
        assert metrics.brier == pytest.approx(brier_score_loss(examples.churned, probability))
    assert json.loads(json.dumps(result.to_dict()))["model"]["auc"] == result.model.auc
    assert result.to_dict()["rows"] == 600


def test_no_row_is_judged_by_a_model_that_knew_its_outcome(small: Tables) -> None:
    """Turning around the outcomes of one outer fold changes nothing that was said about that fold's rows."""
    examples = small.examples()
    first = cross_validate(examples, QUICK, folds=3, seed=0)
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr("churn_platform.training.cross_validation.stratified_folds", lambda *_: first.fold)
        turned = np.where(first.fold == 0, 1 - examples.churned, examples.churned).astype(np.int8)
        other = cross_validate(replace(examples, frame=examples.frame.assign(churned=turned)), QUICK, folds=3, seed=0)
    judged = first.fold == 0
    assert (first.probabilities[judged] == other.probabilities[judged]).all()
    assert (first.baseline_probabilities[judged] == other.baseline_probabilities[judged]).all()
    assert (first.probabilities[~judged] != other.probabilities[~judged]).mean() > 0.9


def test_permuted_outcomes_give_a_coin_and_a_planted_copy_of_the_outcome_is_seen(small: Tables) -> None:
    examples = small.examples()
    rng = np.random.default_rng(8)
    permuted = replace(examples, frame=examples.frame.assign(churned=rng.permutation(examples.churned)))
    leaking = replace(examples, frame=examples.frame.assign(monthly_charges=examples.churned.astype(float)))
    assert abs(cross_validate(permuted, QUICK, folds=3).model.auc - 0.5) < 0.07
    assert cross_validate(leaking, QUICK, folds=3).model.auc > 0.99
