"""Which rows may be learned from, and what is refused."""

from __future__ import annotations

from dataclasses import fields, replace
from datetime import date, timedelta

import numpy as np
import pandas as pd
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from telco_rows import AS_OF, HORIZON, START, Policy, Tables, made_up_tables

from churn_platform.contracts.features import Feature, FeatureSet
from churn_platform.contracts.leakage import NEVER_FEATURES, LeakageError
from churn_platform.training.digest import training_digest
from churn_platform.training.errors import (
    DuplicateGrainError,
    FeatureValueError,
    FutureKnowledgeError,
    InconsistentOutcomeError,
    MissingColumnsError,
    NoExamplesError,
    OneClassError,
    TrainingDataError,
)
from churn_platform.training.examples import GRAIN, KEYS, training_examples


def with_features(tables: Tables, **columns: object) -> Tables:
    return replace(tables, features=tables.features.assign(**columns))


def with_outcomes(tables: Tables, **columns: object) -> Tables:
    return replace(tables, outcomes=tables.outcomes.assign(**columns))


def test_every_real_customer_becomes_an_example_with_the_known_churn_rate(v1: Tables) -> None:
    examples = v1.examples()
    assert len(examples) == 7043
    assert examples.churners == 1869
    assert examples.excluded == ()
    assert len(examples.features) == 19


def test_features_without_a_value_are_left_out_with_the_reason(v2: Tables) -> None:
    examples = v2.examples()
    assert {excluded.name for excluded in examples.excluded} == {
        "usage_trend",
        "late_payments_180d",
        "unpaid_invoices",
        "tickets_90d",
        "open_tickets",
        "avg_days_to_resolve_180d",
    }
    assert all("missing in all 7,043 training rows" in excluded.reason for excluded in examples.excluded)
    assert not {excluded.name for excluded in examples.excluded} & set(examples.frame.columns)


def test_rows_are_sorted_and_typed_whatever_the_tables_dtypes(small: Tables) -> None:
    as_objects = with_features(
        small,
        observation_date=small.features["observation_date"].dt.date,
        senior_citizen=small.features["senior_citizen"].astype("category"),
        tenure_months=small.features["tenure_months"].astype(object),
    )
    frame, other = small.examples().frame, as_objects.examples().frame
    pd.testing.assert_frame_equal(frame, other)
    assert frame[list(GRAIN)].equals(frame[list(GRAIN)].sort_values(["observation_date", "customer_id"])[list(GRAIN)])
    for feature in small.feature_set.features:
        if feature.is_categorical:
            assert tuple(frame[feature.name].cat.categories) == feature.domain
        else:
            assert frame[feature.name].dtype == np.float64
    assert frame["churned"].dtype == np.int8


@settings(max_examples=25, deadline=None)
@given(
    as_of=st.integers(-5, 120),
    window=st.integers(1, 120),
    dropped=st.integers(0, 40),
    seed=st.integers(0, 5),
)
def test_every_received_row_is_accounted_for(as_of: int, window: int, dropped: int, seed: int) -> None:
    tables = made_up_tables(120, seed)
    tables = replace(tables, outcomes=tables.outcomes.iloc[dropped:])
    day = START + timedelta(days=as_of)
    start = day - timedelta(days=window)
    observed = tables.features["observation_date"].dt.date
    usable = observed.between(start, day - HORIZON) & (np.arange(120) >= dropped)
    churners = tables.outcomes["churn_known_at"].dt.date.reindex(observed.index)[usable] <= day
    if churners.nunique() < 2:
        with pytest.raises((NoExamplesError, OneClassError), match=str(start)):
            tables.examples(Policy(window=timedelta(days=window)), as_of=day)
        return
    examples = tables.examples(Policy(window=timedelta(days=window)), as_of=day)
    counted = examples.accounting
    parts = counted.used + counted.observed_later + counted.out_of_window + counted.without_outcome + counted.immature
    assert counted.received == parts == 120
    assert counted.used == len(examples) == usable.sum()
    assert examples.churners == churners.sum()
    assert counted.observed_later == (observed > day).sum()
    assert counted.out_of_window == (observed < start).sum()
    assert (examples.frame["matured_on"] <= pd.Timestamp(day)).all()


