"""What must hold before training, before registration, and before traffic.

What belongs here: the bounds of the three gates. What does not: judging by them (`evaluation/gate.py`).
"""

from __future__ import annotations

from collections.abc import Iterator
from typing import Annotated

from pydantic import Field

from churn_platform.policies.quantities import Block, Contradiction, Named, Share, Unit

Rows = Annotated[int, Unit("rows"), Field(ge=1)]
Approvals = Annotated[int, Unit("approvals"), Field(ge=0, le=10)]


class DataGatePolicy(Block):
    """Before training: enough rows, enough churners, few quarantined, few missing, every fairness group visible."""

    min_rows: Rows
    min_churners: Rows
    max_quarantined_share: Share
    max_missing_share: Share
    min_group_rows: Rows

    def contradictions(self) -> Iterator[Contradiction]:
        """Churners are among the rows."""
        if self.min_churners >= self.min_rows:
            yield Contradiction(
                "min_churners",
                f"{self.min_churners} churners are no fewer than all {self.min_rows} rows asked for.",
                "Keep min_churners below min_rows.",
            )


class EvaluationGatePolicy(Block):
    """Before registration: performance, calibration, fairness, cost, and that scores mean what they say."""

    min_auc: Annotated[float, Unit("AUC"), Field(ge=0.5, lt=1)]
    max_brier: Annotated[float, Unit("Brier score"), Field(gt=0, le=1)]
    max_ece: Annotated[float, Unit("expected calibration error"), Field(gt=0, le=1)]
    min_top_decile_lift: Annotated[float, Unit("times the base rate"), Field(ge=1, le=10)]
    max_auc_below_baseline: Annotated[float, Unit("AUC"), Field(ge=0, le=0.5)]
    max_true_positive_rate_difference: Named[Share]
    max_seconds_per_1000_scores: Annotated[float, Unit("seconds per 1000 scores"), Field(gt=0)]
    max_contribution_gap: Annotated[float, Unit("margin"), Field(gt=0, le=0.1)]
    max_parity_difference: Annotated[float, Unit("probability"), Field(gt=0, le=0.1)]


class ApprovalsByTier(Block):
    """How many people must agree, by risk tier."""

    low: Approvals
    medium: Approvals
    high: Approvals

    def contradictions(self) -> Iterator[Contradiction]:
        """More risk never needs fewer people."""
        if not self.low <= self.medium <= self.high:
            yield Contradiction(
                "high",
                f"a riskier tier needs fewer approvals (low {self.low}, medium {self.medium}, high {self.high}).",
                "Let approvals grow with the tier.",
            )


class DeploymentGatePolicy(Block):
    """Before traffic: the package is intact, people agreed, the SLA holds, nothing gets worse than the incumbent."""

    approvals: ApprovalsByTier
    require_package_integrity: bool
    require_owners: bool
    require_not_worse_than_incumbent: bool
    max_auc_below_incumbent: Annotated[float, Unit("AUC"), Field(ge=0, le=0.5)]


class GatesPolicy(Block):
    """The three gates, in the order in which a model meets them."""

    data: DataGatePolicy
    evaluation: EvaluationGatePolicy
    deployment: DeploymentGatePolicy
