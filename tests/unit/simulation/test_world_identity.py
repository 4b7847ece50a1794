"""Customer ids: one for one with serials, and telling nothing."""

from __future__ import annotations

import numpy as np
import pandas as pd
import pytest
from hypothesis import given
from hypothesis import strategies as st

from churn_platform.simulation.identity import UnknownCustomerError, customer_ids, numbered_ids, serials_of


@given(st.lists(st.integers(0, 2**27 - 1), min_size=1, max_size=50, unique=True))
def test_ids_lead_back_to_their_serials(serials: list[int]) -> None:
    array = np.array(serials, dtype=np.uint64)
    ids = customer_ids(array)
    assert ids.is_unique
    assert serials_of(ids).tolist() == serials


def test_ids_of_a_million_customers_are_distinct() -> None:
    assert customer_ids(np.arange(1_000_000, dtype=np.uint64)).is_unique


def test_ids_do_not_tell_who_came_first() -> None:
    ids = customer_ids(np.arange(5_000, dtype=np.uint64))
    rank = ids.rank(method="first").to_numpy()
    assert abs(np.corrcoef(rank, np.arange(5_000))[0, 1]) < 0.07


@pytest.mark.parametrize("wrong", ["", "7590-vhveg", "759-VHVEG", "7590VHVEG", "7590-VHVE1"])
def test_a_text_that_is_no_id_is_refused_by_name(wrong: str) -> None:
    with pytest.raises(UnknownCustomerError, match=f"the first is '{wrong}'"):
        serials_of(pd.Series(["4057-STFKJ", wrong]))


def test_numbers_are_written_in_full_width() -> None:
    ids = numbered_ids("T", np.array([7, 123_456_789], dtype=np.uint64), (np.array([1, 149]), 3), (np.array([0, 2]), 1))
    assert ids.tolist() == ["T-000000007-001-0", "T-123456789-149-2"]
