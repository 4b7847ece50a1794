"""Pattern tables give exactly what TreeSHAP gives: against XGBoost, shap and the definition, over made models."""

from __future__ import annotations

import json
from dataclasses import replace
from typing import Any

import numpy as np
import pandas as pd
import pytest
import xgboost
from brute_force import shapley_values
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from made_models import CATEGORIES, MadeModel, made_models, matrix

from churn_platform.contracts.features import V1
from churn_platform.explanation.contributions import contributions
from churn_platform.explanation.errors import ExplanationError, TablesTooLargeError, UnsupportedModelError
from churn_platform.explanation.pattern_tables import PatternTables, kernels
from churn_platform.explanation.pattern_tables import tables as tables_module
from churn_platform.explanation.pattern_tables.build import leaf_contributions
from churn_platform.explanation.pattern_tables.ensemble import Column, Ensemble, Node, parse
from churn_platform.explanation.reasons import rank
from churn_platform.training.matrix import design_matrix, feature_values, typed_features

BOUND = 1e-5  # of the margin's scale

DEFAULT = MadeModel(
    seed=7,
    depth=4,
    trees=5,
    rows=300,
    categorical=True,
    missing=0.2,
    weighted=True,
    monotone=False,
    parallel=1,
    regression=False,
    whole=False,
)
quick = settings(max_examples=120, deadline=None, suppress_health_check=[HealthCheck.too_slow], derandomize=True)


def assert_same_as_xgboost(booster: xgboost.Booster, X: np.ndarray, tables: PatternTables) -> None:
    peer = contributions(booster, matrix(X, booster.feature_types))
    scale = max(1.0, np.abs(peer.margin).max())
    found = tables.contributions(X)
    assert np.isfinite(found).all()
    np.testing.assert_allclose(found.sum(axis=1), peer.margin, atol=BOUND * scale)
    np.testing.assert_allclose(tables.margin(X), peer.margin, atol=BOUND * scale)
    np.testing.assert_allclose(found[:, :-1], peer.values, atol=BOUND * scale)
    np.testing.assert_allclose(found[:, -1], peer.base, atol=BOUND * scale)


@quick
@given(made_models(), st.sampled_from([1, 4, 32, 512]))
def test_contributions_are_those_of_xgboost_and_sum_to_the_margin(made: MadeModel, entries: int) -> None:
    booster, X = made.build()
    assert_same_as_xgboost(booster, X, PatternTables.from_booster(booster, max_entries=entries))


@settings(parent=quick, max_examples=20)
@given(made_models(rows=300), st.integers(0, 299))
def test_contributions_are_the_shapley_values_of_the_definition(made: MadeModel, row: int) -> None:
    booster, X = made.build()
    expected = shapley_values(booster, X[row])
    found = PatternTables.from_booster(booster).contributions(X[[row]])[0, :-1]
    np.testing.assert_allclose(found, expected, atol=1e-6 * max(1.0, np.abs(expected).sum()))


def test_they_are_closer_to_the_definition_than_xgboost_itself() -> None:
    booster, X = replace(DEFAULT, trees=60).build()
    rows = range(0, 300, 60)
    exact = np.array([shapley_values(booster, X[row]) for row in rows])
    ours = PatternTables.from_booster(booster).contributions(X)[list(rows), :-1]
    theirs = contributions(booster, matrix(X, booster.feature_types)).values[list(rows)]
    assert np.abs(ours - exact).max() <= np.abs(theirs - exact).max()


@settings(parent=quick, max_examples=8)
@given(made_models(rows=300, categorical=False, parallel=1))
def test_contributions_are_those_of_shap_where_shap_reads_the_model(made: MadeModel) -> None:
    import shap

    booster, X = made.build()
    explainer = shap.TreeExplainer(booster, feature_perturbation="tree_path_dependent")
    explainer.model.model_type = "internal"  # shap's own algorithm; else it asks XGBoost
    found = PatternTables.from_booster(booster).contributions(X)
    scale = max(1.0, np.abs(found.sum(axis=1)).max())
    theirs = np.asarray(explainer.shap_values(X, check_additivity=False))
    np.testing.assert_allclose(found[:, :-1], theirs, atol=BOUND * scale)


