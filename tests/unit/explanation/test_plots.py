"""Figures of contributions: shap's own ordering as the oracle, and what a swarm must keep of its points."""

from __future__ import annotations

import json

import numpy as np
import pandas as pd
import pytest
import xgboost
from hypothesis import given
from hypothesis import strategies as st
from hypothesis.extra import numpy as arrays

from churn_platform.contracts.features import V1
from churn_platform.explanation.contributions import contributions
from churn_platform.explanation.errors import ExplanationError
from churn_platform.explanation.plots import beeswarm_figure, dependence_figure, importance_figure
from churn_platform.explanation.plots.importance import mean_sizes
from churn_platform.explanation.plots.shading import density_offsets, value_shade

LABELS = {feature.name: feature.label for feature in V1.features}


@pytest.fixture(scope="module")
def explained(booster: xgboost.Booster, model_input: pd.DataFrame) -> pd.DataFrame:
    return contributions(booster, model_input).frame()


@pytest.fixture
def small() -> tuple[pd.DataFrame, pd.DataFrame]:
    """Six customers, a number, a category with a missing value, and a feature that never matters."""
    given = pd.DataFrame(
        {"tenure_months": [0.9, 0.5, 0.1, -0.2, -0.4, -1.1], "contract": [0.2, -0.2, 0.2, 0.1, -0.1, 0.3]}
    )
    given["gender"] = 0.0
    kinds = ["Month-to-month", "Two year", "Month-to-month", None, "One year", "Month-to-month"]
    values = pd.DataFrame(
        {
            "tenure_months": [1.0, 2.0, 20.0, 30.0, np.nan, 70.0],
            "contract": pd.Categorical(kinds, V1.feature("contract").domain),
            "gender": pd.Categorical(["Female", "Male"] * 3, V1.feature("gender").domain),
        }
    )
    return given, values


def points(figure, axis: str) -> np.ndarray:  # type: ignore[no-untyped-def]
    return np.concatenate([np.asarray(trace[axis], dtype=float) for trace in figure.data])


def test_features_stand_in_the_order_that_shap_gives_them(explained: pd.DataFrame, model_input: pd.DataFrame) -> None:
    import shap

    explanation = shap.Explanation(explained.to_numpy(), feature_names=list(explained.columns))
    order = [explained.columns[i] for i in explanation.abs.mean(0).argsort.flip.values]
    assert mean_sizes(explained).index.tolist() == order
    bars = importance_figure(explained, LABELS, top=len(order)).data[0]
    assert list(bars.y) == [LABELS[name] for name in order]
    swarm = beeswarm_figure(explained, model_input, LABELS, top=12)
    assert list(swarm.layout.yaxis.ticktext) == [LABELS[name] for name in order[:12]]


def test_bars_are_mean_sizes_and_the_last_one_sums_what_is_not_shown(explained: pd.DataFrame) -> None:
    bars = importance_figure(explained, LABELS, top=5).data[0]
    sizes = explained.abs().mean().sort_values(ascending=False)
    assert list(bars.x) == pytest.approx([*sizes[:5], sizes[5:].sum()])
    assert bars.y[-1] == f"{len(sizes) - 5} others together"
    assert sum(float(share.rstrip("%")) for share in bars.text) == pytest.approx(100, abs=3)


def test_the_swarm_shows_each_customer_once_a_feature_at_its_own_contribution(
    small: tuple[pd.DataFrame, pd.DataFrame],
) -> None:
    given, values = small
    figure = beeswarm_figure(given, values, LABELS)
    x, y = points(figure, "x"), points(figure, "y")
    for row, name in enumerate(mean_sizes(given).index):
        line = np.abs(y - row) <= 0.5
        assert sorted(x[line]) == pytest.approx(sorted(given[name]), abs=1e-6)


def test_missing_values_are_grey_and_said_to_be_unknown(small: tuple[pd.DataFrame, pd.DataFrame]) -> None:
    given, values = small
    unknown, known = beeswarm_figure(given, values, LABELS).data
    assert sorted(unknown.text) == ["contract: not known", "months as a customer: not known"]
    assert isinstance(unknown.marker.color, str)
    assert not np.isnan(np.asarray(known.marker.color, dtype=float)).any()
    whole = beeswarm_figure(given, values.fillna({"tenure_months": 5.0, "contract": "Two year"}), LABELS)
    assert len(whole.data) == 1


def test_many_rows_are_thinned_evenly_and_the_order_of_features_comes_from_all_of_them(
    explained: pd.DataFrame, model_input: pd.DataFrame
) -> None:
    figure = beeswarm_figure(explained, model_input, LABELS, max_rows=100, top=3)
    assert len(points(figure, "x")) == 300
    every = beeswarm_figure(explained, model_input, LABELS, max_rows=10**6, top=3)
    assert len(points(every, "x")) == 3 * len(explained)
    assert figure.layout.yaxis.ticktext == every.layout.yaxis.ticktext


