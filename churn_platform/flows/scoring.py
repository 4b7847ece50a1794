"""From the champion's package and a day's features to published scores.

What belongs here: loading the verified champion, scoring each day, publishing it. What does not: what a score row is (`scoring.py`).
"""

from __future__ import annotations

import json
from collections import deque
from collections.abc import Callable, Iterable, Iterator, Sequence
from dataclasses import dataclass
from datetime import date
from functools import cached_property
from pathlib import Path
from typing import TYPE_CHECKING, TypeVar

import pandas as pd

from churn_platform.adapters.platform import Platform
from churn_platform.contracts.features import FEATURE_SETS
from churn_platform.scoring import Provenance, ScoringError, day_order, score_block

if TYPE_CHECKING:
    from churn_platform.adapters.snapshots import Snapshot
    from churn_platform.training.candidate import ModelPackage

DATASET = "daily_scores"
BLOCK = 1 << 16
"""Customers scored together: a day's memory beyond its features is a few blocks. What is published does not depend on it."""

Scored = TypeVar("Scored")


class NoChampionError(LookupError):
    """Nothing can be scored: no model has been released in this home."""


@dataclass(frozen=True)
class ScoredDay:
    """One published day: the folder and pointer of what was published, and the largest gap between reasons and margin."""

    day: date
    snapshot: Snapshot
    gap: float
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

    def frame(self) -> pd.DataFrame:
        """All scores of the run."""
        return pd.concat([day.scores for day in self.scored], ignore_index=True)


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
    scored = tuple(
        _score_day(platform, version, package, day, rows) for day, rows in _features_by_day(platform, package, wanted)
    )
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
    rows = pq.read_table(path, columns=wanted, read_dictionary=texts).to_pandas()
    elsewhere = rows["observation_date"] != pd.Timestamp(day)
    if bool(elsewhere.any()):
        raise ScoringError(
            f"{int(elsewhere.sum())} of {len(rows)} rows of {path} are not of {day}: score each day by itself"
        )
    return _score_day(platform, version, package, day, rows)


def _score_day(platform: Platform, version: str, package: ModelPackage, day: date, rows: pd.DataFrame) -> ScoredDay:
    """Score `rows` block by block and publish them as one snapshot, or nothing of them."""
    from churn_platform.adapters.snapshots import publish_blocks

    order = day_order(rows)
    gaps: list[float] = []

    def score(start: int) -> tuple[pd.DataFrame, float]:
        return _score_block(platform, version, package, rows.take(order[start : start + BLOCK]).reset_index(drop=True))

    def blocks() -> Iterator[pd.DataFrame]:
        for scores, gap in _in_order(score, range(0, len(rows), BLOCK)):
            gaps.append(gap)
            yield scores

    about = {
        "model_version": version,
        "package": package.digest,
        "feed": platform.home.feed,
        "simulated": platform.home.simulated,
        "policy": platform.policies.digest,
    }
    published = platform.settings.published
    snapshot = publish_blocks(published, DATASET, day.isoformat(), blocks(), about, platform.now())
    return ScoredDay(day, snapshot, max(gaps), published)


def _score_block(
    platform: Platform, version: str, package: ModelPackage, rows: pd.DataFrame
) -> tuple[pd.DataFrame, float]:
    """The scores of some rows with their reasons, and the largest gap between reasons and margin."""
    from churn_platform.explanation.contributions import check_sum
    from churn_platform.explanation.reasons import reasons_column

    model, policies = package.model, platform.policies
    explained = package.explain(rows)
    gap = check_sum(explained, policies.gates.evaluation.max_contribution_gap)
    reasons = reasons_column(explained, rows, FEATURE_SETS[model.feature_set], policies.scoring.reasons)
    scores = score_block(
        rows,
        features=model.feature_names,
        margin=explained.margin,
        base_margin=explained.base,
        reasons=pd.array(reasons, dtype="str"),
        cuts=package.reference.decile_cuts,
        policy=policies.scoring,
        provenance=Provenance(version, package.digest, model.feature_set, platform.home.feed, platform.home.simulated),
    )
    return scores, gap


def _in_order(score: Callable[[int], Scored], starts: Iterable[int], ahead: int = 2) -> Iterator[Scored]:
    """`score` of each start, in order, at most `ahead` at work or waiting beside the one that is taken."""
    from concurrent.futures import Future, ThreadPoolExecutor

    with ThreadPoolExecutor(ahead) as pool:
        waiting: deque[Future[Scored]] = deque()
        try:
            for start in starts:
                waiting.append(pool.submit(score, start))
                if len(waiting) > ahead:
                    yield waiting.popleft().result()
            while waiting:
                yield waiting.popleft().result()
        finally:
            for future in waiting:
                future.cancel()


def most_at_risk(scores: pd.DataFrame, customers: int = 10) -> list[dict[str, object]]:
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
