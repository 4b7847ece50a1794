"""`churn world`, `churn world-profile`, and which feed `churn run` lives on."""

from __future__ import annotations

import json
from collections.abc import Iterator
from datetime import date
from pathlib import Path

import pandas as pd
import pytest
from typer.testing import CliRunner

from churn_platform.adapters import world_landing
from churn_platform.adapters.extract import ExtractNotFoundError
from churn_platform.adapters.home import Home, HomeError, claim_home
from churn_platform.adapters.truth_files import day_truth_in
from churn_platform.adapters.world_choice import WorldChoice, WorldChoiceError, read_world_choice
from churn_platform.cli import world as world_verbs
from churn_platform.cli.app import CallError, app
from churn_platform.flows.world_files import land_world
from churn_platform.settings import load_settings
from churn_platform.simulation.profile import Profile, packaged_profile, parse_profile
from churn_platform.simulation.scenario import ScenarioError

SCRIPT = (
    "name: mine\nabout: x\ncause: mine\neffects: [{effect: drop, table: invoices, column: refunds, start_day: 3}]\n"
)


@pytest.fixture(autouse=True)
def no_world_lives_on() -> Iterator[None]:
    world_landing._living.clear()
    yield
    world_landing._living.clear()


@pytest.fixture
def script(tmp_path: Path) -> Path:
    path = tmp_path / "mine.yml"
    path.write_text(SCRIPT)
    return path


def call(*arguments: str | Path) -> dict[str, object]:
    done = CliRunner().invoke(app, [*map(str, arguments), "--json"])
    if done.exception is not None:
        raise done.exception
    found = json.loads(done.stdout)
    assert isinstance(found, dict)
    return found


def contents(folder: Path) -> dict[str, bytes]:
    return {str(path.relative_to(folder)): path.read_bytes() for path in sorted(folder.rglob("*.parquet"))}


def test_a_scenario_of_ones_own_lands_with_its_truth_and_landing_it_again_writes_nothing(
    home: Path, tmp_path: Path, script: Path
) -> None:
    asked = (
        "world",
        "--scenario",
        script,
        "--customers",
        "300",
        "--days",
        "8",
        "--history",
        "2",
        "--out",
        tmp_path / "out",
    )
    found = call(*asked)
    assert (found["scenario"], found["cause"], found["changed_on"]) == ("mine", "mine", "2026-01-06")
    assert (found["first_day"], found["last_day"], found["days"]) == ("2026-01-01", "2026-01-10", 10)
    shapes = {
        path.stem: "refunds" in pd.read_parquet(path).columns for path in (tmp_path / "out/landing/invoices").iterdir()
    }
    assert shapes == {f"2026-01-{day:02d}": day < 6 for day in range(1, 11)}
    truth = day_truth_in(tmp_path / "out" / "truth")
    assert truth["strength"].map(lambda of: of["1_drop"]).tolist() == [0.0] * 5 + [1.0] * 5
    before = contents(tmp_path / "out")
    assert call(*asked)["files_written"] == 0
    assert contents(tmp_path / "out") == before
    assert not home.exists(), "a folder of files is no home"


def test_what_was_stopped_goes_on_to_the_same_bytes(tmp_path: Path) -> None:
    def stop(day: date, total: int) -> None:
        if day == date(2026, 1, 13):
            raise KeyboardInterrupt

    with pytest.raises(KeyboardInterrupt):
        land_world(tmp_path / "stopped", "calm", 200, 1, 15, 0, stop)
    lived: list[date] = []
    land_world(tmp_path / "stopped", "calm", 200, 1, 15, 0, lambda day, total: lived.append(day))
    assert lived[0] == date(2026, 1, 11), "from the state of day 10"
    land_world(tmp_path / "whole", "calm", 200, 1, 15, 0, lambda day, total: None)
    assert contents(tmp_path / "stopped") == contents(tmp_path / "whole")


