"""The features that the scoring API answers from: each observed customer's row of the day, published beside the scores.

What belongs here: from the warehouse's feature tables to published snapshots. What does not: reading them for a request (`serving/`).
Readers never open the warehouse: while one process writes it, nobody else can.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import date
from typing import TYPE_CHECKING

import pandas as pd

from churn_platform.adapters.platform import Platform
from churn_platform.contracts.features import FEATURE_SETS, FeatureSet

if TYPE_CHECKING:
    from churn_platform.adapters.snapshots import Snapshot


@dataclass(frozen=True)
class PublishedFeatures:
    """What was published, and the days without any row."""

    snapshots: tuple[Snapshot, ...]
    empty: tuple[date, ...]

    @property
    def rows(self) -> int:
        """Rows over all feature sets."""
        return sum(snapshot.rows for snapshot in self.snapshots)


def dataset_of(feature_set: FeatureSet) -> str:
    """The published dataset's name, one per feature set."""
    return f"served_{feature_set.table}"


def publish_features(platform: Platform, days: Sequence[date]) -> PublishedFeatures:
    """Publish the feature rows of `days`, every feature set; running again publishes the same contents, so nothing changes.

    A day on which nobody was observed publishes nothing and is named: the API then answers from a customer's older row, with its age.
    """
    from churn_platform.adapters.snapshots import publish

    snapshots, seen = [], set()
    for feature_set in FEATURE_SETS.values():
        rows = platform.warehouse.features(feature_set, min(days), max(days))
        about = {
            "feature_set": feature_set.name,
            "feed": platform.home.feed,
            "simulated": platform.home.simulated,
        }
        for day, of_day in rows.groupby(pd.to_datetime(rows["observation_date"]).dt.date, sort=True):
            if day not in days:
                continue
            seen.add(day)
            frame = of_day.reset_index(drop=True)
            snapshots.append(
                publish(
                    platform.settings.published,
                    dataset_of(feature_set),
                    day.isoformat(),
                    frame,
                    about,
                    platform.now(),
                )
            )
    return PublishedFeatures(tuple(snapshots), tuple(day for day in days if day not in seen))
