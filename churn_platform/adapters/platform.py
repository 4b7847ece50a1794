"""The composition root: settings, policies and adapters of one installation, opened when first used.

What belongs here: which adapter lives where. What does not: any decision, and any orchestration.
"""

from __future__ import annotations

import os
from dataclasses import dataclass, replace
from datetime import datetime
from functools import cached_property
from typing import TYPE_CHECKING

from churn_platform.adapters import clock
from churn_platform.adapters.handoffs import Handoffs
from churn_platform.adapters.home import Home, claim_home, read_home
from churn_platform.adapters.warehouse import Warehouse
from churn_platform.policies import Policies, load_policies
from churn_platform.settings import Settings, load_settings

if TYPE_CHECKING:
    from churn_platform.adapters.feed_source import FeedSource
    from churn_platform.adapters.ops_store import OpsStore
    from churn_platform.adapters.registry import ModelRegistry
    from churn_platform.adapters.signing import Signer
    from churn_platform.feeds.calendar import Calendar

ACTOR = "service:platform"
DEFAULT_FEED = "ibm"


@dataclass(frozen=True)
class Platform:
    """One installation."""

    settings: Settings
    policies: Policies
    feed_name: str
    held: Home | None = None
    """The home's identity where it is taken as recorded; None where the feed's source is looked at first."""

    @cached_property
    def feed(self) -> FeedSource:
        """The feed this home lives on."""
        from churn_platform.adapters.feed_source import open_feed

        return open_feed(self.feed_name, self.settings, self.policies)

    @cached_property
    def calendar(self) -> Calendar:
        """The feed's days."""
        return self.feed.calendar

    @cached_property
    def home(self) -> Home:
        """This home's identity, claimed for the feed; HomeError where it holds another telco."""
        return self.held or claim_home(self.settings, self.feed.home)

    def as_held(self) -> Platform:
        """The same home, of which it is believed what `home.json` says: for work that reads nothing of the feed's source."""
        return replace(self, held=read_home(self.settings))

    @property
    def warehouse(self) -> Warehouse:
        """The DuckDB warehouse."""
        return Warehouse(self.settings.warehouse)

    @cached_property
    def ops(self) -> OpsStore:
        """The ops store, created and migrated at first use."""
        from churn_platform.adapters.ops_store import OpsStore

        self.settings.ops.mkdir(parents=True, exist_ok=True)
        return OpsStore.open(self.settings.ops_url, anchor=self.settings.ops / "ledger-head.json")

    @cached_property
    def registry(self) -> ModelRegistry:
        """MLflow."""
        from churn_platform.adapters.registry import ModelRegistry

        return ModelRegistry(self.settings.mlflow, self.policies.governance.model)

    @cached_property
    def signer(self) -> Signer:
        """The key that signs model packages."""
        from churn_platform.adapters.signing import load_signer

        return load_signer(self.settings.keys)

    def handoffs(self, run_id: str) -> Handoffs:
        """The handoffs of a run."""
        return Handoffs(self.settings.handoffs, run_id)

    @staticmethod
    def now() -> datetime:
        """The time in UTC, the simulated telco's own while it is lived: for records, never for decisions about data."""
        return clock.now()


def open_platform(feed: str | None = None) -> Platform:
    """The installation of `$CHURN_HOME`: its feed is `feed`, else what the home holds, else `$CHURN_FEED`, else ibm."""
    settings = load_settings()
    held = read_home(settings)
    name = feed or (held.feed if held else None) or os.environ.get("CHURN_FEED", "").strip() or DEFAULT_FEED
    return Platform(settings, load_policies(), name)