def test_a_planted_future_event_does_not_enter_the_label(small: Tables) -> None:
    stayers = small.outcomes["churned_on"].isna()
    victims = small.outcomes.index[stayers][:50]

    def with_event_known_on(day: date) -> Tables:
        outcomes = small.outcomes.copy()
        outcomes.loc[victims, "churned_on"] = outcomes.loc[victims, "observation_date"] + pd.Timedelta(days=3)
        outcomes.loc[victims, "churn_known_at"] = pd.Timestamp(day)
        return replace(small, outcomes=outcomes)

    calm = small.examples()
    future = with_event_known_on(AS_OF + timedelta(days=1)).examples()
    control = with_event_known_on(AS_OF).examples()
    assert (future.churned == calm.churned).all()
    assert training_digest(future) == training_digest(calm)
    assert future.accounting.events_known_later == 50
    assert control.churners == calm.churners + 50


def test_rows_and_outcomes_from_after_as_of_change_nothing(small: Tables) -> None:
    as_of = START + timedelta(days=50)
    later = small.features["observation_date"] > pd.Timestamp(as_of)
    later |= small.outcomes["matured_on"] > pd.Timestamp(as_of)
    assert later.any()
    past = replace(small, features=small.features[~later], outcomes=small.outcomes[~later])
    assert training_digest(small.examples(as_of=as_of)) == training_digest(past.examples(as_of=as_of))


@settings(max_examples=8, deadline=None)
@given(seed=st.integers(0, 10_000))
def test_the_digest_does_not_depend_on_row_order(seed: int) -> None:
    tables = made_up_tables(80)
    assert training_digest(tables.examples()) == training_digest(tables.shuffled(seed).examples())


@settings(max_examples=15, deadline=None)
@given(row=st.integers(0, 79), column=st.sampled_from(["monthly_charges", "total_charges", "contract", "customer_id"]))
def test_the_digest_changes_with_any_value(row: int, column: str) -> None:
    tables = made_up_tables(80)
    frame = tables.examples().frame.copy()
    changed = tables.examples()
    new: object = {"contract": "Two year", "customer_id": "someone else"}.get(column, 1234.5)
    if frame.loc[row, column] == new:
        new = "One year"
    frame.loc[row, column] = new
    assert training_digest(replace(changed, frame=frame)) != training_digest(changed)


def test_the_digest_knows_one_missing_value_and_one_zero(small: Tables) -> None:
    examples = small.examples()
    other = examples.frame.copy()
    bits = np.array([0x7FF8000000000001], dtype=np.uint64).view(np.float64)[0]
    other["total_charges"] = other["total_charges"].where(other["total_charges"].notna(), bits)
    assert training_digest(replace(examples, frame=other)) == training_digest(examples)


@pytest.mark.parametrize("column", sorted(set(NEVER_FEATURES) - set(KEYS)))
def test_a_planted_leaky_column_is_refused_by_name(small: Tables, column: str) -> None:
    with pytest.raises(LeakageError, match=column):
        with_features(small, **{column: 1.0}).examples()


def test_a_leaky_column_is_refused_in_any_spelling_and_in_the_feature_set(small: Tables) -> None:
    with pytest.raises(LeakageError, match="Churn Score"):
        with_features(small, **{"Churn Score": 1.0}).examples()
    leaky = FeatureSet("v9", (*small.feature_set.features, Feature("cltv", "billing", "lifetime value")))
    tables = replace(with_features(small, harmless=1.0), feature_set=leaky)
    with pytest.raises(LeakageError, match="cltv"):
        tables.examples()


def test_a_column_outside_the_feature_set_is_irrelevant(small: Tables) -> None:
    more = with_features(small, always_the_same=1.0)
    assert training_digest(more.examples()) == training_digest(small.examples())


def test_a_customer_observed_twice_on_a_day_is_refused_by_name(small: Tables) -> None:
    first = small.features.iloc[[0]]
    doubled = replace(small, features=pd.concat([small.features, first]))
    with pytest.raises(DuplicateGrainError, match=f"features_v1 .*{first['customer_id'].iloc[0]}"):
        doubled.examples()
    outcomes = replace(small, outcomes=pd.concat([small.outcomes, small.outcomes.iloc[[0]]]))
    with pytest.raises(DuplicateGrainError, match="observation_outcomes"):
        outcomes.examples()


@pytest.mark.parametrize("column", ["contract", "attributes_known_at", "customer_id"])
def test_a_missing_feature_column_is_named(small: Tables, column: str) -> None:
    with pytest.raises(MissingColumnsError, match=f"features_v1 lacks .*{column}"):
        replace(small, features=small.features.drop(columns=column)).examples()


def test_a_missing_outcome_column_is_named(small: Tables) -> None:
    with pytest.raises(MissingColumnsError, match="observation_outcomes lacks churn_known_at"):
        replace(small, outcomes=small.outcomes.drop(columns="churn_known_at")).examples()


