"""The committed sample: made up, in IBM's layout, and exactly what the generator gives."""

from __future__ import annotations

import io
from pathlib import Path

import numpy as np
import pandas as pd
from hypothesis import given, settings
from hypothesis import strategies as st

from churn_platform.contracts.tables import RAW_TABLES
from churn_platform.feeds.ibm import CLASSIC_COLUMNS, Extract, replay
from churn_platform.feeds.quarantine import screen
from churn_platform.feeds.sample import generate_extract, sample_csv
from churn_platform.policies import load_policies

SAMPLE = Path(__file__).parents[3] / "data" / "sample" / "telco_customer_churn.csv"


def test_the_committed_sample_is_exactly_what_the_generator_gives() -> None:
    assert SAMPLE.read_bytes() == sample_csv().encode()
    assert pd.read_csv(io.StringIO(sample_csv()))["customerID"].str.startswith("SIM").all()


@given(st.integers(1, 60), st.integers(0, 2**32 - 1))
@settings(max_examples=10, deadline=None, derandomize=True)
def test_whatever_the_seed_every_generated_row_passes_the_gate(customers: int, seed: int) -> None:
    rows = generate_extract(customers, np.random.default_rng(seed))
    assert tuple(rows.columns) == CLASSIC_COLUMNS
    landed = replay(Extract(rows), load_policies())["customers"].assign(source_file="f", source_digest="d")
    assert screen(RAW_TABLES["customers"], landed).quarantined.empty


def test_the_sample_is_large_and_mixed_enough_for_the_training_gates() -> None:
    rows, gates = pd.read_csv(SAMPLE), load_policies().gates.data
    history = rows.iloc[: round(len(rows) * 0.8)]
    assert len(history) >= gates.min_rows
    assert (history["Churn"] == "Yes").sum() >= gates.min_churners
