"""From the champion's package and a day's features to published scores.

What belongs here: loading the verified champion, scoring each day, publishing it. What does not: what a score row is (the room `scoring`).
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping, Sequence
from datetime import date
from functools import partial
from typing import TYPE_CHECKING

import pandas as pd

from churn_platform.adapters.platform import Platform
from churn_platform.contracts.features import FEATURE_SETS
from churn_platform.contracts.predictions import BANDS
from churn_platform.flows.block_scoring import BLOCK, Margins, Scorer, cut, highest
from churn_platform.flows.monitoring.costs import keep_seconds, timed
from churn_platform.flows.scored_days import ScoredDay, ScoredDays
from churn_platform.flows.variants import Split, refuse_if_stopped, split_now
from churn_platform.rollout.assignment import challenged
from churn_platform.scoring import ScoringError, day_order

if TYPE_CHECKING:
    from churn_platform.training.candidate import ModelPackage

DATASET = "daily_scores"


class NoChampionError(LookupError):
    """Nothing can be scored: no model has been released in this home."""


def champion_package(platform: Platform) -> tuple[str, ModelPackage]:
    """The champion's version and its verified package.

    Raises:
        NoChampionError: no champion yet. PackageError: the package is damaged.
    """
    from churn_platform.adapters.packages import read_package
    from churn_platform.training.candidate import ModelPackage

    champion = platform.ops.champion(platform.policies.governance.model)
    if champion is None:
        raise NoChampionError(
            "no champion has been released in this home yet: run `churn run`, or `churn train`, first"
        )
    digest = platform.ops.model(champion.version).package_digest
    files = read_package(platform.settings.packages, digest, platform.signer.verifier)
    return champion.version, ModelPackage.from_files(digest, files)


def score_days(platform: Platform, days: Sequence[date]) -> ScoredDays:
    """Score and publish `days`; running again publishes the same contents, so nothing changes.

    The champion scores everybody, except the customers whom the rollout under way has drawn for its challenger: the same ones as in the
    API, since both ask the same hash. Who has no features for the challenger stays with the champion.

    Days on which the calendar expects no customers, and days that lie in the champion's own training window, are passed over with
    the reason.

    Raises:
        NoChampionError, PackageError: no usable champion.
        ScoresStoppedError: the kill switch is thrown.
        ScoringError: an expected day has no feature rows, or no day of the run can be scored.
    """
    refuse_if_stopped(platform)
    version, package = champion_package(platform)
    split = split_now(platform)
    calendar = platform.calendar
    passed_over: dict[str, str] = {}
    wanted = []
    for day in days:
        if not calendar.expects_customers(day):
            passed_over[day.isoformat()] = "the calendar expects no customers on this day"
        elif day < calendar.live_from:
            passed_over[day.isoformat()] = (
                f"history: the model may have been trained on it; live days begin on {calendar.live_from}"
            )
        else:
            wanted.append(day)
    if not wanted:
        why = "; ".join(f"{day}: {reason}" for day, reason in list(passed_over.items())[:3])
        raise ScoringError(f"there is no day to score: {why}")
    seconds: dict[date, float] = {}
    scored = tuple(
        timed(seconds, day, partial(_score_rows, platform, version, package, day, rows, split))
        for day, rows in _features_by_day(platform, package, wanted)
    )
    keep_seconds(platform.settings, version, seconds)
    return ScoredDays(version, scored, passed_over, platform.policies.gates.evaluation.max_contribution_gap)


def _features_by_day(
    platform: Platform, package: ModelPackage, days: Sequence[date]
) -> Iterator[tuple[date, pd.DataFrame]]:
    """Each day's feature rows, one day in memory at a time; that every day has some is known before the first is scored."""
    feature_set = FEATURE_SETS[package.model.feature_set]
    with platform.warehouse.reading():
        there = platform.warehouse.observed_days(feature_set, min(days), max(days))
        absent = [day for day in days if day not in there]
        if absent:
            raise ScoringError(
                f"{absent[0]} has no feature rows in {feature_set.table}, though the calendar expects customers: "
                f"zero rows is an error, not a quiet day; run `churn day {absent[0]}`"
            )
        for day in days:
            yield day, platform.warehouse.features(feature_set, day, day)


