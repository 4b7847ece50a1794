"""The measures of a comparison, against brute force, peers and laws."""

from __future__ import annotations

import json
from dataclasses import replace

import numpy as np
import pandas as pd
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from made_contenders import POLICY, Holdout
from sklearn.metrics import f1_score, roc_auc_score

from churn_platform.evaluation.auc import auc_difference
from churn_platform.evaluation.comparison import Comparison
from churn_platform.evaluation.comparison.comparison import delong_p
from churn_platform.evaluation.comparison.paired import Scored, paired_draws
from churn_platform.evaluation.comparison.score import relative_gain, relative_saving, weighted_score
from churn_platform.evaluation.estimate import EvaluationError
from churn_platform.evaluation.outcomes import scored_outcomes


def test_point_values_are_the_peers() -> None:
    holdout = Holdout(1)
    one, other = holdout.model("churn-1"), holdout.model("churn-2", noise=0.8)
    comparison = holdout.compared(one, other)
    churned = holdout.rows.frame["churned"].to_numpy()
    for model, auc, f1 in (
        (one, comparison.auc.champion, comparison.f1.champion),
        (other, comparison.auc.challenger, comparison.f1.challenger),
    ):
        assert auc.value == pytest.approx(roc_auc_score(churned, model.probability), abs=1e-12)
        assert f1.value == pytest.approx(f1_score(churned, model.probability >= model.threshold), abs=1e-12)
    assert comparison.auc.difference.value == pytest.approx(
        comparison.auc.challenger.value - comparison.auc.champion.value
    )


def test_delongs_variance_is_the_pairwise_definition_by_brute_force() -> None:
    """DeLong et al. (1988), equations 4 to 6, pair by pair."""
    holdout = Holdout(2, rows=140)
    churned = holdout.rows.frame["churned"].to_numpy() == 1
    models = [holdout.model("churn-1").probability, holdout.model("churn-2", noise=0.9).probability]
    psi = [
        np.array([[1.0 if x > y else 0.5 if x == y else 0.0 for y in p[~churned]] for x in p[churned]]) for p in models
    ]
    aucs = [m.mean() for m in psi]
    by_leaver = np.cov(np.array([m.mean(axis=1) for m in psi]))
    by_stayer = np.cov(np.array([m.mean(axis=0) for m in psi]))
    s = by_leaver / churned.sum() + by_stayer / (~churned).sum()
    variance = s[0, 0] + s[1, 1] - 2 * s[0, 1]
    found = auc_difference(scored_outcomes(churned, models[1]), scored_outcomes(churned, models[0]))
    assert found.value == pytest.approx(aucs[1] - aucs[0])
    assert (found.high - found.value) / 1.959963985 == pytest.approx(np.sqrt(variance), rel=1e-9)
    from scipy.stats import norm

    assert delong_p(found) == pytest.approx(2 * norm.sf(abs(aucs[1] - aucs[0]) / np.sqrt(variance)), rel=1e-6)


def test_under_equality_delongs_p_values_are_uniform() -> None:
    from scipy.stats import kstest

    found = []
    for seed in range(150):
        holdout = Holdout(seed, rows=400)
        found.append(delong_p(holdout_difference(holdout)))
    assert kstest(found, "uniform").pvalue > 0.01


def holdout_difference(holdout: Holdout):  # type: ignore[no-untyped-def]
    churned = holdout.rows.frame["churned"].to_numpy() == 1
    one, other = (holdout.model(f"churn-{i}", noise=0.7).probability for i in (1, 2))
    return auc_difference(scored_outcomes(churned, other), scored_outcomes(churned, one))


def test_a_model_against_itself_differs_by_nothing_and_its_p_value_is_one() -> None:
    holdout = Holdout(3)
    one = holdout.model("churn-1")
    comparison = holdout.compared(one, replace(one, version="churn-2"))
    for paired in (comparison.auc, comparison.f1, comparison.value):
        assert (paired.difference.low, paired.difference.value, paired.difference.high) == (0.0, 0.0, 0.0)
    assert comparison.score.value == 0.0
    assert comparison.delong_p == 1.0


def test_swapping_the_two_turns_every_difference_round() -> None:
    holdout = Holdout(4)
    one, other = holdout.model("churn-1"), holdout.model("churn-2", noise=0.7)
    there, back = holdout.compared(one, other), holdout.compared(other, one)
    for name in ("auc", "f1", "value"):
        a, b = getattr(there, name).difference, getattr(back, name).difference
        assert (a.value, a.low, a.high) == pytest.approx((-b.value, -b.high, -b.low))


