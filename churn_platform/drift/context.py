"""What every detector is given: the days to judge, the reference, the counts, the outcomes, the policy.

What belongs here: the one value that `findings.py` hands to each detector, and the shape of their answers. What does not: gathering it
(`flows/monitoring`).
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from datetime import date, timedelta
from functools import cached_property
from typing import TYPE_CHECKING

import numpy as np
import pandas as pd

from churn_platform.drift.baseline import Baseline
from churn_platform.drift.finding import Finding
from churn_platform.drift.tally import Tallies

if TYPE_CHECKING:
    from churn_platform.drift.early import EarlyOutcomes
    from churn_platform.drift.measures import Measured
    from churn_platform.policies.monitoring import DriftPolicy

Findings = dict[date, list[Finding]]
TIMELINE = 30
"""Days before the judged ones that are measured too, so that a day's page shows where it came from."""


@dataclass(frozen=True, slots=True)
class HoldoutAuc:
    """The champion's AUC on its own holdout, with the standard error that its interval implies."""

    value: float
    standard_error: float


@dataclass(frozen=True)
class DriftContext:
    """One judging.

    Args:
        days: the days to judge, consecutive, oldest first.
        baseline: the champion's reference.
        tallies: counts of the watched columns; reaches back far enough for the longest window of the first judged day's persistence.
        scored: (n, …) the champion's published scores with what became of them: customer_id, observation_date, probability, band,
            churned_on, churn_known_at (NaT where nobody left).
        influence: share of the model's contributions by feature.
        holdout: the champion's own performance.
        horizon_days: the label horizon.
        policy: block `drift`.
        late: days on which a feed was late or broken, by table, as the schema report found: drift explained by it does not act.
        labels: feature -> business words.
        segments: columns of `scored` by which early outcomes are judged apart.
        correlation_sums: (days of the axis, 4, k, k) of the numeric features in the baseline's order (`feature.correlation_sums`).
    """

    days: tuple[date, ...]
    baseline: Baseline
    tallies: Tallies
    scored: pd.DataFrame
    influence: Mapping[str, float]
    holdout: HoldoutAuc | None
    horizon_days: int
    policy: DriftPolicy
    late: Mapping[str, frozenset[date]] = field(default_factory=dict)
    labels: Mapping[str, str] = field(default_factory=dict)
    segments: tuple[str, ...] = ()
    correlation_sums: np.ndarray | None = None

    @cached_property
    def early(self) -> EarlyOutcomes | None:
        """Who left how soon, by day of observation; gathered once."""
        from churn_platform.drift.early import early_outcomes

        return early_outcomes(self, self.scored)

    @cached_property
    def single_days(self) -> Mapping[str, Measured]:
        """Every watched column on each judged day and those before it alone, where the day has rows enough: what is sudden shows there."""
        from churn_platform.drift.measures import measure

        day = self.policy.window.model_copy(update={"length": timedelta(1), "longest": timedelta(1)})
        return measure(self.tallies, self.baseline, self.positions(self.with_memory()), day)

    def with_memory(self) -> tuple[date, ...]:
        """The judged days and those before them that persistence looks back on and the timeline shows, consecutive."""
        before = max(self.policy.persistence.windows - 1, TIMELINE)
        first = self.days[0] - timedelta(before)
        return tuple(first + timedelta(n) for n in range((self.days[-1] - first).days + 1))

    def positions(self, days: Iterable[date]) -> np.ndarray:
        """Positions of days on the tallies' axis."""
        return np.array([self.tallies.position(day) for day in days], dtype=np.int64)

    def label(self, name: str) -> str:
        """Business words for a watched column."""
        column = self.baseline.columns.get(name)
        return column.label if column is not None else self.labels.get(name, name)


def nothing(days: Iterable[date]) -> Findings:
    """No findings yet, for each day."""
    return {day: [] for day in days}
