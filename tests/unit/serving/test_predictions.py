"""The prediction log as a dataset: every record once, however often it is taken in; damage is named and stays where it is."""

from __future__ import annotations

from datetime import UTC, datetime
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import orjson
import pandas as pd
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from churn_platform.adapters.prediction_log import PredictionLog, closed_segments
from churn_platform.adapters.snapshots import partitions, publish, read_snapshot
from churn_platform.contracts.prediction_records import ANSWERED, PREDICTION_COLUMNS
from churn_platform.flows.predictions import DATASET, TAKEN, take_predictions
from churn_platform.serving.answers import Failure, failure_record, log_record

NOON = datetime(2026, 6, 3, 12, tzinfo=UTC).timestamp()


def platform(root: Path) -> Any:
    return SimpleNamespace(
        settings=SimpleNamespace(predictions=root / "predictions", published=root / "published"),
        home=SimpleNamespace(feed="ibm", simulated=False),
        now=lambda: datetime(2026, 6, 3, 15, tzinfo=UTC),
    )


def record(number: int, minutes: float = 0.0, **changed: Any) -> bytes:
    failure = Failure(f"C{number}", "churn-1", "d" * 64, "champion", "no")
    filled = {
        **failure_record(failure, NOON + 60 * minutes),
        "prediction_id": f"{number:032x}",
        "probability": 0.25,
        "margin": -1.1,
        "seconds": 0.0001,
        "error": None,
        **changed,
    }
    return orjson.dumps(filled)


def log(root: Path, *records: bytes) -> None:
    with PredictionLog(root / "predictions", "w") as writer:
        for one in records:
            writer.append(one)


def published(root: Path) -> pd.DataFrame:
    found = [read_snapshot(root / "published", DATASET, hour)[0] for hour in partitions(root / "published", DATASET)]
    return pd.concat(found, ignore_index=True)


def test_every_column_of_the_contract_is_written_by_the_server_and_published(tmp_path: Path) -> None:
    answer = dict.fromkeys(ANSWERED, "x") | {"probability": 0.5, "margin": 0.0, "degraded": False}
    reasons = [{"feature": "contract", "value": "One year", "contribution": -0.5, "text": "a year to go"}]
    written = log_record({**answer, "reasons": reasons}, "d", NOON, 0.001)
    assert set(written) == set(PREDICTION_COLUMNS) == set(orjson.loads(record(1)))
    log(tmp_path, orjson.dumps(written))
    assert take_predictions(platform(tmp_path)).new == 1
    frame = published(tmp_path)
    assert set(frame) == {*PREDICTION_COLUMNS, "segment"}
    assert frame.drop(columns=["error", "shadow_of"]).notna().all(axis=None)
    assert "a year to go" not in frame.to_csv()  # the reasons' words stay out


def test_nothing_logged_is_nothing_published(tmp_path: Path) -> None:
    taken = take_predictions(platform(tmp_path))
    assert (taken.received, taken.partitions, taken.accounted) == (0, (), True)


def test_predictions_lie_in_the_hour_they_were_asked_in(tmp_path: Path) -> None:
    log(
        tmp_path,
        record(1),
        record(2, 59),
        record(3, 61, variant="shadow", shadow_of=f"{1:032x}"),
        record(4, 62, error="x"),
    )
    taken = take_predictions(platform(tmp_path))
    assert taken.partitions == ("2026-06-03-12", "2026-06-03-13")
    assert (taken.received, taken.new, taken.repeated, taken.failures) == (4, 4, 0, 1)
    assert taken.by_variant == {"champion": 3, "shadow": 1}
    frame = published(tmp_path)
    assert frame["customer_id"].tolist() == ["C1", "C2", "C3", "C4"]
    assert frame["segment"].nunique() == 1


@settings(max_examples=15)
@given(groups=st.lists(st.lists(st.integers(0, 30), max_size=8), min_size=1, max_size=5), forgets=st.booleans())
def test_each_prediction_is_published_once_however_often_it_is_taken_in(
    groups: list[list[int]], forgets: bool, tmp_path_factory: Any
) -> None:
    root = tmp_path_factory.mktemp("log")
    received = new = 0
    for numbers in groups:
        log(root, *(record(number, number) for number in numbers))
        if forgets:
            (root / "predictions" / TAKEN).unlink(missing_ok=True)
        taken = take_predictions(platform(root))
        assert taken.received == taken.new + taken.repeated
        received, new = received + taken.received, new + taken.new
    wanted = {number for numbers in groups for number in numbers}
    assert new == len(wanted)
    if wanted:
        frame = published(root)
        assert sorted(frame["prediction_id"]) == sorted(f"{number:032x}" for number in wanted)


def test_a_damaged_segment_is_named_and_the_others_are_taken_in(tmp_path: Path) -> None:
    log(tmp_path, record(1))
    log(tmp_path, record(2))
    damaged, _ = closed_segments(tmp_path / "predictions")
    whole = damaged.read_bytes()
    damaged.chmod(0o644)
    damaged.write_bytes(whole.replace(b"0.25", b"0.75"))
    taken = take_predictions(platform(tmp_path))
    assert not taken.accounted
    assert damaged.name in taken.damaged[0]
    assert published(tmp_path)["customer_id"].tolist() == ["C2"]
    # put back from a backup, it is taken in after all
    damaged.write_bytes(whole)
    again = take_predictions(platform(tmp_path))
    assert (again.new, again.accounted) == (1, True)
    assert sorted(published(tmp_path)["customer_id"]) == ["C1", "C2"]


def test_a_record_that_is_lost_on_the_way_is_missed_and_taken_in_the_next_time(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    log(tmp_path, record(1), record(2), record(2))

    def losing(root: Path, dataset: str, partition: str, frame: pd.DataFrame, *more: Any) -> Any:
        return publish(root, dataset, partition, frame.iloc[1:].reset_index(drop=True), *more)

    with monkeypatch.context() as patched:
        patched.setattr("churn_platform.adapters.snapshots.publish", losing)
        lossy = take_predictions(platform(tmp_path))
    assert (lossy.received, lossy.new, lossy.repeated, lossy.accounted) == (3, 1, 1, False)
    again = take_predictions(platform(tmp_path))
    assert (again.received, again.new, again.repeated, again.accounted) == (3, 1, 2, True)
    assert sorted(published(tmp_path)["customer_id"]) == ["C1", "C2"]
