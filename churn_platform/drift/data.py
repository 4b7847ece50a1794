"""Data drift: the customers, or what is known about them, are no longer those the model learned from.

What belongs here: judging the watched columns one by one, and the share of features that moved. What does not: the named influential
features at their own threshold (`feature`), scores (`prediction`), outcomes.

A column has moved when the change is **significant** (Benjamini-Yekutieli over all columns of the day) **and large enough**: PSI, or the
Kolmogorov-Smirnov and Jensen-Shannon distances together (categories: Jensen-Shannon alone), above the policy. The early families
(newcomers, changes, sources) never rate higher than a warning: they say what is coming, the base says what has come.

A change acts when it persists. One that a single day cannot show by chance (`persistence.at_once`) acts on that day: a price list that
moves half of the day's bills needs no second morning.
"""

from __future__ import annotations

from collections.abc import Mapping

import numpy as np
from numpy.typing import NDArray

from churn_platform.drift.context import DriftContext, Findings, nothing
from churn_platform.drift.discovery import adjusted_p_values
from churn_platform.drift.finding import Finding, Severity
from churn_platform.drift.measures import Measured
from churn_platform.drift.panel import influence_of
from churn_platform.drift.persistence import persists

REMEDY = "Look at what moved and since when; if customers really changed, retrain on newer outcomes; if not, ask the source's owner."
TESTED = ("feature", "newcomers", "change", "source")
SUDDEN = ("change", "source")
"""Families that say what happened on the day. Who is observed on a day are the same customers each month, so that the features of one
day alone say more about them than about the day."""

Bools = NDArray[np.bool_]


def significant(measured: Mapping[str, Measured]) -> dict[str, NDArray[np.float64]]:
    """Adjusted p-values by column, over all columns tested on each day; NaN where a window had too few rows.

    The expected share of false ones among all that are at most q is at most q: the families' shares add up to it.
    """
    out: dict[str, NDArray[np.float64]] = {}
    for family in TESTED:
        names = [name for name, one in measured.items() if one.column.family == family]
        if names:
            p = [np.where(measured[name].spans.enough, measured[name].p_value, np.nan) for name in names]
            # families are tested apart, each at its part of the rate: seventy derived columns must not blunt the tests of the sources
            adjusted = np.minimum(adjusted_p_values(np.stack(p, axis=1)) * len(TESTED), 1.0)
            out |= {name: adjusted[:, k] for k, name in enumerate(names)}
    return out


def moved(one: Measured, adjusted: NDArray[np.float64], context: DriftContext) -> Bools:
    """(days,) whether the column has moved: significantly, and by enough."""
    policy = context.policy.data
    with np.errstate(invalid="ignore"):
        large = one.psi >= policy.psi
        both = one.jensen_shannon >= policy.jensen_shannon
        if not one.column.is_categorical:
            both &= one.ks >= policy.ks
        return np.asarray((adjusted <= context.policy.false_discovery_rate) & (large | both) & one.spans.enough)


def data_drift(context: DriftContext, measured: Mapping[str, Measured]) -> Findings:
    """Findings of the watched columns and of the share of features that moved, for each judged day."""
    found = nothing(context.days)
    policy, memory = context.policy, len(context.with_memory()) - len(context.days)
    adjusted, of_a_day = significant(measured), significant(context.single_days)
    violations = {name: moved(measured[name], adjusted[name], context) for name in adjusted}
    for name, violates in violations.items():
        one, alone = measured[name], context.single_days[name]
        acting = persists(violates, policy.persistence.violations, policy.persistence.windows)
        sudden = moved(alone, of_a_day[name], context) & (of_a_day[name] <= policy.persistence.at_once)
        sudden &= alone.column.family in SUDDEN
        for i, day in enumerate(context.days):
            at = i + memory
            if violates[at] and acting[at]:
                found[day].append(_column(context, one, adjusted[name], at, acts=True))
            elif sudden[at]:
                found[day].append(_column(context, alone, of_a_day[name], at, acts=True))
            elif violates[at]:
                found[day].append(_column(context, one, adjusted[name], at, acts=False))
    for i, finding in enumerate(_share_moved(context, measured, violations, memory)):
        found[context.days[i]].insert(0, finding)
    return found


