"""One road from features to the model's matrix."""

from __future__ import annotations

from decimal import Decimal

import numpy as np
import pandas as pd
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from telco_rows import Tables

from churn_platform.contracts.features import V1, V2, Feature
from churn_platform.training.errors import FeatureValueError, MissingColumnsError
from churn_platform.training.matrix import design_matrix, feature_types, feature_values, typed_features

CONTRACT = V1.feature("contract")
TENURE = V1.feature("tenure_months")

rows = st.lists(
    st.tuples(
        st.one_of(st.none(), st.sampled_from(CONTRACT.domain)),
        st.one_of(st.none(), st.floats(-1e6, 1e6, width=32)),
    ),
    min_size=1,
    max_size=20,
)


@settings(max_examples=60, deadline=None)
@given(rows=rows)
def test_a_row_gets_the_same_values_alone_and_in_company(rows: list[tuple[str | None, float | None]]) -> None:
    frame = pd.DataFrame(rows, columns=["contract", "tenure_months"])
    together = feature_values(frame, (CONTRACT, TENURE))
    for place in range(len(frame)):
        alone = feature_values(frame.iloc[[place]], (CONTRACT, TENURE))
        np.testing.assert_array_equal(alone[0], together[place])
        contract, tenure = rows[place]
        assert np.isnan(alone[0, 0]) if contract is None else alone[0, 0] == CONTRACT.domain.index(contract)
        assert np.isnan(alone[0, 1]) if tenure is None else alone[0, 1] == np.float32(tenure)


def test_typed_columns_and_model_values_say_the_same(v2: Tables) -> None:
    features = V2.features
    typed = typed_features(v2.features, features)
    values = feature_values(v2.features, features)
    for place, feature in enumerate(features):
        column = typed[feature.name]
        seen = column.cat.codes.replace(-1, np.nan) if feature.is_categorical else column
        np.testing.assert_array_equal(seen.to_numpy(dtype=np.float32), values[:, place])


def test_xgboost_sees_native_categoricals_in_model_order(v1: Tables) -> None:
    matrix = design_matrix(feature_values(v1.features.head(5), V1.features), V1.features)
    assert tuple(matrix.feature_names) == V1.names
    assert matrix.feature_types == feature_types(V1.features)
    assert matrix.feature_types.count("c") == 16


def test_column_order_comes_from_the_model_not_from_the_table(v1: Tables) -> None:
    backwards = v1.features[v1.features.columns[::-1]]
    np.testing.assert_array_equal(feature_values(backwards, V1.features), feature_values(v1.features, V1.features))


@pytest.mark.parametrize("strange", ["Weekly", "month-to-month", "", 1, True])
def test_an_unseen_category_is_an_error_with_its_name_count_and_way_out(strange: object) -> None:
    frame = pd.DataFrame({"contract": ["One year", strange, strange, None]}, dtype=object)
    with pytest.raises(FeatureValueError, match=r"holds .* in 2 of 4 rows.*'Two year' or missing.*retrain"):
        feature_values(frame, (CONTRACT,))


@pytest.mark.parametrize(
    "missing", [pd.array([1, None], dtype="Int64"), [1.0, None], [Decimal("1"), None], pd.Series([1, np.nan])]
)
def test_missing_numbers_stay_missing_in_any_dtype(missing: object) -> None:
    values = feature_values(pd.DataFrame({"tenure_months": missing}), (TENURE,))
    np.testing.assert_array_equal(values[:, 0], np.array([1, np.nan], dtype=np.float32))


def test_a_column_without_any_value_is_all_missing_whatever_its_dtype() -> None:
    for dtype in (object, "str", float, "Int64", bool):
        frame = pd.DataFrame({"tenure_months": pd.Series([None, None], dtype=object)})
        frame = frame if dtype is bool else frame.astype({"tenure_months": dtype})
        assert np.isnan(feature_values(frame, (TENURE,))).all()


@pytest.mark.parametrize("wrong", [["12", "7"], [True, False], [pd.Timestamp("2026-01-01")] * 2, ["12", 7]])
def test_text_true_or_false_and_dates_are_not_numbers(wrong: list[object]) -> None:
    with pytest.raises(FeatureValueError, match="tenure_months must hold numbers"):
        feature_values(pd.DataFrame({"tenure_months": wrong}), (TENURE,))


@pytest.mark.parametrize("huge", [np.inf, -np.inf, 1e39])
def test_an_infinite_number_is_refused_before_it_is_silently_rounded(huge: float) -> None:
    with pytest.raises(FeatureValueError, match="infinite or too large number in 1 of 2 rows"):
        feature_values(pd.DataFrame({"tenure_months": [1.0, huge]}), (TENURE,))


def test_a_missing_column_is_named() -> None:
    with pytest.raises(MissingColumnsError, match="lacks the feature columns contract"):
        feature_values(pd.DataFrame({"tenure_months": [1]}), (CONTRACT, TENURE))


def test_no_rows_give_no_rows() -> None:
    frame = pd.DataFrame({"contract": pd.Series([], dtype=object), "tenure_months": pd.Series([], dtype=object)})
    assert feature_values(frame, (CONTRACT, TENURE)).shape == (0, 2)
    assert len(typed_features(frame, (CONTRACT, TENURE))) == 0


def test_a_domain_of_more_than_127_values_keeps_its_codes() -> None:
    many = Feature("plan", "billing", "plan", domain=tuple(f"plan {number:03d}" for number in range(300)))
    values = feature_values(pd.DataFrame({"plan": list(many.domain)}), (many,))
    np.testing.assert_array_equal(values[:, 0], np.arange(300))
