"""Paired differences of two models on the same rows, with intervals over customers.

What belongs here: the bootstrap that draws whole customers, and gives both models the same draw. What does not: the metrics
(`evaluation.metrics`, `retention.expected_value`), and DeLong's closed form (`evaluation.auc`).

Rows of one customer share a fate, so customers are drawn, not rows: where nobody repeats this is the ordinary bootstrap. Source:
Efron and Tibshirani (1993), chapters 8 and 13; Field and Welsh, JRSS B 69 (2007), for clusters.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass

import numpy as np
import pandas as pd
from numpy.typing import NDArray

from churn_platform.evaluation.estimate import Estimate, EvaluationError
from churn_platform.evaluation.metrics import f1, rank_auc
from churn_platform.evaluation.outcomes import Tally
from churn_platform.retention.expected_value import listed_gains

Floats = NDArray[np.float64]
BLOCK_CELLS = 2_000_000
"""Cells (resamples x rows) weighed at a time: some 100 MB at the peak, whatever the number of rows."""


@dataclass(frozen=True, slots=True, eq=False)
class Draws:
    """AUC, F1 and retained value of one model on the rows themselves (first) and on each resample, (1 + resamples,)."""

    auc: Floats
    f1: Floats
    value: Floats


@dataclass(frozen=True, slots=True)
class Scored:
    """One model's probabilities of the rows, (rows,), and its decision threshold."""

    probability: Floats
    threshold: float


def paired_draws(
    models: tuple[Scored, Scored],
    churned: NDArray[np.bool_],
    gains: Floats,
    customers: pd.Series,
    *,
    share: float,
    resamples: int,
    rng: np.random.Generator,
) -> tuple[Draws, Draws]:
    """Both models' measures on the same resamples of customers.

    A resample in which nobody or everybody churned is drawn again. The order of rows and the names of customers play no part in
    how often a customer is drawn beyond the seed. Raises EvaluationError where nobody or everybody churned at all.
    """
    if churned.all() or not churned.any():
        raise EvaluationError("two models can be compared only where some customers leave and some stay")
    unit = pd.factorize(customers, sort=True)[0]
    found: tuple[list[Draws], list[Draws]] = ([], [])
    ones = np.ones((1, len(churned)))
    for weights in (ones, *_weights(unit, churned, resamples, rng)):
        for model, draws in zip(models, found, strict=True):
            tally = weighted_tally(model.probability, churned, weights)
            value = listed_gains(model.probability, gains, weights, share)
            draws.append(Draws(rank_auc(tally), f1(tally, model.threshold), value))
    return _joined(found[0]), _joined(found[1])


def weighted_tally(probability: Floats, churned: NDArray[np.bool_], weights: Floats) -> Tally:
    """Leavers and stayers by distinct score for many weightings of the same rows, `weights` (samples, rows)."""
    falling, place = np.unique(-probability, return_inverse=True)
    order = np.argsort(place, kind="stable")
    starts = np.searchsorted(place[order], np.arange(len(falling)))
    ordered = weights[:, order]
    leavers = np.add.reduceat(ordered * churned[order], starts, axis=1)
    return Tally(-falling, leavers, np.add.reduceat(ordered, starts, axis=1) - leavers)


def percentile(values: Floats, confidence: float, method: str, rows: int) -> Estimate:
    """The first value with the percentile interval of the others, widened to hold it."""
    tail = (1.0 - confidence) / 2.0
    low, high = (float(end) for end in np.quantile(values[1:], (tail, 1.0 - tail)))
    value = float(values[0])
    return Estimate(value, min(low, value), max(high, value), confidence, method, rows)


def _weights(
    unit: NDArray[np.int64], churned: NDArray[np.bool_], resamples: int, rng: np.random.Generator
) -> Iterator[Floats]:
    units = int(unit.max()) + 1
    size = max(1, BLOCK_CELLS // len(unit))
    for start in range(0, resamples, size):
        count = min(size, resamples - start)
        weights = _draw(unit, units, count, rng)
        while (one_class := _one_class(weights, churned)).any():
            weights[one_class] = _draw(unit, units, int(one_class.sum()), rng)
        yield weights


def _draw(unit: NDArray[np.int64], units: int, count: int, rng: np.random.Generator) -> Floats:
    drawn = rng.integers(0, units, (count, units)) + np.arange(count)[:, None] * units
    times = np.bincount(drawn.ravel(), minlength=count * units).reshape(count, units)
    return np.asarray(times[:, unit], dtype=np.float64)


def _one_class(weights: Floats, churned: NDArray[np.bool_]) -> NDArray[np.bool_]:
    leavers = weights @ churned.astype(np.float64)
    return np.asarray((leavers == 0) | (leavers == weights.sum(axis=1)))


def _joined(parts: list[Draws]) -> Draws:
    return Draws(*(np.concatenate([getattr(part, name) for part in parts]) for name in ("auc", "f1", "value")))
