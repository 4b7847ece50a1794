"""From the champion's package and a day's features to published scores.

What belongs here: loading the verified champion, scoring each day, publishing it. What does not: what a score row is (`scoring.py`).
"""

from __future__ import annotations

import json
from collections import deque
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from datetime import date
from functools import cached_property, partial
from pathlib import Path
from typing import TYPE_CHECKING, NamedTuple, TypeVar

import numpy as np
import pandas as pd

from churn_platform.adapters.platform import Platform
from churn_platform.contracts.features import FEATURE_SETS
from churn_platform.contracts.predictions import BANDS
from churn_platform.flows.monitoring.costs import keep_seconds, timed
from churn_platform.scoring import (
    Provenance,
    ScoringError,
    checked_places,
    day_order,
    hold_blocks_to_contract,
    score_block,
)

if TYPE_CHECKING:
    from numpy.typing import NDArray

    from churn_platform.adapters.snapshots import Snapshot
    from churn_platform.training.candidate import ModelPackage

DATASET = "daily_scores"
BLOCK = 1 << 15
"""Customers scored together, a row group of what is published: their reasons are some 18 MB, which the allocator uses again, where it
would fetch and clear twice that anew for each block. What is published does not depend on it."""
CHECKED = 1 << 13
"""Rows of a day whose margin is compared with the booster's own: an error in one row of 1,500 is missed in one day of 200."""
RISKIEST = 10

Block = TypeVar("Block")
Scored = TypeVar("Scored")


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
    """Score and publish `days` with the champion; running again publishes the same contents, so nothing changes.

    Days on which the calendar expects no customers, and days that lie in the champion's own training window, are passed over with
    the reason.

    Raises:
        NoChampionError, PackageError: no usable champion.
        ScoringError: an expected day has no feature rows, or no day of the run can be scored.
    """
    version, package = champion_package(platform)
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
        timed(seconds, day, partial(_score_rows, platform, version, package, day, rows))
        for day, rows in _features_by_day(platform, package, wanted)
    )
    keep_seconds(platform.settings, version, seconds)
    return ScoredDays(version, scored, passed_over, platform.policies.gates.evaluation.max_contribution_gap)


def _features_by_day(
    platform: Platform, package: ModelPackage, days: Sequence[date]
) -> list[tuple[date, pd.DataFrame]]:
    feature_set = FEATURE_SETS[package.model.feature_set]
    rows = platform.warehouse.features(feature_set, min(days), max(days))
    by_day = dict(tuple(rows.groupby(pd.to_datetime(rows["observation_date"]).dt.date, sort=True)))
    absent = [day for day in days if day not in by_day]
    if absent:
        raise ScoringError(
            f"{absent[0]} has no feature rows in {feature_set.table}, though the calendar expects customers: "
            f"zero rows is an error, not a quiet day; run `churn day {absent[0]}`"
        )
    return [(day, by_day[day].reset_index(drop=True)) for day in days]


def _score_rows(platform: Platform, version: str, package: ModelPackage, day: date, rows: pd.DataFrame) -> ScoredDay:
    if len(rows) > BLOCK:  # a large day's texts are coded once, so that each block looks up distinct values only
        texts = [feature.name for feature in package.features if feature.is_categorical]
        rows = rows.assign(**{name: rows[name].astype("category") for name in texts})
    return _score_day(platform, version, package, day, _cut(rows, day_order(rows)), len(rows))


def score_file(platform: Platform, path: Path, day: date) -> ScoredDay:
    """Score and publish a day whose feature rows come in a Parquet file, in the layout of the champion's feature table.

    Texts stay coded until they are needed: a million customers take some 100 MB.

    Raises:
        NoChampionError, PackageError: no usable champion.
        ScoringError: the file lacks a column, or holds no row, another day's row, or a customer twice.
    """
    import pyarrow.parquet as pq

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
    if not _as_they_stand(order):
        rows = pq.read_table(path, columns=wanted, read_dictionary=texts).to_pandas()
        return _score_day(platform, version, package, day, _cut(rows, order), len(order))
    with pq.ParquetFile(path, read_dictionary=texts) as file:
        batches = file.iter_batches(BLOCK, columns=wanted)
        return _score_day(platform, version, package, day, (batch.to_pandas() for batch in batches), len(order))


def _cut(rows: pd.DataFrame, order: NDArray[np.intp]) -> Iterator[pd.DataFrame]:
    """`rows` in `order`, block by block."""
    straight = _as_they_stand(order)
    for start in range(0, len(rows), BLOCK):
        yield rows.iloc[start : start + BLOCK] if straight else rows.take(order[start : start + BLOCK])


def _as_they_stand(order: NDArray[np.intp]) -> bool:
    return bool((order == np.arange(len(order))).all())


def _score_day(
    platform: Platform, version: str, package: ModelPackage, day: date, blocks: Iterable[pd.DataFrame], customers: int
) -> ScoredDay:
    """Score a day's `customers`, which come in `blocks` in the order of `day_order`, and publish them as one snapshot, or nothing."""
    from churn_platform.adapters.snapshots import publish_blocks

    scorer = _Scorer(platform, version, package, customers)
    about = {
        "model_version": version,
        "package": package.digest,
        "feed": platform.home.feed,
        "simulated": platform.home.simulated,
        "policy": platform.policies.digest,
    }
    published = platform.settings.published
    snapshot = publish_blocks(published, DATASET, day.isoformat(), scorer.scores(blocks), about, platform.now())
    return ScoredDay(day, snapshot, *scorer.figures(), published)