def _column(context: DriftContext, one: Measured, adjusted: NDArray[np.float64], at: int, acts: bool) -> Finding:
    policy, column = context.policy.data, one.column
    by_psi = one.psi[at] >= policy.psi
    statistic = "psi" if by_psi else "jensen_shannon" if column.is_categorical else "ks"
    value = {"psi": one.psi, "jensen_shannon": one.jensen_shannon, "ks": one.ks}[statistic][at]
    threshold = {"psi": policy.psi, "jensen_shannon": policy.jensen_shannon, "ks": policy.ks}[statistic]
    severity: Severity = "critical" if column.family == "feature" and one.psi[at] >= policy.psi_critical else "warning"
    return Finding(
        signal="data_drift",
        subject=column.name,
        severity=severity,
        statistic=statistic,
        value=float(value),
        threshold=threshold,
        window=one.window(at, context.tallies.first),
        reason=f"{context.label(column.name)}: {told(one, at)}",
        remedy=REMEDY,
        acts=acts,
        influence=influence_of(column.name, context.influence),
        evidence={
            "family": column.family,
            "psi": float(one.psi[at]),
            "jensen_shannon": float(one.jensen_shannon[at]),
            "ks": None if np.isnan(one.ks[at]) else float(one.ks[at]),
            "adjusted_p_value": float(adjusted[at]),
            "bins": [[name, was, now] for name, was, now in one.moved_bins(at)],
        },
    )


def told(one: Measured, at: int) -> str:
    """The bins that moved most, in words."""
    parts = [
        f"{name} {was:.0%} → {now:.0%}" if max(was, now) >= 0.1 else f"{name} {was:.1%} → {now:.1%}"
        for name, was, now in one.moved_bins(at)
    ]
    return "; ".join(parts) or "no bin moved"


def _share_moved(
    context: DriftContext, measured: Mapping[str, Measured], violations: Mapping[str, Bools], memory: int
) -> list[Finding]:
    """The share of feature columns that moved, one finding a judged day; without enough rows it says so."""
    policy = context.policy
    features = [name for name, one in measured.items() if one.column.family == "feature"]
    enough = np.array([measured[name].spans.enough for name in features])
    share = (
        np.array([violations[name] for name in features]).mean(axis=0)
        if features
        else np.zeros(len(context.days) + memory)
    )
    violates = share >= policy.data.moved_share_critical
    acting = persists(violates, policy.persistence.violations, policy.persistence.windows)
    out = []
    for i, day in enumerate(context.days):
        at = i + memory
        if not features or not enough[:, at].any():
            out.append(too_few(context, "data_drift", "features", "share_moved", day, measured, at))
            continue
        widest = max(features, key=lambda name: measured[name].spans.rows[at])
        names = [name for name in features if violations[name][at]]
        what = f"{len(names)} of {len(features)} features moved" + (f": {', '.join(names[:6])}" if names else "")
        out.append(
            Finding(
                signal="data_drift",
                subject="features",
                severity="critical" if violates[at] else "ok",
                statistic="share_moved",
                value=float(share[at]),
                threshold=policy.data.moved_share_critical,
                window=measured[widest].window(at, context.tallies.first),
                reason=what,
                remedy="A third of the features at once is a source that broke: ask its owner before retraining."
                if violates[at]
                else "Nothing to do.",
                acts=bool(acting[at]),
                influence=float(sum(context.influence.get(name, 0.0) for name in names)),
            )
        )
    return out


def too_few(
    context: DriftContext,
    signal: str,
    subject: str,
    statistic: str,
    day: object,
    measured: Mapping[str, Measured],
    at: int,
) -> Finding:
    """The verdict where no window could be filled."""
    from datetime import date
    from typing import cast

    from churn_platform.drift.finding import Signal, Window

    rows = max((int(one.spans.rows[at]) for one in measured.values() if one.column.family == "feature"), default=0)
    first = context.tallies.first
    end = cast("date", day)
    return Finding(
        signal=cast("Signal", signal),
        subject=subject,
        severity="insufficient_data",
        statistic=statistic,
        value=None,
        threshold=None,
        window=Window(first, end, rows),
        reason=f"{rows} rows in {context.policy.window.longest.days} days, fewer than the {context.policy.window.min_rows} it takes",
        remedy="Wait for more customers, or look why so few were observed.",
    )
