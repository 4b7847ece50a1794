"""What a batch can know of a challenger within a day: both models on the same customers observed since the stage began.

What belongs here: reading the rows, asking both models, measuring. What does not: limits and verdicts (`rollout/gates`).

Labels are weeks late, so inside a stage AUC is estimated. `auc_degradation` asks both models to rank the same customers, and takes for what
will happen mostly the champion's probability, which outcomes have borne out, and a quarter the challenger's; its standard error is that of
drawn outcomes. `auc_gain` and
`f1_gain` are what each model's own calibrated probabilities promise. Times are of one customer at a time, in this process.
"""

from __future__ import annotations

import time
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from datetime import time as time_of_day
from typing import TYPE_CHECKING, Any

import numpy as np
import pandas as pd

from churn_platform.adapters.platform import Platform
from churn_platform.contracts.features import FEATURE_SETS
from churn_platform.drift.statistics import kl_divergence
from churn_platform.estimation.expectation import expected_auc, expected_f1
from churn_platform.rollout.evidence import Evidence, Measure, collected
from churn_platform.rollout.plan import Plan
from churn_platform.rollout.progress import Progress

if TYPE_CHECKING:
    from numpy.typing import NDArray

    from churn_platform.training.candidate import ModelPackage

TIMED = 500
DRAWS = 100
TRUST = 0.25
"""The challenger's part in judging. On IBM's live customers a better model (holdout AUC 0.870 against 0.836) then seems worse by 0.02,
and one turned upside down by 0.29; judged by the champion alone 0.04 and 0.71; by both alike 0.00 and 0.00,
which sees nothing (measured)."""
FRESH = timedelta(days=1)
"""A daily feed's newest day is yesterday's; what was measured on an older one is as old as that day."""


@dataclass(frozen=True)
class Answers:
    """A model's probabilities of some customers, NaN where it failed, and the seconds of single answers."""

    probability: NDArray[np.float64]
    seconds: NDArray[np.float64]


def batch_evidence(platform: Platform, plan: Plan, progress: Progress, now: datetime) -> Evidence:
    """The evidence of the present stage from the customers observed since it began; without any, only the package's health."""
    champion, challenger = (
        _package(platform, platform.ops.model(version).package_digest) for version in (plan.champion, plan.challenger)
    )
    measures: list[tuple[str, Measure]] = [("healthy", Measure(_healthy(challenger), 1, now))]
    rows = {one.digest: _observed(platform, one, progress.entered, now) for one in (champion, challenger)}
    ours, theirs = _in_common(rows[champion.digest], rows[challenger.digest])
    if len(ours):
        newest = pd.to_datetime(ours["observation_date"]).max().date()
        at = now if now.date() - newest <= FRESH else datetime.combine(newest, time_of_day.max, tzinfo=UTC)
        measures += _measured(champion, _answers(champion, ours), challenger, _answers(challenger, theirs), at)
    return collected(plan.digest, progress.stage, measures)


def _measured(
    champion: ModelPackage, one: Answers, challenger: ModelPackage, other: Answers, at: datetime
) -> list[tuple[str, Measure]]:
    rows = len(other.probability)
    failed = ~((other.probability > 0) & (other.probability < 1))
    good = ~failed & (one.probability > 0) & (one.probability < 1)
    found = [("error_rate", Measure(float(failed.mean()), rows, at))]
    if len(other.seconds):
        found.append(("p99", Measure(float(np.quantile(other.seconds, 0.99)), len(other.seconds), at)))
    if len(other.seconds) and len(one.seconds):
        longer = float(np.median(other.seconds) / np.median(one.seconds) - 1)
        found.append(("latency_increase", Measure(longer, len(other.seconds), at)))
    if not good.any():
        return found
    p, q = one.probability[good], other.probability[good]
    count = int(good.sum())
    edges = np.unique(champion.reference.decile_cuts)
    binned = [np.bincount(np.searchsorted(edges, scores, side="right"), minlength=len(edges) + 1) for scores in (p, q)]
    found.append(("score_shift", Measure(float(kl_divergence(*binned)), count, at)))
    lost, error = _auc_lost(p, q)
    gained = expected_auc(q) - expected_auc(p)
    better = expected_f1(q, challenger.model.threshold.value) - expected_f1(p, champion.model.threshold.value)
    return [
        *found,
        ("auc_degradation", Measure(lost, count, at, error)),
        ("auc_gain", Measure(gained, count, at)),
        ("f1_gain", Measure(better, count, at)),
    ]


def _auc_lost(p: NDArray[np.float64], q: NDArray[np.float64]) -> tuple[float, float]:
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


def _answers(package: ModelPackage, rows: pd.DataFrame) -> Answers:
    """What the package says of each row; a row on which it fails is NaN, and a package that fails on all says so in each."""
    try:
        values = package.model.values(rows)
        explained = package.contributions(values)
        probability = 1 / (1 + np.exp(-explained.margin))
    except Exception:  # whatever it is: a model that cannot answer is what an error rate counts
        return Answers(np.full(len(rows), np.nan), np.empty(0))
    seconds = np.empty(TIMED)
    for number in range(TIMED):
        place = number % len(values)
        began = time.perf_counter()
        package.contributions(values[place : place + 1])
        seconds[number] = time.perf_counter() - began
    return Answers(probability, seconds)


def _healthy(package: ModelPackage) -> float:
    """1 where the package's tables say what its booster says on rows made to sit on its thresholds."""
    from churn_platform.explanation.errors import ExplanationError
    from churn_platform.explanation.pattern_tables.verification import refuse_unlike_booster

    try:
        if package.pattern_tables is not None:
            refuse_unlike_booster(package.pattern_tables, package.model.booster)
        return 1.0
    except (ExplanationError, ValueError):
        return 0.0


def _observed(platform: Platform, package: ModelPackage, entered: datetime, now: datetime) -> pd.DataFrame:
    feature_set = FEATURE_SETS[package.model.feature_set]
    return platform.warehouse.features(feature_set, entered.date(), now.date())


def _in_common(one: pd.DataFrame, other: pd.DataFrame) -> tuple[pd.DataFrame, pd.DataFrame]:
    """The customers and days that both models have features of, in one order."""
    keys = ["customer_id", "observation_date"]
    one, other = (rows.set_index(keys, drop=False).sort_index() for rows in (one, other))
    both = one.index.intersection(other.index)
    return tuple(_plain(rows.loc[both]) for rows in (one, other))  # type: ignore[return-value]


def _plain(rows: pd.DataFrame) -> pd.DataFrame:
    return rows.reset_index(drop=True)


def _package(platform: Platform, digest: str) -> Any:
    from churn_platform.adapters.packages import read_package
    from churn_platform.training.candidate import ModelPackage

    return ModelPackage.from_files(digest, read_package(platform.settings.packages, digest, platform.signer.verifier))