class _Scorer:
    """One day's rows on their way to scores, block by block, and the figures that are kept of them."""

    def __init__(self, platform: Platform, version: str, package: ModelPackage, customers: int) -> None:
        self.platform, self.package, self.customers = platform, package, customers
        self.provenance = Provenance(
            version, package.digest, package.model.feature_set, platform.home.feed, platform.home.simulated
        )
        self.checked = checked_places(customers, CHECKED)
        self.gap = 0.0
        self.probability = 0.0
        self.banded = dict.fromkeys(BANDS, 0)
        self.riskiest: list[pd.DataFrame] = []

    def scores(self, blocks: Iterable[pd.DataFrame]) -> Iterator[pd.DataFrame]:
        """The scores of each block; at the end the sample's margins are compared with the booster's own, before anything is
        published.
        """
        from concurrent.futures import ThreadPoolExecutor

        sampled: list[_Sample] = []
        with ThreadPoolExecutor(1) as beside:
            loading = beside.submit(lambda: self.package.model.booster)  # while the first blocks are scored
            for scores, sample in _in_order(self._score, _numbered(blocks)):
                self._note(scores)
                sampled.append(sample)
                yield scores
            loading.result()
        self.gap = self._compare(sampled)

    def figures(self) -> tuple[float, int, dict[str, int], float, pd.DataFrame]:
        """Gap, rows checked, customers by band, mean probability, and the highest scores."""
        riskiest = pd.concat(self.riskiest, ignore_index=True)
        return self.gap, len(self.checked), self.banded, self.probability / self.customers, _highest(riskiest)

    def _score(self, block: tuple[int, pd.DataFrame]) -> tuple[pd.DataFrame, _Sample]:
        from churn_platform.explanation.reasons import reasons_column

        model, policies = self.package.model, self.platform.policies
        start, rows = block
        rows = rows.reset_index(drop=True)
        values = model.values(rows)
        explained = self.package.contributions(values, threads=1)  # blocks are scored side by side
        reasons = reasons_column(explained, rows, FEATURE_SETS[model.feature_set], policies.scoring.reasons)
        scores = score_block(
            rows,
            features=model.feature_names,
            margin=explained.margin,
            base_margin=explained.base,
            reasons=pd.array(reasons, dtype="str"),
            cuts=self.package.reference.decile_cuts,
            policy=policies.scoring,
            provenance=self.provenance,
        )
        first, behind = np.searchsorted(self.checked, (start, start + len(rows)))
        places = self.checked[first:behind] - start
        return scores, _Sample(values[places], explained.values[places], explained.base[places])

    def _note(self, scores: pd.DataFrame) -> None:
        for band, customers in scores["band"].value_counts().items():
            self.banded[str(band)] += int(customers)
        self.probability += float(scores["probability"].sum())
        self.riskiest.append(_highest(scores))

    def _compare(self, sampled: Sequence[_Sample]) -> float:
        from churn_platform.explanation.contributions import Contributions, check_sum

        values, amounts, base = (np.concatenate([getattr(one, name) for one in sampled]) for name in _Sample._fields)
        margin = self.package.margin(values)
        bound = self.platform.policies.gates.evaluation.max_contribution_gap
        return check_sum(Contributions(self.package.model.feature_names, amounts, base, margin), bound)


class _Sample(NamedTuple):
    """Rows whose margin is compared with the booster's own: their values, contributions and base."""

    values: NDArray[np.float32]
    amounts: NDArray[np.float64]
    base: NDArray[np.float64]


def _numbered(blocks: Iterable[pd.DataFrame]) -> Iterator[tuple[int, pd.DataFrame]]:
    """Each block with the place of its first row in the day."""
    start = 0
    for rows in blocks:
        yield start, rows
        start += len(rows)


def _highest(scores: pd.DataFrame) -> pd.DataFrame:
    """The `RISKIEST` highest scores, ties by id."""
    if len(scores) > RISKIEST:
        bound = np.partition(scores["probability"].to_numpy(), -RISKIEST)[-RISKIEST]
        scores = scores[scores["probability"] >= bound]
    ordered = scores.sort_values(["probability", "customer_id"], ascending=[False, True], kind="stable")
    return ordered.head(RISKIEST)


def _in_order(score: Callable[[Block], Scored], blocks: Iterable[Block], ahead: int = 2) -> Iterator[Scored]:
    """`score` of each block, in order, at most `ahead` at work or waiting beside the one that is taken."""
    from concurrent.futures import Future, ThreadPoolExecutor

    with ThreadPoolExecutor(ahead) as pool:
        waiting: deque[Future[Scored]] = deque()
        try:
            for block in blocks:
                waiting.append(pool.submit(score, block))
                if len(waiting) > ahead:
                    yield waiting.popleft().result()
            while waiting:
                yield waiting.popleft().result()
        finally:
            for future in waiting:
                future.cancel()


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
