"""The daily score: bands, deciles and fingerprints that mean the same everywhere, and a contract that lets nothing odd through."""

from __future__ import annotations

import json
import subprocess
import sys
from typing import Any

import numpy as np
import pandas as pd
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from churn_platform.contracts.predictions import BANDS, DECISIONS, SCORE_COLUMNS
from churn_platform.drift.reference import reference_baseline
from churn_platform.policies import load_policies
from churn_platform.scoring import (
    Provenance,
    ScoringError,
    bands,
    deciles,
    feature_fingerprints,
    hold_to_contract,
    score_rows,
)

POLICY = load_policies().scoring
CUTS = [n / 10 for n in range(1, 10)]
NAMES = ("contract", "tenure_months", "total_charges")
WHO = Provenance("churn-1", "d" * 64, "v1", "ibm", False)
probabilities = st.lists(st.floats(0, 1, exclude_min=True, exclude_max=True), min_size=1, max_size=40)


def rows(count: int = 4) -> pd.DataFrame:
    return pd.DataFrame(
        {
            "customer_id": [f"C{n}" for n in reversed(range(count))],
            "observation_date": pd.Timestamp("2026-06-01"),
            "contract": ["One year", None, "Two year", "One year"][:count] + ["One year"] * (count - 4),
            "tenure_months": np.arange(count, dtype="int64"),
            "total_charges": np.r_[np.nan, np.linspace(1, 2, max(count - 1, 0))][:count],
        }
    )


def scored(frame: pd.DataFrame, **changed: Any) -> pd.DataFrame:
    count = len(frame)
    given_values: dict[str, Any] = {
        "features": NAMES,
        "margin": np.linspace(-2, 2, count),
        "base_margin": np.full(count, -1.0),
        "reasons": ["[]"] * count,
        "cuts": CUTS,
        "policy": POLICY,
        "provenance": WHO,
    }
    return score_rows(frame, **(given_values | changed))


def test_a_score_row_has_the_contracts_columns_and_its_probability_is_the_margins_logistic() -> None:
    result = scored(rows())
    assert tuple(result.columns) == tuple(SCORE_COLUMNS)
    assert result["customer_id"].tolist() == ["C0", "C1", "C2", "C3"]
    np.testing.assert_allclose(np.log(result["probability"] / (1 - result["probability"])), result["margin"])
    assert set(result["band"]) <= set(BANDS)
    assert set(result["decision"]) <= set(DECISIONS)
    assert result[["model_version", "feed"]].drop_duplicates().to_numpy().tolist() == [["churn-1", "ibm"]]


def test_the_order_of_the_rows_does_not_matter() -> None:
    frame, margin = rows(6), np.linspace(-2, 2, 6)
    turn = np.array([3, 1, 5, 0, 4, 2])
    turned = scored(frame.iloc[turn].reset_index(drop=True), margin=margin[turn])
    pd.testing.assert_frame_equal(scored(frame, margin=margin), turned)


@given(probabilities)
def test_a_riskier_score_never_has_a_lower_band_and_bands_agree_with_the_policy(values: list[float]) -> None:
    ordered = np.sort(values)
    found = bands(ordered, POLICY)
    ranks = [BANDS.index(band) for band in found]
    assert ranks == sorted(ranks)
    assert list(found) == [POLICY.band(value) for value in ordered]


def test_a_bound_belongs_to_the_band_above_it() -> None:
    at = np.array([POLICY.band_medium, POLICY.band_high])
    assert bands(at, POLICY).tolist() == ["medium", "high"]
    assert bands(np.nextafter(at, 0), POLICY).tolist() == ["low", "medium"]


@given(probabilities, st.lists(st.floats(0, 1), min_size=9, max_size=9).map(sorted))
def test_deciles_run_from_1_to_10_and_a_riskier_score_never_has_a_later_one(
    values: list[float], cuts: list[float]
) -> None:
    found = deciles(np.sort(values), cuts)
    assert set(found.tolist()) <= set(range(1, 11))
    assert (np.diff(found) <= 0).all()


def test_the_references_own_scores_fall_into_ten_equal_tenths() -> None:
    scores = np.random.default_rng(2).random(1000)
    reference = reference_baseline(pd.DataFrame(index=range(1000)), (), scores, "a", "b")
    assert np.bincount(deciles(scores, reference.decile_cuts))[1:].tolist() == [100] * 10


@pytest.mark.parametrize("distinct", [[0.2], [0.1, 0.7], [0.1, 0.2, 0.3]])
def test_a_model_with_few_distinct_scores_is_scored_all_the_same(distinct: list[float]) -> None:
    scores = np.resize(distinct, 300)
    cuts = reference_baseline(pd.DataFrame(index=range(300)), (), scores, "a", "b").decile_cuts
    result = scored(rows(), margin=np.log(np.resize(distinct, 4) / (1 - np.resize(distinct, 4))), cuts=cuts)
    assert result["decile"].between(1, 10).all()
    assert result.groupby("probability")["decile"].nunique().eq(1).all()


@pytest.mark.parametrize("cuts", [CUTS[:8], [*CUTS, 1.0], CUTS[::-1], [*CUTS[:8], float("nan")], []])
def test_cuts_that_are_no_nine_in_order_are_refused(cuts: list[float]) -> None:
    with pytest.raises(ScoringError, match="deciles need nine reference cuts in ascending order"):
        deciles(np.array([0.5]), cuts)


values = st.fixed_dictionaries(
    {
        "contract": st.sampled_from(["One year", "Two year", "", "é", None]),
        "tenure_months": st.integers(0, 100),
        "total_charges": st.none() | st.floats(-1e9, 1e9),
    }
)


