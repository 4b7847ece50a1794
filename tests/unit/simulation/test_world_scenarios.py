"""Each scenario does what it says and only that.

Judged beside the calm world of the same seed, in which the same customers live the same lives.
"""

from __future__ import annotations

import numpy as np
import pandas as pd
import pytest
from conftest import CHANGE, DAYS, Lived, live

from churn_platform.contracts.tables import RAW_TABLES
from churn_platform.simulation.scenario import packaged_scenarios, scenario_named
from churn_platform.simulation.world import FIRST_DAY, DayLanding

TEN = {
    "calm", "pricing_change", "product_launch", "competitor_offer", "crm_lag", "support_quality_degradation", "unit_change",
    "schema_break", "label_outage", "slow_mix_shift",
}  # fmt: skip
CHANGING = sorted(TEN - {"calm"})
#: scenarios in which nothing changes for any customer
FEEDS_ONLY = ["crm_lag", "label_outage", "schema_break", "unit_change"]
CHANGED_ON = pd.Timestamp(FIRST_DAY) + pd.Timedelta(days=CHANGE)


def same(one: DayLanding, other: DayLanding) -> bool:
    frames = [(one.truth, other.truth), *((one.tables[name], other.tables[name]) for name in RAW_TABLES)]
    return all(a.equals(b) and a.dtypes.equals(b.dtypes) for a, b in frames)


def beside(scenario: Lived, calm: Lived, since: int) -> pd.DataFrame:
    """Profiles and truths of customers observed in both worlds on the same day.

    Columns of the scenario, and of calm with `_calm`.
    """
    parts = []
    for lived in (scenario, calm):
        rows = lived.table("customers", since)
        parts.append(rows.merge(lived.truth, on=["customer_id", "observation_date"]))
    both = parts[0].merge(parts[1], on=["customer_id", "observation_date"], suffixes=("", "_calm"))
    assert len(both) > 1_000
    return both


def log_odds(p: pd.Series) -> pd.Series:
    return np.log(p / (1 - p))


def test_there_are_the_ten_scenarios_and_each_names_its_cause() -> None:
    assert set(packaged_scenarios()) == TEN
    for name, scenario in packaged_scenarios().items():
        assert scenario.name == name
        assert scenario.cause == ("none" if name == "calm" else name)


@pytest.mark.parametrize("name", CHANGING)
def test_before_its_change_a_scenario_is_the_calm_world_bit_for_bit(name: str, calm: Lived) -> None:
    lived = live(name)
    for number in range(-1, CHANGE):
        assert same(lived.day(number), calm.day(number)), f"day {number} differs"
    # the control: the comparison sees the change
    assert not all(same(lived.day(number), calm.day(number)) for number in range(CHANGE, DAYS))


@pytest.mark.parametrize("name", CHANGING)
def test_the_truth_names_the_cause_the_day_and_the_strength(name: str) -> None:
    for number in (0, CHANGE - 1, CHANGE, DAYS - 1):
        summary = live(name).day(number).summary
        assert (summary.scenario, summary.cause, summary.changed_on) == (name, name, CHANGED_ON.date())
        assert (max(summary.strength.values()) > 0.0) == (number >= CHANGE)


@pytest.mark.parametrize("name", FEEDS_ONLY)
def test_a_change_of_feeds_changes_nothing_for_customers(name: str, calm: Lived) -> None:
    pd.testing.assert_frame_equal(live(name).truth, calm.truth)


ONE_FEED = {
    "crm_lag": "customers",
    "unit_change": "account_usage",
    "schema_break": "customers",
    "label_outage": "churn_events",
}


@pytest.mark.parametrize(("name", "table"), sorted(ONE_FEED.items()))
def test_a_change_of_one_feed_leaves_the_others_alone(name: str, table: str, calm: Lived) -> None:
    for other in sorted(set(RAW_TABLES) - {table}):
        pd.testing.assert_frame_equal(live(name).table(other, -1), calm.table(other, -1))


