"""Each effect does what its line in docs/scenarios.md says, to those it reaches and to nobody else."""

from __future__ import annotations

from functools import cache

import numpy as np
import pandas as pd
import pytest
from hypothesis import given
from hypothesis import strategies as st

from churn_platform.contracts.tables import RAW_TABLES
from churn_platform.simulation.scenario import parse_scenario
from churn_platform.simulation.scenario.effect import Effect
from churn_platform.simulation.scenario.feeds import Delay
from churn_platform.simulation.world import FIRST_DAY, World

DAYS, CHANGE = 70, 20


@cache
def landed(effects: str) -> dict[str, pd.DataFrame]:
    """All rows landed from the change on, by table; `truth` and `seen_on` beside."""
    text = f"name: x\nabout: x\ncause: x\neffects: [{effects}]"
    world = World(customers=1_200, seed=8, scenario=parse_scenario(text, "x.yml"), background_contacts=False)
    world.opening()
    days = [world.day(world.next_date) for _ in range(DAYS)][CHANGE:]
    tables = {name: pd.concat([day.tables[name] for day in days], ignore_index=True) for name in RAW_TABLES}
    return tables | {"truth": pd.concat([day.truth for day in days], ignore_index=True)}


def calm() -> dict[str, pd.DataFrame]:
    return landed("")


def usage(effects: str) -> pd.DataFrame:
    """Use beside the calm world's, for the same customer and period."""
    key = ["customer_id", "period_end"]
    return landed(effects)["account_usage"].merge(calm()["account_usage"], on=key, suffixes=("", "_calm"))


days_and_ramps = st.tuples(st.integers(0, 50), st.integers(0, 30), st.floats(0.1, 3.0))


@given(days_and_ramps)
def test_strength_is_nothing_before_the_start_and_grows_evenly_to_its_full_height(
    drawn: tuple[int, int, float],
) -> None:
    start, ramp, strength = drawn
    effect = Effect(start_day=start, ramp_days=ramp, strength=strength)
    over_time = effect.strength_on(np.arange(120, dtype=np.int32))
    assert (over_time[:start] == 0.0).all()
    assert over_time[start] > 0.0
    assert over_time[start + ramp :] == pytest.approx(strength)
    steps = np.diff(over_time[max(start - 1, 0) : start + ramp + 1])
    assert steps == pytest.approx(np.full(len(steps), strength / (ramp + 1)))


def test_an_effect_that_ends_is_gone_on_its_last_day() -> None:
    effect = Effect(start_day=2, end_day=5)
    assert effect.strength_on(np.arange(7, dtype=np.int32)).tolist() == [0, 0, 1, 1, 1, 0, 0]


delays = st.builds(
    lambda start, days, last, ramp: Delay(
        effect="delay", table="invoices", start_day=start, days=days, end_day=start + last, ramp_days=ramp
    ),
    st.integers(0, 20), st.integers(1, 20), st.integers(1, 30), st.integers(0, 10),
)  # fmt: skip
holds = st.builds(
    lambda start, length: Delay(effect="delay", table="invoices", start_day=start, until_day=start + length),
    st.integers(0, 20), st.integers(1, 40),
)  # fmt: skip


@given(st.one_of(delays, holds))
def test_a_late_feed_never_brings_anything_early_and_nothing_overtakes(delay: Delay) -> None:
    known = np.arange(-5, 120, dtype=np.int32)
    landing = delay.landing_day(known)
    assert (landing >= known).all()
    assert (np.diff(landing) >= 0).all()
    assert (landing[known < delay.start_day] == known[known < delay.start_day]).all()
    assert landing[-1] == known[-1]


def test_two_versions_of_a_row_never_land_in_one_file() -> None:
    held = landed("{effect: delay, table: support_tickets, start_day: 20, until_day: 50}")["support_tickets"]
    assert not held.duplicated(["ticket_id", "known_at"]).any()
    newest, on_time = (
        rows.sort_values("known_at", kind="stable")
        .drop_duplicates("ticket_id", keep="last")
        .set_index("ticket_id")["resolved_on"]
        for rows in (held, calm()["support_tickets"])
    )
    pd.testing.assert_series_equal(newest.sort_index(), on_time.sort_index())


def test_scale_and_shift_move_a_quantity_for_the_segment_only() -> None:
    scaled = usage(
        "{effect: scale, column: account_usage.long_distance_charges, by: 3, start_day: 20, segment: {tenure_months: {at_least: 24}}}"
    )
    ratio = scaled["long_distance_charges"] / scaled["long_distance_charges_calm"]
    assert set(ratio.dropna().round(1)) == {1.0, 3.0}
    shifted = usage(
        "{effect: shift, column: account_usage.data_gb, by: 5, start_day: 20, segment: {internet_type: [DSL]}}"
    )
    by = (shifted["data_gb"] - shifted["data_gb_calm"]).round(1)
    assert by.isin([4.9, 5.0, 5.1]).sum() > 200
    assert by.isin([0.0, 4.9, 5.0, 5.1]).mean() > 0.95  # more data is more extra charges, and those make a mood


def test_half_the_strength_is_half_the_effect() -> None:
    half = usage("{effect: scale, column: account_usage.long_distance_charges, by: 3, start_day: 20, strength: 0.5}")
    ratio = (half["long_distance_charges"] / half["long_distance_charges_calm"]).dropna()
    assert ratio.median() == pytest.approx(2.0, abs=0.01)


