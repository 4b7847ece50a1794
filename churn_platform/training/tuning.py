"""Tuning: which depth, rate and regularisation, and how many rounds, judged on rows that the trial did not see.

Here: the search space, the trials, and the winner's out-of-fold margins. Not here: the final fit (`fit`), calibration.

The search is small on purpose. On the IBM rows 45 random settings between depth 1 and 5 lay within 0.003 AUC of each
other when their rounds were right, so the first trial is the well-tested default and the rest look around it. The
objective is mean log loss, not AUC: a proper score, which also pays for calibration, and over those settings it ranked
as AUC did (correlation −0.96 on v1, −0.98 on v2) with less noise. All folds of a trial share one number of rounds,
chosen on their pooled loss, so that no fold stops on its own luck.

Source: Bergstra et al. (2011), Algorithms for hyper-parameter optimization (tree-structured Parzen estimator, as in
Optuna).
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from types import MappingProxyType
from typing import TYPE_CHECKING, Any

import numpy as np
import pandas as pd

from churn_platform.training.boosting import Parameters, advance, new_booster, raw_margins
from churn_platform.training.calibration import log_loss
from churn_platform.training.examples import TrainingExamples
from churn_platform.training.folds import content_rank, stratified_folds
from churn_platform.training.matrix import design_matrix

if TYPE_CHECKING:
    from numpy.typing import NDArray

    from churn_platform.policies import TrainingPolicy

DEFAULT: Parameters = MappingProxyType(
    {
        "max_depth": 2,
        "learning_rate": 0.05,
        "subsample": 0.6,
        "colsample_bytree": 0.6,
        "min_child_weight": 5.0,
        "reg_lambda": 5.0,
    }
)
"""Within 0.001 AUC of the best of 45 random settings on both feature sets of the IBM rows; always the first trial."""

STRIDE = 10
"""Rounds between two looks at the loss: finer changes nothing that the folds could tell apart, and costs time."""

OnTrial = Callable[[int, int, float], None]
Clock = Callable[[], float]


@dataclass(frozen=True, slots=True)
class Trial:
    """One setting tried: its rounds, and its mean out-of-fold log loss at those rounds."""

    number: int
    params: Parameters
    rounds: int
    log_loss: float


@dataclass(frozen=True)
class Tuning:
    """The winner, all trials, and the winner's out-of-fold margins in the order of the examples' frame.

    `stopped` says why the search ended; `cut` is true if the time budget ended it before all trials had run.
    """

    params: Parameters
    rounds: int
    trials: tuple[Trial, ...]
    margins: NDArray[np.float64]
    cut: bool
    stopped: str

    @property
    def history(self) -> pd.DataFrame:
        """One row per trial: number, each parameter, rounds, log_loss, and whether it won."""
        rows = [{"number": t.number, **t.params, "rounds": t.rounds, "log_loss": t.log_loss} for t in self.trials]
        history = pd.DataFrame(rows)
        history["won"] = history.index == history["log_loss"].idxmin()
        return history


def tune(
    examples: TrainingExamples, policy: TrainingPolicy, clock: Clock | None = None, on_trial: OnTrial | None = None
) -> Tuning:
    """Search `policy.tuning.trials` settings on stratified folds and return the one with the least mean log loss.

    `clock` gives seconds (for instance `time.monotonic`) and makes `policy.tuning.time_budget` bind: a trial starts
    only if the longest so far would still fit; the default always runs. Without a clock all trials run.
    `on_trial(number, trials, log_loss)` is called after each.
    """
    import optuna

    limits = policy.tuning
    folds = _Folds.of(examples, policy)
    began = clock() if clock else 0.0
    longest = 0.0
    trials: list[Trial] = []
    best: tuple[Trial, NDArray[np.float64]] | None = None
    cut = False
    with _quiet(optuna):
        study = optuna.create_study(
            sampler=optuna.samplers.TPESampler(seed=policy.seed, n_startup_trials=min(6, limits.trials))
        )
        study.enqueue_trial(dict(DEFAULT))
        for number in range(1, limits.trials + 1):
            started = clock() if clock else 0.0
            if trials and started - began + longest > limits.time_budget.total_seconds():
                cut = True
                break
            asked = study.ask()
            params = _suggest(asked)
            rounds, loss, margins = folds.grow(params, limits.max_rounds, limits.early_stopping_rounds)
            study.tell(asked, loss)
            trial = Trial(number, params, rounds, loss)
            trials.append(trial)
            if best is None or loss < best[0].log_loss:
                best = trial, margins
            if on_trial is not None:
                on_trial(number, limits.trials, loss)
            longest = max(longest, (clock() if clock else 0.0) - started)
    assert best is not None  # noqa: S101  # the policy demands at least one trial
    winner, margins = best
    stopped = (
        f"cut after {len(trials)} of {limits.trials} trials: the next would not have fitted into the time "
        f"budget of {limits.time_budget.total_seconds():.0f} s"
        if cut
        else f"all {limits.trials} trials ran"
    )
    return Tuning(winner.params, winner.rounds, tuple(trials), margins, cut, stopped)


def _suggest(trial: Any) -> Parameters:
    return MappingProxyType(
        {
            "max_depth": trial.suggest_int("max_depth", 1, 4),
            "learning_rate": trial.suggest_float("learning_rate", 0.03, 0.1, log=True),
            "subsample": trial.suggest_float("subsample", 0.5, 0.8),
            "colsample_bytree": trial.suggest_float("colsample_bytree", 0.3, 0.8),
            "min_child_weight": trial.suggest_float("min_child_weight", 1.0, 20.0, log=True),
            "reg_lambda": trial.suggest_float("reg_lambda", 1.0, 20.0, log=True),
        }
    )


@dataclass(frozen=True)
class _Folds:
    """The folds' matrices, built once for all trials. Rows are in content order, so names and arrival play no "
    "part."""

    churned: NDArray[np.int8]
    parts: tuple[tuple[NDArray[np.int64], Any, Any], ...]
    seed: int
    threads: int

    @classmethod
    def of(cls, examples: TrainingExamples, policy: TrainingPolicy) -> _Folds:
        fold = stratified_folds(examples, policy.tuning.folds, policy.seed)
        order = np.argsort(content_rank(examples), kind="stable")
        values, churned = examples.values, examples.churned
        parts = []
        for held_out in range(policy.tuning.folds):
            inside, outside = order[fold[order] != held_out], order[fold[order] == held_out]
            parts.append(
                (
                    outside,
                    design_matrix(values[inside], examples.features, churned[inside], policy.threads),
                    design_matrix(values[outside], examples.features, churned[outside], policy.threads),
                )
            )
        return cls(churned, tuple(parts), policy.seed, policy.threads)

    def grow(self, params: Parameters, max_rounds: int, patience: int) -> tuple[int, float, NDArray[np.float64]]:
        """Grow all folds together; returns the best shared rounds, their mean log loss, and the margins there."""
        boosters = [new_booster(params, [train, test], self.seed, self.threads) for _, train, test in self.parts]
        best_rounds, best_loss, best_margins = 0, np.inf, np.zeros(len(self.churned))
        margins = np.zeros(len(self.churned))
        for start in range(0, max_rounds, STRIDE):
            stop = min(start + STRIDE, max_rounds)
            losses = []
            for booster, (rows, train, test) in zip(boosters, self.parts, strict=True):
                advance(booster, train, start, stop)
                margins[rows] = raw_margins(booster, test)
                losses.append(log_loss(margins[rows], self.churned[rows].astype(np.float64)))
            loss = float(np.mean(losses))
            if loss < best_loss:
                best_rounds, best_loss, best_margins = stop, loss, margins.copy()
            elif stop - best_rounds >= patience:
                break
        return best_rounds, best_loss, best_margins


@contextmanager
def _quiet(optuna: Any) -> Iterator[None]:
    """Keep Optuna's log of each trial out of ours, and give it back its verbosity afterwards."""
    before = optuna.logging.get_verbosity()
    optuna.logging.set_verbosity(optuna.logging.WARNING)
    try:
        yield
    finally:
        optuna.logging.set_verbosity(before)
