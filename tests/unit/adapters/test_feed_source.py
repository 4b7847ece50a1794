"""Feeds by name: what they hold, their days, and that a user's own files are judged just as the replay's are."""

from __future__ import annotations

from datetime import date, timedelta
from pathlib import Path

import pandas as pd
import pytest

from churn_platform.adapters.feed_source import FeedError, IbmFeed, LandingFeed, open_feed
from churn_platform.adapters.home import HomeError, claim_home
from churn_platform.adapters.landing_zone import landed_files, read_landed
from churn_platform.contracts.tables import RAW_TABLES
from churn_platform.feeds.calendar import CalendarError
from churn_platform.feeds.quarantine import Screened, screen
from churn_platform.policies import load_policies
from churn_platform.settings import Settings

POLICIES = load_policies()
FIRST = date(2026, 1, 1)


def screened(settings: Settings, days: list[date]) -> dict[str, Screened]:
    return {name: screen(RAW_TABLES[name], rows) for name, rows in read_landed(settings.landing, days).items()}


def as_csv_files(source: Settings, target: Path, days: list[date], drop: tuple[str, ...] = ()) -> int:
    """What a user would export: each landed Parquet file as a CSV of the same rows."""
    files = landed_files(source.landing, days)
    for file in files:
        path = target / file.table / f"{file.day}.csv"
        path.parent.mkdir(parents=True, exist_ok=True)
        rows = pd.read_parquet(file.path).drop(columns=[*drop], errors="ignore")
        rows.to_csv(path, index=False)
    return len(files)


@pytest.fixture(scope="module")
def replayed(real_data: Path, tmp_path_factory: pytest.TempPathFactory) -> tuple[Settings, list[date]]:
    """The real extract, landed by the replay for 40 days across the end of the pause, and the first days of all."""
    settings = Settings(tmp_path_factory.mktemp("ibm"), (real_data,), offline=True)
    feed = open_feed("ibm", settings, POLICIES)
    days = [FIRST + timedelta(n) for n in [*range(12), *range(140, 160)]]
    assert feed.land(days) > 60
    return settings, days


def test_a_landing_feed_of_the_same_rows_as_csv_accepts_the_same_rows(
    replayed: tuple[Settings, list[date]], tmp_path: Path
) -> None:
    ibm, days = replayed
    user = Settings(tmp_path / "home", (), landing_dir=tmp_path / "export")
    assert as_csv_files(ibm, tmp_path / "export", days) == len(landed_files(ibm.landing, days))
    feed = open_feed("landing", user, POLICIES)
    assert feed.land(days) == 0
    mine, theirs = screened(user, days), screened(ibm, days)
    assert sum(part.received for part in theirs.values()) > 2000
    for name, part in theirs.items():
        files = ["source_file", "source_digest"]
        assert part.quarantined.empty
        assert mine[name].quarantined.empty
        pd.testing.assert_frame_equal(
            mine[name].accepted.drop(columns=files), part.accepted.drop(columns=files), check_exact=True
        )


def test_a_users_files_without_known_at_are_known_when_they_arrived(
    replayed: tuple[Settings, list[date]], tmp_path: Path
) -> None:
    ibm, days = replayed
    user = Settings(tmp_path / "home", (), landing_dir=tmp_path / "export")
    as_csv_files(ibm, tmp_path / "export", days[:3], drop=("known_at",))
    customers = screened(user, days[:3])["customers"]
    assert customers.quarantined.empty
    assert (customers.accepted["known_at"] == customers.accepted["landed_on"]).all()
    assert set(customers.receipts["filled_columns"]) == {'["known_at"]'}


def test_landing_a_day_again_writes_nothing(replayed: tuple[Settings, list[date]]) -> None:
    settings, days = replayed
    assert open_feed("ibm", settings, POLICIES).land(days) == 0


def test_the_maturing_pause_lands_outcomes_only(replayed: tuple[Settings, list[date]]) -> None:
    settings, days = replayed
    pause = [day for day in days if FIRST + timedelta(119) < day < FIRST + timedelta(150)]
    assert {file.table for file in landed_files(settings.landing, pause)} == {"churn_events"}


def test_the_calendar_of_a_landing_feed_is_read_off_the_customers_files(tmp_path: Path) -> None:
    settings = Settings(tmp_path, ())
    for n in range(40):
        path = settings.landing / "customers" / f"{FIRST + timedelta(n)}.csv"
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text("customer_id\n")
    calendar = LandingFeed(settings, POLICIES).calendar
    assert (calendar.first_day, calendar.history_end, calendar.last_day) == (
        FIRST,
        FIRST + timedelta(9),
        FIRST + timedelta(39),
    )


def test_an_empty_landing_folder_is_named_with_what_to_put_there(tmp_path: Path) -> None:
    with pytest.raises(CalendarError, match=r"landing: no customers file has landed: put customers/"):
        _ = LandingFeed(Settings(tmp_path, ()), POLICIES).calendar


def test_another_landing_folder_is_another_telco(tmp_path: Path) -> None:
    first = Settings(tmp_path / "home", (), landing_dir=tmp_path / "one")
    claim_home(first, LandingFeed(first, POLICIES).home)
    claim_home(first, LandingFeed(first, POLICIES).home)
    second = Settings(tmp_path / "home", (), landing_dir=tmp_path / "two")
    with pytest.raises(HomeError, match="was filled from another source"):
        claim_home(second, LandingFeed(second, POLICIES).home)


def test_a_landing_folder_inside_the_home_moves_with_it(tmp_path: Path) -> None:
    here, there = (LandingFeed(Settings(tmp_path / name, ()), POLICIES).home for name in ("here", "there"))
    assert here.source_digest == there.source_digest


def test_a_feed_that_writes_never_writes_into_a_users_own_folder(tmp_path: Path) -> None:
    settings = Settings(tmp_path / "home", (), landing_dir=tmp_path / "mine", offline=True)
    with pytest.raises(FeedError, match=r"CHURN_LANDING_DIR=.* holds your own files.*unset it"):
        open_feed("ibm", settings, POLICIES)
    assert not (tmp_path / "mine").exists()


def test_an_unknown_feed_names_the_known_ones(tmp_path: Path) -> None:
    with pytest.raises(FeedError, match="there is no feed 'imb': choose one of ibm, world, landing"):
        open_feed("imb", Settings(tmp_path, ()), POLICIES)


def test_a_home_of_the_real_extract_is_not_simulated_and_known_by_its_digest(tmp_path: Path, real_data: Path) -> None:
    real = IbmFeed(Settings(tmp_path, (real_data,), offline=True), POLICIES).home
    assert (real.feed, real.simulated) == ("ibm", False)
    assert len(real.source_digest) == 64
