"""Champion and challenger on the same customers: what each answers, and the measures that follow.

What belongs here: asking both packages, and the figures of a pair of answers. What does not: which customers (`rollout_evidence`,
`rollout_requests`), limits and verdicts (`rollout/gates`).

Labels are weeks late, so inside a stage AUC is estimated. `auc_degradation` asks both models to rank the same customers, and takes for what
will happen mostly the champion's probability, which outcomes have borne out, and a quarter the challenger's; its standard error is that of
drawn outcomes. `auc_gain` and `f1_gain` are what each model's own calibrated probabilities promise. Times are of one customer at a
time, in this process.
"""

from __future__ import annotations

import time
from collections.abc import Collection
from dataclasses import dataclass
from datetime import date, datetime, timedelta
from typing import TYPE_CHECKING, Any

import numpy as np
import pandas as pd

from churn_platform.adapters.platform import Platform
from churn_platform.contracts.features import FEATURE_SETS
from churn_platform.drift.statistics import kl_divergence
from churn_platform.estimation.expectation import expected_auc, expected_f1
from churn_platform.rollout.evidence import Measure
from churn_platform.rollout.plan import Plan

if TYPE_CHECKING:
    from numpy.typing import NDArray

    from churn_platform.training.candidate import ModelPackage

TIMED = 500
DRAWS = 100
TRUST = 0.25
"""The challenger's part in judging. On IBM's live customers a better model (holdout AUC 0.870 against 0.836) then seems worse by 0.02,
and one turned upside down by 0.29; judged by the champion alone 0.04 and 0.71; by both alike 0.00 and 0.00,
which sees nothing (measured)."""


@dataclass(frozen=True)
class Answers:
    """A model's probabilities of some customers, NaN where it failed, and the seconds of single answers."""

    probability: NDArray[np.float64]
    seconds: NDArray[np.float64]


@dataclass(frozen=True)
class Pair:
    """The two verified packages of a plan."""

    champion: ModelPackage
    challenger: ModelPackage

    @property
    def unseen_from(self) -> date:
        """The first day on which neither was fitted."""
        fitted = [pd.Timestamp(one.model.record.last_day).date() for one in (self.champion, self.challenger)]
        return max(fitted) + timedelta(days=1)

    def rows(
        self, platform: Platform, first: date, last: date, only: Collection[str] | None = None
    ) -> tuple[pd.DataFrame, pd.DataFrame]:
        """The customers observed in [first, last] of whom both models have features, (rows,) each, in one order."""
        found = [
            platform.warehouse.features(FEATURE_SETS[one.model.feature_set], first, last)
            for one in (self.champion, self.challenger)
        ]
        if only is not None:
            found = [rows[rows["customer_id"].isin(only)] for rows in found]
        return in_common(*found)


def pair(platform: Platform, plan: Plan) -> Pair:
    """The plan's packages, read and verified.

    Raises:
        PackageError: one of them is damaged.
    """
    champion, challenger = (
        package(platform, platform.ops.model(version).package_digest) for version in (plan.champion, plan.challenger)
    )
    return Pair(champion, challenger)


def package(platform: Platform, digest: str) -> Any:
    """The model package of that digest, verified."""
    from churn_platform.adapters.packages import read_package
    from churn_platform.training.candidate import ModelPackage

    return ModelPackage.from_files(digest, read_package(platform.settings.packages, digest, platform.signer.verifier))


def healthy(package: ModelPackage) -> float:
    """1 where the package's tables say what its booster says on rows made to sit on its thresholds."""
    from churn_platform.explanation.errors import ExplanationError
    from churn_platform.explanation.pattern_tables.verification import refuse_unlike_booster

    try:
        if package.pattern_tables is not None:
            refuse_unlike_booster(package.pattern_tables, package.model.booster)
        return 1.0
    except (ExplanationError, ValueError):
        return 0.0


