"""The windows that the peers are shown: the rows that the platform judged, on the days on which it judged them.

What belongs here: which rows make a window, and writing them as Parquet for an environment of the peers' own. What does not: calling the
peers (`peer_alarms`), counting (`alarms`).

Reference and windows are the platform's own: features of the champion's training window (its scores and outcomes: of the holdout, where
they are out of sample), windows that end on each live day, a week long and longer where a week has too few rows. A day on which the
pipeline delivered no rows is told as such.
"""

from __future__ import annotations

import json
from collections.abc import Collection
from dataclasses import dataclass
from datetime import date, timedelta
from pathlib import Path
from typing import TYPE_CHECKING, Any

import pandas as pd

from churn_platform.adapters.atomic_files import write_atomically
from churn_platform.contracts.features import V2
from churn_platform.drift.windows import growing_windows
from churn_platform.flows.scoring import champion_package

if TYPE_CHECKING:
    from churn_platform.adapters.platform import Platform
    from churn_platform.policies import Policies

SCORE = "probability"


@dataclass(frozen=True, slots=True)
class Exported:
    """What was written: the folder, its current rows, its windows."""

    folder: Path
    rows: int
    windows: int


def export_windows(platform: Platform, folder: Path, first: int, last: int, blocked: Collection[int]) -> Exported:
    """Write `reference.parquet`, `current.parquet` and `windows.json` for the live days `first` to `last`, counted from the first.

    Args:
        platform: a home that has lived these days.
        folder: where to; made new.
        first, last: live days to judge, both inclusive.
        blocked: live days on which the platform refused its input, so that nothing was delivered to a monitor.
    """
    policies, calendar = platform.policies, platform.calendar
    _, package = champion_package(platform)
    live = calendar.live_from

    def number(column: pd.Series[Any]) -> pd.Series[Any]:
        return (pd.to_datetime(column) - pd.Timestamp(live)).dt.days

    rows = platform.warehouse.features(V2, calendar.first_day, live + timedelta(last))
    rows[SCORE] = package.model.probability(rows)
    known = platform.warehouse.outcomes(calendar.first_day, live + timedelta(last))
    rows = rows.merge(known, on=["customer_id", "observation_date"], how="left", validate="one_to_one")
    table = rows[[*V2.names, SCORE]].assign(
        day=number(rows["observation_date"]),
        churned_on=number(rows["churned_on"]).astype("Int64"),
        churn_known_on=number(rows["churn_known_at"]).astype("Int64"),
    )
    trained_to = _number(date.fromisoformat(package.reference.last_day), live)
    trained_from = _number(date.fromisoformat(package.reference.first_day), live)
    matured_to = _number(calendar.training_as_of, live) - policies.label.horizon.days
    training = table[table["day"].between(trained_from, trained_to)].assign(part="training")
    holdout = table[table["day"].between(trained_to + 1, matured_to)].assign(part="holdout")
    reference = pd.concat([training, holdout], ignore_index=True)
    reference["churned"] = (reference["churned_on"].notna() & (reference["churn_known_on"] < 0)).astype("int64")

    # a column that the reference has no value of cannot be compared with anything
    judged = [name for name in V2.names if training[name].notna().any()]
    categorical = [name for name in judged if V2.feature(name).is_categorical]
    shown = _windows(table, first, last, blocked, policies)
    labelled = _windows(table, first, last, (), policies, behind=policies.label.horizon.days)
    plan = {
        "numeric": [*(name for name in judged if name not in categorical), SCORE],
        "categorical": categorical,
        "part": {**dict.fromkeys(judged, "training"), SCORE: "holdout"},
        "windows": shown,
        "outcome_windows": labelled,
        "reference_windows": {
            "training": _windows(
                training, trained_from + policies.drift.window.length.days - 1, trained_to, (), policies
            ),
            "holdout": _windows(holdout, trained_to + policies.drift.window.length.days, matured_to, (), policies),
        },
    }
    earliest = min((window["first"] for window in (*shown, *labelled)), default=first)
    folder.mkdir(parents=True, exist_ok=True)
    current = table[table["day"] >= earliest]
    reference.to_parquet(folder / "reference.parquet", index=False)
    current.to_parquet(folder / "current.parquet", index=False)
    write_atomically(folder / "windows.json", json.dumps(plan).encode(), durable=False)
    return Exported(folder, len(current), len(plan["windows"]))


def _windows(
    rows: pd.DataFrame, first: int, last: int, blocked: Collection[int], policies: Policies, behind: int = 0
) -> list[dict[str, Any]]:
    """One window per day: it ends `behind` days before, and grows backwards until it has enough rows."""
    window = policies.drift.window
    start = int(rows["day"].min()) if len(rows) else first
    ends = [day for day in range(first, last + 1) if day - behind >= start]
    if not ends:
        return []
    days = range(start, last + 1)
    per_day = rows["day"].value_counts().reindex(days, fill_value=0).to_numpy()
    spans = growing_windows(
        per_day,
        [day - behind - start for day in ends],
        window.length.days,
        window.longest.days,
        window.min_rows,
    )
    return [
        {
            "day": day,
            "first": int(spans.first[i]) + start,
            "last": day - behind,
            "delivered": day not in blocked,
        }
        for i, day in enumerate(ends)
    ]


def _number(day: date, live: date) -> int:
    return (day - live).days