def test_neither_row_order_nor_names_of_customers_change_a_value() -> None:
    holdout = Holdout(5)
    one, other = holdout.model("churn-1"), holdout.model("churn-2", noise=0.7)
    before = holdout.compared(one, other)
    order = np.random.default_rng(1).permutation(len(holdout.rows))
    holdout.rows = replace(holdout.rows, frame=holdout.rows.frame.iloc[order].reset_index(drop=True))
    holdout.worth = holdout.worth[order]
    after = holdout.compared(
        replace(one, probability=one.probability[order]), replace(other, probability=other.probability[order])
    )
    for name in ("auc", "f1", "value"):
        assert getattr(after, name).difference.value == pytest.approx(getattr(before, name).difference.value)
    assert after.score.value == pytest.approx(before.score.value)


def test_customers_are_the_units_where_they_repeat_and_the_interval_is_wider_for_it() -> None:
    """Each of 300 customers four times with one fate: a bootstrap of rows would claim twice the precision."""
    rng = np.random.default_rng(8)
    unique = Holdout(8, rows=300)
    models = [unique.model("churn-1").probability, unique.model("churn-2", noise=0.9).probability]
    churned = np.tile(unique.rows.frame["churned"].to_numpy() == 1, 4)
    gains, tiled = np.zeros(1200), [np.tile(m, 4) for m in models]
    same = pd.Series(np.tile([f"C{i}" for i in range(300)], 4))
    apart = pd.Series([f"C{i}" for i in range(1200)])
    spread = {}
    for name, customers in (("customers", same), ("rows", apart)):
        draws = paired_draws(
            (Scored(tiled[0], 0.3), Scored(tiled[1], 0.3)), churned, gains, customers, share=0.1, resamples=300, rng=rng
        )
        spread[name] = float((draws[1].auc - draws[0].auc)[1:].std())
    assert spread["customers"] > 1.6 * spread["rows"]


def test_the_paired_interval_covers_the_true_difference_as_often_as_it_says() -> None:
    from made_contenders import sigmoid  # noqa: F401  (the truth below is of the same made-up world)

    whole = Holdout(1000, rows=60_000)
    churned = whole.rows.frame["churned"].to_numpy()
    truth = roc_auc_score(churned, whole.model("b", noise=1.0).probability) - roc_auc_score(
        churned, whole.model("a", noise=0.5).probability
    )
    covered = 0
    for seed in range(60):
        holdout = Holdout(seed, rows=800)
        found = holdout.compared(holdout.model("churn-1", noise=0.5), holdout.model("churn-2", noise=1.0))
        covered += found.auc.difference.low <= truth <= found.auc.difference.high
    assert covered >= 51


def test_the_record_reads_back_to_an_equal_value_and_an_edited_one_is_refused() -> None:
    holdout = Holdout(6)
    comparison = holdout.compared(holdout.model("churn-1"), holdout.model("churn-2"))
    written = json.loads(json.dumps(comparison.to_dict()))
    assert Comparison.from_dict(written) == comparison
    written["auc"]["diference"] = written["auc"].pop("difference")
    with pytest.raises(EvaluationError, match="difference"):
        Comparison.from_dict(written)


def test_outcomes_of_one_kind_or_impossible_probabilities_are_refused() -> None:
    holdout = Holdout(7)
    one, other = holdout.model("churn-1"), holdout.model("churn-2")
    broken = replace(other, probability=np.where(np.arange(len(holdout.rows)) == 5, np.nan, other.probability))
    with pytest.raises(EvaluationError, match="row 5"):
        holdout.compared(one, broken)
    with pytest.raises(EvaluationError):
        holdout.compared(one, replace(other, probability=other.probability[:-1]))


changes = st.floats(-3.0, 3.0)


@settings(max_examples=200)
@given(changes, changes, changes, changes)
def test_no_single_measure_moves_the_score_by_more_than_its_weight_times_the_clip(
    auc: float, f1: float, latency: float, size: float
) -> None:
    def score(a: float, f: float, ms: float, mb: float) -> float:
        return float(weighted_score(np.array(a), np.array(f), ms, mb, POLICY))

    whole, weights = score(auc, f1, latency, size), POLICY.weights
    assert abs(whole) <= POLICY.clip + 1e-12
    for without, weight in (
        (score(0.0, f1, latency, size), weights.auc),
        (score(auc, 0.0, latency, size), weights.f1),
        (score(auc, f1, 0.0, size), weights.latency),
        (score(auc, f1, latency, 0.0), weights.size),
    ):
        assert abs(whole - without) <= weight * POLICY.clip + 1e-12


@given(st.floats(0.001, 1000), st.floats(0.001, 1000))
def test_less_is_saved_where_less_is_spent_and_a_floor_never_exaggerates(champion: float, challenger: float) -> None:
    saved = relative_saving(challenger, champion, 20.0)
    assert np.sign(saved) == np.sign(champion - challenger)
    assert abs(saved) <= abs(relative_saving(challenger, champion, 1e-9)) + 1e-12


def test_a_gain_over_nothing_is_a_whole_and_nothing_over_nothing_is_none() -> None:
    assert relative_gain(np.array([0.5, 0.0, 0.55]), np.array([0.0, 0.0, 0.5])).tolist() == pytest.approx(
        [1.0, 0.0, 0.1]
    )
