"""Windows grow until they are full; a violation acts when it persists; false discoveries are held."""

from __future__ import annotations

import numpy as np
from hypothesis import given
from hypothesis import strategies as st

from churn_platform.drift.discovery import adjusted_p_values
from churn_platform.drift.persistence import persists
from churn_platform.drift.windows import growing_windows, window_sums

ROWS = st.lists(st.integers(0, 300), min_size=1, max_size=80)


@given(ROWS, st.integers(1, 10), st.integers(0, 50), st.integers(1, 900))
def test_a_window_is_the_shortest_that_is_full_and_never_outside_its_bounds(
    rows: list[int], length: int, more: int, needed: int
) -> None:
    longest = length + more
    spans = growing_windows(rows, range(len(rows)), length, longest, needed)
    for end in range(len(rows)):
        first = int(spans.first[end])
        inside = sum(rows[first : end + 1])
        assert spans.rows[end] == inside
        assert spans.enough[end] == (inside >= needed)
        assert first >= max(0, end - longest + 1)
        if end - first + 1 > length:  # it grew: a day less would not have been enough
            assert sum(rows[first + 1 : end + 1]) < needed
        elif end - first + 1 == length and inside < needed:
            assert length == longest or first == 0 or end - longest + 1 >= first


@given(ROWS, st.integers(1, 7))
def test_sums_over_windows_are_the_sums_of_their_days(rows: list[int], length: int) -> None:
    spans = growing_windows(rows, range(len(rows)), length, length, 1)
    expected = [sum(rows[max(0, end - length + 1) : end + 1]) for end in range(len(rows))]
    assert window_sums(np.array(rows)[:, None], spans)[:, 0].tolist() == expected


@given(st.lists(st.booleans(), min_size=1, max_size=40), st.integers(1, 4), st.integers(0, 3))
def test_a_violation_acts_when_k_of_the_last_n_windows_violate_the_newest_among_them(
    seen: list[bool], k: int, more: int
) -> None:
    n = k + more
    acts = persists(seen, k, n).tolist()
    assert acts == [seen[i] and sum(seen[max(0, i - n + 1) : i + 1]) >= k for i in range(len(seen))]


@given(st.lists(st.booleans(), min_size=5, max_size=40))
def test_acting_depends_on_the_last_windows_only_so_judging_a_day_again_says_the_same(seen: list[bool]) -> None:
    assert persists(seen, 2, 3)[-1] == persists(seen[-3:], 2, 3)[-1]


def test_benjamini_and_yekutieli_as_by_hand() -> None:
    p = np.array([0.01, 0.04, 0.03, 0.005])
    harmonic = 1 + 1 / 2 + 1 / 3 + 1 / 4
    by_hand = [0.01 * 4 * harmonic / 2, 0.04 * harmonic, 0.04 * harmonic, 0.005 * 4 * harmonic]
    assert np.allclose(adjusted_p_values(p), np.minimum(by_hand, 1.0))


def test_the_share_of_false_discoveries_is_held_and_true_ones_are_made() -> None:
    rng = np.random.default_rng(3)
    p = rng.random((3_000, 40))
    p[:, :4] = rng.random((3_000, 4)) * 1e-6  # four true changes
    found = adjusted_p_values(p) <= 0.05
    false = found[:, 4:].sum(axis=1) / np.maximum(found.sum(axis=1), 1)
    assert found[:, :4].mean() > 0.99
    assert false.mean() <= 0.05
    assert (p <= 0.05)[:, 4:].mean() > 0.04  # the control: unadjusted, as many as expected are false


def test_a_test_that_was_not_made_is_none_and_counts_for_nothing() -> None:
    with_gap = adjusted_p_values([0.01, np.nan, 0.5])
    assert np.isnan(with_gap[1])
    assert np.allclose(with_gap[[0, 2]], adjusted_p_values([0.01, 0.5]))