def test_on_every_customer_of_the_extract_with_native_categoricals(
    booster: xgboost.Booster, model_input: pd.DataFrame
) -> None:
    tables = PatternTables.from_booster(booster)
    peer = contributions(booster, model_input)
    found = tables.contributions(model_input)
    np.testing.assert_allclose(found[:, :-1], peer.values, atol=BOUND)
    np.testing.assert_allclose(found.sum(axis=1), peer.margin, atol=BOUND)


def test_on_the_platforms_own_matrix_whose_codes_come_from_the_contract(customers: pd.DataFrame) -> None:
    values = feature_values(customers, V1.features)
    labels = (customers["Churn"] == "Yes").to_numpy(dtype=np.int8)
    settings_ = {"objective": "binary:logistic", "max_depth": 4, "eta": 0.1, "nthread": 1, "colsample_bytree": 0.3}
    booster = xgboost.train(settings_, design_matrix(values, V1.features, labels), 40)
    tables = PatternTables.from_booster(booster)
    assert tables.categories == {}
    peer = contributions(booster, design_matrix(values, V1.features))
    np.testing.assert_allclose(tables.contributions(values)[:, :-1], peer.values, atol=BOUND)
    frame = typed_features(customers, V1.features)
    np.testing.assert_array_equal(tables.contributions(frame), tables.contributions(values))


@settings(parent=quick, max_examples=25)
@given(made_models(rows=300), st.integers(1, 40))
def test_the_answer_does_not_depend_on_neighbours_order_threads_or_blocks(made: MadeModel, seed: int) -> None:
    booster, X = made.build()
    tables = PatternTables.from_booster(booster)
    many = np.random.default_rng(seed).integers(0, len(X), 3 * 4096 + seed)
    whole = tables.contributions(X[many], threads=1)
    for threads in (2, 3):
        np.testing.assert_array_equal(tables.contributions(X[many], threads=threads), whole)
    alone = np.concatenate([tables.contributions(X[[row]]) for row in many[:5]])
    np.testing.assert_array_equal(alone, whole[:5])
    np.testing.assert_array_equal(tables.margin(X[many[:5]]), alone.sum(axis=1))


def test_a_feature_that_no_tree_uses_contributes_exactly_nothing() -> None:
    booster, X = DEFAULT.build()
    found = PatternTables.from_booster(booster).contributions(X)
    assert not found[:, 3].any()  # the constant
    assert found[:, 0].any()  # the control


def test_two_features_that_always_agree_and_split_alike_contribute_alike() -> None:
    # symmetry: the same tree twice, once on each of two equal columns
    x = np.linspace(-1, 1, 200, dtype=np.float32)
    X = np.column_stack([x, x])
    model = edited(
        xgboost.train({"max_depth": 1, "nthread": 1}, xgboost.DMatrix(X, (x > 0).astype(float)), 1),
        lambda trees: trees.append(_copied(trees[0], feature=1)),
    )
    found = PatternTables.from_booster(model).contributions(X)
    np.testing.assert_array_equal(found[:, 0], found[:, 1])


def test_a_value_on_the_threshold_goes_right_and_the_next_smaller_float_goes_left() -> None:
    X = np.array([[0.1], [0.3]] * 50, dtype=np.float32)
    booster = xgboost.train({"max_depth": 1, "nthread": 1}, xgboost.DMatrix(X, X[:, 0]), 1)
    threshold = np.float32(trees_of(booster)[0]["split_conditions"][0])
    around = np.array([np.nextafter(threshold, np.float32(-9)), threshold, np.nextafter(threshold, np.float32(9))])[
        :, None
    ]
    margins = booster.predict(xgboost.DMatrix(around), output_margin=True)
    assert margins[0] < margins[1] == margins[2]
    np.testing.assert_allclose(PatternTables.from_booster(booster).margin(around), margins, atol=1e-7)
    # a double just below the threshold is rounded to it first, as XGBoost rounds
    double = np.array([[float(threshold) - 1e-12]])
    np.testing.assert_allclose(PatternTables.from_booster(booster).margin(double), margins[1], atol=1e-7)