def test_crm_lag_delivers_customers_two_days_late(calm: Lived) -> None:
    lived = live("crm_lag")
    assert [len(lived.day(number).tables["customers"]) for number in (CHANGE, CHANGE + 1)] == [0, 0]
    for number in range(CHANGE + 2, DAYS):
        late, on_time = lived.day(number).tables["customers"], calm.day(number - 2).tables["customers"]
        pd.testing.assert_frame_equal(late.drop(columns="known_at"), on_time.drop(columns="known_at"))
        assert (late["known_at"] == late["observation_date"] + pd.Timedelta(days=2)).all()


def test_unit_change_writes_the_same_use_in_megabytes(calm: Lived) -> None:
    changed, before = live("unit_change").table("account_usage", CHANGE), calm.table("account_usage", CHANGE)
    pd.testing.assert_series_equal(changed["data_gb"], before["data_gb"] * 1024.0)
    pd.testing.assert_frame_equal(changed.drop(columns="data_gb"), before.drop(columns="data_gb"))


def test_schema_break_renames_one_column_and_retypes_another(calm: Lived) -> None:
    lived = live("schema_break")
    changed, before = lived.table("customers", CHANGE), calm.table("customers", CHANGE)
    renamed = ["payment_type" if name == "payment_method" else name for name in RAW_TABLES["customers"].column_names]
    assert list(changed.columns) == renamed
    back = changed.rename(columns={"payment_type": "payment_method"})
    assert back["total_charges"].str.contains(",").sum() > 1_000
    back["total_charges"] = back["total_charges"].str.replace(",", ".").astype("float64")
    pd.testing.assert_frame_equal(back, before)


def test_label_outage_holds_churn_events_and_then_delivers_every_one(calm: Lived) -> None:
    lived, until = live("label_outage"), CHANGE + 30
    assert sum(len(lived.day(number).tables["churn_events"]) for number in range(CHANGE, until)) == 0
    key = ["customer_id", "churned_on"]
    held = lived.day(until).tables["churn_events"]
    expected = calm.table("churn_events", CHANGE)
    expected = expected[expected["known_at"] <= pd.Timestamp(lived.day(until).day)]
    assert len(held) == len(expected) > 50
    assert set(held["customer_id"]) == set(expected["customer_id"])
    for number in range(until + 1, DAYS):
        pd.testing.assert_frame_equal(
            lived.day(number).tables["churn_events"][key], calm.day(number).tables["churn_events"][key]
        )


def test_pricing_change_makes_fibre_dearer_and_only_those_customers_leave_more(calm: Lived) -> None:
    both = beside(live("pricing_change"), calm, since=CHANGE + 15)
    both = both[both["internet_type"] == both["internet_type_calm"]]
    fibre = both["internet_type"] == "Fiber Optic"
    same_services = both["streaming_tv"].eq(both["streaming_tv_calm"]) & both["online_backup"].eq(
        both["online_backup_calm"]
    )
    ratio = (both["monthly_charges"] / both["monthly_charges_calm"])[fibre & same_services]
    assert ratio.median() == pytest.approx(1.2, abs=0.001)
    assert (both["monthly_charges"] == both["monthly_charges_calm"])[~fibre].all()
    assert (both["leave_probability"] == both["leave_probability_calm"])[~fibre].mean() > 0.99
    # of the decided ones: moving away, which is rare, does not mind the price
    bound = both["contract_calm"] != "Month-to-month"
    rise = log_odds(both["leave_probability"]) - log_odds(both["leave_probability_calm"])
    assert rise[fibre & ~bound & (both["leave_probability_calm"] > 0.1)].median() == pytest.approx(0.8, abs=0.05)
    # and who is bound by a contract is free to go on top of it
    assert both["leave_probability"][fibre & bound].mean() > 4.0 * both["leave_probability_calm"][fibre & bound].mean()


def test_product_launch_changes_the_customers_but_not_how_they_leave(calm: Lived) -> None:
    lived = live("product_launch")
    both = beside(lived, calm, since=DAYS - 30)
    assert ((both["streaming_tv"] == "Yes") & (both["streaming_tv_calm"] == "No")).mean() > 0.1
    # who took nothing up and pays no extra for data leaves as in the calm world
    untouched = (both["monthly_charges"] == both["monthly_charges_calm"]) & (both["unlimited_data"] == "Yes")
    assert untouched.sum() > 300
    assert (both["leave_probability"] == both["leave_probability_calm"])[untouched].mean() > 0.98
    use = [
        part.table("account_usage", DAYS - 30).set_index(["customer_id", "period_end"])["data_gb"]
        for part in (lived, calm)
    ]
    ratio = (use[0] / use[1].where(use[1] > 1)).dropna()
    assert ratio.median() == pytest.approx(1.6, abs=0.01)
    joiners = [_joiners(part)["internet_type"].eq("Fiber Optic").mean() for part in (lived, calm)]
    assert joiners[0] > joiners[1] + 0.1


