"""The simulated telco as a feed: made up and labelled so, the same bytes each time, and through the same gate as everybody."""

from __future__ import annotations

from dataclasses import replace
from datetime import date, timedelta
from pathlib import Path

import pandas as pd
import pytest

from churn_platform.adapters import world_landing
from churn_platform.adapters.feed_source import WorldFeed, open_feed
from churn_platform.adapters.home import claim_home
from churn_platform.adapters.landing_zone import landed_files, read_landed
from churn_platform.adapters.truth_files import TruthError, read_customer_truth, read_day_truth
from churn_platform.adapters.world_choice import (
    CUSTOMERS,
    SEED,
    WorldChoice,
    WorldChoiceError,
    read_world_choice,
    write_world_choice,
)
from churn_platform.contracts.tables import RAW_TABLES
from churn_platform.feeds.quarantine import screen
from churn_platform.policies import load_policies
from churn_platform.settings import Settings
from churn_platform.simulation.scenario import ScenarioError
from churn_platform.simulation.world import World

POLICIES = load_policies()
SMALL = WorldChoice("calm", 400, 3, 20)
DEARER = "name: dearer\nabout: x\ncause: x\neffects: [{effect: scale, column: customers.monthly_charges, by: 1.5, start_day: 2}]\n"


@pytest.fixture(autouse=True)
def no_world_lives_on() -> None:
    world_landing._living.clear()


def settings_of(folder: Path, choice: WorldChoice | None = SMALL) -> Settings:
    settings = Settings(folder, (), offline=True)
    if choice is not None:
        write_world_choice(settings, choice)
    return settings


def feed_of(folder: Path, choice: WorldChoice | None = SMALL) -> WorldFeed:
    feed = open_feed("world", settings_of(folder, choice), POLICIES)
    assert isinstance(feed, WorldFeed)
    return feed


def contents(folder: Path) -> dict[str, bytes]:
    return {
        str(path.relative_to(folder)): path.read_bytes()
        for part in ("landing", "truth")
        for path in sorted((folder / part).rglob("*.parquet"))
    }


def test_the_world_says_that_it_is_made_up_and_which_one_it_is(tmp_path: Path) -> None:
    home = feed_of(tmp_path).home
    assert home.simulated
    assert home.note == "simulated: a made-up telco of 400 customers, seed 3, scenario calm, from 2026-01-01"


def test_without_a_choice_it_is_the_calm_world_for_the_policys_live_days(tmp_path: Path) -> None:
    feed = feed_of(tmp_path, None)
    assert feed.choice == WorldChoice("calm", CUSTOMERS, SEED, POLICIES.replay.live.days)


def test_its_days_pass_every_contract(tmp_path: Path) -> None:
    feed = feed_of(tmp_path)
    days = feed.calendar.days[:3]
    assert feed.land(days) > 0
    landed = read_landed(feed.settings.landing, days)
    screened = [screen(RAW_TABLES[name], rows) for name, rows in landed.items()]
    assert sum(part.received for part in screened) > 1_000
    assert [len(part.quarantined) for part in screened] == [0] * len(RAW_TABLES)
    assert {file.day for file in landed_files(feed.settings.landing)} == set(days)


def test_a_day_at_a_time_all_at_once_and_in_new_processes_land_the_same_bytes(tmp_path: Path) -> None:
    days = feed_of(tmp_path / "x").calendar.days[:25]
    feed_of(tmp_path / "at once").land(days)
    for day in days:
        feed_of(tmp_path / "daily").land([day])
    for start in range(0, 25, 7):
        world_landing._living.clear()  # as a new process: from the saved state, or from the start
        feed_of(tmp_path / "processes").land(days[start : start + 7])
    expected = contents(tmp_path / "at once")
    assert len(expected) > 100
    assert contents(tmp_path / "daily") == expected
    assert contents(tmp_path / "processes") == expected


