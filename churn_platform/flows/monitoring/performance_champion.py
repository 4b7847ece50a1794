"""The champion as its performance is judged.

What belongs here: the value. What does not: reading it (`performance`) and judging with it (`performance_judge`).
"""

from __future__ import annotations

from dataclasses import dataclass

from churn_platform.estimation.doubt import CalibrationDoubt
from churn_platform.estimation.findings import Bounds


@dataclass(frozen=True)
class Champion:
    """What is judged: version, package, its decision threshold, and what it reached on its holdout."""

    version: str
    digest: str
    threshold: float
    doubt: CalibrationDoubt
    bounds: Bounds
    holdout_selection: dict[str, float]