def print_of(row: dict[str, Any], **changed: Any) -> str:
    frame = pd.DataFrame([row | changed])
    return str(feature_fingerprints(frame, "v1", NAMES).iloc[0])


@given(values, values)
@settings(max_examples=200, deadline=None)
def test_a_fingerprint_changes_if_and_only_if_a_feature_value_does(left: dict[str, Any], right: dict[str, Any]) -> None:
    def plain(row: dict[str, Any]) -> list[Any]:
        return ["absent" if value is None else (value, type(value) is str) for value in (row[name] for name in NAMES)]

    assert (print_of(left) == print_of(right)) == (plain(left) == plain(right))


def test_each_single_change_of_a_feature_changes_the_fingerprint_and_a_change_elsewhere_does_not() -> None:
    row = {"contract": "One year", "tenure_months": 3, "total_charges": 10.5}
    others = [print_of(row, contract="Two year"), print_of(row, tenure_months=4), print_of(row, total_charges=None)]
    others += [print_of(row, total_charges=np.nextafter(10.5, 11)), print_of(row, contract=None)]
    assert len({print_of(row), *others}) == 6
    assert print_of(row, customer_id="another") == print_of(row)


def test_a_fingerprint_depends_on_its_row_alone_and_not_on_dtypes_or_companions() -> None:
    frame = rows(8)
    together = feature_fingerprints(frame, "v1", NAMES)
    alone = [feature_fingerprints(frame.iloc[[n]], "v1", NAMES).iloc[0] for n in range(8)]
    assert together.tolist() == alone
    for changed in (
        frame.astype("object"),
        frame.astype({"tenure_months": "float64"}),
        frame.astype({"tenure_months": "Int64"}),
    ):
        assert feature_fingerprints(changed, "v1", NAMES).tolist() == alone
    categories = frame.astype({"contract": "category"})
    assert feature_fingerprints(categories, "v1", NAMES).tolist() == alone
    assert feature_fingerprints(
        frame.assign(total_charges=frame["total_charges"].mask(frame.index >= 0, -0.0)), "v1", NAMES
    ).equals(feature_fingerprints(frame.assign(total_charges=0), "v1", NAMES))


def test_two_columns_that_swap_values_have_another_fingerprint_and_so_has_another_feature_set() -> None:
    frame = pd.DataFrame({"a": [1.0], "b": [2.0]})
    swapped = pd.DataFrame({"a": [2.0], "b": [1.0]})
    prints = {
        feature_fingerprints(frame, "v1", ["a", "b"]).iloc[0],
        feature_fingerprints(swapped, "v1", ["a", "b"]).iloc[0],
        feature_fingerprints(frame, "v2", ["a", "b"]).iloc[0],
    }
    assert len(prints) == 3


def test_a_fingerprint_is_the_same_in_another_process() -> None:
    code = (
        "import json, pandas as pd; from churn_platform.scoring import feature_fingerprints as f; "
        "rows = pd.DataFrame({'contract': ['One year', None], 'tenure_months': [1, 2]}); "
        "print(json.dumps(f(rows, 'v1', ['contract', 'tenure_months']).tolist()))"
    )
    outputs = [
        subprocess.run(
            [sys.executable, "-c", code], env={"PYTHONHASHSEED": seed}, capture_output=True, text=True, check=True
        ).stdout
        for seed in ("1", "2")
    ]
    frame = pd.DataFrame({"contract": ["One year", None], "tenure_months": [1, 2]})
    here = feature_fingerprints(frame, "v1", ["contract", "tenure_months"]).tolist()
    assert [json.loads(output) for output in outputs] == [here, here]
    assert all(len(one) == 16 for one in here)


def test_no_customers_to_score_is_an_error_and_not_a_quiet_day() -> None:
    with pytest.raises(ScoringError, match="zero rows is an error"):
        scored(rows(0))


@pytest.mark.parametrize("margin", [float("nan"), float("inf"), -800.0])
def test_a_missing_or_impossible_probability_is_refused_with_its_customer(margin: float) -> None:
    with pytest.raises(ScoringError, match=r"1 of 4 scores are missing or outside \(0, 1\), first: C1"):
        scored(rows(), margin=np.array([0.0, 0.1, margin, 0.2]))


def test_a_customer_twice_on_one_day_is_refused_and_on_two_days_is_not() -> None:
    frame = rows().assign(customer_id=["A", "B", "A", "C"])
    with pytest.raises(ScoringError, match="customer A is scored twice on one day"):
        scored(frame)
    days = pd.to_datetime(["2026-06-01", "2026-06-01", "2026-06-02", "2026-06-01"])
    assert len(scored(frame.assign(observation_date=days))) == 4


def test_values_that_do_not_fit_the_rows_are_refused() -> None:
    with pytest.raises(ScoringError, match="4 rows got 3 margin and 5 reasons values"):
        scored(rows(), margin=np.zeros(3), reasons=["[]"] * 5)


@pytest.mark.parametrize("column", ["reasons", "decision", "band", "base_margin", "observation_date", "customer_id"])
def test_a_score_that_lacks_a_part_is_refused(column: str) -> None:
    good = scored(rows())
    hold_to_contract(good)
    with pytest.raises(ScoringError, match="1 of 4 scores lack a customer, day, base, reason, band or decision"):
        hold_to_contract(good.assign(**{column: good[column].mask(good.index == 2)}))
    with pytest.raises(ScoringError, match=f"the scores lack {column}"):
        hold_to_contract(good.drop(columns=column))
