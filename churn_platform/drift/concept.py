"""Concept drift: the same customers, but the model is no longer right about them. Seen on matured outcomes.

What belongs here: the drop of AUC against the champion's own holdout, and calibration. What does not: the early sign of both (`early`), and
performance estimated without outcomes.
"""

from __future__ import annotations

from collections.abc import Mapping
from datetime import date, timedelta

import numpy as np
import pandas as pd
from numpy.typing import NDArray

from churn_platform.drift.context import DriftContext, Findings, nothing
from churn_platform.drift.finding import Finding, Severity, Window
from churn_platform.drift.label import level_over_a_year, matured
from churn_platform.drift.measures import Measured

REMEDY = "Retrain on the matured outcomes: the comparison on the same rows decides whether the challenger is better."
Floats = NDArray[np.float64]


def concept_drift(context: DriftContext, measured: Mapping[str, Measured]) -> Findings:
    """AUC and calibration on matured outcomes, for each judged day."""
    found = nothing(context.days)
    rows = matured(context, context.days[-1]).sort_values("observation_date", kind="stable")
    observed = rows["observation_date"].to_numpy().astype("datetime64[D]")
    score = rows["probability"].to_numpy(dtype=np.float64)
    churned = rows["churned"].to_numpy(dtype=bool)
    known = rows["churn_known_at"].to_numpy().astype("datetime64[D]")
    for day in context.days:
        last = np.datetime64(day, "D") - context.horizon_days
        here = slice(0, int(np.searchsorted(observed, last, side="right")))
        left = churned[here] & (known[here] <= np.datetime64(day, "D"))
        found[day] += _of_day(context, day, observed[here], score[here], left)
    return found


def _of_day(
    context: DriftContext, day: date, observed: NDArray[np.datetime64], score: Floats, left: NDArray[np.bool_]
) -> list[Finding]:
    policy = context.policy.concept
    end = day - timedelta(context.horizon_days)
    length, longest = policy.window.days, context.policy.window.longest.days
    start = len(observed)
    for days in range(length, longest + 1):
        start = int(np.searchsorted(observed, np.datetime64(end, "D") - days + 1))
        if int(left[start:].sum()) >= policy.min_churners or start == 0:
            break
    churners, rows = int(left[start:].sum()), len(observed) - start
    window = Window(end if not rows else pd.Timestamp(observed[start]).date(), end, rows)
    if churners < policy.min_churners or rows - churners < policy.min_churners or context.holdout is None:
        why = f"{churners} leavers among {rows} matured outcomes, fewer than the {policy.min_churners} it takes"
        return [_not_yet("model", "auc_drop", window, why), _not_yet("calibration", "calibration_ratio", window, why)]
    limit = level_over_a_year(context.policy.label.confidence, length)
    return [
        _auc(context, window, score[start:], left[start:], limit),
        _calibration(context, window, score[start:], left[start:], limit),
    ]


def _auc(context: DriftContext, window: Window, score: Floats, left: NDArray[np.bool_], limit: float) -> Finding:
    policy, holdout = context.policy.concept, context.holdout
    assert holdout is not None  # noqa: S101 - asked for above
    value, error = auc_with_error(score, left)
    drop = 1.0 - value / holdout.value
    doubt = float(np.hypot(error, holdout.standard_error)) / holdout.value
    violates = drop >= policy.auc_drop and drop - limit * doubt > 0
    severity: Severity = "ok"
    if violates:
        severity = "critical" if drop >= policy.auc_drop_critical else "warning"
    said = f"AUC {value:.3f} on matured outcomes, {holdout.value:.3f} on the champion's holdout"
    return Finding(
        "concept_drift", "model", severity, "auc_drop", drop, policy.auc_drop, window, said,
        REMEDY if violates else "Nothing to do.", acts=bool(violates), influence=1.0, label_maturity=1.0,
        evidence={"auc": value, "holdout_auc": holdout.value, "low": drop - limit * doubt, "high": drop + limit * doubt,
                  "churners": int(left.sum())},
    )  # fmt: skip


def _calibration(
    context: DriftContext, window: Window, score: Floats, left: NDArray[np.bool_], limit: float
) -> Finding:
    """Leavers against the sum of the scores: as many as were promised."""
    expected = float(score.sum())
    deviation = float(np.sqrt((score * (1 - score)).sum()))
    ratio = float(left.sum()) / expected if expected else float("inf")
    tolerated = context.policy.early.rate_ratio
    beyond = max(float(left.sum()) - tolerated * expected, expected / tolerated - float(left.sum()))
    violates = beyond > 0 and beyond / max(deviation, 1e-9) >= limit
    said = f"{int(left.sum())} left, {expected:.0f} were promised by the scores"
    return Finding(
        "concept_drift", "calibration", "warning" if violates else "ok", "calibration_ratio", ratio, tolerated, window, said,
        "Recalibrate: the order may still be right, the probabilities are not." if violates else "Nothing to do.",
        acts=bool(violates), influence=1.0, label_maturity=1.0,
    )  # fmt: skip


def auc_with_error(score: Floats, left: NDArray[np.bool_]) -> tuple[float, float]:
    """AUC (ties count half) and its standard error by DeLong.

    >>> value, _ = auc_with_error(np.array([0.9, 0.8, 0.3, 0.2]), np.array([True, False, True, False]))
    >>> value
    0.75
    """
    ranks = pd.Series(score).rank().to_numpy()
    churners, stayers = int(left.sum()), int((~left).sum())
    of_left = (ranks[left] - pd.Series(score[left]).rank().to_numpy()) / stayers
    of_stayed = 1.0 - (ranks[~left] - pd.Series(score[~left]).rank().to_numpy()) / churners
    variance = (of_left.var(ddof=1) if churners > 1 else 1.0) / churners + (
        of_stayed.var(ddof=1) if stayers > 1 else 1.0
    ) / stayers
    return float(of_left.mean()), float(np.sqrt(variance))


def _not_yet(subject: str, statistic: str, window: Window, why: str) -> Finding:
    return Finding(
        "concept_drift", subject, "insufficient_data", statistic, None, None, window, why,
        "Wait until outcomes have matured; early outcomes are judged meanwhile.", label_maturity=0.0 if not window.rows else 1.0,
    )  # fmt: skip
