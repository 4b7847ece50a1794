"""Whether the model's decisions fall alike on groups of people: selection, true positive and false positive rates per
group.

What belongs here: group rates and the largest differences between groups, from the fairlearn library, with binomial
intervals. What does not: how large a difference is allowed (the policy, judged in `gate`), and ranking quality per
segment (`segments`).

Sources: Hardt, Price and Srebro, NeurIPS 2016 (equal opportunity: equal true positive rates); fairlearn's
`MetricFrame`.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import numpy as np

from churn_platform.evaluation.estimate import Estimate, EvaluationError
from churn_platform.evaluation.intervals import share_difference, share_interval
from churn_platform.evaluation.outcomes import ScoredOutcomes
from churn_platform.evaluation.segments import segment_values

if TYPE_CHECKING:
    import pandas as pd

    from churn_platform.policies.learning import EvaluationPolicy

RATES = ("selection_rate", "true_positive_rate", "false_positive_rate")


@dataclass(frozen=True, slots=True)
class FairnessGroup:
    """One group: rates that can be measured, and why others cannot (`reason` empty where all can).

    `comparable` says whether the group is large enough to stand in a comparison.
    """

    value: str
    rows: int
    churners: int
    rates: dict[str, Estimate]
    comparable: bool
    reason: str


@dataclass(frozen=True, slots=True)
class Fairness:
    """One attribute: its groups, and for each rate the largest difference between two comparable groups.

    `differences` is empty where fewer than two groups are comparable; `reason` then says why.
    """

    attribute: str
    groups: tuple[FairnessGroup, ...]
    differences: dict[str, Estimate]
    reason: str


def fairness(
    scored: ScoredOutcomes, frame: pd.DataFrame, attributes: Sequence[str], threshold: float, policy: EvaluationPolicy
) -> tuple[Fairness, ...]:
    """Each attribute's groups and differences, in the order of `attributes`; a customer is selected at probability >=
    threshold.

    A group with fewer than `min_segment_rows` rows, without churners or without stayers is flagged and left out of
    differences.
    """
    return tuple(_attribute(scored, frame, attribute, threshold, policy) for attribute in attributes)


def _attribute(
    scored: ScoredOutcomes, frame: pd.DataFrame, attribute: str, threshold: float, policy: EvaluationPolicy
) -> Fairness:
    from fairlearn.metrics import MetricFrame, false_positive_rate, selection_rate, true_positive_rate

    values = segment_values(frame, attribute, scored.rows)
    functions = {
        "selection_rate": selection_rate,
        "true_positive_rate": true_positive_rate,
        "false_positive_rate": false_positive_rate,
    }
    by_group = MetricFrame(
        metrics=functions,
        y_true=scored.churned.astype(int),
        y_pred=(scored.probability >= threshold).astype(int),
        sensitive_features=values,
    ).by_group
    groups = tuple(
        _group(str(value), scored.churned[values == value], by_group.loc[value], policy) for value in np.unique(values)
    )
    comparable = [group for group in groups if group.comparable]
    if len(comparable) < 2:
        left_out = (
            "; ".join(f"{group.value}: {group.reason}" for group in groups if group.reason) or "there is one group"
        )
        return Fairness(
            attribute,
            groups,
            {},
            f"fewer than two groups of {attribute.replace('_', ' ')} can be compared ({left_out})",
        )
    differences = {rate: _largest_difference([group.rates[rate] for group in comparable]) for rate in RATES}
    return Fairness(attribute, groups, differences, "")


def _group(value: str, churned: np.ndarray, rates: Any, policy: EvaluationPolicy) -> FairnessGroup:
    rows, churners = len(churned), int(churned.sum())
    of = {"selection_rate": rows, "true_positive_rate": churners, "false_positive_rate": rows - churners}
    measured = {}
    for name, base in of.items():
        if base:
            share = float(rates[name])
            if not 0.0 <= share <= 1.0:
                raise EvaluationError(f"{name} of group {value!r} came out as {share}; it cannot be trusted.")
            measured[name] = share_interval(round(share * base), base, policy.confidence)
    reason = ""
    if rows < policy.min_segment_rows:
        reason = f"{rows} customers, fewer than the {policy.min_segment_rows} that a group needs"
    elif len(measured) < len(RATES):
        reason = f"all {rows} customers {'left' if churners else 'stayed'}, so one of its rates does not exist"
    return FairnessGroup(value, rows, churners, measured, not reason, reason)


def _largest_difference(rates: Sequence[Estimate]) -> Estimate:
    highest = max(rates, key=lambda rate: rate.value)
    lowest = min(rates, key=lambda rate: rate.value)
    return share_difference(highest, lowest)
