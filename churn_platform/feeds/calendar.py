"""Which days a feed lives through: history to learn from, and live days to score.

What belongs here: dates only. The IBM extract has none, so its calendar is declared in the policy and seeded; a landing folder's
calendar is read off the dates of its files.
"""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass
from datetime import date, timedelta
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from churn_platform.policies import Policies


class CalendarError(ValueError):
    """The feed's days cannot carry a first training; the message says what is missing."""


@dataclass(frozen=True, slots=True)
class Calendar:
    """The days of one feed, all inclusive.

    `first_day..history_end` are observed and matured by `training_as_of`; `live_from..live_end` are scored; files may land until
    `last_day` (outcomes of the last live days). Between history_end and live_from an IBM replay only waits for outcomes.
    `quiet_days` are days of a landing folder for which no customers file was landed though later ones were: a closed office, or a
    lost file. They are told wherever the calendar is shown, and nobody is expected on them.
    """

    first_day: date
    history_end: date
    training_as_of: date
    live_from: date
    live_end: date
    last_day: date
    quiet_days: frozenset[date] = frozenset()

    @property
    def days(self) -> tuple[date, ...]:
        """Every day from first to last."""
        return tuple(self.first_day + timedelta(n) for n in range((self.last_day - self.first_day).days + 1))

    @property
    def live_days(self) -> tuple[date, ...]:
        """The days to score."""
        return tuple(day for day in self.days if self.live_from <= day <= self.live_end and day not in self.quiet_days)

    def expects_customers(self, day: date) -> bool:
        """Whether customers are observed on `day`: on such a day, zero rows is an error, not a quiet day."""
        if day in self.quiet_days:
            return False
        return self.first_day <= day <= self.history_end or self.live_from <= day <= self.live_end


def replay_calendar(policies: Policies) -> Calendar:
    """The declared calendar of the IBM replay (policy block `replay`)."""
    replay = policies.replay
    first = replay.start_date
    history_end = first + replay.history - timedelta(1)
    live_from = history_end + replay.maturing + timedelta(1)
    live_end = live_from + replay.live - timedelta(1)
    return Calendar(
        first_day=first,
        history_end=history_end,
        training_as_of=live_from - timedelta(1),
        live_from=live_from,
        live_end=live_end,
        last_day=live_end + policies.label.horizon,
    )


def landed_calendar(landed_days: Iterable[date], horizon: timedelta) -> Calendar:
    """The calendar of a user's landing folder: every day whose outcome has matured is history, the rest is live.

    Args:
        landed_days: the dates of the landed `customers` files.
        horizon: how long an outcome takes to mature.

    Raises:
        CalendarError: no files, or none old enough to have matured outcomes.
    """
    days = sorted(set(landed_days))
    if not days:
        raise CalendarError(
            "no customers file has landed: put customers/<YYYY-MM-DD>.csv (or .parquet) into the landing folder"
        )
    last = days[-1]
    history_end = last - horizon
    if days[0] > history_end:
        raise CalendarError(
            f"the customers files span {days[0]} to {last}: training needs outcomes that have matured, so land at least "
            f"{horizon.days + 1} days of files (the label horizon is {horizon.days} days)"
        )
    landed = set(days)
    span = (days[0] + timedelta(n) for n in range((last - days[0]).days))
    quiet = frozenset(day for day in span if day not in landed)
    return Calendar(days[0], history_end, last, history_end + timedelta(1), last, last, quiet)