def _score_rows(
    platform: Platform, version: str, package: ModelPackage, day: date, rows: pd.DataFrame, split: Split | None = None
) -> ScoredDay:
    if split is not None:
        return _score_split(platform, version, package, day, rows, split)
    if len(rows) > BLOCK:  # a large day's texts are coded once, so that each block looks up distinct values only
        texts = [feature.name for feature in package.features if feature.is_categorical]
        rows = rows.assign(**{name: rows[name].astype("category") for name in texts})
    return score_blocks(platform, version, package, day, cut(rows, day_order(rows)), len(rows))


def score_blocks(
    platform: Platform,
    version: str,
    package: ModelPackage,
    day: date,
    blocks: Iterable[pd.DataFrame],
    customers: int,
    margins: Margins | None = None,
) -> ScoredDay:
    """Score a day's `customers`, which come in `blocks` in the order of `day_order`, and publish them as one snapshot, or nothing.

    `margins` gives the booster's own margins of a sample; without it, the booster is loaded here.
    """
    scorer = Scorer(platform, version, package, customers, margins)
    return _published(platform, version, package, day, scorer.scores(blocks), [scorer], {})


def _score_split(
    platform: Platform, version: str, package: ModelPackage, day: date, rows: pd.DataFrame, split: Split
) -> ScoredDay:
    """A day under a rollout: each customer by the model that the plan's draw gives them, all in one snapshot."""
    about: dict[str, object] = {"challenger": split.version, "rollout": split.plan}
    drawn = challenged(split.salt, rows["customer_id"].astype(str), split.weight)
    scorers: list[Scorer] = []
    scores: list[pd.DataFrame] = []
    try:  # a challenger that fails costs nobody their score: the champion answers, and the rollout is told
        if split.package is None:
            raise ScoringError(split.problem)
        other = platform.warehouse.features(FEATURE_SETS[split.package.model.feature_set], day, day)
        drawn &= rows["customer_id"].isin(other["customer_id"]).to_numpy()
        theirs = other[other["customer_id"].isin(rows.loc[drawn, "customer_id"])]
        if len(theirs):
            scorers.append(Scorer(platform, split.version, split.package, len(theirs)))
            scores += list(scorers[-1].scores(cut(theirs, day_order(theirs))))
    except Exception as error:
        scorers, scores = [], []
        drawn[:] = False
        about["challenger_failed"] = f"{type(error).__name__}: {error}"
    ours = rows[~drawn]
    if len(ours):
        scorers.append(Scorer(platform, version, package, len(ours)))
        scores += list(scorers[-1].scores(cut(ours, day_order(ours))))
    merged = pd.concat(scores).sort_values("customer_id", kind="stable").reset_index(drop=True)
    return _published(platform, version, package, day, [merged], scorers, about)


def _published(
    platform: Platform,
    version: str,
    package: ModelPackage,
    day: date,
    scores: Iterable[pd.DataFrame],
    scorers: Sequence[Scorer],
    more: Mapping[str, object],
) -> ScoredDay:
    from churn_platform.adapters.snapshots import publish_blocks

    about = {
        "model_version": version,
        "package": package.digest,
        "feed": platform.home.feed,
        "simulated": platform.home.simulated,
        "policy": platform.policies.digest,
        **more,
    }
    published = platform.settings.published
    snapshot = publish_blocks(published, DATASET, day.isoformat(), scores, about, platform.now())
    return ScoredDay(
        day,
        snapshot,
        gap=max(one.gap for one in scorers),
        checked=sum(len(one.checked) for one in scorers),
        banded={band: sum(one.banded[band] for one in scorers) for band in BANDS},
        probability=sum(one.probability for one in scorers) / sum(one.customers for one in scorers),
        riskiest=highest(pd.concat([part for one in scorers for part in one.riskiest], ignore_index=True)),
        published=published,
    )
