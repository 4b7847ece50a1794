"""The simulated telco as a feed: made up and labelled so, the same bytes each time, and through the same gate as everybody."""

from __future__ import annotations

from dataclasses import replace
from datetime import timedelta
from pathlib import Path

import pytest

from churn_platform.adapters.feed_source import WorldFeed, open_feed
from churn_platform.adapters.landing_zone import landed_files, read_landed
from churn_platform.contracts.tables import RAW_TABLES
from churn_platform.feeds.quarantine import screen
from churn_platform.policies import load_policies
from churn_platform.settings import load_settings


@pytest.fixture
def feed(tmp_path: Path) -> WorldFeed:
    found = open_feed("world", replace(load_settings(), home=tmp_path, landing_dir=None), load_policies())
    assert isinstance(found, WorldFeed)
    return found


def test_the_world_says_that_it_is_made_up(feed: WorldFeed) -> None:
    assert feed.home.simulated
    assert "made-up" in feed.home.note


def test_its_first_days_land_and_pass_every_contract(feed: WorldFeed) -> None:
    days = feed.calendar.days[:3]
    assert feed.land(days) > 0
    landed = read_landed(feed.settings.landing, days)
    screened = [screen(RAW_TABLES[name], rows) for name, rows in landed.items()]
    assert sum(part.received for part in screened) > 10_000
    assert [len(part.quarantined) for part in screened] == [0] * len(RAW_TABLES)
    assert {file.day for file in landed_files(feed.settings.landing)} == set(days)


def test_landing_a_day_again_writes_nothing_new(feed: WorldFeed) -> None:
    first = feed.calendar.days[:2]
    assert feed.land(first) > 0
    assert feed.land(first) == 0
    # a day alone is the same day: the world is lived up to it
    later = feed.calendar.days[2:3]
    assert feed.land(later) > 0


def test_customers_are_expected_on_every_day_of_the_world(feed: WorldFeed) -> None:
    calendar = feed.calendar
    assert all(calendar.expects_customers(day) for day in calendar.days)
    assert calendar.live_from - calendar.training_as_of == timedelta(1)
