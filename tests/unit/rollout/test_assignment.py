"""Everybody who asks gets the same variant, and a growing share only adds customers."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from churn_platform.rollout.assignment import challenged, place, variant
from churn_platform.rollout.sequential import mismatch_p

ids = st.text(min_size=1, max_size=20)
weights = st.floats(0, 1)


@pytest.mark.parametrize(
    ("salt", "customer", "expected"),
    [
        ("rollout-1", "7590-VHVEG", int("296dd951606dbba7", 16) / 2**64),
        ("rollout-1", "5575-GNVDE", int("95b15f42807dbd94", 16) / 2**64),
        ("rollout-2", "7590-VHVEG", int("4f394cc5a6c5de17", 16) / 2**64),
        ("", "é", int("585d7a236b67c086", 16) / 2**64),
    ],
)
def test_golden_vectors(salt: str, customer: str, expected: float) -> None:
    """Written down once, computed by coreutils' b2sum: another place would change who has met the challenger."""
    assert place(salt, customer) == pytest.approx(expected, abs=1e-15)


@given(ids, ids, weights, weights)
def test_a_larger_share_keeps_everybody_who_had_the_challenger(
    salt: str, customer: str, one: float, other: float
) -> None:
    small, large = sorted((one, other))
    if variant(salt, customer, small) == "challenger":
        assert variant(salt, customer, large) == "challenger"


@given(ids, st.lists(ids, max_size=20), weights)
def test_a_batch_and_one_customer_at_a_time_agree(salt: str, customers: list[str], weight: float) -> None:
    together = challenged(salt, customers, weight)
    assert together.tolist() == [variant(salt, customer, weight) == "challenger" for customer in customers]


@given(ids, ids)
def test_nobody_at_nought_and_everybody_at_one(salt: str, customer: str) -> None:
    assert variant(salt, customer, 0.0) == "champion"
    assert variant(salt, customer, 1.0) == "challenger"
    assert 0 <= place(salt, customer) < 1


@pytest.mark.parametrize("weight", [0.05, 0.25, 0.5])
def test_the_share_is_what_was_asked_for_and_another_salt_draws_others(weight: float) -> None:
    customers = [f"C{number:06d}" for number in range(40_000)]
    first, second = challenged("rollout-1", customers, weight), challenged("rollout-2", customers, weight)
    assert mismatch_p(int(first.sum()), int((~first).sum()), weight) > 0.001
    both = int((first & second).sum())
    assert mismatch_p(both, int(first.sum()) - both, weight) > 0.001  # the second draw is independent of the first
    assert not np.array_equal(first, second)