def test_two_worlds_never_mix_in_one_folder(tmp_path: Path) -> None:
    land_world(tmp_path, "calm", 100, 1, 2, 0, lambda day, total: None)
    with pytest.raises(WorldChoiceError, match="of another world"):
        land_world(tmp_path, "calm", 100, 2, 2, 0, lambda day, total: None)


def test_a_wrong_call_says_what_is_known(tmp_path: Path) -> None:
    with pytest.raises(WorldChoiceError, match="50 to 5,000,000"):
        call("world", "--customers", "7", "--out", tmp_path)
    with pytest.raises(ScenarioError, match="there are calm, competitor_offer"):
        call("world", "--scenario", "storm", "--out", tmp_path)
    (tmp_path / "bad.yml").write_text(SCRIPT.replace("drop", "explode"))
    with pytest.raises(ScenarioError, match=r"bad\.yml, line 4, effects\.0: unknown effect 'explode'; allowed: shift"):
        call("world", "--scenario", tmp_path / "bad.yml", "--out", tmp_path)


def feed_for(**asked: object) -> tuple[str | None, list[str]]:
    told: list[str] = []
    options = {"feed": None, "scenario": None, "customers": None, "seed": None, "days": None} | asked
    return world_verbs.feed_to_run_on(**options, tell=told.append), told  # type: ignore[arg-type]


def test_a_described_world_is_chosen_and_the_rest_stays_by_default(home: Path) -> None:
    assert feed_for(customers=500, days=10) == ("world", [])
    assert read_world_choice(load_settings()) == WorldChoice("calm", 500, 20260101, 10)
    assert feed_for(scenario="crm_lag") == ("world", [])
    assert read_world_choice(load_settings()) == WorldChoice("crm_lag", 500, 20260101, 10)
    with pytest.raises(CallError, match="describe the feed `world`, not 'ibm'"):
        feed_for(feed="ibm", seed=3)


def test_a_home_of_another_telco_keeps_it(home: Path) -> None:
    claim_home(load_settings(), Home("ibm", "x", False, "n"))
    assert feed_for() == (None, [])
    with pytest.raises(HomeError, match="one home is one telco"):
        feed_for(scenario="calm")
    assert not (home / "world.json").exists()


def test_without_the_extract_a_new_home_lives_on_the_simulated_telco_and_says_why(
    home: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("CHURN_OFFLINE", "1")
    monkeypatch.setattr("churn_platform.adapters.extract.CLASSIC_FILES", ("nowhere.csv",))
    feed, told = feed_for()
    assert feed == "world"
    assert len(told) == 1
    assert "CHURN_OFFLINE is set" in told[0]
    assert "simulated telco" in told[0]
    # the control: who asks for the extract gets the error, and who chose a feed keeps it
    assert feed_for(feed="ibm") == ("ibm", [])
    monkeypatch.setenv("CHURN_FEED", "landing")
    assert feed_for() == (None, [])


def test_with_the_extract_a_new_home_lives_on_it(home: Path, real_data: Path) -> None:
    assert feed_for() == (None, [])


def test_the_profile_is_counted_again_by_a_command(home: Path, tmp_path: Path, real_data: Path) -> None:
    target = tmp_path / "profile.yml"
    assert call("world-profile", "--data", real_data, "--to", target, "--rounds", "0")["unchanged"] is False
    counted = parse_profile(target.read_text(), "profile.yml")
    for name in set(Profile.model_fields) - {"joiners"}:
        assert getattr(counted, name) == getattr(packaged_profile(), name), name
    assert call("world-profile", "--data", real_data, "--to", target, "--rounds", "0")["unchanged"] is True


def test_a_profile_needs_all_three_tables(home: Path, tmp_path: Path) -> None:
    (tmp_path / "telco_customer_churn.csv").write_text("customerID\n")
    with pytest.raises(ExtractNotFoundError, match=r"lacks telco_services\.csv or telco_status\.csv"):
        call("world-profile", "--data", tmp_path, "--to", tmp_path / "p.yml")
