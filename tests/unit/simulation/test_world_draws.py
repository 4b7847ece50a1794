"""Draws are a pure function of their key, and behave like random numbers."""

from __future__ import annotations

import numpy as np
from hypothesis import given
from hypothesis import strategies as st
from scipy import stats

from churn_platform.simulation.draws import Draws, Purpose

N = 100_000
SERIALS = np.arange(N, dtype=np.uint64)
seeds = st.integers(min_value=0, max_value=2**63)


@given(seed=seeds, day=st.integers(0, 40_000), data=st.data())
def test_a_draw_does_not_depend_on_the_batch_it_comes_in(seed: int, day: int, data: st.DataObject) -> None:
    serials = np.array(data.draw(st.lists(st.integers(0, 2**27), min_size=1, max_size=20)), dtype=np.uint64)
    draws = Draws(seed)
    together = draws.uniform(Purpose.MOOD, serials, day)
    alone = [draws.uniform(Purpose.MOOD, serials[k : k + 1], day)[0] for k in range(len(serials))]
    per_row = draws.uniform(Purpose.MOOD, serials, np.full(len(serials), day, dtype=np.int32))
    assert together.tolist() == alone == per_row.tolist()


@given(seed=seeds)
def test_a_draw_lies_strictly_between_zero_and_one(seed: int) -> None:
    u = Draws(seed).uniform(Purpose.MOOD, SERIALS[:1000], 1)
    assert u.min() > 0.0
    assert u.max() < 1.0


def test_draws_are_uniform_and_normal() -> None:
    draws = Draws(3)
    assert stats.kstest(draws.uniform(Purpose.USAGE, SERIALS, 20_000), "uniform").pvalue > 0.001
    assert stats.kstest(draws.normal(Purpose.USAGE, SERIALS, 20_000), "norm").pvalue > 0.001


def test_neighbouring_keys_are_unrelated() -> None:
    draws = Draws(3)
    u = draws.uniform(Purpose.USAGE, SERIALS, 20_000)
    others = {
        "next day": draws.uniform(Purpose.USAGE, SERIALS, 20_001),
        "next cycle": draws.uniform(Purpose.USAGE, SERIALS, 20_030),
        "next purpose": draws.uniform(Purpose.OVERAGE, SERIALS, 20_000),
        "second draw": draws.uniform(Purpose.USAGE, SERIALS, 20_000, nth=1),
        "next seed": Draws(4).uniform(Purpose.USAGE, SERIALS, 20_000),
        "next customer": np.roll(u, 1),
    }
    limit = 4.5 / np.sqrt(N)  # of a correlation of nothing, at 4.5 standard errors
    correlations = {name: abs(np.corrcoef(u, other)[0, 1]) for name, other in others.items()}
    assert {name: value for name, value in correlations.items() if value > limit} == {}
    assert abs(np.corrcoef(u, u + 20 * others["next day"])[0, 1]) > limit  # the control: the limit sees a weak relation


def test_no_two_draws_share_a_key() -> None:
    draws, one = Draws(1), SERIALS[:1]
    drawn = [draws.uniform(purpose, one, 0, nth)[0] for purpose in Purpose for nth in range(60)]
    assert len(set(drawn)) == len(drawn)
