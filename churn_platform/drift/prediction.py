"""Prediction drift: the scores are distributed otherwise than in the reference.

What belongs here: KL divergence of the score distribution, shares of the bands, confidence. What does not: whether the scores are right
(`concept`, and performance estimates).
"""

from __future__ import annotations

from collections.abc import Mapping
from datetime import date

import numpy as np

from churn_platform.drift import statistics
from churn_platform.drift.context import DriftContext, Findings, nothing
from churn_platform.drift.data import told, too_few
from churn_platform.drift.finding import Finding, Severity
from churn_platform.drift.measures import Measured
from churn_platform.drift.panel import SCORE
from churn_platform.drift.persistence import persists
from churn_platform.drift.windows import window_sums

REMEDY = "Read the data drift beside it: scores move because customers do, or because an input broke. Retrain if customers changed."
BANDS = ("low", "medium", "high")


def prediction_drift(context: DriftContext, measured: Mapping[str, Measured]) -> Findings:
    """KL, band shares and confidence of the published scores, for each judged day."""
    found = nothing(context.days)
    memory = len(context.with_memory()) - len(context.days)
    one = measured.get(SCORE)
    if one is None or not one.spans.enough.any():
        for i, day in enumerate(context.days):
            found[day].append(_nobody(context, measured, i + memory, day))
        return found
    for finding_of in (_kl, _bands, _confidence):
        for day, finding in finding_of(context, one, memory).items():
            found[day].append(finding)
    return found


def _kl(context: DriftContext, one: Measured, memory: int) -> dict[date, Finding]:
    policy = context.policy
    kl = statistics.kl_divergence(one.column.counts, one.counts)
    with np.errstate(invalid="ignore"):
        violates = (kl >= policy.prediction.kl) & (one.p_value <= policy.false_discovery_rate) & one.spans.enough
    acting = persists(violates, policy.persistence.violations, policy.persistence.windows)
    out = {}
    for i, day in enumerate(context.days):
        at = i + memory
        if not one.spans.enough[at]:
            out[day] = _nobody(context, {SCORE: one}, at, day)
            continue
        severity: Severity = "ok"
        if violates[at]:
            severity = "critical" if kl[at] >= policy.prediction.kl_critical else "warning"
        out[day] = Finding(
            "prediction_drift", "model", severity, "kl", float(kl[at]), policy.prediction.kl,
            one.window(at, context.tallies.first),
            f"scores: {told(one, at)}" if violates[at] else f"scores are spread as in the reference (KL {kl[at]:.3f})",
            REMEDY if violates[at] else "Nothing to do.",
            acts=bool(acting[at]), influence=1.0,
            evidence={"p_value": float(one.p_value[at]), "psi": float(one.psi[at])},
        )  # fmt: skip
    return out


def _per_day(context: DriftContext, values: np.ndarray) -> np.ndarray:
    """(days of the axis,) sums of per-row values of the scored customers."""
    days = context.scored["observation_date"].to_numpy().astype("datetime64[D]")
    at = (days - np.datetime64(context.tallies.first, "D")).astype(np.int64)
    inside = (at >= 0) & (at < context.tallies.days)
    return np.bincount(at[inside], weights=values[inside].astype(np.float64), minlength=context.tallies.days)


def _bands(context: DriftContext, one: Measured, memory: int) -> dict[date, Finding]:
    """The band whose share moved most; significant at the false discovery rate over the three bands."""
    policy = context.policy
    rows = np.maximum(one.spans.rows, 1)
    effective = context.baseline.customers
    band = context.scored["band"].to_numpy()
    shares, large, z = {}, {}, {}
    for name in BANDS:
        now = window_sums(_per_day(context, band == name), one.spans) / rows
        was = context.baseline.bands.get(name, 0.0)
        pooled = (now * rows + was * effective) / (rows + effective)
        deviation = np.sqrt(np.maximum(pooled * (1 - pooled), 1e-9) * (1 / rows + 1 / effective))
        shares[name], z[name] = now, np.abs(now - was) / deviation
        large[name] = np.abs(now - was)
    limit = _normal_limit(policy.false_discovery_rate / len(BANDS))
    violates = one.spans.enough & np.any(
        [(large[name] >= policy.prediction.band_share_change) & (z[name] >= limit) for name in BANDS], axis=0
    )
    acting = persists(violates, policy.persistence.violations, policy.persistence.windows)
    out = {}
    for i, day in enumerate(context.days):
        at = i + memory
        if not one.spans.enough[at]:
            continue
        worst = max(BANDS, key=lambda name: large[name][at])
        said = f"band {worst}: {context.baseline.bands.get(worst, 0.0):.1%} → {shares[worst][at]:.1%} of the customers"
        out[day] = Finding(
            "prediction_drift", "bands", "warning" if violates[at] else "ok", "band_share_change",
            float(large[worst][at]), policy.prediction.band_share_change, one.window(at, context.tallies.first),
            said, "The contact list changes its length: tell the retention manager." if violates[at] else "Nothing to do.",
            acts=bool(acting[at]), influence=1.0,
            evidence={name: float(shares[name][at]) for name in BANDS},
        )  # fmt: skip
    return out


def _confidence(context: DriftContext, one: Measured, memory: int) -> dict[date, Finding]:
    """Mean distance of the score from one half, against the reference's."""
    policy = context.policy
    distance = np.abs(context.scored["probability"].to_numpy(dtype=np.float64) - 0.5)
    rows = np.maximum(one.spans.rows, 1)
    mean = window_sums(_per_day(context, distance), one.spans) / rows
    squares = window_sums(_per_day(context, distance**2), one.spans) / rows
    deviation = np.sqrt(np.maximum(squares - mean**2, 1e-12) * (1 / rows + 1 / context.baseline.customers))
    change = mean - context.baseline.confidence
    violates = (
        one.spans.enough
        & (np.abs(change) >= policy.prediction.confidence_change)
        & (np.abs(change) / deviation >= _normal_limit(policy.false_discovery_rate))
    )
    acting = persists(violates, policy.persistence.violations, policy.persistence.windows)
    out = {}
    for i, day in enumerate(context.days):
        at = i + memory
        if not one.spans.enough[at]:
            continue
        said = f"mean distance of the score from one half: {context.baseline.confidence:.3f} → {mean[at]:.3f}"
        out[day] = Finding(
            "prediction_drift", "confidence", "warning" if violates[at] else "ok", "confidence_change",
            float(change[at]), policy.prediction.confidence_change, one.window(at, context.tallies.first),
            said, REMEDY if violates[at] else "Nothing to do.", acts=bool(acting[at]), influence=1.0,
        )  # fmt: skip
    return out


def _normal_limit(level: float) -> float:
    from statistics import NormalDist

    return NormalDist().inv_cdf(1.0 - level / 2.0)


def _nobody(context: DriftContext, measured: Mapping[str, Measured], at: int, day: object) -> Finding:
    return too_few(context, "prediction_drift", "model", "kl", day, measured, at)
