"""The calendar of a landing folder: read off the dates of its files."""

from __future__ import annotations

from datetime import date, timedelta

import pytest
from hypothesis import given
from hypothesis import strategies as st

from churn_platform.feeds.calendar import CalendarError, landed_calendar

HORIZON = timedelta(days=30)
FIRST = date(2026, 1, 1)


@given(st.sets(st.integers(0, 400), min_size=1))
def test_history_has_matured_by_the_training_day_and_the_rest_is_live(offsets: set[int]) -> None:
    days = [FIRST + timedelta(n) for n in offsets]
    if max(offsets) - min(offsets) < 30:
        with pytest.raises(CalendarError, match="at least 31 days of files"):
            landed_calendar(days, HORIZON)
        return
    calendar = landed_calendar(days, HORIZON)
    assert calendar.history_end + HORIZON == calendar.training_as_of == max(days)
    assert calendar.first_day == min(days)
    assert [calendar.live_from, calendar.live_end] == [calendar.history_end + timedelta(1), calendar.last_day]
    # no day is both or neither
    history = [day for day in calendar.days if day <= calendar.history_end]
    assert sorted(
        [*history, *calendar.live_days, *(day for day in calendar.quiet_days if day >= calendar.live_from)]
    ) == list(calendar.days)
    # customers are expected on exactly the days on which their file landed
    assert [day for day in calendar.days if calendar.expects_customers(day)] == sorted(days)


def test_an_empty_landing_folder_says_what_to_put_there() -> None:
    with pytest.raises(CalendarError, match=r"put customers/<YYYY-MM-DD>\.csv"):
        landed_calendar([], HORIZON)
