"""Older days to learn from, newest days to be judged on."""

from __future__ import annotations

from dataclasses import replace
from datetime import timedelta

import pandas as pd
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from telco_rows import Policy, Recency, Tables, made_up_examples

from churn_platform.training.digest import training_digest
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


@settings(max_examples=40, deadline=None)
@given(day=st.integers(0, 29), seed=st.integers(0, 3), least=st.integers(1, 60))
def test_after_a_change_no_more_is_held_out_than_usual_and_about_a_quarter_of_what_came_after(
    day: int, seed: int, least: int
) -> None:
    examples = made_up_examples(400, seed)
    policy = Policy(recency=Recency(min_rows=least))
    first = examples.frame["observation_date"].min()
    changed = replace(examples, changed_on=(first + pd.Timedelta(days=day)).date())
    usual, held = temporal_split(examples, policy).holdout, temporal_split(changed, policy).holdout
    assert len(held) <= len(usual)
    since = (examples.frame["observation_date"] >= pd.Timestamp(changed.changed_on)).sum()
    if since < least:
        assert len(held) == len(usual)
        return
    wanted = max(0.25 * since, least)
    newest = examples.frame["observation_date"].value_counts().sort_index()
    assert len(held) >= min(len(usual), wanted) - newest.max()
    assert len(held) < wanted + newest.max() or len(held) == len(usual)


def test_a_change_is_part_of_what_a_training_set_is(small: Tables) -> None:
    examples = small.examples()
    changed = replace(examples, changed_on=examples.as_of)
    assert training_digest(changed) != training_digest(examples)
