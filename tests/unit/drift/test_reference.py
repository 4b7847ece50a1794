"""The reference: bins from the reference alone, counts that add up, and nine decile cuts whatever the scores."""

from __future__ import annotations

import json
from itertools import pairwise
from typing import Any

import numpy as np
import pandas as pd
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from churn_platform.contracts.features import V1, Feature
from churn_platform.drift.reference import (
    Reference,
    ReferenceBaselineError,
    categorical_distribution,
    numeric_distribution,
    reference_baseline,
)

FEATURES = (V1.feature("contract"), V1.feature("tenure_months"), V1.feature("total_charges"))
# subnormal numbers are no bill, and a database reads them as zero
numbers = st.lists(
    st.floats(-1e6, 1e6, allow_subnormal=False) | st.sampled_from([0.0, 1.0]) | st.just(float("nan")), max_size=80
)


def made_up(rows: int = 300, seed: int = 1) -> tuple[pd.DataFrame, np.ndarray]:
    rng = np.random.default_rng(seed)
    frame = pd.DataFrame(
        {
            "contract": rng.choice(V1.feature("contract").domain, rows),
            "tenure_months": rng.integers(0, 72, rows),
            "total_charges": np.where(rng.random(rows) < 0.1, np.nan, rng.gamma(2, 800, rows)),
        }
    )
    return frame, rng.random(rows)


def baseline(rows: int = 300, scores: np.ndarray | None = None) -> Reference:
    frame, drawn = made_up(rows)
    return reference_baseline(frame, FEATURES, drawn if scores is None else scores, "2026-01-01", "2026-04-30")


def counted(values: np.ndarray, edges: tuple[float, ...]) -> list[int]:
    """The rule as it is written: bin i holds edges[i-1] <= x < edges[i]."""
    bounds = [-np.inf, *edges, np.inf]
    return [int(((values >= low) & (values < high)).sum()) for low, high in pairwise(bounds)]


@given(numbers, st.integers(3, 12))
@settings(max_examples=150, deadline=None, derandomize=True)
def test_every_value_is_in_exactly_one_bin_and_the_bins_are_few_and_in_order(values: list[float], bins: int) -> None:
    found = numeric_distribution("x", values, bins)
    known = np.array([value for value in values if not np.isnan(value)])
    assert found.rows == len(values)
    assert found.missing == len(values) - len(known)
    assert list(found.counts) == counted(known, found.edges)
    assert list(found.edges) == sorted(set(found.edges))
    assert len(found.counts) <= bins


@given(st.lists(st.floats(0, 1000), min_size=1, max_size=60), st.randoms(use_true_random=False))
@settings(max_examples=50, deadline=None, derandomize=True)
def test_the_order_of_the_rows_does_not_matter(values: list[float], random: Any) -> None:
    shuffled = list(values)
    random.shuffle(shuffled)
    assert numeric_distribution("x", values) == numeric_distribution("x", shuffled)


def test_without_ties_each_bin_holds_a_tenth() -> None:
    assert numeric_distribution("x", np.random.default_rng(0).permutation(1000)).counts == (100,) * 10


def test_a_constant_column_shows_a_change_in_either_direction() -> None:
    found = numeric_distribution("x", [7.0] * 50)
    assert found.counts == (0, 50, 0)
    assert [counted(np.array([value]), found.edges) for value in (6.9, 7.0, 7.1)] == [[1, 0, 0], [0, 1, 0], [0, 0, 1]]


def test_a_value_that_most_rows_share_has_a_bin_of_its_own() -> None:
    refunds = [0.0] * 95 + [5.0, 9.0, 12.0, 30.0, 44.0]
    assert numeric_distribution("total_refunds", refunds).counts == (0, 95, 5)


def test_a_column_without_any_value_has_one_empty_bin() -> None:
    found = numeric_distribution("x", [float("nan")] * 4)
    assert (found.edges, found.counts, found.missing, found.rows) == ((), (0,), 4, 4)


