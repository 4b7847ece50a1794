"""The picture and the example in docs/explanations.md are what the code computes."""

from __future__ import annotations

import contextlib
import io
import re
from pathlib import Path

import numpy as np
import pandas as pd
import xgboost

from churn_platform.explanation.pattern_tables import PatternTables
from churn_platform.explanation.pattern_tables.build import build_table
from churn_platform.explanation.pattern_tables.ensemble import parse
from churn_platform.explanation.pattern_tables.leaf_groups import leaf_groups

DOCS = Path(__file__).parents[3] / "docs"


def test_the_picture_shows_the_table_of_its_tree(customers: pd.DataFrame, model_input: pd.DataFrame) -> None:
    labels = (customers["Churn"] == "Yes").to_numpy(dtype=np.float64)
    settings = {"objective": "binary:logistic", "max_depth": 2, "eta": 1.0, "base_score": 0.2654, "nthread": 1}
    booster = xgboost.train(settings, xgboost.DMatrix(model_input, labels, enable_categorical=True), 1)
    ensemble = parse(bytes(booster.save_raw("json")))
    (group,) = leaf_groups(ensemble.trees[0], 512)
    table = build_table(group, ensemble.columns)
    first = PatternTables.from_booster(booster).contributions(model_input.head(1))[0]
    assert [ensemble.features[feature] for feature in table.features] == [
        "internet_service",
        "contract",
        "monthly_charges",
    ]
    picture = (DOCS / "pattern_tables.svg").read_text(encoding="utf-8")
    shown = re.findall(r">([+−]\d\.\d{3})</text>", picture)
    leaves = [signed(leaf.value) for leaf in group.leaves]
    rows = [signed(value) for value in table.values.T.ravel()]
    assert shown == leaves + rows
    used = [signed(first[feature]).replace("+", "") for feature in table.features]
    assert f"margin {signed(first.sum())}" in picture
    assert f"base {signed(first[-1])}" in picture
    assert all(amount.lstrip("−") in picture.rsplit("base", 1)[1] for amount in used)


def test_the_document_shows_the_picture_and_its_example_runs() -> None:
    text = (DOCS / "explanations.md").read_text(encoding="utf-8")
    assert "](pattern_tables.svg)" in text
    (example,) = [block for block in re.findall(r"```python\n(.*?)```", text, re.DOTALL) if "print(" in block]
    printed = io.StringIO()
    with contextlib.redirect_stdout(printed):
        exec(example, {})  # noqa: S102 the document's own example
    assert 0 < float(printed.getvalue()) < 1e-5


def signed(value: float) -> str:
    return f"{value:+.3f}".replace("-", "−")
