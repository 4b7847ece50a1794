"""What is known only afterwards is refused as a feature, however it is spelled."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from churn_platform.contracts.features import FEATURE_SETS
from churn_platform.contracts.leakage import NEVER_FEATURES, LeakageError, normal_form, refuse_leakage

SPELLINGS = (
    lambda name: name,
    lambda name: name.upper(),
    lambda name: name.replace("_", " "),
    lambda name: name.replace("_", " ").title(),
    lambda name: name.replace("_", "-"),
    lambda name: name.replace("_", "."),
    lambda name: "".join(word.title() for word in name.split("_")),
    lambda name: name.split("_")[0] + "".join(word.title() for word in name.split("_")[1:]),
    lambda name: f"  {name} ",
    lambda name: name.replace("_", "  "),
    lambda name: name.replace("_", ""),
)


@pytest.mark.parametrize("name", NEVER_FEATURES)
def test_every_spelling_of_a_leaking_column_is_refused_with_its_reason(name: str) -> None:
    for spelled in SPELLINGS:
        with pytest.raises(LeakageError, match=NEVER_FEATURES[name]):
            refuse_leakage(["contract", spelled(name)])


@pytest.mark.parametrize(
    "column",
    [
        "Churn",
        "Churn Label",
        "Churn Value",
        "Churn Score",
        "Churn Category",
        "Churn Reason",
        "Customer Status",
        "CLTV",
        "Satisfaction Score",
        "customerID",
        "Customer ID",
    ],
)
def test_ibms_own_spelling_is_refused(column: str) -> None:
    with pytest.raises(LeakageError, match="can never be a feature"):
        refuse_leakage([column])


def test_the_feature_sets_pass() -> None:
    for feature_set in FEATURE_SETS.values():
        refuse_leakage(feature_set.names)


@given(st.from_regex(r"[A-Za-z0-9_ .-]+", fullmatch=True))
def test_folding_a_spelling_twice_changes_nothing_more(column: str) -> None:
    folded = normal_form(column)
    assert normal_form(folded) == folded
    assert normal_form(f" {column.upper()} ") == folded
