"""Temporal split: learn on the older observation dates, judge on the newest.

Here: the boundary, in whole days, and what it means for label maturity. Not here: the folds used for tuning (`folds`).
"""

from __future__ import annotations

from dataclasses import dataclass
from datetime import date
from typing import TYPE_CHECKING

import numpy as np
import pandas as pd

from churn_platform.training.errors import OneClassError, TooFewExamplesError
from churn_platform.training.examples import TrainingExamples

if TYPE_CHECKING:
    from churn_platform.policies import TrainingPolicy


@dataclass(frozen=True)
class TemporalSplit:
    """Training rows, holdout rows, and the days between which each lies (inclusive).

    `label_maturity` is the share of holdout rows whose label horizon has closed on `as_of` (1.0, since only matured
    rows are examples). `known_at_holdout_start` is the share of training rows whose horizon had closed before the
    holdout began: below 1 the holdout is judged by a model that knew outcomes which nobody had on that day; an embargo
    of one label horizon makes it 1.
    """

    train: TrainingExamples
    holdout: TrainingExamples
    train_from: date
    train_to: date
    holdout_from: date
    holdout_to: date
    embargoed: int
    label_maturity: float
    known_at_holdout_start: float


def temporal_split(examples: TrainingExamples, policy: TrainingPolicy) -> TemporalSplit:
    """Split by observation_date: the holdout is the fewest newest whole days that hold at least `policy.holdout_share`
    of the rows, or `policy.holdout_rows` where the history is so long that fewer days do.

    After a change (`examples.changed_on`) it is `policy.holdout_after_change` of the rows observed since, and at least
    `policy.recency.min_rows`, where that is less and there are so many: each day held out is a day that is not learned
    from, and the days after a change are the only ones that know it.

    Rows observed within `policy.embargo` before the first holdout day belong to neither side; they are counted in
    `embargoed`.

    Raises TooFewExamplesError if a side would be empty, OneClassError if a side has one outcome only.
    """
    observed = examples.frame["observation_date"]
    per_day = observed.value_counts().sort_index()
    if len(per_day) < 2:
        raise TooFewExamplesError(
            f"A temporal split needs at least two observation dates; the {len(examples)} examples have "
            f"{len(per_day)}. Ingest more days, or wait."
        )
    newest_first = per_day[::-1].cumsum()
    wanted = _wanted(examples, policy)
    boundary = newest_first.index[int(np.searchsorted(newest_first.to_numpy(), wanted))]
    in_holdout = (observed >= boundary).to_numpy()
    in_train = (observed < boundary - pd.Timedelta(policy.embargo)).to_numpy()
    if not in_train.any():
        raise TooFewExamplesError(
            f"The holdout from {boundary:%Y-%m-%d} and an embargo of {policy.embargo.days} days leave no "
            f"training rows of {len(examples)}. Shorten the embargo, lower holdout_share, or ingest older days."
        )
    train, holdout = examples.take(in_train), examples.take(in_holdout)
    for side, part in (("training", train), ("holdout", holdout)):
        if part.churners in (0, len(part)):
            raise OneClassError(
                f"The {side} side of the split ({len(part)} rows, boundary {boundary:%Y-%m-%d}) has one "
                "outcome only. Ingest more days, or change holdout_share."
            )
    matured = holdout.frame["matured_on"] <= pd.Timestamp(examples.as_of)
    return TemporalSplit(
        train=train,
        holdout=holdout,
        train_from=_day(train.frame["observation_date"].min()),
        train_to=_day(train.frame["observation_date"].max()),
        holdout_from=_day(boundary),
        holdout_to=_day(holdout.frame["observation_date"].max()),
        embargoed=len(examples) - len(train) - len(holdout),
        label_maturity=float(matured.mean()),
        known_at_holdout_start=float((train.frame["matured_on"] <= boundary).mean()),
    )


def _wanted(examples: TrainingExamples, policy: TrainingPolicy) -> float:
    """How many rows the holdout should have."""
    usual = min(policy.holdout_share * len(examples), float(policy.holdout_rows))
    if examples.changed_on is None:
        return usual
    since = int((examples.frame["observation_date"] >= pd.Timestamp(examples.changed_on)).sum())
    if since < policy.recency.min_rows:  # too thin to learn the change from, so nothing is gained by judging on less
        return usual
    return min(usual, max(policy.holdout_after_change * since, float(policy.recency.min_rows)))


def _day(timestamp: pd.Timestamp) -> date:
    return timestamp.date()
