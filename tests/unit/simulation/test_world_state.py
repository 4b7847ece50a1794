"""A world can rest and live on; it is the same world, bit for bit."""

from __future__ import annotations

import io
import json
from datetime import timedelta

import numpy as np
import pytest

from churn_platform.contracts.tables import RAW_TABLES
from churn_platform.simulation.behaviour import packaged_behaviour
from churn_platform.simulation.scenario import scenario_named
from churn_platform.simulation.world import DayLanding, World, WorldError, WorldState


def lived(world: World, days: int) -> list[DayLanding]:
    return [world.day(world.next_date) for _ in range(days)]


def same(one: list[DayLanding], other: list[DayLanding]) -> bool:
    return all(
        a.truth.equals(b.truth) and a.summary == b.summary and all(a.tables[t].equals(b.tables[t]) for t in RAW_TABLES)
        for a, b in zip(one, other, strict=True)
    )


def through_files(state: WorldState) -> WorldState:
    """As an adapter keeps it: JSON and npz, without pickle."""
    file = io.BytesIO()
    np.savez(file, allow_pickle=False, **state.arrays)
    file.seek(0)
    with np.load(file, allow_pickle=False) as arrays:
        return WorldState(json.loads(json.dumps(state.meta)), dict(arrays))


@pytest.mark.parametrize("scenario", ["calm", "support_quality_degradation", "label_outage"])
def test_a_restored_world_lives_on_bit_for_bit(scenario: str) -> None:
    world = World(customers=400, seed=6, scenario=scenario_named(scenario).starting(10))
    opening = world.opening()
    lived(world, 15)
    world.contact(opening.truth[["customer_id"]].tail(20))
    state = through_files(world.state())
    restored = World.restore(state)
    assert restored.next_date == world.next_date
    assert same(lived(world, 40), lived(restored, 40))


def test_taking_the_state_does_not_touch_the_world() -> None:
    one, two = World(customers=300, seed=1), World(customers=300, seed=1)
    for world in (one, two):
        world.opening()
        lived(world, 5)
    state = one.state()
    for values in state.arrays.values():
        values[...] = 0
    assert same(lived(one, 20), lived(two, 20))


def test_same_seed_same_bytes_and_another_seed_another_world() -> None:
    def bytes_of(seed: int) -> bytes:
        world = World(customers=300, seed=seed)
        days = [world.opening(), *lived(world, 10)]
        file = io.BytesIO()
        for day in days:
            for table in RAW_TABLES:
                day.tables[table].to_parquet(file)
            day.truth.to_parquet(file)
        return file.getvalue()

    assert bytes_of(3) == bytes_of(3)
    assert bytes_of(3) != bytes_of(4)


def test_days_are_lived_one_by_one() -> None:
    world = World(customers=100)
    with pytest.raises(WorldError, match="the next day of this world is 2025-01-01, not 2025-01-02"):
        world.day(world.next_date + timedelta(days=1))
    first = world.day(world.next_date)
    with pytest.raises(WorldError, match="lived one by one"):
        world.day(first.day)


def test_the_opening_comes_once_and_first() -> None:
    world = World(customers=100)
    with pytest.raises(WorldError, match="have the opening first"):
        world.state()
    world.opening()
    with pytest.raises(WorldError, match="the opening comes once"):
        world.opening()


def test_an_opening_not_asked_for_lands_with_the_first_day() -> None:
    one, two = World(customers=300, seed=1), World(customers=300, seed=1)
    books, first = one.opening(), one.day(one.next_date)
    together = two.day(two.next_date)
    for table in RAW_TABLES:
        assert len(together.tables[table]) == len(books.tables[table]) + len(first.tables[table])


@pytest.mark.parametrize("customers", [0, 49, 5_000_001])
def test_a_world_of_no_sensible_size_is_refused(customers: int) -> None:
    with pytest.raises(WorldError, match=r"a world has 50 to 5,000,000 customers"):
        World(customers=customers)


def test_a_state_of_another_world_is_refused() -> None:
    world = World(customers=100)
    world.opening()
    state = world.state()
    behaviour = packaged_behaviour()
    other = behaviour.model_copy(update={"mood": behaviour.mood.model_copy(update={"noise": 0.5})})
    with pytest.raises(WorldError, match="another profile or behaviour"):
        World.restore(state, behaviour=other)
    with pytest.raises(WorldError, match="version 0"):
        World.restore(WorldState(state.meta | {"version": 0}, state.arrays))
