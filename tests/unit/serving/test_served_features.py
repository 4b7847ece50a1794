"""Customers' newest published rows: old days are dropped, a corrected day steps back, a damaged one leaves the others."""

from __future__ import annotations

from datetime import UTC, date, datetime, timedelta
from pathlib import Path

import pandas as pd

from churn_platform.adapters.snapshots import publish
from churn_platform.contracts.features import FEATURE_SETS
from churn_platform.flows.served_features import dataset_of
from churn_platform.serving.features import ServedFeatures

SET = FEATURE_SETS["v1"]
FIRST = date(2026, 6, 1)
NOW = datetime(2026, 7, 1, tzinfo=UTC)


def publish_day(root: Path, day: date, *customers: str) -> None:
    frame = pd.DataFrame({"customer_id": list(customers), "contract": ["One year"] * len(customers)})
    publish(root, dataset_of(SET), day.isoformat(), frame, {}, NOW)


def served(root: Path) -> ServedFeatures:
    return ServedFeatures(root, SET, timedelta(days=10))


def test_days_that_are_too_old_are_dropped_with_their_customers(tmp_path: Path) -> None:
    features = served(tmp_path)
    for number in range(100):
        publish_day(tmp_path, FIRST + timedelta(days=number), f"C{number}", "always")
        assert features.refresh() == []
        assert len(features._blocks) <= 11
        assert len(features) <= 12
    assert features.find("C0") is None
    assert features.find("C99") is not None
    always = features.find("always")
    assert always is not None
    assert always.day == FIRST + timedelta(days=99)


def test_a_customer_whom_a_correction_takes_out_of_a_day_is_answered_from_the_day_before(tmp_path: Path) -> None:
    features = served(tmp_path)
    later = FIRST + timedelta(days=1)
    publish_day(tmp_path, FIRST, "A", "B")
    publish_day(tmp_path, later, "A", "B", "C")
    features.refresh()
    publish_day(tmp_path, later, "B")
    features.refresh()
    found = {name: features.find(name) for name in "ABC"}
    assert found["C"] is None
    assert found["A"] is not None
    assert found["B"] is not None
    assert (found["A"].day, found["B"].day) == (FIRST, later)


def test_a_damaged_day_is_named_and_the_others_are_read_all_the_same(tmp_path: Path) -> None:
    features = served(tmp_path)
    for number in range(3):
        publish_day(tmp_path, FIRST + timedelta(days=number), f"C{number}")
    middle = tmp_path / dataset_of(SET) / (FIRST + timedelta(days=1)).isoformat()
    (contents,) = middle.glob("*.parquet")
    contents.chmod(0o644)
    contents.write_bytes(contents.read_bytes()[:-1] + b"!")
    (problem,) = features.refresh()
    assert "2026-06-02" in problem
    assert features.find("C0") is not None
    assert features.find("C1") is None
    assert features.find("C2") is not None
