"""How the model does within parts of the customer base: one attribute's values, each measured alone.

What belongs here: cutting rows into segments and saying which are too small to judge. What does not: fairness
(`fairness`), which asks about decisions, not about ranking.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Literal

import numpy as np
from numpy.typing import NDArray

from churn_platform.evaluation.estimate import Estimate, EvaluationError
from churn_platform.evaluation.metrics import MetricSettings
from churn_platform.evaluation.outcomes import ScoredOutcomes
from churn_platform.evaluation.performance import performance

if TYPE_CHECKING:
    import pandas as pd

    from churn_platform.policies.learning import EvaluationPolicy

UNKNOWN = "unknown"
"""The value of customers whose attribute is missing: a segment like any other."""

Status = Literal["measured", "insufficient_data"]


@dataclass(frozen=True, slots=True)
class Segment:
    """One part of the base: size, mean probability, and either all metrics or the reason why there are none."""

    attribute: str
    value: str
    rows: int
    churners: int
    mean_probability: float
    status: Status
    reason: str
    metrics: dict[str, Estimate]


def segment_values(frame: pd.DataFrame, attribute: str, rows: int) -> NDArray[np.str_]:
    """Each row's value of `attribute` as text, shape (rows,), UNKNOWN where missing.

    Raises EvaluationError where the frame lacks the attribute or has another number of rows.
    """
    if attribute not in frame.columns:
        raise EvaluationError(
            f"the evaluated frame has no column {attribute!r}, which the policy names as a segment or fairness "
            "attribute. Pass the customers' attributes beside their scores, or take it out of the policy."
        )
    if len(frame) != rows:
        raise EvaluationError(f"{len(frame)} rows of attributes against {rows} scores; give one of each per row.")
    column = frame[attribute]
    return column.astype(object).where(column.notna(), UNKNOWN).astype(str).to_numpy(dtype=np.str_)


def segments(
    scored: ScoredOutcomes,
    frame: pd.DataFrame,
    attributes: Sequence[str],
    settings: MetricSettings,
    policy: EvaluationPolicy,
    rng: np.random.Generator,
) -> tuple[Segment, ...]:
    """Every value of every attribute, measured alone, in the order of `attributes` and then by value.

    A segment with fewer than `min_segment_rows` rows, or with only one outcome, is `insufficient_data`, with the
    reason.
    """
    found = []
    for attribute in attributes:
        values = segment_values(frame, attribute, scored.rows)
        for value in np.unique(values):
            found.append(_segment(scored, values == value, attribute, str(value), settings, policy, rng))
    return tuple(found)


def _segment(
    scored: ScoredOutcomes,
    members: NDArray[np.bool_],
    attribute: str,
    value: str,
    settings: MetricSettings,
    policy: EvaluationPolicy,
    rng: np.random.Generator,
) -> Segment:
    part = ScoredOutcomes(scored.churned[members], scored.probability[members])
    reason = too_small_to_measure(part.rows, part.churners, policy.min_segment_rows)
    metrics = (
        {} if reason else performance(part, settings, resamples=policy.resamples, confidence=policy.confidence, rng=rng)
    )
    return Segment(
        attribute=attribute,
        value=value,
        rows=part.rows,
        churners=part.churners,
        mean_probability=float(part.probability.mean()),
        status="insufficient_data" if reason else "measured",
        reason=reason,
        metrics=metrics,
    )


def too_small_to_measure(rows: int, churners: int, min_rows: int) -> str:
    """Why a part of the base cannot be judged, in words; empty where it can.

    >>> too_small_to_measure(31, 4, 50)
    '31 customers, fewer than the 50 that a segment needs'
    """
    if rows < min_rows:
        return f"{rows} customers, fewer than the {min_rows} that a segment needs"
    if churners in (0, rows):
        return f"all {rows} customers {'left' if churners else 'stayed'}, so nothing separates them"
    return ""
