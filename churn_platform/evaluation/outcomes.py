"""What is evaluated: each row's outcome beside the probability that was given to it.

What belongs here: the one place where outcomes and probabilities are checked, and their tally by distinct score on
which every ranking and calibration metric is computed. What does not: the metrics (`metrics`, `auc`), or where the rows
come from.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import ArrayLike, NDArray

from churn_platform.evaluation.estimate import EvaluationError, OneClassError

Floats = NDArray[np.float64]


@dataclass(frozen=True, slots=True, eq=False)
class ScoredOutcomes:
    """Outcomes `churned` (rows,) bool beside `probability` (rows,) in [0, 1]. Build it with `scored_outcomes`."""

    churned: NDArray[np.bool_]
    probability: Floats

    @property
    def rows(self) -> int:
        """How many rows were scored."""
        return len(self.churned)

    @property
    def churners(self) -> int:
        """How many of them left."""
        return int(self.churned.sum())


def scored_outcomes(churned: ArrayLike, probability: ArrayLike, what: str = "the evaluated rows") -> ScoredOutcomes:
    """Check outcomes (0/1 or bool) and probabilities, each of shape (rows,), and pair them.

    Raises EvaluationError for empty, unequal, missing, infinite or out-of-range input, OneClassError where nobody or
    everybody churned.

    >>> scored_outcomes([1, 0, 0], [0.9, 0.2, 0.4]).churners
    1
    >>> scored_outcomes([1, 1], [0.9, 0.2])  # doctest: +ELLIPSIS
    Traceback (most recent call last):
        ...
    churn_platform.evaluation.estimate.OneClassError: all 2 of the evaluated rows churned; ... Widen the window ...
    """
    outcome = _one_dimension(churned, f"outcomes of {what}")
    score = _one_dimension(probability, f"probabilities of {what}")
    if len(outcome) != len(score):
        raise EvaluationError(
            f"{what}: {len(outcome)} outcomes against {len(score)} probabilities; give one of each per row."
        )
    if not len(outcome):
        raise EvaluationError(
            f"{what}: no rows; an evaluation needs matured outcomes. Check the split and the label maturity."
        )
    _refuse(
        ~np.isin(outcome, (0.0, 1.0)),
        what,
        "an outcome other than 0 or 1 (or a missing one)",
        "Leave immature rows out.",
    )
    _refuse(
        ~((score >= 0.0) & (score <= 1.0)), what, "a probability that is missing or outside 0 to 1", "Score them again."
    )
    leavers = int(outcome.sum())
    if leavers in (0, len(outcome)):
        who = "churned" if leavers else "stayed"
        raise OneClassError(
            f"all {len(outcome)} of {what} {who}; a model can be measured only where some leave and some stay. "
            "Widen the window of observations."
        )
    return ScoredOutcomes(outcome.astype(bool), score)


def _one_dimension(values: ArrayLike, what: str) -> Floats:
    try:
        array = np.asarray(values, dtype=np.float64)
    except (TypeError, ValueError) as error:
        raise EvaluationError(f"{what}: not numbers ({error}); give an array of shape (rows,).") from error
    if array.ndim != 1:
        raise EvaluationError(f"{what}: shape {array.shape}; give an array of shape (rows,).")
    return array


def _refuse(bad: NDArray[np.bool_], what: str, fault: str, way_out: str) -> None:
    if bad.any():
        raise EvaluationError(
            f"{what}: {int(bad.sum())} of {len(bad)} rows have {fault}, the first at row {int(bad.argmax())}. {way_out}"
        )


@dataclass(frozen=True, slots=True, eq=False)
class Tally:
    """Leavers and stayers per distinct score, for one or many (re)samples of the same rows.

    `scores` (scores,) falls strictly; `leavers` and `stayers` are counts of shape (samples, scores). Tied rows stand
    together, so a metric on a tally cannot depend on the order of rows.
    """

    scores: Floats
    leavers: Floats
    stayers: Floats

    @property
    def rows(self) -> Floats:
        """Rows in each sample, shape (samples,)."""
        return np.asarray(self.leavers.sum(axis=1) + self.stayers.sum(axis=1))

    @property
    def churners(self) -> Floats:
        """Churners in each sample, shape (samples,)."""
        return np.asarray(self.leavers.sum(axis=1))


def tally(scored: ScoredOutcomes) -> Tally:
    """The rows as one sample.

    >>> t = tally(scored_outcomes([1, 0, 1, 0], [0.9, 0.9, 0.2, 0.1]))
    >>> t.scores.tolist(), t.leavers.tolist(), t.stayers.tolist()
    ([0.9, 0.2, 0.1], [[1.0, 1.0, 0.0]], [[1.0, 0.0, 1.0]])
    """
    falling, place = np.unique(-scored.probability, return_inverse=True)
    count = len(falling)
    leavers = np.bincount(place[scored.churned], minlength=count)
    stayers = np.bincount(place[~scored.churned], minlength=count)
    return Tally(-falling, leavers[None, :].astype(np.float64), stayers[None, :].astype(np.float64))
