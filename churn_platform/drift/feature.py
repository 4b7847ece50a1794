"""Feature drift: the named, most influential features at a threshold of their own, and how numeric features go together.

What belongs here: those two. What does not: all columns at the common threshold (`data`); a feature that has data drift already is shown
here too, but does not act a second time (`findings`).
"""

from __future__ import annotations

from collections.abc import Mapping

import numpy as np
from numpy.typing import NDArray

from churn_platform.drift.context import DriftContext, Findings, nothing
from churn_platform.drift.data import significant, told
from churn_platform.drift.discovery import adjusted_p_values
from churn_platform.drift.finding import Finding, Window
from churn_platform.drift.measures import Measured
from churn_platform.drift.persistence import persists
from churn_platform.drift.windows import Spans, growing_windows, window_sums

REMEDY = (
    "The model leans on this feature: read the root cause, and retrain once outcomes of the new customers have matured."
)
RELATION = (
    "Two features no longer go together as they did: look for a changed definition, a new product or a new price list."
)

Floats = NDArray[np.float64]


def feature_drift(context: DriftContext, measured: Mapping[str, Measured]) -> Findings:
    """Findings of the named features and of correlations, for each judged day; one says so where nothing moved."""
    found = nothing(context.days)
    policy, memory = context.policy, len(context.with_memory()) - len(context.days)
    adjusted = significant(measured)
    named = [name for name in policy.feature.features if name in measured]
    for name in named:
        one = measured[name]
        with np.errstate(invalid="ignore"):
            violates = (
                (one.psi >= policy.feature.psi) & (adjusted[name] <= policy.false_discovery_rate) & one.spans.enough
            )
        acting = persists(violates, policy.persistence.violations, policy.persistence.windows)
        for i, day in enumerate(context.days):
            at = i + memory
            if violates[at]:
                found[day].append(
                    Finding(
                        "feature_drift",
                        name,
                        "warning",
                        "psi",
                        float(one.psi[at]),
                        policy.feature.psi,
                        one.window(at, context.tallies.first),
                        f"{context.label(name)}: {told(one, at)}",
                        REMEDY,
                        acts=bool(acting[at]),
                        influence=float(context.influence.get(name, 0.0)),
                        evidence={"adjusted_p_value": float(adjusted[name][at])},
                    )
                )
    for day, more in _correlations(context, memory).items():
        found[day] += more
    for i, day in enumerate(context.days):
        at = i + memory
        if found[day] or not named:
            continue
        most = max(named, key=lambda name: measured[name].psi[at] if measured[name].spans.enough[at] else -1.0)
        one = measured[most]
        enough = bool(one.spans.enough[at])
        found[day].append(
            Finding(
                "feature_drift",
                "influential features",
                "ok" if enough else "insufficient_data",
                "psi",
                float(one.psi[at]) if enough else None,
                policy.feature.psi,
                one.window(at, context.tallies.first),
                f"the largest shift of a named feature is that of {context.label(most)}" if enough else "too few rows",
                "Nothing to do." if enough else "Wait for more customers.",
            )
        )
    return found


def correlation_sums(values: Floats, day: NDArray[np.int64], days: int) -> Floats:
    """(days, 4, k, k) sums over rows where both of a pair are known: rows, x_i, x_i squared, x_i x_j. They add up over days.

    Args:
        values: (rows, k) numbers, NaN is missing; centre them first.
        day: (rows,) positions.
        days: length of the axis.
    """
    k = values.shape[1]
    out = np.zeros((days, 4, k, k))
    known = (~np.isnan(values)).astype(np.float64)
    filled = np.nan_to_num(values)
    order = np.argsort(day, kind="stable")
    ends = np.searchsorted(day[order], np.arange(days + 1))
    for d in range(days):
        rows = order[ends[d] : ends[d + 1]]
        if len(rows):
            x, m = filled[rows], known[rows]
            out[d] = np.stack([m.T @ m, x.T @ m, (x**2).T @ m, x.T @ x])
    return out


