"""Point values: scikit-learn as the oracle, then the laws."""

from __future__ import annotations

import itertools

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from scored_rows import scored
from sklearn import metrics as sk

from churn_platform.evaluation.metrics import (
    METRICS,
    MetricSettings,
    expected_calibration_error,
    leavers_in_first,
    measures,
    top_precision,
    top_recall,
)
from churn_platform.evaluation.outcomes import ScoredOutcomes, scored_outcomes, tally

SETTINGS = MetricSettings(threshold=0.5)


def point(of: ScoredOutcomes, settings: MetricSettings = SETTINGS) -> dict[str, float]:
    here = tally(of)
    return {name: float(measure(here)[0]) for name, measure in measures(settings).items()}


@given(scored())
def test_every_metric_that_scikit_learn_has_agrees_with_it(of: ScoredOutcomes) -> None:
    found = point(of)
    listed = of.probability >= SETTINGS.threshold
    expected = {
        "auc": sk.roc_auc_score(of.churned, of.probability),
        "pr_auc": sk.average_precision_score(of.churned, of.probability),
        "f1": sk.f1_score(of.churned, listed, zero_division=0),
        "precision": sk.precision_score(of.churned, listed, zero_division=0),
        "recall": sk.recall_score(of.churned, listed),
        "brier": sk.brier_score_loss(of.churned, of.probability),
        "log_loss": sk.log_loss(of.churned, of.probability),
    }
    for name, value in expected.items():
        assert found[name] == pytest.approx(value, abs=1e-9), name


def test_every_metric_is_measured_and_described() -> None:
    assert list(measures(SETTINGS)) == list(METRICS)
    assert all(metric.name == name and metric.about and metric.label for name, metric in METRICS.items())


@given(scored(), st.randoms(use_true_random=False))
def test_the_order_of_rows_does_not_matter(of: ScoredOutcomes, random) -> None:  # type: ignore[no-untyped-def]
    order = list(range(of.rows))
    random.shuffle(order)
    moved = scored_outcomes(of.churned[order], of.probability[order])
    assert point(moved) == pytest.approx(point(of), nan_ok=False)


@given(scored())
def test_ranking_metrics_survive_any_rising_transformation(of: ScoredOutcomes) -> None:
    risen = scored_outcomes(of.churned, np.searchsorted(np.unique(of.probability), of.probability) / 100.0)
    for name in ("auc", "pr_auc", "top_precision", "top_recall", "top_lift"):
        assert point(risen)[name] == pytest.approx(point(of)[name]), name


@given(scored())
def test_turning_the_scores_round_turns_auc_round(of: ScoredOutcomes) -> None:
    turned = scored_outcomes(of.churned, 1.0 - of.probability)
    # Two scores closer than rounding at 1 may tie after the turn, so compare with the turned ranking itself.
    exact = scored_outcomes(of.churned, 1.0 - np.searchsorted(np.unique(of.probability), of.probability) / 100.0)
    assert point(exact)["auc"] == pytest.approx(1.0 - point(of)["auc"])
    assert 0.0 <= point(turned)["auc"] <= 1.0


@given(scored())
def test_swapping_leavers_and_stayers_turns_auc_round_and_leaves_brier_of_the_complement(of: ScoredOutcomes) -> None:
    swapped = scored_outcomes(~of.churned, 1.0 - of.probability)
    assert point(swapped)["brier"] == pytest.approx(point(of)["brier"])
    same_scores = scored_outcomes(~of.churned, of.probability)
    assert point(same_scores)["auc"] == pytest.approx(1.0 - point(of)["auc"])


@given(scored())
def test_shares_stay_within_0_and_1_and_lift_below_its_ceiling(of: ScoredOutcomes) -> None:
    found = point(of)
    for name in METRICS:
        assert np.isfinite(found[name])
        if name not in ("log_loss", "top_lift"):
            assert -1e-12 <= found[name] <= 1.0 + 1e-12, name
    assert found["top_lift"] <= min(1 / SETTINGS.top_share, of.rows / of.churners) + 1e-9


def test_a_constant_score_ranks_like_a_coin_and_is_calibrated_at_the_churn_rate() -> None:
    of = scored_outcomes([1, 0, 0, 0] * 25, [0.25] * 100)
    found = point(of)
    assert found["auc"] == 0.5
    assert found["pr_auc"] == pytest.approx(0.25)
    assert found["top_lift"] == pytest.approx(1.0)
    assert found["ece"] == pytest.approx(0.0)


def test_a_perfect_ranking_has_auc_1_and_finds_only_leavers_first() -> None:
    of = scored_outcomes([1] * 20 + [0] * 80, np.linspace(0.99, 0.01, 100))
    found = point(of)
    assert (found["auc"], found["pr_auc"], found["top_precision"]) == pytest.approx((1.0, 1.0, 1.0))
    assert found["top_recall"] == pytest.approx(0.5)
    assert found["top_lift"] == pytest.approx(5.0)


def test_without_ties_the_top_of_the_list_is_what_sorting_gives() -> None:
    rng = np.random.default_rng(5)
    probability = rng.permutation(np.linspace(0.001, 0.999, 500))
    churned = rng.random(500) < probability
    of = tally(scored_outcomes(churned, probability))
    first = churned[np.argsort(-probability)[:50]]
    assert top_precision(of, 0.1)[0] == pytest.approx(first.mean())
    assert top_recall(of, 0.1)[0] == pytest.approx(first.sum() / churned.sum())


def test_a_tie_at_the_end_of_the_list_counts_the_mean_over_all_its_orders() -> None:
    churned = np.array([1, 0, 1, 0, 0])
    probability = np.array([0.9, 0.5, 0.5, 0.5, 0.1])
    of = tally(scored_outcomes(churned, probability))
    orders = [churned[[0, *tied, 4]][:2].sum() for tied in itertools.permutations([1, 2, 3])]
    assert leavers_in_first(of, np.array([2.0]))[0] == pytest.approx(np.mean(orders))


def test_calibration_error_is_the_mean_gap_over_bins_of_equal_mass() -> None:
    rng = np.random.default_rng(8)
    probability = rng.permutation(np.linspace(0.002, 0.998, 600))
    churned = rng.random(600) < probability**2
    order = np.argsort(probability)
    gaps = [abs(churned[part].mean() - probability[part].mean()) for part in np.array_split(order, 10)]
    assert expected_calibration_error(tally(scored_outcomes(churned, probability)), 10)[0] == pytest.approx(
        np.mean(gaps)
    )


@given(scored(), st.integers(2, 12))
def test_calibration_error_is_never_below_the_gap_of_the_whole(of: ScoredOutcomes, bins: int) -> None:
    whole = abs(of.churned.mean() - of.probability.mean())
    assert expected_calibration_error(tally(of), bins)[0] >= whole - 1e-9