def test_competitor_offer_changes_the_concept_and_nothing_that_is_measured(calm: Lived) -> None:
    lived = live("competitor_offer")
    both = beside(lived, calm, since=CHANGE + 8)
    contract = both["contract"] != "Month-to-month"
    assert both["leave_probability"][contract].mean() > 2.5 * both["leave_probability_calm"][contract].mean()
    assert (both["leave_probability"] == both["leave_probability_calm"])[~contract].mean() > 0.99
    # the same customer, wherever still there, looks the same
    columns = [name for name in RAW_TABLES["customers"].column_names if name not in ("customer_id", "observation_date")]
    for name in columns:
        assert both[name].eq(both[f"{name}_calm"]).where(both[name].notna(), True).mean() > 0.99, name
    # and leavers say why
    shares = [
        part.table("churn_events", CHANGE + 40)["churn_category"].eq("Competitor").mean() for part in (lived, calm)
    ]
    assert shares[0] > shares[1] + 0.1
    best = [np.mean([part.day(n).summary.best_auc for n in range(CHANGE + 8, DAYS)]) for part in (lived, calm)]
    assert best[0] < best[1]


def test_support_degradation_shows_in_tickets_first_and_then_in_leaving(calm: Lived) -> None:
    lived = live("support_quality_degradation")
    took = []
    for part in (lived, calm):
        tickets = part.table("support_tickets")
        done = tickets[tickets["resolved_on"].notna() & (tickets["opened_on"] >= CHANGED_ON)]
        took.append((done["resolved_on"] - done["opened_on"]).dt.days.mean())
    assert took[0] > 1.5 * took[1]
    late = DAYS - 30
    since = pd.Timestamp(calm.day(late).day)
    opened = [
        (part.table("support_tickets", late).drop_duplicates("ticket_id")["opened_on"] >= since).sum()
        for part in (lived, calm)
    ]
    assert opened[0] > 1.3 * opened[1]
    both = beside(lived, calm, since=late)
    assert both["leave_probability"].mean() > 1.1 * both["leave_probability_calm"].mean()
    # prices, people and services stay
    for name in ("gender", "senior_citizen", "internet_type", "payment_method", "online_security"):
        assert (both[name] == both[f"{name}_calm"]).all(), name
    assert (both["monthly_charges"] == both["monthly_charges_calm"]).all()


def test_slow_mix_shift_changes_joiners_and_nobody_who_was_there_before(calm: Lived) -> None:
    lived = live("slow_mix_shift")
    mix = [_joiners(part) for part in (lived, calm)]
    assert mix[0]["senior_citizen"].eq("Yes").mean() > mix[1]["senior_citizen"].eq("Yes").mean() + 0.15
    assert mix[0]["contract"].eq("Two year").mean() > mix[1]["contract"].eq("Two year").mean() + 0.2
    both = beside(lived, calm, since=CHANGE)
    before = both["tenure_months"] > (DAYS - CHANGE) // 30 + 1
    for name in ("contract", "senior_citizen", "monthly_charges"):
        assert (both[name] == both[f"{name}_calm"])[before].all(), name
    assert (both["leave_probability"] == both["leave_probability_calm"])[before].mean() > 0.99


def test_a_scenario_can_be_moved_to_another_day() -> None:
    moved = scenario_named("label_outage").starting(7)
    assert moved.start_day == 7
    assert moved.effects[0].until_day == 37  # type: ignore[union-attr]
    assert scenario_named("calm").starting(7) == scenario_named("calm")


def _joiners(lived: Lived) -> pd.DataFrame:
    """First observations of those who joined in the last two months."""
    rows = lived.table("customers", DAYS - 30)
    return rows[rows["tenure_months"] <= 1]