@pytest.mark.parametrize("code", [*range(CATEGORIES), CATEGORIES, 40, np.nan])
def test_every_category_seen_or_not_goes_where_xgboost_sends_it(code: float) -> None:
    booster, X = replace(DEFAULT, trees=20).build()
    rows = X[:20].copy()
    rows[:, 4] = code
    assert_same_as_xgboost(booster, rows, PatternTables.from_booster(booster))


def test_a_model_of_single_leaves_has_only_its_base() -> None:
    X = np.zeros((10, 2), dtype=np.float32)
    booster = xgboost.train({"objective": "binary:logistic", "nthread": 1}, xgboost.DMatrix(X, [0, 1] * 5), 3)
    found = PatternTables.from_booster(booster).contributions(np.ones((3, 2)))
    assert not found[:, :-1].any()
    np.testing.assert_allclose(found[:, -1], booster.predict(xgboost.DMatrix(X[:3]), output_margin=True), atol=1e-7)


def test_branches_that_no_training_row_took_keep_the_sum() -> None:
    booster, X = DEFAULT.build()

    def no_cover(trees: list[dict[str, Any]]) -> None:
        for tree in trees:
            cover = tree["sum_hessian"]
            left = tree["left_children"][0]
            for node in (left, tree["left_children"][left], tree["right_children"][left]):
                cover[node] = 0.0
            cover[tree["right_children"][0]] = cover[0]

    emptied = edited(booster, no_cover)
    rows = matrix(X, booster.feature_types)
    with pytest.raises(ExplanationError, match="XGBoost cannot explain these rows"):
        contributions(emptied, rows)  # it divides zero by zero
    found = PatternTables.from_booster(emptied).contributions(X)
    np.testing.assert_allclose(found.sum(axis=1), emptied.predict(rows, output_margin=True), atol=BOUND)


def test_trees_deeper_than_a_table_are_cut_without_changing_the_answer() -> None:
    booster, X = replace(DEFAULT, depth=8, trees=3).build()
    coarse = PatternTables.from_booster(booster, max_entries=65_536)
    fine = PatternTables.from_booster(booster, max_entries=1)  # one leaf a table
    assert len(fine.layout.condition_start) > 3 * len(coarse.layout.condition_start)
    np.testing.assert_allclose(fine.contributions(X), coarse.contributions(X), atol=1e-6)


def test_a_leaf_on_a_path_of_many_features_is_integrated_exactly() -> None:
    rng = np.random.default_rng(0)
    for features in range(1, 11):
        shares = rng.random(features)
        shares[0] = 0.0  # a branch that no row took
        amounts = leaf_contributions(3.0, shares)
        met = (np.arange(1 << features) >> np.arange(features)[:, None]) & 1
        reached = np.where(met.all(axis=0), 3.0, 0.0)
        np.testing.assert_allclose(amounts.sum(axis=0), reached - 3.0 * shares.prod(), atol=1e-13)


def test_the_top_reasons_are_the_ranked_contributions() -> None:
    booster, X = DEFAULT.build()
    tables = PatternTables.from_booster(booster)
    chosen, amounts = tables.top_reasons(X, 5)
    everything = tables.contributions(X)[:, :-1]
    np.testing.assert_array_equal(chosen, rank(everything, 5))
    for row in range(len(X)):
        expected = [everything[row, feature] if feature >= 0 else 0.0 for feature in chosen[row]]
        assert amounts[row].tolist() == expected


def test_progress_is_told_after_each_tree() -> None:
    booster, _ = DEFAULT.build()
    told: list[tuple[int, int]] = []
    PatternTables.from_booster(booster, progress=lambda done, total: told.append((done, total)))
    assert told == [(done, 5) for done in range(1, 6)]


def test_tables_past_the_memory_bound_are_refused_before_they_are_built() -> None:
    booster, _ = DEFAULT.build()
    with pytest.raises(TablesTooLargeError, match=r"above the 0\.0 MiB allowed: allow more, train shallower trees"):
        PatternTables.from_booster(booster, max_bytes=100)


