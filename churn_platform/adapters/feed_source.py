"""Opening a feed by name: something that knows its calendar and lands the files of a day.

What belongs here: joining a feed's room with its files. What does not: what a row means (`feeds/`), judging rows (the gate).
"""

from __future__ import annotations

import hashlib
from collections.abc import Iterable
from dataclasses import dataclass
from datetime import date, timedelta
from functools import cached_property
from typing import TYPE_CHECKING, Protocol

import pandas as pd

from churn_platform.adapters.home import Home
from churn_platform.adapters.landing_zone import land, landed_files
from churn_platform.feeds.calendar import Calendar, CalendarError, landed_calendar, replay_calendar
from churn_platform.settings import FEEDS, Settings

if TYPE_CHECKING:
    from churn_platform.adapters.extract import ExtractSource
    from churn_platform.adapters.world_choice import WorldChoice
    from churn_platform.adapters.world_landing import WorldLanding
    from churn_platform.policies import Policies


class FeedError(ValueError):
    """There is no such feed, or it cannot be used here."""


class FeedSource(Protocol):
    """A feed: what it is, its days, and landing them."""

    @property
    def home(self) -> Home:
        """What this feed writes into `home.json`: name, source digest, whether its data are made up, one line for people."""
        ...

    @property
    def calendar(self) -> Calendar:
        """The feed's days."""
        ...

    def land(self, days: Iterable[date]) -> int:
        """Make sure that the files of `days` lie in the landing folder; returns how many were written."""
        ...


@dataclass(frozen=True)
class IbmFeed:
    """The IBM extract, replayed on the policy's calendar."""

    settings: Settings
    policies: Policies

    @cached_property
    def _source(self) -> ExtractSource:
        from churn_platform.adapters.extract import find_extract

        return find_extract(self.settings)

    @cached_property
    def _landed(self) -> dict[str, pd.DataFrame]:
        from churn_platform.adapters.extract import read_extract
        from churn_platform.feeds.ibm import replay

        return replay(read_extract(self._source), self.policies)

    @property
    def home(self) -> Home:
        """The extract's identity."""
        return Home("ibm", self._source.digest, False, self._source.note)

    @property
    def calendar(self) -> Calendar:
        """The declared replay; needs no file."""
        return replay_calendar(self.policies)

    def land(self, days: Iterable[date]) -> int:
        """Write the replayed rows of `days`."""
        wanted = pd.to_datetime([day.isoformat() for day in days]).as_unit("s")
        return land(
            self.settings.landing, {name: rows[rows["landed_on"].isin(wanted)] for name, rows in self._landed.items()}
        )


@dataclass(frozen=True)
class WorldFeed:
    """The simulated telco: persistent customers observed each month. Its history is calm; a scenario's day 0 is the first live day."""

    settings: Settings
    policies: Policies

    @cached_property
    def choice(self) -> WorldChoice:
        """Which world this home lives on."""
        from churn_platform.adapters.world_choice import read_world_choice

        return read_world_choice(self.settings)

    @cached_property
    def world(self) -> WorldLanding:
        """The world and its folders."""
        from churn_platform.adapters.world_choice import load_scenario
        from churn_platform.adapters.world_landing import WorldLanding

        calendar = self.calendar
        history = (calendar.live_from - calendar.first_day).days
        return WorldLanding(
            load_scenario(self.choice.scenario).later(history),
            self.choice.customers,
            self.choice.seed,
            calendar.first_day,
            self.settings.home,
            self.settings.landing,
        )

    @property
    def home(self) -> Home:
        """The world's identity: whoever has the same lands the same bytes."""
        from churn_platform.adapters.world_choice import described

        note = f"simulated: {described(self.choice)}, from {self.calendar.first_day}"
        return Home("world", self.world.identity, True, note)

    @property
    def calendar(self) -> Calendar:
        """The replay's history without its pause (the world's customers are observed every month, so there is always somebody), the
        live days of the choice, and the days on which their outcomes arrive."""
        replay = replay_calendar(self.policies)
        before_live = replay.live_from - timedelta(1)
        live_end = before_live + timedelta(self.choice.live_days)
        last_day = live_end + self.policies.label.horizon
        return Calendar(replay.first_day, before_live, before_live, replay.live_from, live_end, last_day)

    def land(self, days: Iterable[date]) -> int:
        """Live the world up to the last of `days`, and write the files of `days` and their truth."""
        return self.world.land(days)


@dataclass(frozen=True)
class LandingFeed:
    """A user's own files: nothing to write, only to find."""

    settings: Settings
    policies: Policies

    @property
    def home(self) -> Home:
        """A landing folder grows, so its identity is its place; inside the home, it may move with it."""
        place = self.settings.landing
        if place.is_relative_to(self.settings.home):
            place = place.relative_to(self.settings.home)
        digest = hashlib.sha256(place.as_posix().encode()).hexdigest()
        return Home("landing", digest, False, f"files landed in {self.settings.landing}")

    @property
    def calendar(self) -> Calendar:
        """Read off the dates of the customers files."""
        days = [landed.day for landed in landed_files(self.settings.landing) if landed.table == "customers"]
        try:
            return landed_calendar(days, self.policies.label.horizon)
        except CalendarError as error:
            raise CalendarError(f"{self.settings.landing}: {error}") from error

    def land(self, days: Iterable[date]) -> int:
        """Nothing: the user lands the files."""
        return 0


def open_feed(name: str, settings: Settings, policies: Policies) -> FeedSource:
    """The feed called `name`.

    Raises:
        FeedError: there is none of that name, or it would write into the folder of your own files.
    """
    if name == "landing":
        return LandingFeed(settings, policies)
    if settings.landing_dir is not None:
        raise FeedError(
            f"CHURN_LANDING_DIR={settings.landing_dir} holds your own files, and the feed {name!r} writes its own: "
            "unset it, or use --feed landing"
        )
    if name == "ibm":
        return IbmFeed(settings, policies)
    if name == "world":
        return WorldFeed(settings, policies)
    raise FeedError(f"there is no feed {name!r}: choose one of {', '.join(FEEDS)}")
