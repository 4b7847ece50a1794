"""The profile: figures of the real extract that can be counted again, and joiners that keep the base in balance."""

from __future__ import annotations

import hashlib
from pathlib import Path

import numpy as np
import pandas as pd
import pytest
from hypothesis import given
from hypothesis import strategies as st

from churn_platform.simulation.balance import balanced
from churn_platform.simulation.behaviour import BehaviourError, packaged_behaviour, parse_behaviour
from churn_platform.simulation.profile import Profile, ProfileError, packaged_profile, parse_profile, profile_as_yaml
from churn_platform.simulation.profile_from_extract import binned_shares, profile_from_extract

FILES = {"classic": "telco_customer_churn.csv", "services": "telco_services.csv", "status": "telco_status.csv"}


@pytest.fixture(scope="module")
def counted(real_data: Path) -> Profile:
    frames = {name: pd.read_csv(real_data / file) for name, file in FILES.items()}
    digests = {file: hashlib.sha256((real_data / file).read_bytes()).hexdigest() for file in FILES.values()}
    return profile_from_extract(**frames, sha256=digests)


def test_the_packaged_figures_are_those_of_the_real_extract(counted: Profile) -> None:
    packaged = packaged_profile()
    for name in Profile.model_fields:
        if name != "joiners":
            assert getattr(packaged, name) == getattr(counted, name), name


def test_the_packaged_joiners_keep_the_base_in_balance() -> None:
    """One more round of balancing hardly moves them: they are the fixed point."""
    packaged = packaged_profile()
    again = balanced(packaged, packaged_behaviour(), rounds=1)
    for before, after in zip(packaged.joiners, again.joiners, strict=True):
        for key, shares in before.shares.items():
            if len(shares) > 2:
                continue
            for value, share in shares.items():
                assert after.shares[key][value] == pytest.approx(share, abs=0.06), (before.attribute, key)


def test_balancing_starts_from_joiners_as_leavers_and_gets_far(counted: Profile) -> None:
    """The control of the test above: the first guess is not the fixed point."""
    moved = {
        (first.attribute, key, value): abs(share - last.shares[key][value])
        for first, last in zip(counted.joiners, packaged_profile().joiners, strict=True)
        for key, shares in first.shares.items()
        for value, share in shares.items()
    }
    assert max(moved.values()) > 0.1


def test_monthly_charges_are_a_sum_of_service_prices(counted: Profile) -> None:
    prices = counted.price_list.prices
    assert prices["internet_service Fiber optic"] == pytest.approx(50.0, abs=0.1)
    assert prices["streaming_tv"] == pytest.approx(10.0, abs=0.1)
    assert counted.price_list.residual_sd < 1.1  # of a standard deviation of 30


def test_the_profile_survives_writing_and_reading() -> None:
    text = profile_as_yaml(packaged_profile())
    assert parse_profile(text, "again.yml") == packaged_profile()
    assert profile_as_yaml(parse_profile(text, "again.yml")) == text


def test_the_profile_holds_no_row_of_the_extract(real_data: Path) -> None:
    ids = pd.read_csv(real_data / FILES["classic"])["customerID"]
    text = profile_as_yaml(packaged_profile())
    assert not any(customer in text for customer in ids)


def test_tables_of_joiners_are_shares() -> None:
    for table in (*packaged_profile().joiners, *packaged_profile().stock):
        for key, shares in table.shares.items():
            assert sum(shares.values()) == pytest.approx(1.0, abs=0.002), (table.attribute, key)


def test_an_unknown_key_or_a_broken_text_is_refused_by_file() -> None:
    with pytest.raises(ProfileError, match=r"my\.yml is not a profile(.|\n)*surprise"):
        parse_profile(profile_as_yaml(packaged_profile()) + "surprise: 1\n", "my.yml")
    with pytest.raises(ProfileError, match=r"my\.yml is not a profile"):
        parse_profile("a: [", "my.yml")
    with pytest.raises(BehaviourError, match=r"my\.yml is not a behaviour(.|\n)*base"):
        parse_behaviour("leaving: {}", "my.yml")


def test_tables_that_lack_customers_are_refused(real_data: Path) -> None:
    frames = {name: pd.read_csv(real_data / file) for name, file in FILES.items()}
    frames["services"] = frames["services"].iloc[1:]
    with pytest.raises(ValueError, match="must hold every customer"):
        profile_from_extract(**frames, sha256={})


@given(
    st.lists(st.floats(-10, 10), min_size=1, max_size=40),
    st.lists(st.floats(-9, 9), min_size=1, max_size=5, unique=True),
)
def test_shares_of_bins_add_up(values: list[float], edges: list[float]) -> None:
    shares = binned_shares(np.array(values), tuple(sorted(edges)))
    assert sum(shares.values()) == pytest.approx(1.0, abs=0.002)
