"""Cost drift: what a thousand scores take in seconds and bytes, and how often the model is trained, against what they used to take.

What belongs here: comparing recorded costs. What does not: measuring them (`flows/scoring.py` times each day; a published file has its
size), and what a single score may cost at most (the evaluation gate).
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import date, datetime, timedelta
from typing import TYPE_CHECKING

import numpy as np

from churn_platform.drift.finding import Finding, Severity, Window

if TYPE_CHECKING:
    from churn_platform.policies.monitoring import CostDriftPolicy

LEAST_DAYS = 3
"""Days on each side of a comparison; a median of three survives one day on a busy machine."""
RETRAINING_DAYS = 30

REMEDIES = {
    "seconds_per_1000_scores": "Compare the model's size and the code revision with those of the cheaper days: `churn changed` names both.",
    "bytes_per_1000_scores": "Look at what the published file holds now: longer reasons, a new column, or another compression.",
    "retrainings": "Read the retraining decisions of the month: triggers that fire on noise need another threshold or a longer cooldown.",
}


@dataclass(frozen=True, slots=True)
class DayCost:
    """What one day's scoring took. `seconds` is None where nobody timed it."""

    day: date
    rows: int
    seconds: float | None
    size: int

    @property
    def seconds_per_1000(self) -> float | None:
        """Seconds for a thousand scores at this day's size."""
        return None if self.seconds is None else 1000.0 * self.seconds / self.rows

    @property
    def bytes_per_1000(self) -> float:
        """Published bytes for a thousand scores."""
        return 1000.0 * self.size / self.rows


def cost_findings(
    costs: Sequence[DayCost], day: date, window_days: int, policy: CostDriftPolicy
) -> tuple[Finding, Finding]:
    """Seconds and bytes per 1,000 scores over the newest `window_days` against the champion's first as many.

    Args:
        costs: the champion's scored days up to `day`, in any order.
        day: the day judged.
        window_days: days on each side.
        policy: policy block `drift.cost`.
    """
    known = sorted((cost for cost in costs if cost.day <= day), key=lambda cost: cost.day)
    recent = [cost for cost in known if cost.day > day - timedelta(window_days)]
    first = [cost for cost in known if cost.day < known[0].day + timedelta(window_days)] if known else []
    first = [cost for cost in first if cost not in recent]
    seconds = _against(
        "seconds_per_1000_scores",
        [c.seconds_per_1000 for c in recent],
        [c.seconds_per_1000 for c in first],
        policy.seconds_increase,
        _window(recent, day),
    )
    size = _against(
        "bytes_per_1000_scores",
        [c.bytes_per_1000 for c in recent],
        [c.bytes_per_1000 for c in first],
        policy.bytes_increase,
        _window(recent, day),
    )
    return seconds, size


def _window(recent: Sequence[DayCost], day: date) -> Window:
    return Window(recent[0].day if recent else day, day, sum(cost.rows for cost in recent))


def _against(
    statistic: str, recent: Sequence[float | None], first: Sequence[float | None], most: float, window: Window
) -> Finding:
    now = [value for value in recent if value is not None]
    before = [value for value in first if value is not None]
    severity: Severity = "insufficient_data"
    increase = None
    if len(now) >= LEAST_DAYS and len(before) >= LEAST_DAYS:
        median_now, median_before = float(np.median(now)), float(np.median(before))
        increase = median_now / median_before - 1.0 if median_before > 0 else 0.0
        severity = "warning" if increase > most else "ok"
        reason = f"{median_now:.3g} now, {median_before:.3g} in the champion's first days: {increase:+.0%}"
    else:
        reason = f"{len(now)} days now and {len(before)} before are known; {LEAST_DAYS} of each are needed"
    return Finding(
        signal="cost_drift",
        subject="scoring",
        severity=severity,
        statistic=statistic,
        value=increase,
        threshold=most,
        window=window,
        reason=reason,
        remedy="none" if severity == "ok" else REMEDIES[statistic],
        acts=severity == "warning",
        evidence={"now": now[-1] if now else None, "days_now": len(now), "days_before": len(before)},
    )


def retraining_finding(trained_at: Sequence[datetime], at: datetime, policy: CostDriftPolicy) -> Finding:
    """How many models were trained in the 30 days up to `at`.

    Args:
        trained_at: when each model was registered, aware.
        at: the moment judged, aware.
        policy: policy block `drift.cost`.
    """
    since = at - timedelta(RETRAINING_DAYS)
    count = sum(since < moment <= at for moment in trained_at)
    too_many = count > policy.retrainings
    return Finding(
        signal="cost_drift",
        subject="training",
        severity="warning" if too_many else "ok",
        statistic="retrainings",
        value=float(count),
        threshold=float(policy.retrainings),
        window=Window(since.date(), at.date(), count),
        reason=f"{count} trainings in {RETRAINING_DAYS} days",
        remedy=REMEDIES["retrainings"] if too_many else "none",
        acts=too_many,
    )
