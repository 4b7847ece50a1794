"""Small XGBoost models of every kind that pattern tables must explain, made from a seed, and their rows."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import numpy as np
import xgboost
from hypothesis import strategies as st

CATEGORIES = 6


@dataclass(frozen=True)
class MadeModel:
    """How to make a model: hypothesis shrinks these few numbers, and prints them when a law fails."""

    seed: int
    depth: int
    trees: int
    rows: int
    categorical: bool
    missing: float
    weighted: bool
    monotone: bool
    parallel: int
    regression: bool
    whole: bool

    def rows_and_types(self) -> tuple[np.ndarray, list[str]]:
        """(rows, 6) float32: four numbers, one of them constant, and two categories (or numbers)."""
        rng = np.random.default_rng(self.seed)
        X = rng.normal(size=(self.rows, 6))
        if self.whole:  # ties with thresholds, duplicate thresholds
            X = np.round(X * 2)
        X[:, 3] = 1.0
        types = ["float"] * 6
        if self.categorical:
            X[:, 4] = rng.integers(0, CATEGORIES, self.rows)
            X[:, 5] = rng.integers(0, 2, self.rows)
            types[4:] = ["c", "c"]
        X[rng.random(X.shape) < self.missing] = np.nan
        return X.astype(np.float32), types

    def build(self) -> tuple[xgboost.Booster, np.ndarray]:
        """The trained booster and its rows."""
        X, types = self.rows_and_types()
        rng = np.random.default_rng(self.seed + 1)
        seen = np.nan_to_num(X)
        signal = seen[:, 0] * seen[:, 1] + np.isin(seen[:, 4], [0, 3, 4]) - seen[:, 2] + rng.normal(size=self.rows)
        y = signal if self.regression else (signal > np.median(signal)).astype(float)
        weight = rng.exponential(size=self.rows) if self.weighted else None
        settings = {
            "objective": "reg:squarederror" if self.regression else "binary:logistic",
            "max_depth": self.depth,
            "eta": 0.3,
            "lambda": 0.1,
            "min_child_weight": 0.0 if self.seed % 2 else 1.0,
            "max_cat_to_onehot": 1 if self.seed % 3 else 10,
            "num_parallel_tree": self.parallel,
            "subsample": 0.8,
            "nthread": 1,
            "seed": self.seed,
        }
        if self.monotone:
            settings["monotone_constraints"] = "(1,-1,0,0,0,0)"
        return xgboost.train(settings, matrix(X, types, y, weight), self.trees), X


def made_models(**fixed: Any) -> st.SearchStrategy[MadeModel]:
    """Models of all kinds, but for what `fixed` says."""
    free: dict[str, st.SearchStrategy[Any]] = {
        "seed": st.integers(0, 10_000),
        "depth": st.integers(1, 8),
        "trees": st.integers(1, 6),
        "rows": st.sampled_from([1, 2, 30, 300]),
        "categorical": st.booleans(),
        "missing": st.sampled_from([0.0, 0.2]),
        "weighted": st.booleans(),
        "monotone": st.booleans(),
        "parallel": st.sampled_from([1, 1, 3]),
        "regression": st.booleans(),
        "whole": st.booleans(),
    }
    return st.builds(MadeModel, **(free | {name: st.just(value) for name, value in fixed.items()}))


def matrix(
    X: np.ndarray, types: list[str], y: np.ndarray | None = None, weight: np.ndarray | None = None
) -> xgboost.DMatrix:
    """A DMatrix that takes codes as native categories."""
    return xgboost.DMatrix(X, y, weight=weight, feature_types=types, enable_categorical=True, nthread=1)
