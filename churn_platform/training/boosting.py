"""Boosting rounds, reproducibly: the one place that names XGBoost's settings.

Here: the fixed settings, and advancing a booster. Not here: choosing parameters (`tuning`), or what a finished model is
(`fit`).

What makes the bytes repeat, measured on XGBoost 3.2 (the tests hold it): `tree_method=hist`, a fixed seed and
`seed_per_iteration`. XGBoost's random generator belongs to the thread that calls it: without `seed_per_iteration`,
boosters that take turns (as the folds of a trial do) draw from each other's stream, and a change of calling thread
changes the model. `nthread` may be anything: 1, 2 and 3 gave the same bytes on 7,000, 56,000 and 211,000 rows.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import TYPE_CHECKING, Any

import numpy as np

if TYPE_CHECKING:
    from numpy.typing import NDArray

Parameters = Mapping[str, float | int]

SETTINGS: dict[str, Any] = {
    "objective": "binary:logistic",
    "tree_method": "hist",
    "seed_per_iteration": True,
    "verbosity": 0,
}


def new_booster(parameters: Parameters, matrices: list[Any], seed: int, threads: int = 1) -> Any:
    """An untrained `xgboost.Booster` that caches its margins on `matrices` while it grows."""
    import xgboost

    return xgboost.Booster({**SETTINGS, **parameters, "seed": seed, "nthread": threads}, matrices)


def advance(booster: Any, train: Any, start: int, stop: int) -> None:
    """Grow rounds `start` … `stop` − 1."""
    for boosting_round in range(start, stop):
        booster.update(train, boosting_round)


def raw_margins(booster: Any, matrix: Any) -> NDArray[np.float64]:
    """The booster's margins (log odds) of `matrix`, (rows,)."""
    return np.asarray(booster.predict(matrix, output_margin=True), dtype=np.float64)