def test_the_same_contributions_give_the_same_figures(explained: pd.DataFrame, model_input: pd.DataFrame) -> None:
    def drawn() -> list[str]:
        return [
            importance_figure(explained, LABELS).to_json(engine="json"),
            beeswarm_figure(explained, model_input, LABELS).to_json(engine="json"),
            dependence_figure(explained, model_input, "tenure_months", LABELS).to_json(engine="json"),
        ]

    assert drawn() == drawn()


FINITE = st.floats(-5, 5, allow_nan=False, width=32)


@given(arrays.arrays(np.float64, st.integers(1, 200), elements=FINITE))
def test_points_of_a_swarm_stay_on_their_line_and_lie_around_its_middle(amounts: np.ndarray) -> None:
    offsets = density_offsets(amounts, None, float(np.abs(amounts).max()) or 1.0)
    assert np.abs(offsets).max() <= 0.4 + 1e-12
    assert offsets.mean() == pytest.approx(0.0, abs=1e-9)


def test_equal_contributions_lie_side_by_side_and_a_lone_one_in_the_middle() -> None:
    offsets = density_offsets(np.array([0.5, 0.5, 0.5, -2.0]), None, 2.0)
    assert len(set(offsets[:3])) == 3
    assert offsets[3] == 0.0


@given(arrays.arrays(np.float64, st.integers(1, 100), elements=FINITE))
def test_a_larger_number_never_has_a_lower_shade(numbers: np.ndarray) -> None:
    shade = value_shade(pd.Series(numbers))
    order = np.argsort(numbers, kind="stable")
    assert (np.diff(shade[order]) >= -1e-12).all()
    assert shade.min() >= 0.0
    assert shade.max() <= 1.0


@pytest.mark.parametrize(
    ("column", "shades"),
    [
        (pd.Series(["b", "a", None, "c"]), [0.5, 0.0, np.nan, 1.0]),
        (pd.Series([True, False, True]), [1.0, 0.0, 1.0]),
        (pd.Series(["only", "only"]), [0.0, 0.0]),
        (pd.Series([7.0, 7.0]), [0.5, 0.5]),
        (pd.Series([np.nan, np.nan]), [np.nan, np.nan]),
    ],
)
def test_columns_of_every_kind_have_a_shade(column: pd.Series, shades: list[float]) -> None:
    np.testing.assert_allclose(value_shade(column), shades)


def test_dependence_shows_medians_over_tenths_of_a_number(explained: pd.DataFrame, model_input: pd.DataFrame) -> None:
    dots, line = dependence_figure(explained, model_input, "tenure_months", LABELS, max_rows=500).data
    assert len(dots.x) == 500
    assert 5 <= len(line.x) <= 10
    assert line.y[0] > 0 > line.y[-1]


def test_dependence_has_one_place_per_category_and_one_for_unknown(small: tuple[pd.DataFrame, pd.DataFrame]) -> None:
    given, values = small
    figure = dependence_figure(given, values, "contract", LABELS)
    assert list(figure.layout.xaxis.ticktext) == ["Month-to-month", "One year", "Two year", "not known"]
    dots, middles = figure.data
    assert list(middles.x) == [0, 1, 2, 3]
    assert list(middles.y) == pytest.approx([0.2, -0.1, -0.2, 0.1])
    assert np.abs(np.asarray(dots.x) - np.round(np.asarray(dots.x))).max() <= 0.4
    number = dependence_figure(given, values, "tenure_months", LABELS)
    assert len(number.data) == 2


def test_labels_cannot_bring_markup_into_a_figure(small: tuple[pd.DataFrame, pd.DataFrame]) -> None:
    given, values = small
    hostile = dict.fromkeys(given, "<img src=x>")
    values["contract"] = pd.Categorical(["<b>x</b>"] * 6)
    for figure in (
        importance_figure(given, hostile),
        beeswarm_figure(given, values, hostile),
        dependence_figure(given, values, "contract", hostile),
    ):
        text = json.dumps(figure.to_plotly_json(), default=str)
        assert "<img" not in text
        assert "<b>x" not in text
        assert "&lt;" in text


@pytest.mark.parametrize(
    ("break_it", "message"),
    [
        (lambda c, v: (c.iloc[:0], v.iloc[:0]), "show nothing"),
        (lambda c, v: (c[[]], v), "show nothing"),
        (lambda c, v: (c.mask(c > 0.8), v), "missing or infinite, in tenure_months"),
        (lambda c, v: (c.replace(0.9, np.inf), v), "missing or infinite"),
        (lambda c, v: (c, v.drop(columns="tenure_months")), "tenure_months not in"),
        (lambda c, v: (c, v.iloc[:-1]), "5 rows of values for 6 rows"),
    ],
)
def test_what_cannot_be_shown_is_refused_with_the_reason(small, break_it, message: str) -> None:  # type: ignore[no-untyped-def]
    given, values = break_it(*small)
    with pytest.raises(ExplanationError, match=message):
        beeswarm_figure(given, values, LABELS)
    with pytest.raises(ExplanationError, match=message):
        dependence_figure(given, values, "tenure_months", LABELS)
    assert beeswarm_figure(*small, LABELS).data
