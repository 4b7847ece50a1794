"""The replay: real rows on a declared calendar that depends on the ids and the seed alone."""

from __future__ import annotations

from dataclasses import replace as with_fields
from datetime import date, timedelta
from pathlib import Path

import numpy as np
import pandas as pd
import pytest
from extracts import small_extract
from hypothesis import given, settings
from hypothesis import strategies as st

from churn_platform.adapters.extract import find_extract, read_extract
from churn_platform.contracts.features import FEATURE_SETS
from churn_platform.contracts.leakage import NEVER_FEATURES, normal_form
from churn_platform.contracts.tables import RAW_TABLES
from churn_platform.feeds.calendar import replay_calendar
from churn_platform.feeds.ibm import Extract, ExtractError, observation_days, replay
from churn_platform.feeds.quarantine import Screened, screen
from churn_platform.policies import load_policies
from churn_platform.settings import Settings

POLICIES = load_policies()
CALENDAR = replay_calendar(POLICIES)
FIRST = date(2026, 1, 1)


def gate(frames: dict[str, pd.DataFrame]) -> dict[str, Screened]:
    return {
        name: screen(RAW_TABLES[name], rows.assign(source_file=f"{name}/x.parquet", source_digest="d"))
        for name, rows in frames.items()
    }


@pytest.fixture(scope="session")
def real_extract(real_data: Path, tmp_path_factory: pytest.TempPathFactory) -> Extract:
    return read_extract(find_extract(Settings(tmp_path_factory.mktemp("home"), (real_data,), offline=True)))


@pytest.fixture(scope="session")
def real_replay(real_extract: Extract) -> dict[str, pd.DataFrame]:
    return replay(real_extract, POLICIES)


def test_the_calendar_is_120_days_of_history_a_pause_of_30_and_45_live_days() -> None:
    assert (CALENDAR.first_day, CALENDAR.history_end) == (FIRST, FIRST + timedelta(119))
    assert (CALENDAR.live_from, CALENDAR.live_end) == (FIRST + timedelta(150), FIRST + timedelta(194))
    assert CALENDAR.training_as_of == CALENDAR.live_from - timedelta(1)
    assert CALENDAR.last_day == CALENDAR.live_end + timedelta(30)
    assert (len(CALENDAR.days), len(CALENDAR.live_days)) == (225, 45)
    assert sum(CALENDAR.expects_customers(day) for day in CALENDAR.days) == 165


@given(st.integers(1, 400), st.integers(0, 2**31))
@settings(max_examples=40, deadline=None, derandomize=True)
def test_each_customer_has_one_day_history_or_live_whatever_the_order(customers: int, shuffle: int) -> None:
    ids = pd.Series([f"C{n:05d}" for n in range(customers)])
    days = observation_days(ids, POLICIES)
    shuffled = ids.sample(frac=1, random_state=shuffle % 2**32)
    again = observation_days(shuffled, POLICIES)
    assert days.notna().all()
    pd.testing.assert_series_equal(again.sort_index(), days)
    assert all(CALENDAR.expects_customers(day.date()) for day in days)
    assert (days >= pd.Timestamp(CALENDAR.live_from)).sum() == round(customers * 0.2)


def test_real_data_is_spread_evenly_80_to_20_over_120_and_45_days(real_replay: dict[str, pd.DataFrame]) -> None:
    customers = real_replay["customers"]
    per_day = customers.groupby("observation_date").size()
    history = per_day[per_day.index <= pd.Timestamp(CALENDAR.history_end)]
    live = per_day[per_day.index >= pd.Timestamp(CALENDAR.live_from)]
    assert (len(history), len(live), len(per_day)) == (120, 45, 165)  # none in the maturing pause
    assert (history.sum(), live.sum()) == (5634, 1409)
    assert history.max() - history.min() <= 1
    assert live.max() - live.min() <= 1
    assert (customers["known_at"] == customers["observation_date"]).all()
    assert (customers["landed_on"] == customers["observation_date"]).all()


def test_real_data_passes_the_gate_whole_and_total_charges_is_blank_in_11_rows_at_tenure_zero(
    real_replay: dict[str, pd.DataFrame],
) -> None:
    screened = gate(real_replay)
    assert {name: len(part.quarantined) for name, part in screened.items()} == dict.fromkeys(real_replay, 0)
    customers = screened["customers"].accepted
    blank = customers[customers["total_charges"].isna()]
    assert (len(customers), len(blank), set(blank["tenure_months"])) == (7043, 11, {0})


def test_every_churner_of_the_real_data_leaves_once_1_to_30_days_after_being_observed(
    real_extract: Extract, real_replay: dict[str, pd.DataFrame]
) -> None:
    events = real_replay["churn_events"].set_index("customer_id")
    churners = real_extract.churn.loc[real_extract.churn["Churn"] == "Yes", "customerID"]
    assert events.index.is_unique
    assert set(events.index) == set(churners)
    assert len(events) == 1869
    observed = real_replay["customers"].set_index("customer_id")["observation_date"]
    delay = (events["churned_on"] - observed.reindex(events.index)).dt.days
    assert (delay.min(), delay.max()) == (1, 30)
    # evenly: each of the 30 days is expected 62 times; the bound is four standard deviations
    assert delay.value_counts().between(31, 93).all()
    assert (events["landed_on"] == events["churned_on"]).all()


