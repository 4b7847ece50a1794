"""Older days to learn from, newest days to be judged on."""

from __future__ import annotations

from datetime import timedelta

import pandas as pd
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from telco_rows import Policy, Tables, made_up_examples

from churn_platform.training.errors import OneClassError, TooFewExamplesError
from churn_platform.training.split import temporal_split


@settings(max_examples=40, deadline=None)
@given(share=st.floats(0.05, 0.7), embargo=st.integers(0, 10), seed=st.integers(0, 3))
def test_no_date_is_on_both_sides_and_nothing_is_lost(share: float, embargo: int, seed: int) -> None:
    examples = made_up_examples(400, seed)
    split = temporal_split(examples, Policy(holdout_share=share, embargo=timedelta(days=embargo)))
    assert split.train_to < split.holdout_from - timedelta(days=embargo)
    assert len(split.train) + split.embargoed + len(split.holdout) == len(examples)
    assert len(split.holdout) >= share * len(examples)
    without_first_day = (split.holdout.frame["observation_date"] > pd.Timestamp(split.holdout_from)).sum()
    assert without_first_day < share * len(examples)
    for side, first, last in (
        (split.train, split.train_from, split.train_to),
        (split.holdout, split.holdout_from, split.holdout_to),
    ):
        assert side.frame["observation_date"].min().date() == first
        assert side.frame["observation_date"].max().date() == last


def test_the_holdout_of_the_real_rows_is_the_newest_fifth_in_whole_days(v1: Tables) -> None:
    split = temporal_split(v1.examples(), Policy())
    assert 0.2 <= len(split.holdout) / 7043 < 0.22
    assert split.embargoed == 0
    assert split.label_maturity == 1.0
    assert 0 < split.known_at_holdout_start < 1


def test_an_embargo_of_one_horizon_means_that_every_training_label_was_known(v1: Tables) -> None:
    split = temporal_split(v1.examples(), Policy(embargo=timedelta(days=30)))
    assert split.known_at_holdout_start == 1.0
    assert split.embargoed > 0


def test_one_day_cannot_be_split(small: Tables) -> None:
    examples = small.examples()
    one_day = examples.take((examples.frame["observation_date"] == examples.frame["observation_date"].min()).to_numpy())
    with pytest.raises(TooFewExamplesError, match="at least two observation dates"):
        temporal_split(one_day, Policy())


def test_an_embargo_that_leaves_nothing_is_refused(small: Tables) -> None:
    with pytest.raises(TooFewExamplesError, match="embargo of 60 days leave no training rows"):
        temporal_split(small.examples(), Policy(embargo=timedelta(days=60)))


def test_a_holdout_share_of_everything_is_refused(small: Tables) -> None:
    with pytest.raises(TooFewExamplesError, match="leave no training rows"):
        temporal_split(small.examples(), Policy(holdout_share=0.9999))


def test_a_side_with_one_outcome_is_refused(small: Tables) -> None:
    examples = small.examples()
    newest = examples.frame["observation_date"] > examples.frame["observation_date"].quantile(0.7)
    stayed = examples.take((~newest | (examples.frame["churned"] == 0)).to_numpy())
    with pytest.raises(OneClassError, match="holdout side"):
        temporal_split(stayed, Policy())
