"""Folds keep a customer together and know nobody's name."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from telco_rows import Tables, made_up_examples

from churn_platform.training.errors import TooFewExamplesError
from churn_platform.training.examples import TrainingExamples
from churn_platform.training.folds import content_rank, stratified_folds


def renamed(examples: TrainingExamples, seed: int) -> tuple[TrainingExamples, np.ndarray]:
    """The same customers under other names, sorted again; and where each row came from."""
    names = examples.frame["customer_id"].unique()
    others = np.random.default_rng(seed).permutation(len(names))
    frame = examples.frame.assign(
        customer_id=examples.frame["customer_id"].map({n: f"x{k:06d}" for n, k in zip(names, others, strict=True)})
    ).sort_values(["observation_date", "customer_id"])
    return replace(examples, frame=frame.reset_index(drop=True)), frame.index.to_numpy()


@settings(max_examples=25, deadline=None)
@given(folds=st.integers(2, 6), seed=st.integers(0, 1000), customers=st.sampled_from([60, 120, 240]))
def test_a_customer_is_in_one_fold_only(folds: int, seed: int, customers: int) -> None:
    examples = made_up_examples(240, 1, customers)
    fold = stratified_folds(examples, folds, seed)
    assert set(fold) == set(range(folds))
    per_customer = examples.frame.assign(fold=fold).groupby("customer_id")["fold"].nunique()
    assert (per_customer == 1).all()


@settings(max_examples=25, deadline=None)
@given(folds=st.integers(2, 6), seed=st.integers(0, 1000))
def test_rows_and_churners_are_spread_evenly(folds: int, seed: int) -> None:
    examples = made_up_examples(240)
    fold = stratified_folds(examples, folds, seed)
    rows = np.bincount(fold)
    churners = np.bincount(fold, weights=examples.churned)
    assert rows.max() - rows.min() <= 1
    assert churners.max() - churners.min() <= 1


@settings(max_examples=20, deadline=None)
@given(seed=st.integers(0, 1000), customers=st.sampled_from([40, 120]))
def test_other_names_give_the_same_folds(seed: int, customers: int) -> None:
    examples = made_up_examples(120, 2, customers)
    other, came_from = renamed(examples, seed)
    assert (content_rank(other) == content_rank(examples)[came_from]).all()
    assert (stratified_folds(other, 3, 5) == stratified_folds(examples, 3, 5)[came_from]).all()


def test_another_seed_deals_other_folds(small: Tables) -> None:
    examples = small.examples()
    assert (stratified_folds(examples, 5, 0) != stratified_folds(examples, 5, 1)).mean() > 0.5


def test_equal_rows_share_a_rank_and_others_do_not(small: Tables) -> None:
    examples = small.examples()
    twice = replace(examples, frame=examples.frame.loc[np.repeat(np.arange(len(examples)), 2)].reset_index(drop=True))
    rank = content_rank(twice)
    assert (rank[::2] == rank[1::2]).all()
    assert len(set(rank)) == len(set(content_rank(examples))) == len(examples)


def test_too_few_churners_for_the_folds_are_refused(small: Tables) -> None:
    examples = small.examples()
    few = examples.take((np.cumsum(examples.churned) <= 3) | (examples.churned == 0))
    with pytest.raises(TooFewExamplesError, match=r"5 folds need at least 5 customers who left .* there are 3 and"):
        stratified_folds(few, 5, 0)