def test_added_hazard_multiplies_the_odds_of_the_segment() -> None:
    hit = landed("{effect: add_hazard, odds: 4, start_day: 20, segment: {gender: [Female]}}")
    both = hit["truth"].merge(calm()["truth"], on=["customer_id", "observation_date"], suffixes=("", "_calm"))
    both = both.merge(
        hit["customers"][["customer_id", "observation_date", "gender"]], on=["customer_id", "observation_date"]
    )
    female = both["gender"] == "Female"
    assert (both["leave_probability"] == both["leave_probability_calm"])[~female].all()
    p, q = both["leave_probability"], both["leave_probability_calm"]
    decided = female & (q > 0.2) & (q < 0.8)
    assert ((p / (1 - p)) / (q / (1 - q)))[decided].median() == pytest.approx(4.0, rel=0.05)


def test_a_share_of_the_segment_adopts_each_month() -> None:
    effect = "{effect: adopt, column: paperless_billing, value: Yes, share_per_month: 0.5, start_day: 20, segment: {partner: [No]}}"
    both = landed(effect)["customers"].merge(
        calm()["customers"], on=["customer_id", "observation_date"], suffixes=("", "_calm")
    )
    changed = both["paperless_billing"] != both["paperless_billing_calm"]
    assert set(both["partner"][changed]) == {"No"}
    first_month = both["observation_date"] < pd.Timestamp(FIRST_DAY) + pd.Timedelta(days=CHANGE + 30)
    could = (both["partner"] == "No") & (both["paperless_billing_calm"] == "No")
    assert changed[could & first_month].mean() == pytest.approx(0.5, abs=0.1)
    assert changed[could & ~first_month].mean() == pytest.approx(0.7, abs=0.1)


def test_who_adopts_the_internet_uses_it_and_who_drops_it_keeps_no_service_of_it() -> None:
    online = landed("{effect: adopt, column: internet_type, value: DSL, share_per_month: 1, start_day: 20}")
    assert set(online["customers"]["internet_service"]) == {"DSL", "Fiber optic"}  # some move on to fibre
    use = online["account_usage"].groupby("customer_id")["data_gb"].mean()
    assert (use > 0).all()
    offline = landed("{effect: adopt, column: internet_type, value: None, share_per_month: 1, start_day: 20}")
    rows = offline["customers"]
    gone = rows["internet_service"] == "No"
    assert gone.mean() > 0.97  # some of them order fibre within the month
    assert set(rows["streaming_tv"][gone]) == {"No internet service"}
    assert set(rows["unlimited_data"][gone]) == {"No"}


@pytest.mark.parametrize(
    ("table", "column"),
    [
        ("customers", "gender"),
        ("customers", "tenure_months"),
        ("invoices", "amount"),
        ("invoices", "due_date"),
        ("churn_events", "churn_reason"),
    ],
)
def test_a_share_of_values_is_blank_and_everything_else_stays(table: str, column: str) -> None:
    rows = landed(f"{{effect: blank, table: {table}, column: {column}, share: 0.3, start_day: 20}}")[table]
    before = calm()[table]
    gone = rows[column].isna() & before[column].notna()
    assert gone.mean() == pytest.approx(0.3, abs=0.12)
    pd.testing.assert_frame_equal(rows.drop(columns=column), before.drop(columns=column))
    assert rows[column][~gone].equals(before[column][~gone])


def test_duplicates_stand_twice_in_their_file_and_nothing_is_lost() -> None:
    rows = landed("{effect: duplicate, table: customers, share: 0.2, start_day: 20}")["customers"]
    assert rows.duplicated().mean() == pytest.approx(0.2 / 1.2, abs=0.03)
    pd.testing.assert_frame_equal(rows.drop_duplicates(ignore_index=True), calm()["customers"])


def test_files_can_lose_rename_and_retype_columns_and_get_them_back() -> None:
    effects = (
        "{effect: drop, table: invoices, column: refunds, start_day: 20}, "
        "{effect: rename, table: account_usage, column: data_gb, to: gigabytes, start_day: 20}, "
        "{effect: retype, table: churn_events, column: churned_on, to: text, start_day: 20}, "
        "{effect: retype, table: customers, column: monthly_charges, to: whole_number, start_day: 20}"
    )
    tables = landed(effects)
    assert "refunds" not in tables["invoices"]
    assert list(tables["account_usage"])[4] == "gigabytes"
    assert tables["churn_events"]["churned_on"].str.fullmatch(r"\d{4}-\d\d-\d\d").all()
    assert tables["customers"]["monthly_charges"].dtype == "Int64"
    ended = landed("{effect: drop, table: invoices, column: refunds, start_day: 5, end_day: 20}")
    pd.testing.assert_frame_equal(ended["invoices"], calm()["invoices"])


def test_effects_add_up() -> None:
    double = "{effect: scale, column: account_usage.long_distance_charges, by: 2, start_day: 20}"
    both = usage(f"{double}, {double}")
    ratio = (both["long_distance_charges"] / both["long_distance_charges_calm"]).dropna()
    assert ratio.median() == pytest.approx(4.0, abs=0.02)
