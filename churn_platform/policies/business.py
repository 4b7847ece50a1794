"""What the platform is for, who answers for it, and what a review may cost.

What belongs here: KPIs, governance, the budget of reviews. What does not: SQL, people's names, keys.
"""

from __future__ import annotations

from collections.abc import Iterator
from typing import Annotated, Literal

from pydantic import Field

from churn_platform.policies.quantities import Block, Contradiction, Day, Money, Relative, Span, Unit, Word

RiskTier = Literal["low", "medium", "high"]


class KpiPolicy(Block):
    """One KPI: the table that computes it, where it stands, where it should be, and when to say that it got worse."""

    table: Word
    better: Literal["lower", "higher"]
    every: Literal["day", "week", "month"]
    target: Annotated[float, Unit("ratio"), Field(ge=0)]
    baseline: Annotated[float, Unit("ratio"), Field(ge=0)]
    max_worsening: Relative

    def contradictions(self) -> Iterator[Contradiction]:
        """The target is on the better side of the baseline."""
        worse = self.target > self.baseline if self.better == "lower" else self.target < self.baseline
        if worse:
            yield Contradiction(
                "target",
                f"{self.target} is worse than the baseline {self.baseline}, though {self.better} is better.",
                "Turn `better` round, or aim beyond the baseline.",
            )


class KpisPolicy(Block):
    """The three figures by which the platform is judged."""

    churn_rate: KpiPolicy
    intervention_roi: KpiPolicy
    net_revenue_retention: KpiPolicy


class ApproversByTier(Block):
    """Which roles may approve a release, by risk tier."""

    low: tuple[Word, ...]
    medium: tuple[Word, ...]
    high: tuple[Word, ...]


class ExceptionPolicy(Block):
    """A rule set aside for a while: which, for what, asked by whom, granted by whom, until when."""

    rule: Word
    subject: Word
    requested_by: Word
    granted_by: Word
    expires: Day

    def contradictions(self) -> Iterator[Contradiction]:
        """Nobody grants an exception to themselves."""
        if self.requested_by == self.granted_by:
            yield Contradiction(
                "granted_by",
                f"{self.granted_by!r} would grant an exception to themselves.",
                "Let somebody else grant it.",
            )


class RetirementPolicy(Block):
    """When a model that is no longer champion is retired, and how long its record is kept."""

    after: Span
    keep_packages: Span


class GovernancePolicy(Block):
    """Who answers for the model, who may approve it, and who never may."""

    model: Word
    business_owner: Word
    ml_owner: Word
    risk_tier: RiskTier
    approvers: ApproversByTier
    never_approve: tuple[Literal["requester", "service", "agent"], ...]
    approval_expires_after: Span
    retirement: RetirementPolicy
    exceptions: tuple[ExceptionPolicy, ...]

    def contradictions(self) -> Iterator[Contradiction]:
        """Requester, service and agent never approve, and whoever grants an exception may approve the highest tier."""
        missing = sorted({"requester", "service", "agent"} - set(self.never_approve))
        if missing:
            yield Contradiction(
                "never_approve", f"{', '.join(missing)} could approve.", "List requester, service and agent, each once."
            )
        for i, exception in enumerate(self.exceptions):
            if exception.granted_by not in self.approvers.high:
                yield Contradiction(
                    f"exceptions[{i}].granted_by",
                    f"{exception.granted_by!r} is not among approvers.high ({', '.join(self.approvers.high)}).",
                    "Let one of them grant it.",
                )


class ReviewPolicy(Block):
    """Who writes the weekly review, and what it may spend: reserved before a call, settled after."""

    provider: Word
    model: Word
    max_cost: Money
    max_tokens: Annotated[int, Unit("tokens"), Field(ge=0)]
    period: Span