def test_a_day_in_a_living_process_is_lived_once(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    lived: list[date] = []
    real = World.day
    monkeypatch.setattr(World, "day", lambda self, today: (lived.append(today), real(self, today))[1])
    feed = feed_of(tmp_path)
    days = feed.calendar.days[:15]
    for day in days:
        feed_of(tmp_path, None).land([day])
        feed.land([day])
    assert lived == list(days)
    world_landing._living.clear()
    feed.land([feed.calendar.days[15]])
    assert lived[15:] == list(feed.calendar.days[10:16]), "from the state of day 10"


def test_landing_a_day_again_writes_nothing_and_a_lost_or_changed_file_comes_back(tmp_path: Path) -> None:
    feed = feed_of(tmp_path)
    days = feed.calendar.days[:4]
    assert feed.land(days) > 0
    before = contents(tmp_path)
    assert feed.land(days) == 0
    (tmp_path / "landing" / "customers" / f"{days[1]}.parquet").unlink()
    (tmp_path / "landing" / "invoices" / f"{days[2]}.parquet").write_bytes(b"half a fi")
    assert feed.land(days) == 2
    assert contents(tmp_path) == before


@pytest.mark.parametrize("fails_at", range(1, 12, 2))
def test_whatever_is_interrupted_comes_out_as_if_it_had_not_been(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, fails_at: int
) -> None:
    days = feed_of(tmp_path / "x").calendar.days[8:12]
    feed_of(tmp_path / "whole").land(days)
    real, calls = world_landing.write_atomically, [0]

    def failing(*args: object, **kwargs: object) -> None:
        calls[0] += 1
        if calls[0] == 2 * fails_at:
            raise OSError("the disk is full")
        real(*args, **kwargs)  # type: ignore[arg-type]

    feed = feed_of(tmp_path / "interrupted")
    with monkeypatch.context() as patched:
        patched.setattr(world_landing, "write_atomically", failing)
        with pytest.raises(OSError, match="the disk is full"):
            feed.land(days)
    feed.land(days)
    assert contents(tmp_path / "interrupted") == contents(tmp_path / "whole")


def test_a_damaged_state_is_lived_again(tmp_path: Path) -> None:
    feed = feed_of(tmp_path / "one")
    days = feed.calendar.days
    feed.land(days[:12])
    state = tmp_path / "one" / "world" / "state.npz"
    state.write_bytes(state.read_bytes()[:1000])
    world_landing._living.clear()
    feed.land(days[12:13])
    feed_of(tmp_path / "two").land(days[:13])
    assert contents(tmp_path / "one") == contents(tmp_path / "two")


def test_the_scenario_begins_on_the_first_live_day_and_history_is_calm(tmp_path: Path) -> None:
    script = tmp_path / "dearer.yml"
    script.write_text(DEARER)
    calm, changed = feed_of(tmp_path / "calm"), feed_of(tmp_path / "dearer", replace(SMALL, scenario=str(script)))
    calendar = changed.calendar
    change = calendar.live_from + timedelta(2)
    for feed in (calm, changed):
        feed.land(day for day in calendar.days if not timedelta(3) < change - day < timedelta(148) and day <= change)
    unchanged, landed = contents(tmp_path / "calm"), contents(tmp_path / "dearer")
    assert unchanged.keys() == landed.keys()
    differ = [name for name in landed if landed[name] != unchanged[name] and name != "truth/days.parquet"]
    assert differ
    assert {Path(name).stem for name in differ} == {str(change)}
    truth = read_day_truth(changed.settings).set_index("day")
    assert set(truth["changed_on"]) == {pd.Timestamp(change)}
    assert truth["strength"][pd.Timestamp(change)] == {"1_scale": 1.0}
    assert truth["strength"][pd.Timestamp(change - timedelta(1))] == {"1_scale": 0.0}


def test_the_truth_has_a_row_for_each_day_and_for_each_customer_observed(tmp_path: Path) -> None:
    feed = feed_of(tmp_path)
    days = feed.calendar.days[1:13]
    feed.land(reversed(days))
    truth = read_day_truth(feed.settings)
    assert truth["day"].tolist() == [pd.Timestamp(day) for day in days]
    customers = read_customer_truth(feed.settings, days)
    observed = read_landed(feed.settings.landing, days)["customers"]
    key = ["customer_id", "observation_date"]
    assert set(customers[key].itertuples(index=False)) == set(observed[key].itertuples(index=False))
    assert truth["observed"].sum() == len(customers)
    assert truth["expected_leavers"].sum() == pytest.approx(customers["leave_probability"].sum())
    with pytest.raises(TruthError, match="2026-02-01 has not been landed"):
        read_customer_truth(feed.settings, [date(2026, 2, 1)])


def test_the_calendar_leaves_room_for_the_last_live_days_outcomes(tmp_path: Path) -> None:
    calendar = feed_of(tmp_path).calendar
    assert len(calendar.live_days) == SMALL.live_days
    assert calendar.live_from - calendar.training_as_of == timedelta(1)
    assert (calendar.live_from - calendar.first_day).days == 150
    assert calendar.last_day - calendar.live_end == POLICIES.label.horizon
    assert all(calendar.expects_customers(day) for day in calendar.days if day <= calendar.live_end)


def test_a_home_keeps_its_world_and_may_only_live_longer(tmp_path: Path) -> None:
    feed = feed_of(tmp_path)
    claim_home(feed.settings, feed.home)
    longer = replace(SMALL, live_days=90)
    write_world_choice(feed.settings, longer)
    assert read_world_choice(feed.settings) == longer
    assert feed_of(tmp_path, None).home == feed.home
    for other in (replace(SMALL, customers=500), replace(SMALL, seed=4), replace(SMALL, scenario="crm_lag")):
        with pytest.raises(WorldChoiceError, match=r"lives on a made-up telco of 400 .*CHURN_HOME="):
            write_world_choice(feed.settings, other)
    assert read_world_choice(feed.settings) == longer


def test_a_scenario_from_a_file_stays_with_the_home_wherever_both_go(tmp_path: Path) -> None:
    script = tmp_path / "dearer.yml"
    script.write_text(DEARER)
    feed = feed_of(tmp_path / "home", replace(SMALL, scenario=str(script)))
    identity = feed.home
    script.unlink()
    (tmp_path / "home").rename(tmp_path / "elsewhere")
    assert feed_of(tmp_path / "elsewhere", None).home == identity


def test_what_cannot_be_chosen_is_told_with_what_can(tmp_path: Path) -> None:
    with pytest.raises(ScenarioError, match="there is no scenario 'calmm'; there are calm, competitor_offer"):
        settings_of(tmp_path, replace(SMALL, scenario="calmm"))
    with pytest.raises(ScenarioError, match=r"nowhere\.yml cannot be read"):
        settings_of(tmp_path, replace(SMALL, scenario=str(tmp_path / "nowhere.yml")))
    with pytest.raises(WorldChoiceError, match="50 to 5,000,000 customers, not 10"):
        settings_of(tmp_path, replace(SMALL, customers=10))
    with pytest.raises(WorldChoiceError, match="at least one live day, not 0"):
        settings_of(tmp_path, replace(SMALL, live_days=0))
    assert not (tmp_path / "world.json").exists()


@pytest.mark.parametrize(
    "text", ["{", "[]", '{"scenario": "calm"}', '{"scenario": 1, "customers": 1, "seed": 1, "live_days": 1}']
)
def test_a_damaged_choice_is_no_choice(tmp_path: Path, text: str) -> None:
    (tmp_path / "world.json").write_text(text)
    if text == '{"scenario": "calm"}':  # what is not said is as without a choice
        assert read_world_choice(Settings(tmp_path, ())).customers == CUSTOMERS
        return
    with pytest.raises(WorldChoiceError, match=r"world\.json is damaged"):
        read_world_choice(Settings(tmp_path, ()))
