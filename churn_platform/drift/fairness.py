"""Fairness over time: do the decisions still fall alike on groups of people, now that the customers have changed?

What belongs here: differences between groups in a window of scores, before and after outcomes are known. What does not: fairness of a
candidate on its holdout (`evaluation/fairness.py`), with whose intervals and definitions this agrees.

Two questions, since the second comes a month late. Are groups **selected** otherwise than on the holdout? And of those who leave, are
groups **found** alike (true positive rate; equal opportunity, Hardt, Price and Srebro, NeurIPS 2016)?
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from churn_platform.drift.finding import Finding, Severity, Window
from churn_platform.evaluation.estimate import Estimate
from churn_platform.evaluation.intervals import share_difference, share_interval

Bools = NDArray[np.bool_]
Texts = NDArray[np.str_]

REMEDY = (
    "Look at the group's score distribution and at what moved in its features; a difference that stays goes to the risk reviewer, "
    "and the next candidate is judged on it by the evaluation gate."
)


@dataclass(frozen=True, slots=True)
class GroupRate:
    """One group's rate with Wilson's interval."""

    group: str
    rate: Estimate


@dataclass(frozen=True, slots=True)
class GroupDifference:
    """The largest difference of a rate between two groups, with Newcombe's interval; `estimate` is None where `reason` says why."""

    attribute: str
    rate: str
    groups: tuple[GroupRate, ...]
    estimate: Estimate | None
    reason: str


def selection_difference(
    attribute: str, groups: Texts, selected: Bools, *, min_rows: int, confidence: float
) -> GroupDifference:
    """The largest difference in the share of customers selected, between groups of at least `min_rows` customers.

    >>> groups = np.array(["No"] * 100 + ["Yes"] * 100)
    >>> print(selection_difference("senior_citizen", groups, np.arange(200) % 4 == 0, min_rows=50, confidence=0.95).estimate)
    0.000 (-0.119 to 0.119)
    """
    return _difference(attribute, "selection_rate", groups, selected, min_rows, confidence, "customers")


def true_positive_difference(
    attribute: str, groups: Texts, selected: Bools, churned: Bools, *, min_churners: int, confidence: float
) -> GroupDifference:
    """The largest difference in the share of leavers that were selected, between groups of at least `min_churners` leavers."""
    return _difference(
        attribute, "true_positive_rate", groups[churned], selected[churned], min_churners, confidence, "leavers"
    )


def _difference(
    attribute: str, rate: str, groups: Texts, hit: Bools, least: int, confidence: float, who: str
) -> GroupDifference:
    found = []
    small = []
    for value in np.unique(groups):
        inside = hit[groups == value]
        if len(inside) < least:
            small.append(f"{value}: {len(inside)} {who}")
        else:
            found.append(GroupRate(str(value), share_interval(int(inside.sum()), len(inside), confidence)))
    if len(found) < 2:
        reason = f"fewer than two groups of {attribute} have {least} {who} ({'; '.join(small) or 'there is one group'})"
        return GroupDifference(attribute, rate, tuple(found), None, reason)
    highest = max(found, key=lambda one: one.rate.value)
    lowest = min(found, key=lambda one: one.rate.value)
    reason = f"{highest.group} {highest.rate.value:.0%} against {lowest.group} {lowest.rate.value:.0%}"
    return GroupDifference(attribute, rate, tuple(found), share_difference(highest.rate, lowest.rate), reason)


def fairness_finding(
    difference: GroupDifference, window: Window, *, threshold: float, label_maturity: float | None, acts: bool = False
) -> Finding:
    """Judge a difference: warning above the threshold, critical where the whole interval lies above it."""
    estimate = difference.estimate
    severity: Severity = "insufficient_data"
    if estimate is not None:
        severity = severity_of(estimate, threshold)
    return Finding(
        signal="fairness_drift",
        subject=difference.attribute,
        severity=severity,
        statistic=f"{difference.rate}_difference",
        value=None if estimate is None else estimate.value,
        threshold=threshold,
        window=window,
        reason=difference.reason,
        remedy="none" if severity == "ok" else REMEDY,
        acts=acts and severity in ("warning", "critical"),
        label_maturity=label_maturity,
        evidence={
            "interval": None if estimate is None else [estimate.low, estimate.high],
            "groups": {one.group: [one.rate.value, one.rate.low, one.rate.high] for one in difference.groups},
        },
    )


def severity_of(estimate: Estimate, threshold: float) -> Severity:
    """`ok` up to the threshold, `warning` above it, `critical` where chance does not explain it."""
    if estimate.value <= threshold:
        return "ok"
    return "critical" if estimate.low > threshold else "warning"


def violations(differences: Sequence[GroupDifference], threshold: float) -> list[bool]:
    """Whether each window's difference passes the threshold; a window that cannot be judged does not."""
    return [one.estimate is not None and one.estimate.value > threshold for one in differences]