def answers(package: ModelPackage, rows: pd.DataFrame, timed: int = TIMED) -> Answers:
    """What the package says of each row; a row on which it fails is NaN, and a package that fails on all says so in each."""
    try:
        values = package.model.values(rows)
        explained = package.contributions(values)
        probability = 1 / (1 + np.exp(-explained.margin))
    except Exception:  # whatever it is: a model that cannot answer is what an error rate counts
        return Answers(np.full(len(rows), np.nan), np.empty(0))
    seconds = np.empty(timed)
    for number in range(timed):
        place = number % len(values)
        began = time.perf_counter()
        package.contributions(values[place : place + 1])
        seconds[number] = time.perf_counter() - began
    return Answers(probability, seconds)


def failed(one: Answers) -> NDArray[np.bool_]:
    """Rows without a probability inside (0, 1)."""
    return ~((one.probability > 0) & (one.probability < 1))


def served(other: Answers, at: datetime) -> list[tuple[str, Measure]]:
    """Share of failures and the 99th percentile of the challenger's single answers."""
    found = [("error_rate", Measure(float(failed(other).mean()), len(other.probability), at))]
    if len(other.seconds):
        found.append(("p99", Measure(float(np.quantile(other.seconds, 0.99)), len(other.seconds), at)))
    return found


def compared(two: Pair, ours: Answers, theirs: Answers, at: datetime) -> list[tuple[str, Measure]]:
    """Time, score shift, estimated loss of AUC, and what each promises: of the challenger beside the champion."""
    found: list[tuple[str, Measure]] = []
    if len(theirs.seconds) and len(ours.seconds):
        longer = float(np.median(theirs.seconds) / np.median(ours.seconds) - 1)
        found.append(("latency_increase", Measure(longer, len(theirs.seconds), at)))
    good = ~failed(ours) & ~failed(theirs)
    if not good.any():
        return found
    p, q = ours.probability[good], theirs.probability[good]
    count = int(good.sum())
    lost, error = auc_lost(p, q)
    gained = expected_auc(q) - expected_auc(p)
    better = expected_f1(q, two.challenger.model.threshold.value) - expected_f1(p, two.champion.model.threshold.value)
    return [
        *found,
        ("score_shift", Measure(score_shift(two.champion, p, q), count, at)),
        ("auc_degradation", Measure(lost, count, at, error)),
        ("auc_gain", Measure(gained, count, at)),
        ("f1_gain", Measure(better, count, at)),
    ]


def score_shift(champion: ModelPackage, p: NDArray[np.float64], q: NDArray[np.float64]) -> float:
    """KL divergence of two samples of scores over the champion's deciles, in nats."""
    edges = np.unique(champion.reference.decile_cuts)
    binned = [np.bincount(np.searchsorted(edges, scores, side="right"), minlength=len(edges) + 1) for scores in (p, q)]
    return float(kl_divergence(*binned))


def auc_lost(p: NDArray[np.float64], q: NDArray[np.float64]) -> tuple[float, float]:
    """The champion's AUC minus the challenger's and its standard error, over outcomes drawn from both models' probabilities."""
    rng = np.random.default_rng(0)
    between = (1 - TRUST) * p + TRUST * q
    ahead = _mean_ranks(p) - _mean_ranks(q)
    lost = []
    for _ in range(DRAWS):
        left = rng.random(len(between)) < between
        pairs = int(left.sum()) * int((~left).sum())
        if pairs:
            lost.append(float(ahead[left].sum()) / pairs)  # an AUC is the leavers' ranks over the pairs, and a constant
    if len(lost) < DRAWS // 2:
        return float("nan"), 0.0
    return float(np.mean(lost)), float(np.std(lost, ddof=1))


def _mean_ranks(scores: NDArray[np.float64]) -> NDArray[np.float64]:
    """Ranks from 1; equal scores share the mean of theirs."""
    _, place, counts = np.unique(scores, return_inverse=True, return_counts=True)
    ranks: NDArray[np.float64] = (np.cumsum(counts) - (counts - 1) / 2)[place]
    return ranks


def in_common(one: pd.DataFrame, other: pd.DataFrame) -> tuple[pd.DataFrame, pd.DataFrame]:
    """The customers and days that both models have features of, in one order."""
    keys = ["customer_id", "observation_date"]
    one, other = (rows.set_index(keys, drop=False).sort_index() for rows in (one, other))
    both = one.index.intersection(other.index)
    return one.loc[both].reset_index(drop=True), other.loc[both].reset_index(drop=True)
