"""Early outcomes: who left within days of being scored says long before outcomes mature whether the scores still hold.

What belongs here: the events and expectations by day of observation and day of knowledge, and the two findings: as many as scored (label
drift), and those who were scored to (concept drift). What does not: the detector (`sequential`), matured outcomes (`label`, `concept`).

An outcome takes the label horizon to mature, but leavers are known daily. Of the customers observed on day d with scores p_i, sum(p_i) are
expected to leave, and `known_by` of the reference says which share of them is known how soon.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import date, timedelta

import numpy as np
import pandas as pd
from numpy.typing import NDArray

from churn_platform.drift import sequential
from churn_platform.drift.context import DriftContext, Findings, nothing
from churn_platform.drift.finding import Finding, Severity, Signal, Window
from churn_platform.drift.measures import Measured

Floats = NDArray[np.float64]
SUBJECT = "early_outcomes"
LABEL_REMEDY = "Tell the business that churn moves; recalibrate or retrain as outcomes mature."
CONCEPT_REMEDY = "The list is in the wrong order: retrain on the newest outcomes, and call by rule where a segment is known to leave."


@dataclass(frozen=True)
class EarlyOutcomes:
    """By cohort (day of observation, from `first`) and day: leavers who became known, those expected, and log ratios of the ranking."""

    first: date
    events: Floats
    expected: Floats
    ranking: list[Floats]


def early_outcomes(context: DriftContext, rows: pd.DataFrame, ranked: bool = True) -> EarlyOutcomes | None:
    """Gather scored customers up to the last judged day, on the axis of all that were scored; None where nobody was.

    Args:
        context: the judging.
        rows: the customers, all of `context.scored` or a segment of them.
        ranked: whether to compute the ranking's ratios as well.
    """
    if context.scored.empty:
        return None
    first = context.scored["observation_date"].to_numpy().astype("datetime64[D]").min()
    observed = rows["observation_date"].to_numpy().astype("datetime64[D]")
    days = int((np.datetime64(context.days[-1], "D") - first).astype(int)) + 1
    if days < 1:
        return None
    cohort = (observed - first).astype(np.int64)
    known_at = rows["churn_known_at"].to_numpy().astype("datetime64[D]")
    left = ~np.isnat(known_at)
    day = np.where(left, (known_at - first).astype(np.int64), -1)
    age = day - cohort
    counts = left & (age >= 0) & (age <= context.horizon_days) & (day < days) & (cohort < days)
    events = np.zeros((days, days))
    np.add.at(events, (cohort[counts], day[counts]), 1.0)
    probability = rows["probability"].to_numpy(dtype=np.float64)
    inside = cohort < days
    mass = np.bincount(cohort[inside], weights=probability[inside], minlength=days)
    share = np.diff(np.concatenate([[0.0], np.asarray(context.baseline.known_by)]))
    expected = np.zeros((days, days))
    for j, part in enumerate(share[:days]):
        at = np.arange(days - j)
        expected[at, at + j] = mass[: days - j] * part
    ranking = [np.zeros((days, days)) for _ in sequential.SLOPES_BELOW]
    log_scores = np.log(np.clip(probability, 1e-6, 1.0))
    order = np.argsort(cohort, kind="stable")
    ends = np.searchsorted(cohort[order], np.arange(days + 1))
    for d in range(days if ranked else 0):
        members = order[ends[d] : ends[d + 1]]
        gone = np.flatnonzero(counts[members])
        if not len(gone):
            continue
        gone = gone[np.argsort(day[members][gone], kind="stable")]
        ratios = sequential.ranking_log_ratios(log_scores[members], gone, context.policy.early.ranking_slope)
        for matrix, row in zip(ranking, ratios, strict=True):
            np.add.at(matrix[d], day[members][gone], row)
    _forget(context, first, days, events, expected, ranking)
    return EarlyOutcomes(first.astype(object), events, expected, ranking)


def _forget(
    context: DriftContext, first: np.datetime64, days: int, events: Floats, expected: Floats, ranking: list[Floats]
) -> None:
    """Days on which departures were late, and the day on which they were delivered after all, say nothing."""
    late = context.late.get("churn_events", frozenset())
    for day in {*late, *(day + timedelta(1) for day in late)}:
        at = int((np.datetime64(day, "D") - first).astype(int))
        if 0 <= at < days:
            for matrix in (events, expected, *ranking):
                matrix[:, at] = 0.0


def early_drift(context: DriftContext, measured: Mapping[str, Measured]) -> Findings:
    """The two findings of each judged day. They act at once: the detector already holds its false alarms over all days."""
    found = nothing(context.days)
    early = context.early
    limit = float(context.policy.early.run_length.days)
    if early is None or not early.expected.any():
        for day in context.days:
            found[day] += [_nobody(day, signal) for signal in ("label_drift", "concept_drift")]  # type: ignore[arg-type]
        return found
    rates = sequential.rate_log_ratios(early.events, early.expected, context.policy.early.rate_ratio)
    for signal, ratios in (("label_drift", rates), ("concept_drift", early.ranking)):
        level, since = sequential.e_detector(ratios)
        for day in context.days:
            at = (day - early.first).days
            if not 0 <= at < len(level):
                found[day].append(_nobody(day, signal))  # type: ignore[arg-type]
                continue
            found[day].append(_finding(context, early, signal, day, at, float(level[at]), int(since[at]), limit))  # type: ignore[arg-type]
    for day, more in _segments(context, early).items():
        found[day] += more
    return found


def _segments(context: DriftContext, early: EarlyOutcomes) -> Findings:
    """Segments of which other numbers leave than scored. The detectors of all segments are averaged, and the average is held to the limit:
    so their false alarms together are no more than those of one."""
    found = nothing(context.days)
    limit = float(context.policy.early.run_length.days)
    seen: dict[str, tuple[EarlyOutcomes, Floats, NDArray[np.int64]]] = {}
    for column in context.segments:
        for value, rows in context.scored.groupby(column, sort=True, observed=True):
            one = early_outcomes(context, rows, ranked=False)
            if one is not None:
                ratios = sequential.rate_log_ratios(one.events, one.expected, context.policy.early.segment_ratio)
                seen[f"{column}={value}"] = (one, *sequential.e_detector(ratios))
    if not seen:
        return found
    together = np.mean([level for _, level, _ in seen.values()], axis=0)
    for day in context.days:
        at = (day - early.first).days
        if 0 <= at < len(together) and together[at] >= limit:
            for name, (one, level, since) in seen.items():
                if level[at] >= limit:
                    found[day].append(_of_segment(context, one, name, day, at, float(level[at]), int(since[at])))
    return found


def _of_segment(
    context: DriftContext, one: EarlyOutcomes, name: str, day: date, at: int, level: float, since: int
) -> Finding:
    begun = one.first + timedelta(since)
    events, expected = float(one.events[since:, : at + 1].sum()), float(one.expected[since:, : at + 1].sum())
    column, value = name.split("=", 1)
    observed = context.scored.loc[context.scored[column].astype("str") == value, "observation_date"]
    rows = int(((observed >= pd.Timestamp(begun)) & (observed <= pd.Timestamp(day))).sum())
    words = f"{context.labels.get(column, column)} {value}"
    return Finding(
        "concept_drift",
        name,
        "warning",
        "e_detector",
        min(level, 1e12),
        float(context.policy.early.run_length.days),
        Window(begun, day, rows),
        f"{words}: of those observed since {begun}, {events:.0f} have left where {expected:.1f} were expected by now",
        "Look what changed for this segment, call it by rule for now, and retrain as its outcomes mature.",
        acts=True,
        influence=float(context.influence.get(column, 0.0)),
        evidence={"left": events, "expected": expected, "since": begun.isoformat()},
    )


def _finding(
    context: DriftContext,
    early: EarlyOutcomes,
    signal: Signal,
    day: date,
    at: int,
    level: float,
    since: int,
    limit: float,
) -> Finding:
    violates = level >= limit
    start = since if violates else max(0, at - context.horizon_days)
    events = float(early.events[start:, : at + 1].sum())
    expected = float(early.expected[start:, : at + 1].sum())
    begun = early.first + timedelta(start)
    counted = f"of those observed since {begun}, {events:.0f} have left where {expected:.1f} were expected by now"
    severity: Severity = "ok"
    if violates:
        severity = "critical" if signal == "concept_drift" else "warning"
    what = {
        "label_drift": counted if violates else f"as many leave as scored: {counted}",
        "concept_drift": f"other customers leave than those scored highest ({counted})"
        if violates
        else "those leave who were scored to",
    }[signal]
    days = np.datetime64(begun, "D")
    observed = context.scored["observation_date"].to_numpy().astype("datetime64[D]")
    rows = int(((observed >= days) & (observed <= np.datetime64(day, "D"))).sum())
    remedy = (CONCEPT_REMEDY if signal == "concept_drift" else LABEL_REMEDY) if violates else "Nothing to do."
    return Finding(
        signal, SUBJECT, severity, "e_detector", min(level, 1e12), limit, Window(begun, day, rows), what, remedy,
        acts=violates, influence=1.0,
        evidence={"left": events, "expected": expected, "since": begun.isoformat(), "false_alarms": f"one in {limit:.0f} days"},
    )  # fmt: skip


def _nobody(day: date, signal: Signal) -> Finding:
    return Finding(
        signal, SUBJECT, "insufficient_data", "e_detector", None, None, Window(day, day, 0),
        "nobody has been scored by this champion yet", "Wait for the first scores.",
    )  # fmt: skip
