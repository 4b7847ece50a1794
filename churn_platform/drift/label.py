"""Label drift: the churn rate of matured outcomes is another than in the reference.

What belongs here: the rate in windows of matured outcomes. What does not: who left early (`early`), whether the model still ranks
(`concept`).

The window ends on the last day whose outcomes have matured and grows until the policy's rate change could be told from chance, so a rare
label is watched over more days. One looks daily all year: the level is divided by the number of windows in it that share no day.
"""

from __future__ import annotations

from collections.abc import Mapping
from datetime import date, timedelta
from statistics import NormalDist
from typing import TYPE_CHECKING

import numpy as np
import pandas as pd

from churn_platform.drift.context import DriftContext, Findings, nothing
from churn_platform.drift.finding import Finding, Severity, Window
from churn_platform.drift.measures import Measured
from churn_platform.drift.windows import growing_windows, window_sums

if TYPE_CHECKING:
    from churn_platform.policies.monitoring import DriftPolicy

REMEDY = "Recalibrate or retrain on the matured outcomes, and tell finance: the base leaves at another rate."


def level_over_a_year(confidence: float, window_days: int) -> float:
    """The standard normal limit of a two-sided test at `confidence` over all windows of a year that share no day.

    >>> round(level_over_a_year(0.95, 7), 2)
    3.3
    """
    looks = max(1.0, 365.0 / window_days)
    return NormalDist().inv_cdf(1.0 - (1.0 - confidence) / looks / 2.0)


def matured(context: DriftContext, as_of: date) -> pd.DataFrame:
    """The scored rows whose horizon has closed by `as_of`, with `churned` as known then (bool)."""
    rows = context.scored
    horizon = pd.Timedelta(days=context.horizon_days)
    closed = rows[rows["observation_date"] + horizon <= pd.Timestamp(as_of)]
    left = (closed["churned_on"] <= closed["observation_date"] + horizon) & (
        closed["churn_known_at"] <= pd.Timestamp(as_of)
    )
    return closed.assign(churned=left.to_numpy(dtype=bool))


def label_drift(context: DriftContext, measured: Mapping[str, Measured]) -> Findings:
    """The churn rate of matured outcomes for each judged day."""
    found = nothing(context.days)
    all_rows = matured(context, context.days[-1])
    first = context.tallies.first if all_rows.empty else all_rows["observation_date"].min().date()
    days = (context.days[-1] - first).days + 1
    at = (all_rows["observation_date"] - pd.Timestamp(first)).dt.days.to_numpy(dtype=np.int64)
    observed = np.bincount(at, minlength=max(days, 1))
    left = np.bincount(at, weights=all_rows["churned"].to_numpy(dtype=np.float64), minlength=max(days, 1))
    for day in context.days:
        found[day].append(_of_day(context, day, first, observed, left))
    return found


def _of_day(context: DriftContext, day: date, first: date, observed: np.ndarray, left: np.ndarray) -> Finding:
    policy, baseline = context.policy, context.baseline
    last = (day - timedelta(context.horizon_days) - first).days
    limit = level_over_a_year(policy.label.confidence, policy.window.length.days)
    was = baseline.churn_rate
    needed = _rows_needed(was, limit, policy)
    if last < 0:
        return _not_yet(day, f"no outcome has matured yet: the horizon is {context.horizon_days} days")
    ends = np.array([last])
    spans = growing_windows(observed, ends, policy.window.length.days, policy.window.longest.days, needed)
    rows, churned = int(spans.rows[0]), float(window_sums(left, spans)[0])
    window = Window(first + timedelta(int(spans.first[0])), first + timedelta(int(spans.last[0])), rows)
    if rows < policy.window.min_rows:
        return _not_yet(day, f"{rows} matured outcomes, fewer than the {policy.window.min_rows} it takes", window)
    now = churned / rows
    pooled = (churned + was * baseline.customers) / (rows + baseline.customers)
    error = np.sqrt(max(pooled * (1 - pooled), 1e-9) * (1 / rows + 1 / baseline.customers))
    change = now / was - 1.0 if was else float("inf")
    violates = abs(change) >= policy.label.rate_change and abs(now - was) / error >= limit
    severity: Severity = "ok"
    if violates:
        severity = "critical" if abs(change) >= 2.0 * policy.label.rate_change else "warning"
    said = f"{now:.1%} of {rows:,} customers left within {context.horizon_days} days, {was:.1%} in the reference"
    low, high = now - limit * error, now + limit * error
    return Finding(
        "label_drift", "churn_rate", severity, "rate_change", float(change), policy.label.rate_change, window, said,
        REMEDY if violates else "Nothing to do.", acts=bool(violates), influence=1.0, label_maturity=1.0,
        evidence={"rate": now, "reference": was, "low": max(0.0, float(low)), "high": min(1.0, float(high))},
    )  # fmt: skip


def _rows_needed(rate: float, limit: float, policy: DriftPolicy) -> int:
    """Rows with which a change of the policy's size is as large as the limit in standard errors."""
    if rate <= 0:
        return policy.window.min_rows
    return max(policy.window.min_rows, int((limit / policy.label.rate_change) ** 2 * (1 - rate) / rate))


def _not_yet(day: date, why: str, window: Window | None = None) -> Finding:
    return Finding(
        "label_drift", "churn_rate", "insufficient_data", "rate_change", None, None, window or Window(day, day, 0), why,
        "Wait until outcomes have matured; early outcomes are judged meanwhile.", label_maturity=0.0 if window is None else 1.0,
    )  # fmt: skip
