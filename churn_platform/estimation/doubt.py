"""How far the calibration itself may be off: it was measured on finitely many outcomes.

What belongs here: the sampling error of a calibration's slope and intercept, and draws from it. What does not: fitting a calibration
(`training/calibration.py`).

The idea: a model that is calibrated on 5,000 rows is calibrated up to a slope of 1 ± 0.03 and an intercept of 0 ± 0.04 on the margin.
No number of new rows takes that doubt away, so an interval from the new rows' noise alone is too narrow.
Source: Cox, Biometrika 45 (1958); the information of a logistic regression on the margin.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from churn_platform.drift.reference import Reference
from churn_platform.estimation.expectation import EstimationError, Floats

KEEP_AWAY = 1e-6
"""A probability's distance from 0 and 1 before its logit is taken."""


@dataclass(frozen=True, slots=True)
class CalibrationDoubt:
    """Covariance of (slope, intercept) about (1, 0), on the margin; `rows` outcomes stand behind it."""

    slope_variance: float
    covariance: float
    intercept_variance: float
    rows: int

    @property
    def matrix(self) -> Floats:
        """The covariance as (2, 2)."""
        return np.array(
            [[self.slope_variance, self.covariance], [self.covariance, self.intercept_variance]], dtype=np.float64
        )

    def draw(self, count: int, rng: np.random.Generator) -> Floats:
        """Slopes and intercepts that the calibration may really have, (count, 2)."""
        return np.asarray(rng.multivariate_normal((1.0, 0.0), self.matrix, size=count, method="eigh"))


NO_DOUBT = CalibrationDoubt(0.0, 0.0, 0.0, 0)
"""For probabilities that are true by construction, as in a simulation."""


def margin_of(p: Floats) -> Floats:
    """Log odds, with probabilities kept a millionth away from 0 and 1."""
    inside = np.clip(p, KEEP_AWAY, 1.0 - KEEP_AWAY)
    return np.asarray(np.log(inside / (1.0 - inside)))


def doubt_of(p: Floats, weights: Floats | None = None) -> CalibrationDoubt:
    """The doubt of a calibration that was measured on rows scored `p`, each counting `weights` times.

    Raises:
        EstimationError: the scores do not vary, so that a slope cannot have been measured.

    >>> few, many = np.linspace(0.1, 0.9, 100), np.linspace(0.1, 0.9, 10_000)
    >>> round(doubt_of(few).slope_variance / doubt_of(many).slope_variance)
    99
    """
    counts = np.ones_like(p) if weights is None else np.asarray(weights, dtype=np.float64)
    margin = margin_of(p)
    if float(np.ptp(margin)) < 1e-9 or not counts.sum() > 0:
        raise EstimationError("the reference scores do not vary: nothing can be estimated with such a model")
    design = np.column_stack([margin, np.ones_like(p)])
    covariance = np.linalg.inv(design.T @ (design * (counts * p * (1.0 - p))[:, None]))
    return CalibrationDoubt(
        float(covariance[0, 0]), float(covariance[0, 1]), float(covariance[1, 1]), round(float(counts.sum()))
    )


def doubt_of_reference(reference: Reference) -> CalibrationDoubt:
    """The doubt of a champion's calibration, from its package's reference: out-of-fold scores of the training rows, by bin.

    Each bin stands for its middle: the variances are then within a third of those from the rows themselves (held by a test).
    """
    edges = np.asarray(reference.score.edges, dtype=np.float64)
    counts = np.asarray(reference.score.counts, dtype=np.float64)
    if not len(edges):
        raise EstimationError("the reference holds one score only: nothing can be estimated with such a model")
    lower = np.concatenate([[edges[0] / 2.0], edges])
    upper = np.concatenate([edges, [(1.0 + edges[-1]) / 2.0]])
    return doubt_of((lower + upper) / 2.0, counts)