def correlations(sums: Floats) -> tuple[Floats, Floats]:
    """Pearson correlations (…, k, k) and the rows behind each, from summed `correlation_sums` (…, 4, k, k)."""
    n, sx, sxx, sxy = (sums[..., i, :, :] for i in range(4))
    with np.errstate(invalid="ignore", divide="ignore"):
        mean_x, mean_y = sx / n, np.swapaxes(sx, -1, -2) / n
        var_x = sxx / n - mean_x**2
        var_y = np.swapaxes(sxx, -1, -2) / n - mean_y**2
        r = (sxy / n - mean_x * mean_y) / np.sqrt(var_x * var_y)
    return np.clip(r, -1.0, 1.0), n


def _correlations(context: DriftContext, memory: int) -> Findings:
    """Pairs whose correlation changed by the policy's amount, significantly over all pairs (Fisher's z)."""
    policy, baseline = context.policy, context.baseline
    sums = context.correlation_sums
    if sums is None or len(baseline.correlated) < 2:
        return {}
    rows = np.array([sums[d, 0].diagonal().max() if sums.shape[2] else 0 for d in range(len(sums))])
    ends = context.positions(context.with_memory())
    spans = growing_windows(rows, ends, policy.window.length.days, policy.window.longest.days, policy.window.min_rows)
    now, n = correlations(window_sums(sums, spans))
    was = np.array(baseline.correlations)
    left, right = np.triu_indices(len(was), 1)
    change = (now - was)[:, left, right]
    pairs = n[:, left, right]
    with np.errstate(invalid="ignore", divide="ignore"):
        z = np.arctanh(np.clip(now[:, left, right], -0.999, 0.999)) - np.arctanh(
            np.clip(was[left, right], -0.999, 0.999)
        )
        # Fisher's standard error is for normal values; with tails as heavy as ours it is about half again as large (simulated)
        error = 1.5 * np.sqrt(1.0 / np.maximum(pairs - 3, 1) + 1.0 / max(baseline.customers - 3, 1))
        p = _two_sided(z / error)
    p = np.where(spans.enough[:, None] & (pairs >= policy.window.min_rows), p, np.nan)
    adjusted = adjusted_p_values(p)
    with np.errstate(invalid="ignore"):
        violates = (np.abs(change) >= policy.feature.correlation_change) & (adjusted <= policy.false_discovery_rate)
    found = nothing(context.days)
    for k in np.flatnonzero(violates.any(axis=0)):
        a, b = baseline.correlated[left[k]], baseline.correlated[right[k]]
        acting = persists(violates[:, k], policy.persistence.violations, policy.persistence.windows)
        for i, day in enumerate(context.days):
            at = i + memory
            if violates[at, k]:
                found[day].append(
                    _pair(
                        context, a, b, at, spans, float(was[left[k], right[k]]), float(change[at, k]), bool(acting[at])
                    )
                )
    return found


def _pair(
    context: DriftContext, a: str, b: str, at: int, spans: Spans, was: float, change: float, acts: bool
) -> Finding:
    from datetime import timedelta

    first = context.tallies.first
    window = Window(
        first + timedelta(int(spans.first[at])),
        first + timedelta(int(spans.last[at])),
        int(spans.rows[at]),
    )
    said = f"{context.label(a)} and {context.label(b)}: correlation {was:.2f} → {was + change:.2f}"
    return Finding(
        "feature_drift",
        f"{a}~{b}",
        "warning",
        "correlation_change",
        change,
        context.policy.feature.correlation_change,
        window,
        said,
        RELATION,
        acts=acts,
        influence=float(context.influence.get(a, 0.0) + context.influence.get(b, 0.0)),
    )


def _two_sided(z: Floats) -> Floats:
    from scipy.special import ndtr

    out: Floats = 2.0 * ndtr(-np.abs(z))
    return out