@pytest.mark.parametrize(
    ("changes", "why"),
    [
        ({"booster": "dart"}, "booster 'dart'"),
        ({"booster": "gblinear"}, "booster 'gblinear'"),
        ({"objective": "count:poisson"}, "objective 'count:poisson'"),
        ({"objective": "multi:softprob", "num_class": 3}, "several outputs"),
    ],
)
def test_a_model_of_another_kind_is_refused_by_name(changes: dict[str, Any], why: str) -> None:
    X = np.random.default_rng(0).normal(size=(60, 2))
    settings_ = {"objective": "binary:logistic", "nthread": 1, "verbosity": 0, **changes}
    booster = xgboost.train(settings_, xgboost.DMatrix(X, np.arange(60) % 2), 2)
    with pytest.raises(UnsupportedModelError, match=why):
        PatternTables.from_booster(booster)


@pytest.mark.parametrize(
    "text", [b"", b"[]", b"{}", b'{"learner": {"gradient_booster": {"name": "gbtree"}}}', b"\xff\xfe"]
)
def test_what_is_no_model_is_refused_by_name(text: bytes) -> None:
    with pytest.raises(UnsupportedModelError, match="not the JSON of an XGBoost 3 model"):
        parse(text)


def test_a_model_whose_trees_lack_a_part_is_refused_by_name() -> None:
    booster, _ = DEFAULT.build()
    model = json.loads(bytes(booster.save_raw("json")))
    del model["learner"]["gradient_booster"]["model"]["trees"][2]["sum_hessian"]
    with pytest.raises(UnsupportedModelError, match="sum_hessian"):
        parse(json.dumps(model).encode())


def test_a_tree_grown_leaf_by_leaf_ten_levels_deep_on_one_feature_is_still_exact() -> None:
    X = np.arange(30, dtype=np.float32)[:, None]
    settings_ = {"max_depth": 0, "grow_policy": "lossguide", "min_child_weight": 0, "lambda": 0, "nthread": 1}
    booster = xgboost.train(settings_, xgboost.DMatrix(X, 1.5 ** X[:, 0], nthread=1), 1)
    depths = [0]
    for parent in trees_of(booster)[0]["parents"][1:]:
        depths.append(depths[parent] + 1)
    assert max(depths) == 10
    assert_same_as_xgboost(booster, X, PatternTables.from_booster(booster, max_entries=8))


def test_a_tree_of_a_thousand_levels_is_refused_not_a_crash() -> None:
    chain: list[Node] = []
    for level in range(1000):
        leaf, rest = 2 * level + 1, 2 * level + 2
        chain += [Node(0.0, 0, float(level), leaf, rest, 0.5, 0.5), Node(value=1.0)]
    ensemble = Ensemble(("x",), (Column(0, False),), ((*chain, Node(value=2.0)),), 0.0)
    with pytest.raises(TablesTooLargeError, match="hundreds of splits deep"):
        tables_module._groups(ensemble, 512, 2**28)


def test_tables_that_walk_another_way_than_xgboost_are_not_given_out(monkeypatch: pytest.MonkeyPatch) -> None:
    booster, _ = DEFAULT.build()
    PatternTables.from_booster(booster)  # the control
    parse_rightly = tables_module.parse

    def misread(model_json: bytes) -> Any:
        """As if a later XGBoost meant the other branch by default_left."""
        model = json.loads(model_json)
        for tree in model["learner"]["gradient_booster"]["model"]["trees"]:
            tree["default_left"] = [1 - left for left in tree["default_left"]]
        return parse_rightly(json.dumps(model).encode())

    monkeypatch.setattr(tables_module, "parse", misread)
    with pytest.raises(UnsupportedModelError, match="differ from XGBoost"):
        PatternTables.from_booster(booster)


@pytest.mark.parametrize(
    ("value", "feature", "why"),
    [
        (np.inf, 0, "row 2: f0 is inf"),
        (-np.inf, 0, "row 2: f0 is -inf"),
        (1e300, 0, "row 2: f0 is inf"),
        (1.5, 4, "row 2: f4 is 1.5, which is no category's code"),
        (-1.0, 4, "row 2: f4 is -1.0, which is no category's code"),
        (np.inf, 4, "row 2: f4 is inf, which is no category's code"),
    ],
)
@pytest.mark.parametrize("rows", [1, 9000])
def test_values_that_no_split_can_compare_are_refused_by_row_and_feature(
    value: float, feature: int, why: str, rows: int
) -> None:
    booster, X = DEFAULT.build()
    tables = PatternTables.from_booster(booster)
    bad = X[np.arange(rows) % len(X)].astype(np.float64)
    row = min(2, rows - 1)
    tables.contributions(bad)  # the control
    bad[row, feature] = value
    with pytest.raises(ExplanationError, match=why.replace("row 2", f"row {row}")):
        tables.contributions(bad, threads=2)


