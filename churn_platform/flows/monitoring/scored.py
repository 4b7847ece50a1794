"""Published scores with what became of them, as it was known on any day of a span: what performance is judged on.

What belongs here: reading scores, outcomes and protected attributes once for all days of a run, and cutting windows out of them. What
does not: any metric.

A score is the champion's where its row says so: scores of a model before it say nothing about this one.
"""

from __future__ import annotations

import hashlib
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import date, timedelta
from functools import cached_property, lru_cache
from pathlib import Path

import numpy as np
import pandas as pd
from numpy.typing import NDArray

from churn_platform.adapters.platform import Platform

DATASET = "daily_scores"
READ = ("customer_id", "observation_date", "probability", "band", "model_digest")
TOLERANCE = timedelta(1)
"""Departures land with the day's file: knowing them up to yesterday is knowing them."""

Dates = NDArray[np.datetime64]


@dataclass(frozen=True)
class ScoredWindow:
    """Rows of some days as known on `as_of`: probability, whether they left, whether that is known, protected attributes."""

    first: date
    last: date
    as_of: date
    probability: NDArray[np.float64]
    churned: NDArray[np.bool_]
    matured: NDArray[np.bool_]
    attributes: pd.DataFrame

    @property
    def rows(self) -> int:
        """Scores in the window."""
        return len(self.probability)

    @property
    def label_maturity(self) -> float:
        """Share of the rows whose horizon has closed with departures known up to then; 0 without rows."""
        return float(self.matured.mean()) if self.rows else 0.0


@dataclass(frozen=True)
class ScoredHistory:
    """The champion's scores of a span of days, sorted by day; `departures` is when departures became known."""

    days: Dates
    probability: NDArray[np.float64]
    churned_on: Dates
    churn_known_at: Dates
    attributes: pd.DataFrame
    event_day: Dates
    event_known_at: Dates
    horizon: timedelta
    digests: dict[date, str]

    def window(self, first: date, last: date, as_of: date) -> ScoredWindow:
        """The rows of first..last as known on `as_of`."""
        start, stop = np.searchsorted(
            self.days, [np.datetime64(first, "D"), np.datetime64(last + timedelta(1), "D")], side="left"
        )
        inside = slice(int(start), int(stop))
        matures = self.days[inside] + np.timedelta64(self.horizon.days, "D")
        known = self.churn_known_at[inside] <= np.datetime64(as_of, "D")
        churned = known & (self.churned_on[inside] <= matures)
        through = np.datetime64(min(as_of, self.labels_through(as_of)), "D")
        return ScoredWindow(
            first, last, as_of, self.probability[inside], churned, matures <= through, self.attributes.iloc[inside]
        )

    def labels_through(self, as_of: date) -> date:
        """Up to which day departures are known on `as_of`: the newest departure, and a day of grace; long ago where there is none."""
        known = self.event_day[self.event_known_at <= np.datetime64(as_of, "D")]
        if not len(known):
            return date.min
        newest: date = known.max().astype(object)
        return newest + TOLERANCE

    @cached_property
    def first_day(self) -> date | None:
        """The champion's first scored day; None where it has scored nothing."""
        return self.days[0].astype(object) if len(self.days) else None

    def rows_per_day(self, first: date, last: date) -> NDArray[np.int64]:
        """Scores on each day of first..last."""
        places = (self.days - np.datetime64(first, "D")).astype(np.int64)
        length = (last - first).days + 1
        inside = (places >= 0) & (places < length)
        return np.bincount(places[inside], minlength=length).astype(np.int64)

    def fingerprint(self, first: date, last: date) -> str:
        """What the window's scores are, as 16 hex digits of their snapshots' digests."""
        told = "".join(digest for day, digest in sorted(self.digests.items()) if first <= day <= last)
        return hashlib.sha256(told.encode()).hexdigest()[:16]


def scored_history(
    platform: Platform, model_digest: str, first: date, last: date, attributes: Sequence[str]
) -> ScoredHistory:
    """Read the champion's scores of first..last with outcomes and attributes; days that were never scored are absent.

    Raises:
        SnapshotError: a published day is damaged. WarehouseError: outcomes cannot be read.
    """
    from churn_platform.flows.monitoring.inputs import with_departures

    root = platform.settings.published
    frames, digests = [], {}
    for day in published_days(root, first, last):
        frame, digest = published_day(root, day)
        frame = frame[frame["model_digest"] == model_digest]
        if len(frame):
            frames.append(frame)
            digests[date.fromisoformat(day)] = digest
    empty = pd.DataFrame({name: pd.Series(dtype="object") for name in READ})
    scores = pd.concat(frames, ignore_index=True) if frames else empty
    scores["observation_date"] = pd.to_datetime(scores["observation_date"]).astype("datetime64[s]")
    rows = with_departures(platform, scores)
    rows = _with_attributes(platform, rows, first, last, attributes)
    rows = rows.sort_values(["observation_date", "customer_id"], kind="stable").reset_index(drop=True)
    events = platform.warehouse.query("SELECT churned_on, known_at FROM raw.churn_events")
    return ScoredHistory(
        days=_dates(rows["observation_date"]),
        probability=rows["probability"].to_numpy(dtype=np.float64),
        churned_on=_dates(rows["churned_on"]),
        churn_known_at=_dates(rows["churn_known_at"]),
        attributes=rows[list(attributes)],
        event_day=_dates(events["churned_on"]),
        event_known_at=_dates(events["known_at"]),
        horizon=platform.policies.label.horizon,
        digests=digests,
    )


def _dates(column: pd.Series) -> Dates:
    return pd.to_datetime(column).to_numpy().astype("datetime64[D]")


def _with_attributes(
    platform: Platform, rows: pd.DataFrame, first: date, last: date, attributes: Sequence[str]
) -> pd.DataFrame:
    names = ", ".join(attributes)
    found = platform.warehouse.query(
        f"SELECT customer_id, observation_date, {names} FROM features_v1 WHERE observation_date BETWEEN $first AND $last",
        {"first": first, "last": last},
    )
    found["customer_id"] = found["customer_id"].astype("str")
    found["observation_date"] = pd.to_datetime(found["observation_date"]).astype("datetime64[s]")
    rows["observation_date"] = pd.to_datetime(rows["observation_date"]).astype("datetime64[s]")
    out = rows.merge(found, on=["customer_id", "observation_date"], how="left")
    for name in attributes:
        out[name] = out[name].astype("object").where(out[name].notna(), "unknown").astype("str")
    return out


def published_days(root: Path, first: date, last: date) -> list[str]:
    """The days of first..last that have published scores, in order."""
    from churn_platform.adapters.snapshots import partitions

    return [day for day in partitions(root, DATASET) if first.isoformat() <= day <= last.isoformat()]


def published_day(root: Path, day: str) -> tuple[pd.DataFrame, str]:
    """The columns `READ` of a published day, and the digest of the whole.

    Raises:
        SnapshotError: it is damaged.
    """
    from churn_platform.adapters.snapshots import pointer_of

    digest = pointer_of(root, DATASET, day).digest
    return _columns(root, day, digest), digest


@lru_cache(maxsize=1024)
def _columns(root: Path, day: str, digest: str) -> pd.DataFrame:
    """Contents are named by their digest, so that they may be kept from one report to the next."""
    from churn_platform.adapters.snapshots import pointer_of, read_contents

    return read_contents(root, pointer_of(root, DATASET, day))[list(READ)]
