"""Growing the folds of a trial together: shared best rounds, and margins of rows that the booster did not see.

Here: the folds' matrices and their lockstep growth with early stopping. Not here: what is tried (`tuning`), and how
customers are dealt (`folds`).

Folds run side by side, each single-threaded: on a machine that does other work too, XGBoost's own threads wait for each
other at every level of every tree (measured on 5,600 rows with both cores busy: 200 rounds took 0.1 s on one thread, 5
s on two), while folds never wait for each other.
"""

from __future__ import annotations

from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from functools import partial
from typing import TYPE_CHECKING, Any

import numpy as np

from churn_platform.training.boosting import Parameters, advance, new_booster, raw_margins
from churn_platform.training.calibration import log_loss
from churn_platform.training.examples import TrainingExamples
from churn_platform.training.folds import content_rank, stratified_folds
from churn_platform.training.matrix import design_matrix

if TYPE_CHECKING:
    from numpy.typing import NDArray

    from churn_platform.policies import TrainingPolicy

STRIDE = 10
"""Rounds between two looks at the loss: a finer answer would be within the folds' noise, and costs time."""


@dataclass(frozen=True)
class OutOfFold:
    """The best shared number of rounds, the mean of the folds' log losses there, and the margins there (rows,)."""

    rounds: int
    log_loss: float
    margins: NDArray[np.float64]


@dataclass(frozen=True)
class _Fold:
    """One fold: which rows it holds out, their labels, and the matrices of both sides."""

    rows: NDArray[np.int64]
    churned: NDArray[np.float64]
    weights: NDArray[np.float64]
    train: Any
    held_out: Any

    def grown(self, booster: Any, start: int, stop: int) -> NDArray[np.float64]:
        """Grow rounds `start` … `stop` − 1 and return the margins of the rows held out."""
        advance(booster, self.train, start, stop)
        return raw_margins(booster, self.held_out)


@dataclass(frozen=True)
class Folds:
    """All folds of some examples, built once for many trials. Rows stand in content order, so that names play no
    part."""

    folds: tuple[_Fold, ...]
    rows: int
    seed: int
    threads: int

    @classmethod
    def of(
        cls, examples: TrainingExamples, policy: TrainingPolicy, weights: NDArray[np.float64] | None = None
    ) -> Folds:
        """Deal the examples into `policy.tuning.folds` stratified folds; `weights` (rows,) say how much each row counts."""
        counts = np.ones(len(examples)) if weights is None else weights
        dealt = stratified_folds(examples, policy.tuning.folds, policy.seed)
        order = np.argsort(content_rank(examples), kind="stable")
        values, churned = examples.values, examples.churned
        folds = []
        for number in range(policy.tuning.folds):
            train, held_out = order[dealt[order] != number], order[dealt[order] == number]
            matrix = design_matrix(values[train], examples.features, churned[train])
            if weights is not None:
                matrix.set_weight(counts[train])
            folds.append(
                _Fold(
                    held_out,
                    churned[held_out].astype(np.float64),
                    counts[held_out],
                    matrix,
                    design_matrix(values[held_out], examples.features, churned[held_out]),
                )
            )
        return cls(tuple(folds), len(examples), policy.seed, policy.threads)

    def grow(self, params: Parameters, max_rounds: int, patience: int) -> OutOfFold:
        """Grow all folds until their mean log loss has not improved for `patience` rounds, at most `max_rounds`."""
        boosters = [new_booster(params, [fold.train, fold.held_out], self.seed) for fold in self.folds]
        best = OutOfFold(0, np.inf, np.zeros(self.rows))
        with ThreadPoolExecutor(self.threads) as pool:
            for start in range(0, max_rounds, STRIDE):
                stop = min(start + STRIDE, max_rounds)
                grown = list(pool.map(partial(_Fold.grown, start=start, stop=stop), self.folds, boosters))
                losses = [
                    log_loss(margins, fold.churned, fold.weights)
                    for fold, margins in zip(self.folds, grown, strict=True)
                ]
                loss = float(np.mean(losses))
                if loss < best.log_loss:
                    best = OutOfFold(stop, loss, self._in_order(grown))
                elif stop - best.rounds >= patience:
                    break
        return best

    def _in_order(self, grown: list[NDArray[np.float64]]) -> NDArray[np.float64]:
        margins = np.empty(self.rows)
        for fold, held_out in zip(self.folds, grown, strict=True):
            margins[fold.rows] = held_out
        return margins