@pytest.mark.parametrize(
    ("rows", "why"),
    [
        (np.zeros((0, 6)), "no rows to explain"),
        (np.zeros((2, 5)), r"rows of shape \(rows, 6\), not \(2, 5\)"),
        (np.zeros(6), r"not \(6,\)"),
        ([[0.0] * 6], "not list"),
        (np.array([["a"] * 6]), "must hold numbers"),
        (pd.DataFrame({"f0": [1.0]}), "lack the model's features f1, f2"),
        (pd.DataFrame({f"f{i}": ["x"] for i in range(6)}), "f0 must hold numbers"),
    ],
)
def test_rows_that_are_none_are_refused(rows: Any, why: str) -> None:
    booster, _ = DEFAULT.build()
    with pytest.raises(ExplanationError, match=why):
        PatternTables.from_booster(booster).contributions(rows)


def test_a_frame_of_codes_and_a_frame_of_categories_say_the_same() -> None:
    booster, X = DEFAULT.build()
    tables = PatternTables.from_booster(booster)
    frame = pd.DataFrame(X, columns=list(tables.features))
    as_categories = frame.assign(
        f4=pd.Categorical.from_codes(np.nan_to_num(X[:, 4], nan=-1).astype(int), categories=list("abcdef")),
        f5=pd.Categorical.from_codes(np.nan_to_num(X[:, 5], nan=-1).astype(int), categories=["No", "Yes"]),
    )
    turned_round = as_categories[list(reversed(tables.features))]
    for rows in (frame, as_categories, turned_round, np.asfortranarray(X), X.astype(np.float64)):
        np.testing.assert_array_equal(tables.contributions(rows), tables.contributions(X))


def test_a_block_boundary_is_no_boundary() -> None:
    booster, X = DEFAULT.build()
    tables = PatternTables.from_booster(booster)
    for rows in (kernels.BLOCK - 1, kernels.BLOCK, kernels.BLOCK + 1, 2 * kernels.BLOCK + 1):
        many = X[np.arange(rows) % len(X)]
        np.testing.assert_array_equal(tables.contributions(many), tables.contributions(X)[np.arange(rows) % len(X)])


def test_where_no_cache_can_be_written_the_kernels_are_compiled_all_the_same(monkeypatch: pytest.MonkeyPatch) -> None:
    asked: list[dict[str, Any]] = []

    def njit(kernel: Any, **options: Any) -> Any:
        asked.append(options)
        if options.get("cache"):
            raise RuntimeError("cannot cache function: no locator available")
        return kernel

    monkeypatch.setattr(kernels.numba, "njit", njit)
    assert kernels._compiled(len) is len
    assert asked == [{"nogil": True, "cache": True}, {"nogil": True}]


def edited(booster: xgboost.Booster, change: Any) -> xgboost.Booster:
    """The same booster with its trees changed."""
    model = json.loads(bytes(booster.save_raw("json")))
    inside = model["learner"]["gradient_booster"]["model"]
    change(inside["trees"])
    count = len(inside["trees"])
    inside["tree_info"] = [0] * count
    inside["gbtree_model_param"]["num_trees"] = str(count)
    inside["iteration_indptr"] = list(range(count + 1))
    return xgboost.Booster({"nthread": 1}, model_file=bytearray(json.dumps(model).encode()))


def trees_of(booster: xgboost.Booster) -> list[dict[str, Any]]:
    trees: list[dict[str, Any]] = json.loads(bytes(booster.save_raw("json")))["learner"]["gradient_booster"]["model"][
        "trees"
    ]
    return trees


def _copied(tree: dict[str, Any], feature: int) -> dict[str, Any]:
    copy = json.loads(json.dumps(tree))
    copy["id"] = 1
    copy["split_indices"] = [feature] * len(copy["split_indices"])
    return copy
