"""The rows that tests make up pass the gate as IBM's do, whatever their seed."""

from __future__ import annotations

import numpy as np
from hypothesis import given, settings
from hypothesis import strategies as st
from made_up_extract import generate_extract

from churn_platform.contracts.tables import RAW_TABLES
from churn_platform.feeds.ibm import CLASSIC_COLUMNS, Extract, replay
from churn_platform.feeds.quarantine import screen
from churn_platform.policies import load_policies


@given(st.integers(1, 60), st.integers(0, 2**32 - 1))
@settings(max_examples=10, deadline=None, derandomize=True)
def test_whatever_the_seed_every_generated_row_passes_the_gate(customers: int, seed: int) -> None:
    rows = generate_extract(customers, np.random.default_rng(seed))
    assert tuple(rows.columns) == CLASSIC_COLUMNS
    landed = replay(Extract(rows), load_policies())["customers"].assign(source_file="f", source_digest="d")
    assert screen(RAW_TABLES["customers"], landed).quarantined.empty
