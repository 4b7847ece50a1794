"""The comparison of two models on the same rows: the record that the gate judges, the decision rests on and the report shows.

What belongs here: putting the paired measures together. What does not: which rows (`rows`), what follows (`decision`). The record
holds no time and no path: the same rows, models and policy give the same bytes but for the measured latency.
"""

from __future__ import annotations

import math
from dataclasses import dataclass
from statistics import NormalDist
from typing import TYPE_CHECKING, Any

import numpy as np

from churn_platform.evaluation.auc import auc_difference
from churn_platform.evaluation.comparison.paired import Scored, paired_draws, percentile
from churn_platform.evaluation.comparison.rows import ComparisonRows
from churn_platform.evaluation.comparison.score import relative_gain, relative_saving, weighted_score
from churn_platform.evaluation.estimate import Estimate
from churn_platform.evaluation.outcomes import Floats, scored_outcomes
from churn_platform.evaluation.record import from_record, to_record
from churn_platform.retention.expected_value import contact_gains

if TYPE_CHECKING:
    from churn_platform.policies.releasing import ChampionChallengerPolicy


@dataclass(frozen=True, slots=True)
class Contender:
    """One side: its version and package, its probabilities of the rows, and what a score costs.

    `milliseconds` per score with reasons, `megabytes` of the package.
    """

    version: str
    package: str
    feature_set: str
    probability: Floats
    threshold: float
    milliseconds: float
    megabytes: float


@dataclass(frozen=True, slots=True)
class Side:
    """What a contender was, without its rows."""

    version: str
    package: str
    feature_set: str
    threshold: float
    milliseconds: float
    megabytes: float


@dataclass(frozen=True, slots=True)
class Paired:
    """One measure of both models, each with its interval, and their difference (challenger minus champion) with its own."""

    champion: Estimate
    challenger: Estimate
    difference: Estimate


@dataclass(frozen=True, slots=True)
class Comparison:
    """Everything measured of two models on the same rows.

    `value` is USD retained per 1,000 customers of the base under the contact budget. `score` is the weighted score with its paired
    interval. `delong_p` is the two-sided p-value of equal AUC; it takes rows as independent, so where customers repeat the interval
    of `auc.difference` comes from the bootstrap over customers instead.
    """

    champion: Side
    challenger: Side
    rows: int
    churners: int
    customers: int
    first_day: str
    last_day: str
    removed: int
    leaked: int
    auc: Paired
    f1: Paired
    value: Paired
    score: Estimate
    latency_saving: float
    size_saving: float
    delong_p: float
    confidence: float
    resamples: int
    contact_share: float

    def to_dict(self) -> dict[str, Any]:
        """JSON form; `from_dict` reads it back to an equal value."""
        return to_record(self)

    @classmethod
    def from_dict(cls, data: Any) -> Comparison:
        """Read the form that `to_dict` wrote; EvaluationError names what is missing, unknown or mistyped."""
        return from_record(cls, data)


def compare(
    champion: Contender,
    challenger: Contender,
    rows: ComparisonRows,
    customer_value: Floats,
    policy: ChampionChallengerPolicy,
    rng: np.random.Generator,
) -> Comparison:
    """Measure both on `rows`; `customer_value` (rows,) is USD from `retention.expected_value.customer_values`.

    Raises EvaluationError for missing or impossible probabilities, outcomes of one kind only, or figures from other rows.
    """
    churned = rows.frame["churned"].to_numpy() == 1
    ours = scored_outcomes(churned, challenger.probability, f"the holdout, scored by {challenger.version}")
    theirs = scored_outcomes(churned, champion.probability, f"the holdout, scored by {champion.version}")
    gains = contact_gains(churned, customer_value, policy.business)
    by_champion, by_challenger = paired_draws(
        (Scored(theirs.probability, champion.threshold), Scored(ours.probability, challenger.threshold)),
        churned,
        gains,
        rows.frame["customer_id"],
        share=policy.business.contact_share,
        resamples=policy.resamples,
        rng=rng,
    )
    method = f"paired bootstrap over customers, {policy.resamples} resamples"

    def paired(name: str) -> Paired:
        one, other = getattr(by_champion, name), getattr(by_challenger, name)
        estimates = (percentile(v, policy.confidence, method, len(rows)) for v in (one, other, other - one))
        return Paired(*estimates)

    auc, difference = paired("auc"), auc_difference(ours, theirs, policy.confidence)
    if rows.customers == len(rows):
        auc = Paired(auc.champion, auc.challenger, difference)
    latency = relative_saving(challenger.milliseconds, champion.milliseconds, _milliseconds(policy))
    size = relative_saving(challenger.megabytes, champion.megabytes, policy.size_floor)
    score = weighted_score(
        relative_gain(by_challenger.auc, by_champion.auc),
        relative_gain(by_challenger.f1, by_champion.f1),
        latency,
        size,
        policy,
    )
    days = rows.frame["observation_date"]
    return Comparison(
        champion=_side(champion),
        challenger=_side(challenger),
        rows=len(rows),
        churners=rows.churners,
        customers=rows.customers,
        first_day=days.min().date().isoformat(),
        last_day=days.max().date().isoformat(),
        removed=rows.removed,
        leaked=rows.leaked,
        auc=auc,
        f1=paired("f1"),
        value=paired("value"),
        score=percentile(score, policy.score_confidence, method, len(rows)),
        latency_saving=latency,
        size_saving=size,
        delong_p=delong_p(difference),
        confidence=policy.confidence,
        resamples=policy.resamples,
        contact_share=policy.business.contact_share,
    )


def delong_p(difference: Estimate) -> float:
    """The two-sided p-value of "both rank equally well", from DeLong's paired interval.

    1 where both rank every row alike: no evidence against equality.

    >>> round(delong_p(Estimate(0.0196, 0.0, 0.0392, 0.95, "delong paired", 400)), 3)
    0.05
    """
    half = max(difference.high - difference.value, difference.value - difference.low)
    if half <= 0.0:
        return 1.0 if difference.value == 0.0 else 0.0
    normal = NormalDist()
    statistic = abs(difference.value) / half * normal.inv_cdf(0.5 + difference.confidence / 2.0)
    return 2.0 * (1.0 - normal.cdf(statistic)) if math.isfinite(statistic) else 1.0


def _milliseconds(policy: ChampionChallengerPolicy) -> float:
    return policy.latency_floor.total_seconds() * 1000.0


def _side(contender: Contender) -> Side:
    return Side(
        contender.version,
        contender.package,
        contender.feature_set,
        contender.threshold,
        contender.milliseconds,
        contender.megabytes,
    )
