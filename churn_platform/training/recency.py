"""How much recent outcomes count: all alike, the older the less, or the recent ones only, as a backtest says.

Here: the three weightings, and the choice between them. Not here: the fit (`fit`), and noticing that the world changed (`drift`).

After a change the matured outcomes of the new world are few beside a year of the old one. Weighting helps where the relation of
features to leaving changed, and costs where it did not: in the simulated telco, two months after a competitor had bought customers out
of their contracts, a half-life of 30 days raised AUC from 0.758 to 0.784, while after a price rise, which left the ranking as it was,
it lowered AUC by 0.001 to 0.004 (measured on v1). So nothing is weighted unless the newest matured outcomes say so, beyond chance.

The backtest asks which weighting would have ranked and priced the newest days best: two halves of the customers, each scored by models
that were fitted on the other half, so that the newest days take part on both sides without a customer ever judging themselves.
"""

from __future__ import annotations

from dataclasses import dataclass
from datetime import timedelta
from typing import TYPE_CHECKING, Literal

import numpy as np

from churn_platform.training.boosting import advance, new_booster, raw_margins
from churn_platform.training.examples import TrainingExamples
from churn_platform.training.folds import content_rank, stratified_folds
from churn_platform.training.matrix import design_matrix

if TYPE_CHECKING:
    from numpy.typing import NDArray

    from churn_platform.policies import TrainingPolicy

Name = Literal["all_alike", "half_life", "short_window"]
ROUNDS = 200
"""Rounds of the backtest's models at a rate of 0.05: near the best on these columns; the same for all, so that only weighting differs."""
BEYOND_CHANCE = 2.0
"""Standard errors by which a weighting must beat "all alike": with two rivals, one false choice in some twenty-five backtests."""
AFTER_A_CHANGE = 1.0
"""The same where monitoring already says that the world changed: the backtest then need not prove it a second time."""
STILL_COUNTS = 0.25
"""A row of less weight (two half-lives) says too little of the present to calibrate by."""


@dataclass(frozen=True, slots=True)
class BacktestLine:
    """One weighting on the newest days: its mean log loss, and how much better it was than "all alike", in standard errors."""

    weighting: Name
    log_loss: float
    better_by: float


@dataclass(frozen=True, slots=True)
class Weighting:
    """The chosen weighting with its reason. `days` is the half-life or the window's length; 0 where all count alike.

    `judged_rows` and `judged_churners` are what the backtest rested on, from `judged_from` on (ISO; blank where none was made).
    """

    name: Name
    days: int
    reason: str
    judged_from: str = ""
    judged_rows: int = 0
    judged_churners: int = 0
    backtest: tuple[BacktestLine, ...] = ()

    def weights(self, examples: TrainingExamples) -> NDArray[np.float64]:
        """A weight in (0, 1] for each row, (rows,); 1 for the newest day."""
        if self.name != "half_life":
            return np.ones(len(examples))
        return np.asarray(0.5 ** (ages(examples) / self.days))

    def keeps(self, examples: TrainingExamples) -> NDArray[np.bool_]:
        """Which rows are learned from at all, (rows,)."""
        if self.name != "short_window":
            return np.ones(len(examples), dtype=bool)
        return np.asarray(ages(examples) < self.days)


ALL_ALIKE = Weighting("all_alike", 0, "no weighting was asked for")


def ages(examples: TrainingExamples) -> NDArray[np.float64]:
    """Days between each row's observation and the newest one, (rows,)."""
    observed = examples.frame["observation_date"]
    return np.asarray((observed.max() - observed).dt.days, dtype=np.float64)


def choose_weighting(train: TrainingExamples, policy: TrainingPolicy) -> Weighting:
    """The weighting that the newest `policy.recency.backtest` of `train` call for; all alike unless another is better beyond chance.

    Too few rows or leavers among them, or a history no longer than the short window, is said in the reason, and nothing is weighted.
    """
    rules, age = policy.recency, ages(train)
    newest = age < rules.backtest.days
    rows, churners = int(newest.sum()), int(train.churned[newest].sum())
    since = (train.frame["observation_date"].max() - timedelta(days=rules.backtest.days - 1)).date().isoformat()
    if age.max() < rules.short_window.days:
        return _unweighted(
            f"the history of {int(age.max()) + 1} days is no longer than {rules.short_window.days}: all of it is recent"
        )
    if rows < rules.min_rows or churners < rules.min_churners:
        return _unweighted(
            f"too thin to judge a weighting: {rows:,} rows with {churners:,} leavers since {since}; "
            f"{rules.min_rows:,} and {rules.min_churners:,} are needed"
        )
    rivals = (
        Weighting("all_alike", 0, ""),
        Weighting("half_life", rules.half_life.days, ""),
        Weighting("short_window", rules.short_window.days, ""),
    )
    losses = {rival.name: _losses(train, rival, newest, policy.seed) for rival in rivals}
    lines = tuple(
        BacktestLine(name, float(loss.mean()), _better_by(losses["all_alike"], loss)) for name, loss in losses.items()
    )
    best = max(lines, key=lambda line: (line.better_by, line.weighting == "all_alike"))
    needed = BEYOND_CHANCE if train.changed_on is None else AFTER_A_CHANGE
    chosen = rivals[0] if best.better_by < needed else next(one for one in rivals if one.name == best.weighting)
    told = ", ".join(f"{line.weighting} {line.log_loss:.4f}" for line in lines)
    why = f"log loss on {rows:,} rows since {since}: {told}; the best beats all alike by {best.better_by:.1f} standard errors"
    return Weighting(chosen.name, chosen.days, why, since, rows, churners, lines)


def _unweighted(reason: str) -> Weighting:
    return Weighting("all_alike", 0, reason)


def _better_by(reference: NDArray[np.float64], loss: NDArray[np.float64]) -> float:
    gain = reference - loss
    spread = float(gain.std(ddof=1)) / np.sqrt(len(gain))
    return float(gain.mean() / spread) if spread > 0 else 0.0


def _losses(train: TrainingExamples, rival: Weighting, newest: NDArray[np.bool_], seed: int) -> NDArray[np.float64]:
    """The log loss of each of the newest rows, scored by a model of the other half of the customers."""
    from churn_platform.training.tuning import DEFAULT

    half = stratified_folds(train, 2, seed)
    order = np.argsort(content_rank(train), kind="stable")
    values, churned, weights, kept = train.values, train.churned, rival.weights(train), rival.keeps(train)
    losses = np.full(len(train), np.nan)
    for held in (0, 1):
        fitted = order[(half[order] != held) & kept[order]]
        judged = np.flatnonzero((half == held) & newest)
        matrix = design_matrix(values[fitted], train.features, churned[fitted])
        matrix.set_weight(weights[fitted])
        booster = new_booster(DEFAULT, [matrix], seed, 1)
        advance(booster, matrix, 0, ROUNDS)
        margin = raw_margins(booster, design_matrix(values[judged], train.features, churned[judged]))
        losses[judged] = np.logaddexp(0.0, margin) - churned[judged] * margin
    return losses[newest]
