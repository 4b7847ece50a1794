"""The prediction log as a dataset: what the scoring API answered, one row a prediction, published by the hour it was asked in.

What belongs here: from closed segments to published snapshots, each prediction once. What does not: writing the log
(`adapters/prediction_log.py`), what a record says (`contracts/prediction_records.py`).

A segment that was taken in is remembered by name, size and checksum; forgotten memory costs time and nothing else, since a prediction that
is published already is left out by its id. A damaged segment is named and left where it is.
"""

from __future__ import annotations

import json
import zlib
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pandas as pd

from churn_platform.adapters.platform import Platform
from churn_platform.contracts.prediction_records import PREDICTION_COLUMNS

DATASET = "prediction_log"
TAKEN = "taken.json"


@dataclass(frozen=True)
class TakenPredictions:
    """One ingestion: received = new + repeated, each counted by itself. `damaged` says which segments could not be read, and why."""

    segments: int
    received: int
    new: int
    repeated: int
    failures: int
    by_variant: Mapping[str, int]
    partitions: tuple[str, ...]
    damaged: tuple[str, ...]

    @property
    def accounted(self) -> bool:
        """Whether every record of a readable segment is published once, and no segment was unreadable."""
        return not self.damaged and self.received == self.new + self.repeated


def take_predictions(platform: Platform) -> TakenPredictions:
    """Publish what closed segments hold and is not published yet; segments that a killed server left open are closed first."""
    from churn_platform.adapters.atomic_files import write_atomically
    from churn_platform.adapters.prediction_log import (
        PredictionLogError,
        closed_segments,
        read_segment,
        seal_abandoned,
    )

    folder = platform.settings.predictions
    folder.mkdir(parents=True, exist_ok=True)
    seal_abandoned(folder)
    taken, records, damaged, segments = _taken(folder), [], [], 0
    for path in closed_segments(folder):
        mark = f"{path.stat().st_size}:{zlib.crc32(path.read_bytes()):08x}"
        if taken.get(path.name) == mark:
            continue
        try:
            rows = [{**json.loads(record), "segment": path.name} for record in read_segment(path)]
        except (PredictionLogError, ValueError, OSError) as error:
            damaged.append(str(error))
            continue
        segments += 1
        records += rows
        taken[path.name] = mark
    frame = predictions_frame(records)
    new = repeated = 0
    partitions = []
    for hour, of_hour in frame.groupby(frame["received_at"].dt.strftime("%Y-%m-%d-%H"), sort=True):
        added, known = _publish(platform, str(hour), of_hour)
        new, repeated = new + added, repeated + known
        if added:
            partitions.append(str(hour))
    if len(frame) == new + repeated:  # what is not all published is taken in again
        write_atomically(folder / TAKEN, json.dumps(taken, sort_keys=True).encode())
    counts = frame["variant"].value_counts()
    return TakenPredictions(
        segments=segments,
        received=len(frame),
        new=new,
        repeated=repeated,
        failures=int(frame["error"].notna().sum()),
        by_variant={str(variant): int(count) for variant, count in counts.items()},
        partitions=tuple(partitions),
        damaged=tuple(damaged),
    )


def predictions_frame(records: list[dict[str, Any]]) -> pd.DataFrame:
    """Records as typed rows: texts, numbers, `received_at` in UTC, `degraded`, and the reasons' features as JSON."""

    def column(name: str, dtype: str) -> pd.Series[Any]:
        return pd.Series([record.get(name) for record in records], dtype=dtype)

    of_kind = {kind: [name for name, its in PREDICTION_COLUMNS.items() if its == kind] for kind in ("string", "double")}
    columns: dict[str, Any] = {name: column(name, "str") for name in (*of_kind["string"], "segment")}
    columns |= {name: column(name, "float64") for name in of_kind["double"]}
    columns["degraded"] = pd.Series([bool(record.get("degraded")) for record in records], dtype="bool")
    columns["features"] = pd.Series([json.dumps(record.get("features", [])) for record in records], dtype="str")
    seconds = pd.Series([record["received_at"] for record in records], dtype="float64")
    columns["received_at"] = pd.to_datetime((seconds * 1e6).round(), unit="us", utc=True).astype("datetime64[us, UTC]")
    return pd.DataFrame(columns)


def _publish(platform: Platform, hour: str, rows: pd.DataFrame) -> tuple[int, int]:
    """Add to the hour's partition what it does not hold yet: how many rows it holds more now, as read back, and how many came again."""
    from churn_platform.adapters.snapshots import partitions, pointer_of, publish, read_snapshot

    root = platform.settings.published
    again = rows["prediction_id"].duplicated(keep="first")
    held = 0
    whole = rows[~again]
    if hour in partitions(root, DATASET):
        before, _ = read_snapshot(root, DATASET, hour)
        held = len(before)
        again |= rows["prediction_id"].isin(before["prediction_id"])
        whole = pd.concat([before, rows[~again]], ignore_index=True)
    if not again.all():
        about = {"feed": platform.home.feed, "simulated": platform.home.simulated}
        publish(root, DATASET, hour, whole.sort_values("received_at").reset_index(drop=True), about, platform.now())
    return pointer_of(root, DATASET, hour).rows - held, int(again.sum())


def _taken(folder: Path) -> dict[str, str]:
    try:
        content = json.loads((folder / TAKEN).read_bytes())
    except (OSError, ValueError):
        return {}
    return {str(name): str(mark) for name, mark in content.items()} if isinstance(content, dict) else {}
