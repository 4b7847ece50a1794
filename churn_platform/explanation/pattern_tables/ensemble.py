"""XGBoost's model JSON → trees over yes/no conditions, with the share of training rows that took each branch.

Belongs here: the file format of XGBoost 3.2, and what this method can and cannot explain. Does not belong here: cutting
trees into tables (`leaf_groups`).

Every split becomes one comparison `column >= threshold`. A column is a feature in the one form that the comparison
needs: a number whose missing values stand below or above every threshold (so that they follow the split's default
direction), or the membership of one set of categories as 0 or 1, compared with one half.
"""

from __future__ import annotations

import json
import math
from collections.abc import Mapping
from dataclasses import dataclass, replace
from typing import Any

import numpy as np

from churn_platform.explanation.errors import ExplanationError, UnsupportedModelError

IDENTITY, LOGIT = "identity", "logit"
LINKS = {"binary:logistic": LOGIT, "reg:logistic": LOGIT, "reg:squarederror": IDENTITY}
MEMBERSHIP_THRESHOLD = 0.5
SMALLEST_SCORE = np.float32(1e-6)


@dataclass(frozen=True, slots=True)
class Column:
    """One form of a feature: numeric (`categories` is None), or membership of a set of category codes.

    `missing_right` says where a missing value goes: it meets no condition of the column, or all of them.
    """

    feature: int
    missing_right: bool
    categories: tuple[int, ...] | None = None

    def sort_key(self) -> tuple[int, bool, tuple[int, ...]]:
        """A total order: by feature, then direction, numeric first."""
        return self.feature, self.missing_right, self.categories or ()


@dataclass(frozen=True, slots=True)
class Node:
    """A leaf (`column` is −1, `value` is what it adds) or a split: rows with `column >= threshold` go right.

    `share_left` and `share_right` are the parts of the split's training rows (by sum of hessians) that went each way.
    """

    value: float = 0.0
    column: int = -1
    threshold: float = 0.0
    left: int = -1
    right: int = -1
    share_left: float = 0.0
    share_right: float = 0.0


@dataclass(frozen=True, slots=True)
class Ensemble:
    """All trees of a model over shared columns. A tree is its nodes; node 0 is the root."""

    features: tuple[str, ...]
    columns: tuple[Column, ...]
    trees: tuple[tuple[Node, ...], ...]
    base_margin: float


def parse(model_json: bytes) -> Ensemble:
    """Read `Booster.save_raw("json")`. Raises UnsupportedModelError for a model that these tables cannot explain."""
    try:
        return _parse(json.loads(model_json)["learner"])
    except ExplanationError:
        raise
    except (ValueError, KeyError, TypeError, IndexError) as error:
        raise UnsupportedModelError(
            f"this is not the JSON of an XGBoost 3 model ({error!r}): use pred_contribs"
        ) from error


def _parse(learner: Mapping[str, Any]) -> Ensemble:
    columns: dict[Column, int] = {}
    trees = [_tree(tree, number, columns) for number, tree in enumerate(_boosted_trees(learner))]
    order = sorted(columns, key=Column.sort_key)
    place = {columns[column]: new for new, column in enumerate(order)}
    return Ensemble(
        _features(learner), tuple(order), tuple(_renumbered(tree, place) for tree in trees), _base_margin(learner)
    )


def _boosted_trees(learner: Mapping[str, Any]) -> list[Mapping[str, Any]]:
    booster = learner["gradient_booster"]
    if booster["name"] != "gbtree":
        raise UnsupportedModelError(f"booster {booster['name']!r}: pattern tables explain gbtree models only")
    outputs = int(learner["learner_model_param"]["num_target"]), int(learner["learner_model_param"]["num_class"])
    if outputs[0] > 1 or outputs[1] > 1:
        raise UnsupportedModelError("the model has several outputs per row: pattern tables explain one")
    trees: list[Mapping[str, Any]] = booster["model"]["trees"]
    return trees


def _features(learner: Mapping[str, Any]) -> tuple[str, ...]:
    count = int(learner["learner_model_param"]["num_feature"])
    names = learner.get("feature_names") or [f"f{i}" for i in range(count)]
    return tuple(names)


def _base_margin(learner: Mapping[str, Any]) -> float:
    objective = learner["objective"]["name"]
    link = LINKS.get(objective)
    if link is None:
        raise UnsupportedModelError(f"objective {objective!r}: pattern tables know {', '.join(LINKS)}")
    text = learner["learner_model_param"]["base_score"]
    (score,) = json.loads(text) if text.startswith("[") else [float(text)]
    if link == IDENTITY:
        return float(np.float32(score))
    # as XGBoost does it: away from 0 and 1, and in float32, which near 1 is far from the exact logit
    probability = np.clip(np.float32(score), SMALLEST_SCORE, np.float32(1) - SMALLEST_SCORE)
    return -float(np.log(np.float32(1) / probability - np.float32(1)))


def _tree(tree: Mapping[str, Any], number: int, columns: dict[Column, int]) -> tuple[Node, ...]:
    """The nodes of one tree, numbering new columns in `columns`."""
    if int(tree["tree_param"].get("size_leaf_vector", "1")) > 1:
        raise UnsupportedModelError(f"tree {number} has vector leaves: pattern tables explain one output")
    sets = _category_sets(tree)
    left, right, cover = tree["left_children"], tree["right_children"], tree["sum_hessian"]
    nodes = []
    for node, (low, high) in enumerate(zip(left, right, strict=True)):
        value = float(np.float32(tree["split_conditions"][node]))
        if low == -1:
            nodes.append(Node(value=value))
            continue
        column = Column(tree["split_indices"][node], not tree["default_left"][node], sets.get(node))
        threshold = value if column.categories is None else MEMBERSHIP_THRESHOLD
        if not math.isfinite(threshold):
            raise UnsupportedModelError(f"tree {number}, node {node}: the threshold {threshold} is not a number")
        share_left, share_right = _shares(cover[node], cover[low], cover[high])
        index = columns.setdefault(column, len(columns))
        nodes.append(Node(0.0, index, threshold, low, high, share_left, share_right))
    return tuple(nodes)


def _shares(parent: float, left: float, right: float) -> tuple[float, float]:
    """Each branch's part of the split's rows. A split that no training row reached sends half each way.

    There XGBoost divides zero by zero; any pair of shares keeps the sum, an even one favours no branch.
    """
    return (left / parent, right / parent) if parent > 0 else (0.5, 0.5)


def _category_sets(tree: Mapping[str, Any]) -> dict[int, tuple[int, ...]]:
    """The category codes that go right, for each categorical split."""
    starts, sizes, codes = tree["categories_segments"], tree["categories_sizes"], tree["categories"]
    return {
        node: tuple(sorted(codes[start : start + size]))
        for node, start, size in zip(tree["categories_nodes"], starts, sizes, strict=True)
    }


def _renumbered(tree: tuple[Node, ...], place: Mapping[int, int]) -> tuple[Node, ...]:
    return tuple(node if node.column < 0 else replace(node, column=place[node.column]) for node in tree)
