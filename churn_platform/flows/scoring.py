"""From the champion's package and a day's features to published scores.

What belongs here: loading the verified champion, scoring each day, publishing it. What does not: what a score row is (`scoring.py`).
"""

from __future__ import annotations

import json
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from datetime import date
from functools import cached_property, partial
from pathlib import Path
from typing import TYPE_CHECKING

import pandas as pd

from churn_platform.adapters.platform import Platform
from churn_platform.contracts.features import FEATURE_SETS
from churn_platform.contracts.predictions import BANDS
from churn_platform.flows.block_scoring import BLOCK, RISKIEST, Scorer, as_they_stand, cut, highest
from churn_platform.flows.monitoring.costs import keep_seconds, timed
from churn_platform.flows.variants import Split, refuse_if_stopped, split_now
from churn_platform.rollout.assignment import challenged
from churn_platform.scoring import (
    ScoringError,
    day_order,
    hold_blocks_to_contract,
)

if TYPE_CHECKING:
    from churn_platform.adapters.snapshots import Snapshot
    from churn_platform.training.candidate import ModelPackage

DATASET = "daily_scores"


class NoChampionError(LookupError):
    """Nothing can be scored: no model has been released in this home."""


@dataclass(frozen=True)
class ScoredDay:
    """One published day: the folder and pointer of what was published, its figures, and how its reasons were checked.

    `gap` is the largest difference between base plus contributions and the booster's own margin, over `checked` rows: all of a
    day of up to `CHECKED` customers, evenly spaced ones of a larger day. `riskiest` are its highest scores.
    """

    day: date
    snapshot: Snapshot
    gap: float
    checked: int
    banded: Mapping[str, int]
    probability: float
    riskiest: pd.DataFrame
    published: Path

    @cached_property
    def scores(self) -> pd.DataFrame:
        """The day's scores as a reader finds them, verified; read when first asked for, since a large day is not kept in memory."""
        from churn_platform.adapters.snapshots import read_contents

        return read_contents(self.published, self.snapshot)


@dataclass(frozen=True)
class ScoredDays:
    """The days of one scoring run, and why other days were passed over."""

    version: str
    scored: tuple[ScoredDay, ...]
    passed_over: dict[str, str]
    bound: float

    @property
    def rows(self) -> int:
        """Customers scored."""
        return sum(day.snapshot.rows for day in self.scored)

    @property
    def gap(self) -> float:
        """The largest gap over all days; 0 where no day was scored."""
        return max((day.gap for day in self.scored), default=0.0)

    @property
    def checked(self) -> int:
        """Rows whose margin was compared with the booster's own."""
        return sum(day.checked for day in self.scored)

    @property
    def banded(self) -> dict[str, int]:
        """Customers by band."""
        return {band: sum(day.banded[band] for day in self.scored) for band in BANDS}

    @property
    def probability(self) -> float:
        """The mean probability."""
        return sum(day.probability * day.snapshot.rows for day in self.scored) / self.rows

    @property
    def riskiest(self) -> pd.DataFrame:
        """The highest scores of the run, at least the `RISKIEST` first."""
        return pd.concat([day.riskiest for day in self.scored], ignore_index=True)

    def hold_published_to_contract(self) -> int:
        """Read what was published, block by block, and hold it to its contract; the rows read.

        Raises:
            ScoringError: a row breaks the contract, a customer stands twice on a day, or rows are missing.
        """
        from churn_platform.adapters.snapshots import read_blocks

        for day in self.scored:
            hold_blocks_to_contract(read_blocks(day.published, day.snapshot), day.snapshot.rows)
        return self.rows


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
    return _score_day(platform, version, package, day, cut(rows, day_order(rows)), len(rows))


def score_file(platform: Platform, path: Path, day: date) -> ScoredDay:
    """Score and publish a day whose feature rows come in a Parquet file, in the layout of the champion's feature table, by the champion.

    Texts stay coded until they are needed: a million customers take some 100 MB.

    Raises:
        NoChampionError, PackageError: no usable champion.
        ScoresStoppedError: the kill switch is thrown.
        ScoringError: the file lacks a column, or holds no row, another day's row, or a customer twice.
    """
    import pyarrow.parquet as pq

    refuse_if_stopped(platform)
    version, package = champion_package(platform)
    schema = pq.read_schema(path)
    wanted = ["customer_id", "observation_date", *package.model.feature_names]
    absent = [name for name in wanted if name not in schema.names]
    if absent:
        raise ScoringError(f"{path} lacks {', '.join(absent)}: it is not a table of {package.model.feature_set}")
    texts = [feature.name for feature in package.features if feature.is_categorical]
    keys = pq.read_table(path, columns=wanted[:2]).to_pandas()
    elsewhere = keys["observation_date"] != pd.Timestamp(day)
    if bool(elsewhere.any()):
        raise ScoringError(
            f"{int(elsewhere.sum())} of {len(keys)} rows of {path} are not of {day}: score each day by itself"
        )
    order = day_order(keys)
    if not as_they_stand(order):
        rows = pq.read_table(path, columns=wanted, read_dictionary=texts).to_pandas()
        return _score_day(platform, version, package, day, cut(rows, order), len(order))
    with pq.ParquetFile(path, read_dictionary=texts) as file:
        batches = file.iter_batches(BLOCK, columns=wanted)
        return _score_day(platform, version, package, day, (batch.to_pandas() for batch in batches), len(order))


def _score_day(
    platform: Platform, version: str, package: ModelPackage, day: date, blocks: Iterable[pd.DataFrame], customers: int
) -> ScoredDay:
    """Score a day's `customers`, which come in `blocks` in the order of `day_order`, and publish them as one snapshot, or nothing."""
    scorer = Scorer(platform, version, package, customers)
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


def most_at_risk(scores: pd.DataFrame, customers: int = RISKIEST) -> list[dict[str, object]]:
    """The `customers` highest scores with their reasons read from JSON, the riskiest first (ties by id)."""
    ordered = scores.sort_values(["probability", "customer_id"], ascending=[False, True], kind="stable").head(customers)
    return [
        {
            "customer_id": row["customer_id"],
            "observation_date": row["observation_date"].date().isoformat(),
            "probability": float(row["probability"]),
            "band": row["band"],
            "reasons": [reason["text"] for reason in json.loads(row["reasons"])],
        }
        for row in ordered.to_dict("records")
    ]
