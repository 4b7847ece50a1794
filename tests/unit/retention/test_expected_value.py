"""What a list is worth: missing every leaver must lose, money has the right sign, and the order of rows plays no part."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from churn_platform.policies import load_policies
from churn_platform.retention.expected_value import (
    RetainedValueError,
    contact_gains,
    customer_values,
    listed_gains,
    retained_value,
)

POLICY = load_policies().champion_challenger.business
seeds = st.integers(0, 2**32 - 1)


def telco(seed: int, rows: int = 200) -> tuple[np.ndarray, np.ndarray]:
    rng = np.random.default_rng(seed)
    churned = np.zeros(rows, dtype=bool)
    churned[rng.choice(rows, rng.integers(1, rows // 2), replace=False)] = True
    return churned, contact_gains(churned, rng.uniform(300.0, 5000.0, rows), POLICY)


@given(seeds)
def test_a_list_that_misses_every_leaver_only_costs_and_loses_against_any_list_that_finds_one(seed: int) -> None:
    churned, gains = telco(seed)
    share = (~churned).sum() / len(churned) / 2
    missing = np.where(churned, 0.1, 0.9)
    finding = np.where(churned, 0.9, 0.1)
    assert retained_value(missing, gains, share) < 0
    assert retained_value(missing, gains, share) < retained_value(finding, gains, share)


@given(seeds)
def test_to_list_a_leaver_in_place_of_somebody_who_stays_never_costs_money(seed: int) -> None:
    churned, gains = telco(seed)
    rng = np.random.default_rng(seed + 1)
    probability = rng.permutation(len(churned)) / len(churned)
    depth = len(churned) // 10
    listed = np.argsort(-probability)
    stayers = [i for i in listed[:depth] if not churned[i]]
    missed = [i for i in listed[depth:] if churned[i]]
    if not stayers or not missed:
        return
    better = probability.copy()
    better[stayers[0]], better[missed[0]] = better[missed[0]], better[stayers[0]]
    assert retained_value(better, gains, 0.1) > retained_value(probability, gains, 0.1)


@given(seeds)
def test_no_list_is_worth_more_than_the_one_that_knows_the_future(seed: int) -> None:
    churned, gains = telco(seed)
    rng = np.random.default_rng(seed)
    knows = 0.5 + gains / gains.max() / 2.1
    assert retained_value(rng.random(len(churned)), gains, 0.1) <= retained_value(knows, gains, 0.1) + 1e-6


@given(seeds)
def test_neither_the_order_of_rows_nor_an_increasing_change_of_probabilities_matters(seed: int) -> None:
    _, gains = telco(seed)
    rng = np.random.default_rng(seed)
    probability = rng.integers(1, 20, len(gains)) / 20.0
    order = rng.permutation(len(gains))
    value = retained_value(probability, gains, 0.13)
    assert retained_value(probability[order], gains[order], 0.13) == pytest.approx(value)
    assert retained_value(probability**3, gains, 0.13) == pytest.approx(value)


@given(seeds)
def test_a_tie_at_the_end_of_the_budget_is_worth_the_mean_over_all_orders(seed: int) -> None:
    _, gains = telco(seed, rows=12)
    value = retained_value(np.full(12, 0.4), gains, 0.25)
    assert value == pytest.approx(0.25 * gains.mean() * 1000.0)


@given(seeds)
def test_weighing_a_row_twice_is_the_same_as_having_it_twice(seed: int) -> None:
    _, gains = telco(seed, rows=30)
    rng = np.random.default_rng(seed)
    probability, times = rng.random(30), rng.integers(0, 4, 30)
    if times.sum() == 0:
        return
    weighed = listed_gains(probability, gains, times[None, :].astype(float), 0.2)[0]
    assert weighed == pytest.approx(retained_value(np.repeat(probability, times), np.repeat(gains, times), 0.2))


def test_a_known_lifetime_value_counts_and_without_one_a_year_of_bills() -> None:
    assert customer_values([5000.0, np.nan], [10.0, 10.0], POLICY).tolist() == pytest.approx([5000.0, 120.0])


@pytest.mark.parametrize(("lifetime", "bill"), [(np.nan, np.nan), (-1.0, 50.0), (np.inf, 50.0), (np.nan, -5.0)])
def test_a_customer_without_a_worth_is_refused_by_row_and_not_counted_as_nothing(lifetime: float, bill: float) -> None:
    with pytest.raises(RetainedValueError, match="row 1"):
        customer_values([100.0, lifetime], [50.0, bill], POLICY)


@pytest.mark.parametrize(("probability", "gains"), [([], []), ([0.5, np.nan], [1.0, 1.0]), ([0.5], [1.0, 2.0])])
def test_a_list_with_nothing_to_go_by_is_refused(probability: list[float], gains: list[float]) -> None:
    with pytest.raises(RetainedValueError):
        retained_value(probability, gains, 0.1)
