"""Splits of a shift: their parts are the whole, whatever the rows."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from churn_platform.drift.root_cause.split import (
    SegmentMeans,
    SplitError,
    mix_share,
    over_features,
    over_segments,
    segment_means,
)

amounts = st.floats(-5, 5, allow_nan=False)
windows = st.lists(st.tuples(st.sampled_from(["a", "b", "c", "d"]), amounts), min_size=1, max_size=30)


def means(rows: list[tuple[str, float]]) -> SegmentMeans:
    return segment_means(np.array([name for name, _ in rows]), np.array([value for _, value in rows]))


@given(windows, windows)
def test_segment_parts_sum_to_the_shift_of_the_mean(before: list, now: list) -> None:
    split = over_segments("margin", "contract", means(before), means(now))
    expected = np.mean([value for _, value in now]) - np.mean([value for _, value in before])
    assert split.shift == pytest.approx(expected, abs=1e-9)
    assert sum(part.value for part in split.parts) == pytest.approx(expected, abs=1e-9)
    assert split.gap < 1e-9


@given(windows, windows)
def test_turning_the_windows_around_turns_every_part_around(before: list, now: list) -> None:
    there = over_segments("margin", "contract", means(before), means(now))
    back = over_segments("margin", "contract", means(now), means(before))
    turned = {(part.subject, part.kind): -part.value for part in back.parts}
    assert {(p.subject, p.kind): pytest.approx(p.value, abs=1e-9) for p in there.parts} == turned


@given(st.lists(amounts, min_size=3, max_size=3), st.lists(amounts, min_size=3, max_size=3), amounts, amounts)
def test_feature_parts_sum_to_the_shift(before: list, now: list, base: float, other: float) -> None:
    split = over_features(["a", "b", "c"], np.array(before), np.array(now), base, other)
    assert split.gap < 1e-9
    assert split.shift == pytest.approx(other + sum(now) - base - sum(before), abs=1e-9)


def test_a_change_of_the_mix_alone_is_all_mix_and_one_within_a_segment_is_none() -> None:
    means = {"x": 1.0, "y": 0.0}
    mixed = over_segments(
        "m", "s", SegmentMeans({"x": 0.5, "y": 0.5}, means), SegmentMeans({"x": 0.8, "y": 0.2}, means)
    )
    shares = {"x": 0.5, "y": 0.5}
    inside = over_segments("m", "s", SegmentMeans(shares, means), SegmentMeans(shares, {"x": 2.0, "y": 0.0}))
    assert mix_share(mixed) == pytest.approx(1.0)
    assert mix_share(inside) == pytest.approx(0.0)
    assert inside.parts[0].subject == "s=x"


def test_a_segment_of_one_window_only_has_no_part_within() -> None:
    split = over_segments(
        "m", "s", SegmentMeans({"x": 1.0}, {"x": 1.0}), SegmentMeans({"x": 0.5, "new": 0.5}, {"x": 1.0, "new": 3.0})
    )
    assert {p.value for p in split.parts if p.kind == "within"} == {0.0}
    assert split.gap < 1e-12


def test_windows_that_do_not_fit_are_refused() -> None:
    with pytest.raises(SplitError, match="2 features"):
        over_features(["a", "b"], np.zeros(3), np.zeros(3), 0.0, 0.0)
    with pytest.raises(SplitError, match="without rows"):
        segment_means([], np.array([]))
