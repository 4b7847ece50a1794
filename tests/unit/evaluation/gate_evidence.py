"""What the tests of the gates share: sound evidence, an estimate of any value, and a check by its name."""

from __future__ import annotations

from churn_platform.evaluation.estimate import Estimate
from churn_platform.evaluation.gate import GateCheck, GateDecision, ModelEvidence

NAN = float("nan")
SOUND = ModelEvidence(0.2, 1e-6, 0.0, ("tenure_months", "contract"))


def check(decision: GateDecision, name: str) -> GateCheck:
    return next(entry for entry in decision.checks if entry.name == name)


def fresh(value: float, rows: int) -> Estimate:
    return Estimate(value, value - 0.01, value + 0.01, 0.95, "made up", rows)
