from __future__ import annotations

import dataclasses
import json
from datetime import UTC, date, datetime
from decimal import Decimal
from typing import Any

import numpy as np
import pandas as pd
import pytest
from hypothesis import given
from hypothesis import strategies as st

from churn_platform.governance.canonical import NotJsonError, canonical_json, digest_of, plain

json_values = st.recursive(
    st.none()
    | st.booleans()
    | st.integers()
    | st.floats(allow_nan=False, allow_infinity=False)
    | st.text(st.characters(exclude_categories=["Cs"])),
    lambda inner: (
        st.lists(inner, max_size=4)
        | st.dictionaries(st.text(st.characters(exclude_categories=["Cs"]), max_size=5), inner, max_size=4)
    ),
    max_leaves=12,
)


def backwards(value: Any) -> Any:
    """The same value with every mapping's keys in the opposite order."""
    if isinstance(value, dict):
        return {key: backwards(value[key]) for key in reversed(list(value))}
    return [backwards(item) for item in value] if isinstance(value, list) else value


@given(json_values)
def test_canonical_json_reads_back_as_the_same_value_and_does_not_know_the_order_of_keys(value: Any) -> None:
    text = canonical_json(value)
    assert json.loads(text) == value
    assert canonical_json(json.loads(text)) == text
    assert canonical_json(backwards(value)) == text


@given(json_values, json_values)
def test_two_values_have_one_digest_only_if_they_are_one_value(one: Any, other: Any) -> None:
    assert (digest_of(one) == digest_of(other)) == (canonical_json(one) == canonical_json(other))


@given(json_values)
def test_plain_values_stay_as_they_are(value: Any) -> None:
    assert plain(value) == value


@pytest.mark.parametrize(
    "value",
    [{1: "a"}, [float("nan")], {"a": float("inf")}, object(), {"a": date(2026, 5, 1)}, b"bytes", "\ud800", {3, 4}],
)
def test_what_json_would_bend_is_refused(value: object) -> None:
    with pytest.raises(NotJsonError):
        canonical_json(value)


@dataclasses.dataclass(frozen=True)
class Check:
    name: str
    observed: float


@pytest.mark.parametrize(
    ("value", "expected"),
    [
        (Check("auc", float("nan")), {"name": "auc", "observed": "NaN"}),
        ([float("inf"), float("-inf")], ["Infinity", "-Infinity"]),
        (np.float32(0.5), 0.5),
        (np.float64("nan"), "NaN"),
        (np.int64(7), 7),
        (np.bool_(True), True),
        (np.array(3.0), 3.0),
        ((1, (2,)), [1, [2]]),
        ({"b", "a"}, ["a", "b"]),
        (datetime(2026, 5, 1, 6, tzinfo=UTC), "2026-05-01T06:00:00+00:00"),
        (pd.Timestamp("2026-05-01"), "2026-05-01T00:00:00"),
    ],
)
def test_evidence_becomes_plain_json(value: object, expected: object) -> None:
    made = plain(value)
    assert made == expected
    assert type(made) is type(expected)
    assert json.loads(canonical_json(made)) == made


@pytest.mark.parametrize("value", [Decimal("1.5"), b"bytes", object(), np.zeros(2), Check, {1: "a"}])
def test_evidence_that_cannot_be_recorded_is_refused_and_says_where(value: object) -> None:
    with pytest.raises(NotJsonError, match=r"value\.checks\[1\]"):
        plain({"checks": [1, value]})
