"""What each series of the raw tables says on a day: now against the reference, as evidence.

What belongs here: one function per theme, from daily series to evidence. What does not: the queries (`adapters/raw_signals.py`) and what
the evidence speaks for (`causes/*.yml`).

A rate is compared over several windows that end on the day, since a price that rose two months ago is still the cause of what is seen
now, although this week's bills are like last week's. The strongest window speaks.
"""

from __future__ import annotations

import math
from dataclasses import dataclass
from datetime import date, timedelta

import numpy as np
import pandas as pd
from numpy.typing import NDArray

from churn_platform.drift.root_cause.evidence import strength_of

Floats = NDArray[np.float64]

WINDOWS = (7, 14, 28, 56, 112)
"""Days of the windows that end on the day: a week, a fortnight, a billing cycle, two, a season."""


@dataclass(frozen=True, slots=True)
class Periods:
    """The reference's days (inclusive), the day judged, and the first day of the series: `axis` counts days from there."""

    first: date
    reference: tuple[date, date]
    day: date

    @property
    def days(self) -> int:
        """Length of the axis."""
        return (self.day - self.first).days + 1

    def place(self, day: date) -> int:
        """A day's place on the axis."""
        return (day - self.first).days

    @property
    def in_reference(self) -> slice:
        """The reference on the axis."""
        return slice(max(0, self.place(self.reference[0])), self.place(self.reference[1]) + 1)

    def series(self, days: pd.Series, values: pd.Series) -> Floats:
        """Values summed by day on the axis, zero where there is none."""
        places = (pd.to_datetime(days) - pd.Timestamp(self.first)).dt.days.to_numpy()
        inside = (places >= 0) & (places < self.days)
        amounts = values.to_numpy(dtype=np.float64)[inside]
        return np.asarray(np.bincount(places[inside], weights=amounts, minlength=self.days), dtype=np.float64)


@dataclass(frozen=True, slots=True)
class RateChange:
    """A rate now and in the reference, and how many standard errors lie between."""

    now: float
    before: float
    distance: float
    days: int

    @property
    def change(self) -> float:
        """Now minus before."""
        return self.now - self.before


NO_CHANGE = RateChange(math.nan, math.nan, 0.0, 0)


def rate_changes(
    hits: Floats, of: Floats, periods: Periods, windows: tuple[int, ...] = WINDOWS, delay: int = 0, spread: float = 0.0
) -> list[RateChange]:
    """A ratio of sums over windows ending `delay` days before the day, each against the reference's.

    The standard error is the larger of what a share of that many rows has and what windows of that length scattered by in the
    reference, so that a series which is noisier than a share is not over-read.

    Args:
        hits, of: (days,) numerator and denominator; a rate per `of`.
        periods: the reference and the day.
        windows: lengths in days.
        delay: days at the end that are not known completely yet.
        spread: standard deviation of one row's part of `hits` where it is no share; 0 for a share.
    """
    reference = periods.in_reference
    base = float(of[reference].sum())
    if base <= 0:
        return []
    before = float(hits[reference].sum()) / base
    last = periods.days - delay
    after_reference = last - reference.stop
    out = []
    for days in sorted({min(days, after_reference) for days in windows}):
        if days < 1:
            continue
        size = float(of[last - days : last].sum())
        if size <= 0:
            continue
        now = float(hits[last - days : last].sum()) / size
        middle = (now * size + before * base) / (size + base)
        per_row = spread * spread if spread > 0 else max(middle * (1.0 - middle), 1.0 / (size + base))
        error = math.sqrt(per_row * (1.0 / size + 1.0 / base))
        scatter = _scatter(hits[reference], of[reference], days) * math.sqrt(1.0 + size / base)
        out.append(RateChange(now, before, (now - before) / max(error, scatter, 1e-12), days))
    return out


def _scatter(hits: Floats, of: Floats, days: int) -> float:
    """Standard deviation of the rate over disjoint windows of the reference; 0 where there are fewer than four."""
    count = len(hits) // days
    if count < 4:
        return 0.0
    cut = len(hits) - count * days
    sizes = of[cut:].reshape(count, days).sum(axis=1)
    sums = hits[cut:].reshape(count, days).sum(axis=1)
    there = sizes > 0
    if there.sum() < 4:
        return 0.0
    return float(np.std(sums[there] / sizes[there], ddof=1))


def strongest_change(changes: list[RateChange], full: float) -> tuple[RateChange, float]:
    """The window that says the most, with its strength; the sign of `full` says which way counts."""
    best = (NO_CHANGE, 0.0)
    for change in changes:
        strength = strength_of(change.change, full, change.distance)
        if strength > best[1]:
            best = (change, strength)
    return best


def last_days(day: date, days: int) -> tuple[date, date]:
    """The window of `days` days that ends on `day`."""
    return day - timedelta(days - 1), day
