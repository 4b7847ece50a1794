"""The decision threshold: from which probability on a customer counts as leaving.

Here: the threshold that maximises F1 on out-of-fold probabilities of the training rows; the holdout never takes part.
Not here: bands and actions (policy), or metrics at a threshold (`evaluation`).
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np

if TYPE_CHECKING:
    from numpy.typing import ArrayLike


@dataclass(frozen=True, slots=True)
class Threshold:
    """A row is predicted to leave if its probability is at least `value`; the other figures are out-of-fold, at that
    value."""

    value: float
    f1: float
    precision: float
    recall: float


def best_f1_threshold(probabilities: ArrayLike, churned: ArrayLike) -> Threshold:
    """The threshold with the largest F1 = 2·TP / (2·TP + FP + FN); of equal ones the highest, which contacts fewer.

    It lies halfway between the lowest probability that counts and the next one below, so that rounding moves no row
    across.

    >>> best_f1_threshold([0.9, 0.6, 0.4, 0.1], [1, 1, 0, 0])
    Threshold(value=0.5, f1=1.0, precision=1.0, recall=1.0)
    """
    probability = np.asarray(probabilities, dtype=np.float64)
    label = np.asarray(churned, dtype=np.int64)
    positives = int(label.sum())
    if probability.shape != label.shape or probability.ndim != 1 or positives == 0:
        raise ValueError("a threshold needs one probability per label, and at least one customer who left")
    if not np.isfinite(probability).all():
        raise ValueError("a threshold needs finite probabilities")
    order = np.argsort(-probability, kind="stable")
    ranked, hits = probability[order], np.cumsum(label[order])
    last_of_its_value = np.flatnonzero(np.append(ranked[1:] < ranked[:-1], True))
    found, listed = hits[last_of_its_value], last_of_its_value + 1
    f1 = 2 * found / (listed + positives)
    best = int(np.argmax(f1))
    lowest = ranked[last_of_its_value[best]]
    below = ranked[last_of_its_value[best] + 1] if last_of_its_value[best] + 1 < ranked.size else 0.0
    return Threshold(
        value=float((lowest + below) / 2),
        f1=float(f1[best]),
        precision=float(found[best] / listed[best]),
        recall=float(found[best] / positives),
    )
