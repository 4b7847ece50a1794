"""Lived worlds, shared by the tests: each scenario once, beside the calm world of the same seed."""

from __future__ import annotations

from dataclasses import dataclass
from functools import cache, cached_property

import pandas as pd
import pytest

from churn_platform.simulation.scenario import scenario_named
from churn_platform.simulation.world import DayLanding, World

CUSTOMERS, DAYS, CHANGE, SEED = 2_500, 120, 40, 11


@dataclass(frozen=True)
class Lived:
    """A world's days, the opening first; a scenario's first change comes `CHANGE` days after the start."""

    days: tuple[DayLanding, ...]

    @cached_property
    def truth(self) -> pd.DataFrame:
        return pd.concat([day.truth for day in self.days], ignore_index=True)

    def table(self, name: str, since: int = 0) -> pd.DataFrame:
        """All rows of files from the day `since` on (the opening is day -1)."""
        return pd.concat([day.tables[name] for day in self.days[1 + since :]], ignore_index=True)

    def day(self, number: int) -> DayLanding:
        return self.days[1 + number]


@cache
def live(scenario: str) -> Lived:
    changed = scenario_named(scenario).starting(CHANGE)
    world = World(customers=CUSTOMERS, seed=SEED, scenario=changed)
    return Lived((world.opening(), *(world.day(world.next_date) for _ in range(DAYS))))


@pytest.fixture(scope="session")
def calm() -> Lived:
    return live("calm")
