"""A measured figure with its uncertainty, and the errors of this room.

What belongs here: the one value type that every metric returns, and what is raised when a metric cannot be measured.
What does not: how any metric or interval is computed (`metrics`, `auc`, `intervals`).
"""

from __future__ import annotations

import math
from dataclasses import dataclass


class EvaluationError(ValueError):
    """The evaluation's inputs are unusable; the message says what, where, by which rule, and the way out."""


class OneClassError(EvaluationError):
    """All rows have the same outcome, so nothing that ranks or separates can be measured."""


@dataclass(frozen=True, slots=True)
class Estimate:
    """A value with its interval: `low <= value <= high` at `confidence`, by `method`, measured on `rows` rows.

    >>> print(Estimate(0.8461, 0.8252, 0.867, 0.95, "delong", 1409))
    0.846 (0.825 to 0.867)
    """

    value: float
    low: float
    high: float
    confidence: float
    method: str
    rows: int

    def __str__(self) -> str:
        return f"{self.value:.3f} ({self.low:.3f} to {self.high:.3f})"

    @property
    def is_usable(self) -> bool:
        """Whether the value and its interval are finite, in order, and measured on at least one row."""
        figures = (self.value, self.low, self.high)
        return (
            all(math.isfinite(figure) for figure in figures) and self.low <= self.value <= self.high and self.rows > 0
        )
