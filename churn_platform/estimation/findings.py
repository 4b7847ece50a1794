"""From estimated and realised performance to findings: decay that is estimated, decay that is real, an assumption that broke.

What belongs here: when a figure is bad enough, by the policy, and the words for it. What does not: figures (`performance.py`,
`reconciliation.py`), and drift of the concept relative to the holdout (`drift/concept.py`).

An absolute bound is passed by chance too: a model at 0.83 realises less than 0.80 in one week of ten with 90 leavers a week. So a
realised figure below the bound warns only where it is also below the champion's own holdout beyond chance, and is critical where its
whole interval lies below the bound.
"""

from __future__ import annotations

import math
from collections.abc import Mapping
from dataclasses import dataclass
from statistics import NormalDist
from typing import Any

from churn_platform.drift.finding import Finding, Severity, Window
from churn_platform.estimation.performance import EstimatedPerformance
from churn_platform.estimation.reconciliation import Assumption, Comparison
from churn_platform.evaluation.estimate import Estimate

BEYOND_CHANCE = 0.999
"""One-sided confidence with which a realised figure must lie below the holdout's before it warns. Windows are looked at daily and
overlap: at 0.95 one in ten of a calm year's 329 windows warned, at 0.99 still one in nine (measured, 90 leavers a window)."""

ESTIMATED_REMEDY = (
    "Read the root cause and the prediction drift; if no feed is the cause, train a challenger on the newest outcomes."
)
REALISED_REMEDY = (
    "Train a challenger on the newest matured outcomes and compare; until then rank with care where the losses are."
)
ASSUMPTION_REMEDY = (
    "Do not believe estimates until a model has learned from outcomes under the new relation; read the root cause."
)


@dataclass(frozen=True, slots=True)
class Bounds:
    """What performance is judged against: the policy's least AUC, its largest relative drop, and the champion's own holdout AUC."""

    min_auc: float
    relative_drop: float
    holdout: Estimate

    @property
    def least_of_its_own(self) -> float:
        """The holdout's AUC less the drop that is worth a warning."""
        return self.holdout.value * (1.0 - self.relative_drop)


def estimated_severity(auc: Estimate, bounds: Bounds) -> Severity:
    """Critical where the whole interval lies below the policy's bound, warning where it lies below the champion's own."""
    if auc.high < bounds.min_auc and auc.value < bounds.least_of_its_own:
        return "critical"
    return "warning" if auc.high < bounds.least_of_its_own else "ok"


def realised_severity(auc: Estimate, bounds: Bounds) -> Severity:
    """Critical where the whole interval lies below the bound, warning where the value does and chance does not explain it."""
    if auc.value >= bounds.min_auc:
        return "ok"
    error = math.hypot(_error(auc), _error(bounds.holdout))
    beyond = bounds.holdout.value - auc.value > NormalDist().inv_cdf(BEYOND_CHANCE) * error
    if not beyond:
        return "ok"
    return "critical" if auc.high < bounds.min_auc else "warning"


def _error(estimate: Estimate) -> float:
    return (estimate.high - estimate.low) / (2.0 * NormalDist().inv_cdf(0.5 + estimate.confidence / 2.0))


def estimated_finding(
    estimated: EstimatedPerformance | str,
    window: Window,
    bounds: Bounds,
    *,
    label_maturity: float,
    assumption: Assumption,
    persists: bool,
) -> Finding:
    """The finding `estimated_decay`; `estimated` is the reason where nothing could be estimated."""
    if isinstance(estimated, str):
        return _insufficient("estimated_decay", "estimated_auc", bounds.min_auc, window, estimated, label_maturity)
    auc = estimated["auc"]
    severity = estimated_severity(auc, bounds)
    doubt = "" if assumption.verdict != "broken" else "; not to be believed, since " + assumption.reason
    return Finding(
        signal="estimated_decay",
        subject="model",
        severity=severity,
        statistic="estimated_auc",
        value=auc.value,
        threshold=bounds.min_auc,
        window=window,
        reason=f"estimated AUC {auc}, {bounds.holdout} on the holdout{doubt}",
        remedy="none" if severity == "ok" else ESTIMATED_REMEDY,
        acts=persists and severity in ("warning", "critical"),
        label_maturity=label_maturity,
        evidence={"estimated": figures(estimated.metrics), "assumption": assumption.verdict},
    )


def realised_finding(
    realised: Mapping[str, Estimate] | str,
    window: Window,
    bounds: Bounds,
    *,
    label_maturity: float,
    comparisons: Mapping[str, Comparison],
    persists: bool,
) -> Finding:
    """The finding `performance_decay` on matured outcomes; `realised` is the reason where nothing could be measured."""
    if isinstance(realised, str):
        return _insufficient("performance_decay", "realised_auc", bounds.min_auc, window, realised, label_maturity)
    auc = realised["auc"]
    severity = realised_severity(auc, bounds)
    return Finding(
        signal="performance_decay",
        subject="model",
        severity=severity,
        statistic="realised_auc",
        value=auc.value,
        threshold=bounds.min_auc,
        window=window,
        reason=f"realised AUC {auc} of {label_maturity:.0%} matured outcomes, {bounds.holdout} on the holdout",
        remedy="none" if severity == "ok" else REALISED_REMEDY,
        acts=persists and severity in ("warning", "critical"),
        label_maturity=label_maturity,
        evidence={"realised": figures(realised), "compared": [one.to_dict() for one in comparisons.values()]},
    )


def assumption_finding(assumption: Assumption, window: Window, *, label_maturity: float, threshold: float) -> Finding:
    """The finding that estimates failed: the relation of features to outcome is another one (concept drift)."""
    severity: Severity = {"holds": "ok", "broken": "warning", "unknown": "insufficient_data"}[assumption.verdict]  # type: ignore[assignment]
    value = None if assumption.distance is None else abs(assumption.distance)
    if severity == "ok" and (value is None or not math.isfinite(value)):
        severity = "insufficient_data"
    return Finding(
        signal="concept_drift",
        subject="estimated performance",
        severity=severity,
        statistic="realised_outside_estimate",
        value=value,
        threshold=threshold,
        window=window,
        reason=assumption.reason,
        remedy="none" if severity == "ok" else ASSUMPTION_REMEDY,
        acts=severity == "warning",
        label_maturity=label_maturity,
        evidence={"metric": assumption.metric},
    )


def _insufficient(
    signal: Any, statistic: str, threshold: float, window: Window, reason: str, maturity: float
) -> Finding:
    return Finding(
        signal, "model", "insufficient_data", statistic, None, threshold, window, reason, "Wait, or widen the window.",
        label_maturity=maturity,
    )  # fmt: skip


def figures(metrics: Mapping[str, Estimate]) -> dict[str, list[float]]:
    """Metric -> [value, low, high], as findings and series keep them."""
    return {name: [one.value, one.low, one.high] for name, one in metrics.items()}
