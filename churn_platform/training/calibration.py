"""Calibration: does the model's 30 % mean 30 %? Measured on out-of-fold margins, corrected only if it is clearly off.

Here: the affine (Platt) map on the margin, `probability = sigmoid(slope · margin + intercept)`, and the rule for using
it. Not here: calibration figures for a report (`evaluation`). Affine on the margin, not isotonic, because contributions
then scale by `slope` and reasons still sum exactly to what was scored.

Sources: Cox (1958), Two further applications of a model for binary regression (slope and intercept, likelihood-ratio
test); Platt (1999), Probabilistic outputs for support vector machines.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Literal

import numpy as np

if TYPE_CHECKING:
    from numpy.typing import ArrayLike, NDArray

CRITICAL = 9.21
"""The 1 % point of χ² with two degrees of freedom (slope and intercept): below it the gain is what chance gives."""

STEPS = 50
"""Newton steps before giving up; two parameters converge in about six unless the classes are perfectly separated."""


@dataclass(frozen=True, slots=True)
class Calibration:
    """`probability = sigmoid(slope · margin + intercept)`, how it was chosen, and the out-of-fold log loss before and
    after."""

    slope: float
    intercept: float
    method: Literal["identity", "affine"]
    reason: str
    log_loss_before: float
    log_loss_after: float

    def margin(self, raw: ArrayLike) -> NDArray[np.float64]:
        """The calibrated margin (log odds) of raw margins, same shape."""
        return self.slope * np.asarray(raw, dtype=np.float64) + self.intercept

    def probability(self, raw: ArrayLike) -> NDArray[np.float64]:
        """The calibrated probability of raw margins, same shape."""
        return sigmoid(self.margin(raw))

    def scale_contributions(self, contributions: ArrayLike) -> NDArray[np.float64]:
        """Contributions to the raw margin as contributions to the calibrated margin; with `margin(base)` they sum to it
        exactly."""
        return self.slope * np.asarray(contributions, dtype=np.float64)


def calibrate(margins: ArrayLike, churned: ArrayLike) -> Calibration:
    """Fit slope and intercept on out-of-fold margins (rows,) and keep them only if the likelihood-ratio test says they
    are needed.

    Rule: apply if the slope is positive and 2 · rows · (log loss before − after) > 9.21, the 1 % point of χ²(2); else
    identity.

    >>> rng = np.random.default_rng(7)
    >>> log_odds = rng.normal(-1, 1.5, 4000)
    >>> churned = (rng.random(4000) < sigmoid(log_odds)).astype(int)
    >>> calibrate(log_odds, churned).method
    'identity'
    >>> overconfident = calibrate(2 * log_odds, churned)
    >>> overconfident.method, round(overconfident.slope, 1)
    ('affine', 0.5)
    """
    margin = np.asarray(margins, dtype=np.float64)
    label = np.asarray(churned, dtype=np.float64)
    if margin.shape != label.shape or margin.ndim != 1 or margin.size == 0:
        raise ValueError(f"calibration needs one margin per label, got shapes {margin.shape} and {label.shape}")
    if not np.isfinite(margin).all() or not np.isin(label, (0.0, 1.0)).all():
        raise ValueError("calibration needs finite margins and labels of 0 or 1")
    order = np.lexsort((label, margin))  # sums round alike whatever order the rows come in
    margin, label = margin[order], label[order]
    before = log_loss(margin, label)
    fitted = _newton(margin, label)
    if fitted is None:
        return _identity(
            before,
            "slope and intercept could not be fitted (the classes are perfectly separated or the margins constant)",
        )
    slope, intercept = fitted
    after = log_loss(slope * margin + intercept, label)
    statistic = 2 * margin.size * (before - after)
    if slope <= 0:
        return _identity(before, f"the fitted slope {slope:.3f} is not positive: it would turn the ranking around")
    if statistic <= CRITICAL:
        return _identity(
            before,
            f"the likelihood-ratio statistic {statistic:.2f} is within chance (1 % point {CRITICAL} of χ² with "
            "2 degrees of freedom)",
        )
    return Calibration(
        slope,
        intercept,
        "affine",
        f"the likelihood-ratio statistic {statistic:.2f} exceeds {CRITICAL}, the 1 % point of χ² with 2 "
        "degrees of freedom",
        before,
        after,
    )


def sigmoid(margin: ArrayLike) -> NDArray[np.float64]:
    """1 / (1 + e^−margin), without overflow at either end.

    >>> sigmoid([-1000.0, 0.0, 1000.0]).tolist()
    [0.0, 0.5, 1.0]
    """
    values = np.asarray(margin, dtype=np.float64)
    decay = np.exp(-np.abs(values))
    return np.where(values >= 0, 1.0, decay) / (1.0 + decay)


def log_loss(
    margin: NDArray[np.float64], churned: NDArray[np.float64], weights: NDArray[np.float64] | None = None
) -> float:
    """Mean negative log likelihood of labels given margins (log odds), weighted where `weights` are given.

    >>> round(log_loss(np.zeros(2), np.array([0.0, 1.0])), 4)
    0.6931
    """
    losses = np.logaddexp(0.0, margin) - churned * margin
    return float(np.mean(losses) if weights is None else np.average(losses, weights=weights))


def _identity(loss: float, reason: str) -> Calibration:
    return Calibration(1.0, 0.0, "identity", reason, loss, loss)


def _newton(margin: NDArray[np.float64], label: NDArray[np.float64]) -> tuple[float, float] | None:
    """Maximum-likelihood slope and intercept, started at the identity with halved steps; None if they do not "
    "settle."""
    design = np.column_stack([margin, np.ones_like(margin)])
    at, loss = np.array([1.0, 0.0]), log_loss(margin, label)
    for _ in range(STEPS):
        probability = sigmoid(design @ at)
        gradient = design.T @ (probability - label)
        curvature = design.T @ (design * (probability * (1 - probability))[:, None])
        if np.linalg.matrix_rank(curvature, hermitian=True) < 2:
            return None
        step = np.linalg.solve(curvature, gradient)
        for _ in range(STEPS):
            tried = log_loss(design @ (at - step), label)
            if tried <= loss:
                break
            step /= 2
        else:
            return float(at[0]), float(at[1])
        at, loss = at - step, tried
        if np.abs(step).max() < 1e-10:
            return float(at[0]), float(at[1])
    return None