def test_an_infinite_value_is_refused() -> None:
    with pytest.raises(ReferenceBaselineError, match="column x holds an infinite value"):
        numeric_distribution("x", [1.0, float("inf")])


def test_categories_are_counted_in_the_contracts_order_and_missing_apart() -> None:
    values = pd.Series(["Two year", None, "One year", "Two year"])
    found = categorical_distribution("contract", values, V1.feature("contract").domain)
    assert (found.categories, found.counts) == (("Month-to-month", "One year", "Two year"), (0, 1, 2))
    assert (found.missing, found.rows) == (1, 4)


def test_an_unseen_category_is_an_error_and_not_a_bin() -> None:
    with pytest.raises(
        ReferenceBaselineError, match="column contract holds 'Weekly', which its contract does not know"
    ):
        categorical_distribution("contract", pd.Series(["Weekly", "One year"]), V1.feature("contract").domain)


def test_a_baseline_holds_every_feature_and_goes_through_json_unchanged() -> None:
    made = baseline()
    assert [part.name for part in made.features] == ["contract", "tenure_months", "total_charges"]
    assert all(part.rows == made.rows == 300 for part in (*made.features, made.score))
    assert Reference.from_dict(json.loads(json.dumps(made.to_dict()))) == made


def test_bins_come_from_the_reference_only() -> None:
    frame, scores = made_up()
    before = reference_baseline(frame, FEATURES, scores, "a", "b")
    larger = pd.concat([frame, frame.assign(total_charges=1e6)])  # a later window beside it
    assert reference_baseline(larger.iloc[:300], FEATURES, scores, "a", "b") == before


@pytest.mark.parametrize(
    "scores",
    [
        np.full(300, 0.2),
        np.repeat([0.1, 0.7], 150),
        np.r_[np.zeros(290), np.linspace(0, 1, 10)],
        np.linspace(0, 1, 300),
    ],
    ids=["one score", "two scores", "mostly one", "all different"],
)
def test_there_are_nine_decile_cuts_however_few_the_distinct_scores(scores: np.ndarray) -> None:
    made = baseline(scores=scores)
    assert len(made.decile_cuts) == 9
    assert list(made.decile_cuts) == sorted(made.decile_cuts)
    assert list(made.decile_cuts) == pytest.approx(pd.Series(scores).quantile(np.arange(1, 10) / 10).tolist())
    assert Reference.from_dict(json.loads(json.dumps(made.to_dict()))) == made


def test_a_baseline_that_cannot_be_made_is_refused() -> None:
    frame, scores = made_up()

    def refused(told: str, rows: pd.DataFrame, scores: np.ndarray, features: tuple[Feature, ...] = FEATURES) -> None:
        with pytest.raises(ReferenceBaselineError, match=told):
            reference_baseline(rows, features, scores, "a", "b")

    refused("got 0 rows", frame.iloc[:0], scores[:0])
    refused("got 300 rows, 299 scores", frame, scores[1:])
    refused("a score of the reference is missing", frame, np.where(np.arange(300) == 5, np.nan, scores))
    refused("a score of the reference is missing or outside", frame, scores + 1)
    refused("lack tenure_months", frame.drop(columns="tenure_months"), scores)


def damaged(change: str) -> dict[str, Any]:
    content: dict[str, Any] = json.loads(json.dumps(baseline().to_dict()))
    if change == "count":
        content["features"][1]["counts"][0] += 1
    elif change == "bin":
        content["score"]["counts"].append(0)
    elif change == "edges":
        content["score"]["edges"].reverse()
    elif change == "cut":
        content["decile_cuts"].pop()
    elif change == "text":
        content["rows"] = "many"
    else:
        del content[change]
    return content


@pytest.mark.parametrize("change", ["count", "bin", "edges", "cut", "text", "score", "features", "decile_cuts", "rows"])
def test_a_damaged_baseline_is_refused_and_not_read_halfway(change: str) -> None:
    with pytest.raises(ReferenceBaselineError):
        Reference.from_dict(damaged(change))
