"""The time: the wall clock's, unless a simulated life is being lived."""

from datetime import UTC, datetime, timedelta, timezone

import pytest

from churn_platform.adapters import clock


def test_it_is_the_wall_clocks_time_in_utc() -> None:
    before = datetime.now(UTC)
    assert before <= clock.now() <= datetime.now(UTC)
    assert clock.now().tzinfo is UTC


def test_inside_a_simulated_life_it_is_the_simulated_time_and_afterwards_the_wall_clocks_again() -> None:
    then = datetime(2026, 6, 1, 8, tzinfo=timezone(timedelta(hours=2)))
    with clock.simulated_time(then):
        assert clock.now() == then
        assert clock.now().utcoffset() == timedelta(0)
    assert clock.now() > datetime(2026, 6, 2, tzinfo=UTC)


def test_a_simulated_time_without_a_zone_is_refused() -> None:
    with pytest.raises(ValueError, match="no zone"), clock.simulated_time(datetime(2026, 6, 1)):  # noqa: DTZ001
        pytest.fail("a naive time was accepted")
