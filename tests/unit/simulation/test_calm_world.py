"""The calm world: what lands keeps the contract."""

from __future__ import annotations

import pandas as pd
import pytest

from churn_platform.contracts.raw import schema_of
from churn_platform.contracts.tables import RAW_TABLES
from churn_platform.simulation.world import DayLanding, World


@pytest.fixture(scope="module")
def days() -> list[DayLanding]:
    world = World(customers=2_000, seed=3)
    return [world.opening(), *(world.day(world.next_date) for _ in range(70))]


@pytest.mark.parametrize("table", sorted(RAW_TABLES))
def test_every_landed_table_keeps_the_contract(days: list[DayLanding], table: str) -> None:
    assert sum(len(day.tables[table]) for day in days) > 0
    for day in days:
        frame = day.tables[table]
        assert tuple(frame.columns) == RAW_TABLES[table].column_names
        landed_on = pd.Series(pd.Timestamp(day.day), index=frame.index).astype("datetime64[s]")
        schema_of(table).validate(frame.assign(landed_on=landed_on))
        assert not frame.duplicated(list(RAW_TABLES[table].grain)).any()


def test_a_file_holds_only_what_is_known_by_its_day(days: list[DayLanding]) -> None:
    for day in days[1:]:
        for frame in day.tables.values():
            assert (frame["known_at"] == pd.Timestamp(day.day)).all()
