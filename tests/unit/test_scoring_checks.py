"""What a day's scores are checked against before they are published, and how what was published is read again."""

from __future__ import annotations

from pathlib import Path
from types import SimpleNamespace
from typing import Any

import numpy as np
import pandas as pd
import pytest
from hypothesis import given
from hypothesis import strategies as st

from churn_platform.adapters.snapshot_parquet import ROW_GROUP
from churn_platform.adapters.snapshots import NothingPublishedError, read_blocks, read_snapshot
from churn_platform.contracts.features import V1
from churn_platform.explanation.contributions import Contributions
from churn_platform.explanation.errors import ContributionGapError
from churn_platform.flows import scoring as flow
from churn_platform.flows.block_scoring import CHECKED
from churn_platform.flows.scored_days import ScoredDay, ScoredDays, most_at_risk
from churn_platform.policies import load_policies
from churn_platform.scoring import ScoringError, checked_places, hold_blocks_to_contract, hold_to_contract

POLICIES = load_policies()
DAY = pd.Timestamp("2026-06-03")


class Package:
    """A package of one feature whose booster says `margin`, and whose tables are off by `error` at the rows `wrong`."""

    def __init__(self, error: float = 0.0, wrong: tuple[int, ...] = ()) -> None:
        self.error, self.wrong = error, wrong
        self.digest, self.features = "d" * 64, (V1.feature("tenure_months"),)
        self.model = SimpleNamespace(
            feature_set="v1",
            feature_names=("tenure_months",),
            booster=None,
            values=lambda rows: rows[["tenure_months"]].to_numpy("float32"),
        )
        self.reference = SimpleNamespace(decile_cuts=tuple(n / 10 for n in range(1, 10)))

    def margin(self, values: np.ndarray) -> np.ndarray:
        return values[:, 0].astype("float64") / 100

    def contributions(self, values: np.ndarray, threads: int | None = None) -> Contributions:
        amounts = self.margin(values) + np.where(np.isin(values[:, 0], self.wrong), self.error, 0)
        return Contributions(("tenure_months",), amounts[:, None], np.zeros(len(values)), amounts)


def platform(home: Path) -> Any:
    return SimpleNamespace(
        policies=POLICIES,
        home=SimpleNamespace(feed="ibm", simulated=False),
        settings=SimpleNamespace(published=home),
        now=lambda: pd.Timestamp("2026-06-03T06:00Z").to_pydatetime(),
    )


def customers(count: int) -> pd.DataFrame:
    return pd.DataFrame(
        {
            "customer_id": [f"C{n:06d}" for n in range(count)],
            "observation_date": DAY,
            "tenure_months": np.arange(count) % 72 + 0.25,
        }
    )


def scored(home: Path, rows: pd.DataFrame, package: Package) -> ScoredDay:
    return flow._score_rows(platform(home), "churn-1", package, DAY.date(), rows)  # type: ignore[arg-type]


def test_one_wrong_table_entry_stops_the_day_before_anything_is_published(tmp_path: Path) -> None:
    bound = POLICIES.gates.evaluation.max_contribution_gap
    rows = customers(300)
    with pytest.raises(ContributionGapError, match="above the bound"):
        scored(tmp_path, rows, Package(error=10 * bound, wrong=(71.25,)))
    with pytest.raises(NothingPublishedError):
        read_snapshot(tmp_path, flow.DATASET, "2026-06-03")
    done = scored(tmp_path, rows, Package())  # the control
    assert (done.gap, done.checked) == (0.0, 300)


@pytest.mark.parametrize("announced", [200, 299, 301])
def test_a_day_of_which_more_or_fewer_customers_come_than_were_announced_is_not_published(
    tmp_path: Path, announced: int
) -> None:
    def score(customers_announced: int) -> ScoredDay:
        blocks = [customers(300).head(200), customers(300).tail(100)]
        package: Any = Package()
        return flow.score_blocks(platform(tmp_path), "churn-1", package, DAY.date(), blocks, customers_announced)

    with pytest.raises(ScoringError, match=f"300 customers came where {announced} were announced"):
        score(announced)
    with pytest.raises(NothingPublishedError):
        read_snapshot(tmp_path, flow.DATASET, "2026-06-03")
    assert score(300).snapshot.rows == 300  # the control


def test_a_margin_that_is_off_a_little_is_told_in_the_gap(tmp_path: Path) -> None:
    error = POLICIES.gates.evaluation.max_contribution_gap / 10
    assert scored(tmp_path, customers(80), Package(error, (3.25,))).gap == pytest.approx(error)


@given(st.integers(1, 100_000), st.integers(1, 10_000))
def test_a_small_day_is_checked_whole_and_a_large_one_evenly_and_never_beyond_the_bound(rows: int, most: int) -> None:
    places = checked_places(rows, most)
    assert places[0] == 0
    assert places[-1] < rows
    assert len(places) <= most
    assert len(places) == rows if rows <= most else len(places) > most / 2
    assert len(np.unique(np.diff(places))) <= 1


def test_the_figures_of_a_large_day_are_those_of_its_published_rows(tmp_path: Path) -> None:
    rows = customers(2 * ROW_GROUP + 7).sample(frac=1, random_state=5)
    done = scored(tmp_path, rows, Package())
    published = done.scores
    assert done.checked == len(checked_places(len(rows), CHECKED)) < len(rows)
    assert published["customer_id"].is_monotonic_increasing
    assert {band: count for band, count in done.banded.items() if count} == published["band"].value_counts().to_dict()
    assert done.probability == pytest.approx(published["probability"].mean(), abs=1e-12)
    assert most_at_risk(done.riskiest) == most_at_risk(published)
    several = ScoredDays("churn-1", (done,), {}, 1e-4)
    assert several.hold_published_to_contract() == len(rows) == several.rows
    pd.testing.assert_frame_equal(pd.concat(read_blocks(tmp_path, done.snapshot), ignore_index=True), published)


def test_what_was_published_is_held_to_its_contract_as_one_and_block_by_block(tmp_path: Path) -> None:
    good = scored(tmp_path, customers(40), Package()).scores
    twice = pd.concat([good, good.tail(1)], ignore_index=True)
    impossible = good.assign(probability=good["probability"].where(good.index != 30, 1.0))
    blank = good.assign(reasons=good["reasons"].where(good.index != 30, None))
    for frame in (twice, impossible, blank):
        with pytest.raises(ScoringError):
            hold_to_contract(frame)
        with pytest.raises(ScoringError):
            hold_blocks_to_contract([frame.iloc[:25], frame.iloc[25:]], len(frame))
    hold_to_contract(good)  # the control
    hold_blocks_to_contract([good.iloc[:25], good.iloc[25:]], 40)
    with pytest.raises(ScoringError, match="40 scores are published where the pointer says 41"):
        hold_blocks_to_contract([good], 41)
    with pytest.raises(ScoringError, match="not in the order of their customers, near C000000"):
        hold_blocks_to_contract([good.iloc[25:], good.iloc[:25]], 40)
