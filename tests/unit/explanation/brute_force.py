"""Shapley values from the definition, in float64, one subset at a time: slow, and independent of every fast method."""

from __future__ import annotations

import json
from itertools import combinations
from math import factorial
from typing import Any

import numpy as np
import xgboost


def shapley_values(booster: xgboost.Booster, row: np.ndarray) -> np.ndarray:
    """(features,) path-dependent Shapley values of one row, by walking every tree for every subset of features."""
    model = json.loads(bytes(booster.save_raw("json")))["learner"]["gradient_booster"]["model"]
    features = range(len(row))
    worth = {
        subset: sum(_expected(tree, 0, row, frozenset(subset)) for tree in model["trees"])
        for size in range(len(row) + 1)
        for subset in combinations(features, size)
    }
    values = np.zeros(len(row))
    for feature in features:
        for subset, value in worth.items():
            if feature not in subset:
                size, others = len(subset), len(row) - len(subset) - 1
                weight = factorial(size) * factorial(others) / factorial(len(row))
                values[feature] += weight * (worth[tuple(sorted((*subset, feature)))] - value)
    return values


def _expected(tree: dict[str, Any], node: int, row: np.ndarray, known: frozenset[int]) -> float:
    """The tree's value where a known feature goes its way, and an unknown one goes both, weighted by cover."""
    left, right = tree["left_children"][node], tree["right_children"][node]
    if left == -1:
        return float(tree["split_conditions"][node])
    if tree["split_indices"][node] in known:
        return _expected(tree, left if _goes_left(tree, node, row) else right, row, known)
    cover = tree["sum_hessian"]
    share = cover[left] / cover[node], cover[right] / cover[node]
    return share[0] * _expected(tree, left, row, known) + share[1] * _expected(tree, right, row, known)


def _goes_left(tree: dict[str, Any], node: int, row: np.ndarray) -> bool:
    value = row[tree["split_indices"][node]]
    if np.isnan(value):
        return bool(tree["default_left"][node])
    if tree["split_type"][node] == 0:
        return bool(np.float32(value) < np.float32(tree["split_conditions"][node]))
    place = tree["categories_nodes"].index(node)
    start = tree["categories_segments"][place]
    return int(value) not in tree["categories"][start : start + tree["categories_sizes"][place]]
