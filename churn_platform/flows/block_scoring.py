"""Scoring a day block by block: from feature rows to score rows, and the figures that are kept of them.

What belongs here: one model, one day, its blocks in order. What does not: which model scores whom, and publishing (`scoring`).
"""

from __future__ import annotations

from collections import deque
from collections.abc import Callable, Iterable, Iterator, Sequence
from typing import TYPE_CHECKING, NamedTuple, TypeVar

import numpy as np
import pandas as pd

from churn_platform.adapters.platform import Platform
from churn_platform.contracts.features import FEATURE_SETS
from churn_platform.contracts.predictions import BANDS
from churn_platform.scoring import Provenance, ScoringError, checked_places, score_block

if TYPE_CHECKING:
    from numpy.typing import NDArray

    from churn_platform.training.candidate import ModelPackage

BLOCK = 1 << 16
"""Customers scored together, a row group of what is published: large enough that what a block costs beside its rows does not count, small
enough that its reasons (36 MB) are soon used again. What is published does not depend on it."""
CHECKED = 1 << 13
"""Rows of a day whose margin is compared with the booster's own: an error in one row of 1,500 is missed in one day of 200."""
RISKIEST = 10

Margins = Callable[["ModelPackage", "NDArray[np.float32]"], "NDArray[np.float64]"]
"""The booster's own margins of rows in model order, calibrated, (rows,)."""

Block = TypeVar("Block")
Scored = TypeVar("Scored")


class Scorer:
    """One day's rows on their way to scores, block by block, and the figures that are kept of them."""

    def __init__(
        self,
        platform: Platform,
        version: str,
        package: ModelPackage,
        customers: int,
        margins: Margins | None = None,
    ) -> None:
        self.platform, self.package, self.customers = platform, package, customers
        self.margins = margins
        self.provenance = Provenance(
            version, package.digest, package.model.feature_set, platform.home.feed, platform.home.simulated
        )
        self.checked = checked_places(customers, CHECKED)
        self.gap = 0.0
        self.probability = 0.0
        self.banded = dict.fromkeys(BANDS, 0)
        self.riskiest: list[pd.DataFrame] = []

    def scores(self, blocks: Iterable[pd.DataFrame]) -> Iterator[pd.DataFrame]:
        """The scores of each block; the sample's margins are compared with the booster's own while the last block is written, and
        nothing is published before that is done.
        """
        from concurrent.futures import Future, ThreadPoolExecutor

        sampled: list[Sample] = []
        scored = 0
        compared: Future[float] | None = None
        with ThreadPoolExecutor(1) as beside:
            # while the first blocks are scored
            loading = beside.submit(lambda: self.package.model.booster if self.margins is None else None)
            for scores, figures in in_order(self._score, numbered(blocks)):
                self._note(figures)
                sampled.append(figures.sample)
                scored += len(scores)
                if scored == self.customers:
                    compared = beside.submit(self._compare, sampled)
                yield scores
            loading.result()
            if compared is None or scored != self.customers:
                raise ScoringError(
                    f"{scored} customers came where {self.customers} were announced: score the day again"
                )
            self.gap = compared.result()

    def _score(self, block: tuple[int, pd.DataFrame]) -> tuple[pd.DataFrame, Figures]:
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
        sample = Sample(values[places], explained.values[places], explained.base[places])
        banded = {str(band): int(count) for band, count in scores["band"].value_counts().items()}
        return scores, Figures(banded, float(scores["probability"].sum()), highest(scores), sample)

    def _note(self, figures: Figures) -> None:
        for band, customers in figures.banded.items():
            self.banded[band] += customers
        self.probability += figures.probability
        self.riskiest.append(figures.riskiest)

    def _compare(self, sampled: Sequence[Sample]) -> float:
        from churn_platform.explanation.contributions import Contributions, check_sum

        values, amounts, base = (np.concatenate([getattr(one, name) for one in sampled]) for name in Sample._fields)
        margin = self.package.margin(values) if self.margins is None else self.margins(self.package, values)
        bound = self.platform.policies.gates.evaluation.max_contribution_gap
        return check_sum(Contributions(self.package.model.feature_names, amounts, base, margin), bound)


class Figures(NamedTuple):
    """What is kept of a block: customers by band, the sum of their probabilities, the highest scores, the rows that are checked."""

    banded: dict[str, int]
    probability: float
    riskiest: pd.DataFrame
    sample: Sample


class Sample(NamedTuple):
    """Rows whose margin is compared with the booster's own: their values, contributions and base."""

    values: NDArray[np.float32]
    amounts: NDArray[np.float64]
    base: NDArray[np.float64]


def numbered(blocks: Iterable[pd.DataFrame]) -> Iterator[tuple[int, pd.DataFrame]]:
    """Each block with the place of its first row in the day."""
    start = 0
    for rows in blocks:
        yield start, rows
        start += len(rows)


def highest(scores: pd.DataFrame) -> pd.DataFrame:
    """The `RISKIEST` highest scores, ties by id."""
    if len(scores) > RISKIEST:
        probability = scores["probability"].to_numpy()
        bound = np.partition(probability, -RISKIEST)[-RISKIEST]
        scores = scores.take(np.flatnonzero(probability >= bound))
    ordered = scores.sort_values(["probability", "customer_id"], ascending=[False, True], kind="stable")
    return ordered.head(RISKIEST)


def cut(rows: pd.DataFrame, order: NDArray[np.intp]) -> Iterator[pd.DataFrame]:
    """`rows` in `order`, block by block."""
    straight = as_they_stand(order)
    for start in range(0, len(rows), BLOCK):
        yield rows.iloc[start : start + BLOCK] if straight else rows.take(order[start : start + BLOCK])


def as_they_stand(order: NDArray[np.intp]) -> bool:
    """Whether the rows stand in `order` already."""
    return bool((order == np.arange(len(order))).all())


def in_order(score: Callable[[Block], Scored], blocks: Iterable[Block], ahead: int = 2) -> Iterator[Scored]:
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