def test_the_same_extract_in_another_order_is_the_same_replay() -> None:
    extract = small_extract(extended=True)
    assert extract.services is not None
    assert extract.status is not None
    turned = Extract(
        *(part.sample(frac=1, random_state=3) for part in (extract.churn, extract.services, extract.status))
    )
    first, second = replay(extract, POLICIES), replay(turned, POLICIES)
    assert set(first) == set(second) == {"customers", "churn_events", "account_usage", "invoices"}
    for name in first:
        pd.testing.assert_frame_equal(first[name], second[name])


def test_another_seed_is_another_calendar() -> None:
    other = POLICIES.model_copy(update={"replay": POLICIES.replay.model_copy(update={"seed": 7})})
    ids = small_extract().churn["customerID"]
    assert (observation_days(ids, POLICIES) != observation_days(ids, other)).any()


def test_changing_one_customers_row_moves_nobodys_day_and_nobody_elses_leaving() -> None:
    extract = small_extract()
    changed = extract.churn.copy()
    changed.loc[17, ["MonthlyCharges", "Contract"]] = [19.95, "Two year"]
    changed.loc[17, "Churn"] = "No" if changed.loc[17, "Churn"] == "Yes" else "Yes"
    before, after = replay(extract, POLICIES), replay(Extract(changed), POLICIES)
    who = changed.loc[17, "customerID"]
    days = ["customer_id", "observation_date", "landed_on"]
    pd.testing.assert_frame_equal(before["customers"][days], after["customers"][days])
    for name in before:
        left, right = (side[name][side[name]["customer_id"] != who].reset_index(drop=True) for side in (before, after))
        pd.testing.assert_frame_equal(left, right)
    assert (before["churn_events"]["customer_id"] == who).sum() + (
        after["churn_events"]["customer_id"] == who
    ).sum() == 1


def test_ibms_status_columns_are_never_features(real_extract: Extract) -> None:
    assert real_extract.status is not None
    features = {name for feature_set in FEATURE_SETS.values() for name in feature_set.names}
    assert not features & set(NEVER_FEATURES)
    status = {normal_form(name) for name in real_extract.status.columns}
    assert not status & {normal_form(name) for name in features}
    assert {"churnscore", "satisfactionscore", "churnreason", "cltv"} <= status  # control: they are there


def test_status_columns_stand_only_where_the_contract_says_never_features(real_replay: dict[str, pd.DataFrame]) -> None:
    for name, rows in real_replay.items():
        assert not {"churnscore", "satisfactionscore", "churnlabel", "churn"} & {normal_form(c) for c in rows}, name
    assert {"churn_category", "churn_reason"} <= set(real_replay["churn_events"])
    assert not {"churn_category", "churn_reason"} & set(real_replay["customers"])


def test_an_extract_without_extensions_lands_customers_and_churn_events_only() -> None:
    extract = small_extract(extended=True)
    assert set(replay(Extract(extract.churn), POLICIES)) == {"customers", "churn_events"}
    landed = replay(with_fields(extract, status=None), POLICIES)
    assert landed["customers"]["cltv"].isna().all()
    assert landed["customers"]["internet_type"].notna().all()
    assert all(part.quarantined.empty for part in gate(landed).values())


def test_a_customer_absent_from_the_extension_has_blanks_and_no_usage() -> None:
    extract = small_extract(extended=True)
    assert extract.services is not None
    gone = extract.churn["customerID"].iloc[3]
    partial = with_fields(extract, services=extract.services[extract.services["Customer ID"] != gone])
    landed = replay(partial, POLICIES)
    row = landed["customers"].set_index("customer_id").loc[gone]
    assert row[["internet_type", "unlimited_data", "number_of_referrals"]].isna().all()
    assert gone not in set(landed["account_usage"]["customer_id"])
    assert all(part.quarantined.empty for part in gate(landed).values())


def test_an_extract_that_is_not_ibms_is_refused_by_name() -> None:
    extract = small_extract(extended=True)
    assert extract.services is not None
    churn = extract.churn

    def refused(changed: Extract, told: str) -> None:
        with pytest.raises(ExtractError, match=told):
            replay(changed, POLICIES)

    refused(Extract(churn.drop(columns=["tenure", "Churn"])), "lacks tenure, Churn")
    refused(Extract(churn.iloc[:0]), "holds no customers")
    refused(Extract(pd.concat([churn, churn.iloc[[4]]])), "repeats customerID 'SIM00004'")
    refused(Extract(churn.assign(customerID=churn["customerID"].mask(churn.index == 2))), "blank in row 3")
    refused(Extract(churn.assign(Churn=churn["Churn"].str.lower())), "Churn must be Yes or No; 200 rows")
    refused(Extract(churn, extract.services.drop(columns="Total Refunds")), "services table lacks Total Refunds")
    doubled = pd.concat([extract.services, extract.services.iloc[[0]]])
    refused(Extract(churn, doubled), "services table repeats Customer ID")


def test_values_that_ibm_never_wrote_pass_through_as_they_stand_and_the_gate_names_them() -> None:
    churn = small_extract().churn.astype({"SeniorCitizen": "object"})
    churn.loc[0, "SeniorCitizen"], churn.loc[1, "Contract"] = 2, "Weekly"
    result = gate(replay(Extract(churn), POLICIES))["customers"]
    assert set(zip(result.quarantined["column_name"], result.quarantined["found"], strict=True)) == {
        ("senior_citizen", '"2"'),
        ("contract", '"Weekly"'),
    }
    assert np.isin(result.accepted["senior_citizen"], ["No", "Yes"]).all()