def test_attributes_known_after_the_observation_are_refused(small: Tables) -> None:
    late = small.features["attributes_known_at"].copy()
    late.iloc[3] += pd.Timedelta(days=2)
    with pytest.raises(FutureKnowledgeError, match=r"in 1 of 600 rows.*made-up-000003"):
        with_features(small, attributes_known_at=late).examples()


def test_attributes_of_unknown_age_are_refused(small: Tables) -> None:
    unknown = small.features["attributes_known_at"].copy()
    unknown.iloc[3] = pd.NaT
    with pytest.raises(FutureKnowledgeError, match="in 1 of 600 rows"):
        with_features(small, attributes_known_at=unknown).examples()


def test_another_label_horizon_than_the_policys_is_refused(small: Tables) -> None:
    with pytest.raises(InconsistentOutcomeError, match="14 days, the policy's label horizon"):
        training_examples(small.features, small.outcomes, small.feature_set, AS_OF, Policy(), timedelta(days=14))


@pytest.mark.parametrize(
    ("churned_after", "known_after", "rule"),
    [
        (0, 1, "churned_on is not after observation_date"),
        (31, 31, "churned_on is after matured_on"),
        (5, None, "churned_on is given but churn_known_at is not"),
        (None, 5, "churn_known_at is given but churned_on is not"),
    ],
)
def test_an_outcome_that_contradicts_itself_is_refused(
    small: Tables, churned_after: int | None, known_after: int | None, rule: str
) -> None:
    outcomes = small.outcomes.copy()
    observed = outcomes.loc[7, "observation_date"]
    outcomes.loc[7, "churned_on"] = pd.NaT if churned_after is None else observed + pd.Timedelta(days=churned_after)
    outcomes.loc[7, "churn_known_at"] = pd.NaT if known_after is None else observed + pd.Timedelta(days=known_after)
    with pytest.raises(InconsistentOutcomeError, match=rf"in 1 of 600 rows: {rule}.*made-up-000007"):
        replace(small, outcomes=outcomes).examples()


def test_no_matured_row_says_where_all_rows_went(small: Tables) -> None:
    with pytest.raises(NoExamplesError, match=r"of 600 rows received \d+ were observed later.* are not matured"):
        small.examples(as_of=START + timedelta(days=5))


def test_an_empty_feature_table_is_refused(small: Tables) -> None:
    with pytest.raises(NoExamplesError, match="of 0 rows received"):
        small.head(0).examples()


def test_one_outcome_only_is_refused(small: Tables) -> None:
    with pytest.raises(OneClassError, match=r"All 600 .* stayed"):
        with_outcomes(small, churned_on=pd.NaT, churn_known_at=pd.NaT).examples()


def test_a_feature_table_without_any_value_is_refused(small: Tables) -> None:
    with pytest.raises(TrainingDataError, match="Every feature of features_v1 is missing"):
        with_features(small, **dict.fromkeys(small.feature_set.names)).examples()


def test_a_category_outside_the_contract_is_refused_inside_the_window_only(small: Tables) -> None:
    contract = small.features["contract"].copy()
    newest = small.features["observation_date"].idxmax()
    contract[newest] = "Weekly"
    strange = with_features(small, contract=contract)
    with pytest.raises(FeatureValueError, match=r"features_v1.contract holds 'Weekly' in 1 of"):
        strange.examples()
    before = small.features["observation_date"].max() + HORIZON - pd.Timedelta(days=1)
    assert len(strange.examples(as_of=before.date())) > 0


def test_dates_with_a_time_of_day_are_refused(small: Tables) -> None:
    with pytest.raises(TrainingDataError, match="observation_date must hold whole days"):
        with_features(small, observation_date=small.features["observation_date"] + pd.Timedelta(hours=3)).examples()
    with pytest.raises(TrainingDataError, match="observation_date must hold dates"):
        with_features(small, observation_date="yesterday").examples()


def test_a_row_without_a_customer_is_refused(small: Tables) -> None:
    nobody = small.features["customer_id"].where(small.features.index != 4)
    with pytest.raises(TrainingDataError, match="without customer_id"):
        with_features(small, customer_id=nobody).examples()


def test_taking_some_rows_keeps_everything_else(small: Tables) -> None:
    examples = small.examples()
    some = examples.take(np.arange(len(examples)) % 2 == 0)
    assert len(some) == 300
    same = {field.name for field in fields(examples)} - {"frame"}
    assert all(getattr(some, name) == getattr(examples, name) for name in same)
