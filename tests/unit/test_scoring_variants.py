"""Daily scores under a rollout and under the kill switch: each customer by the model that the draw gives them, or nobody."""

from __future__ import annotations

from datetime import UTC, datetime
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import pandas as pd
import pytest
from test_scoring_checks import DAY, Package, customers, platform

from churn_platform.adapters.ops_store import OpsStore
from churn_platform.adapters.snapshots import NothingPublishedError, read_snapshot
from churn_platform.flows import scoring as flow
from churn_platform.flows.routing import KILL, LIFTED
from churn_platform.flows.scored_days import ScoredDays, most_at_risk
from churn_platform.flows.variants import ScoresStoppedError, Split, refuse_if_stopped
from churn_platform.policies import load_policies
from churn_platform.rollout.assignment import challenged

MODEL = load_policies().governance.model


def challenger() -> Any:
    package = Package()
    package.digest = "e" * 64
    return package


def scored(home: Path, weight: float, known: pd.DataFrame | None = None, rows: int = 400) -> pd.DataFrame:
    everybody = customers(rows)
    installed = platform(home)
    installed.warehouse = SimpleNamespace(features=lambda *_: everybody if known is None else known)
    split = Split("churn-2", challenger(), "R-1", weight, "p" * 64)
    day = flow._score_rows(installed, "churn-1", Package(), DAY.date(), everybody, split)  # type: ignore[arg-type]
    assert (day.checked, sum(day.banded.values())) == (rows, rows)
    assert day.probability == pytest.approx(day.scores["probability"].mean(), abs=1e-12)
    assert most_at_risk(day.riskiest) == most_at_risk(day.scores)
    assert ScoredDays("churn-1", (day,), {}, 1e-4).hold_published_to_contract() == rows
    return day.scores


@pytest.mark.parametrize("weight", [0.05, 0.5, 1.0])
def test_the_daily_scores_come_from_whom_the_draw_says(tmp_path: Path, weight: float) -> None:
    scores = scored(tmp_path, weight)
    drawn = challenged("R-1", scores["customer_id"], weight)
    assert scores.loc[drawn, "model_version"].eq("churn-2").all()
    assert scores.loc[~drawn, "model_version"].eq("churn-1").all()
    assert scores.loc[drawn, "model_digest"].eq("e" * 64).all()
    assert scores["customer_id"].is_monotonic_increasing


def test_who_has_no_features_for_the_challenger_stays_with_the_champion(tmp_path: Path) -> None:
    known = customers(400).head(100)
    scores = scored(tmp_path, 0.5, known)
    drawn = challenged("R-1", scores["customer_id"], 0.5) & scores["customer_id"].isin(known["customer_id"]).to_numpy()
    assert 20 < drawn.sum() < 80
    assert scores["model_version"].eq("churn-2").tolist() == drawn.tolist()


def test_the_snapshot_says_which_rollout_made_it(tmp_path: Path) -> None:
    scored(tmp_path, 0.5)
    about = read_snapshot(tmp_path, flow.DATASET, "2026-06-03")[1].about
    assert (about["model_version"], about["challenger"], about["rollout"]) == ("churn-1", "churn-2", "p" * 64)


@pytest.mark.parametrize("weight", [0.5, 1.0])
def test_a_wrong_entry_in_the_challengers_tables_leaves_everybody_to_the_champion(
    tmp_path: Path, weight: float
) -> None:
    """A challenger costs nobody their score; the snapshot says that it failed, which the rollout reads."""
    rows = customers(300)
    installed = platform(tmp_path)
    installed.warehouse = SimpleNamespace(features=lambda *_: rows)
    broken: Any = Package(error=1.0, wrong=(3.25,))
    split = Split("churn-2", broken, "R-1", weight, "p")
    day = flow._score_rows(installed, "churn-1", Package(), DAY.date(), rows, split)  # type: ignore[arg-type]
    assert len(day.scores) == 300
    assert set(day.scores["model_version"]) == {"churn-1"}
    assert "above the bound" in str(day.snapshot.about["challenger_failed"])


def test_a_challenger_without_a_usable_package_leaves_everybody_to_the_champion(tmp_path: Path) -> None:
    rows = customers(300)
    installed = platform(tmp_path)
    installed.warehouse = SimpleNamespace(features=lambda *_: rows)
    split = Split("churn-2", None, "R-1", 0.5, "p", problem="its digest does not hold")
    day = flow._score_rows(installed, "churn-1", Package(), DAY.date(), rows, split)  # type: ignore[arg-type]
    assert set(day.scores["model_version"]) == {"churn-1"}
    assert "its digest does not hold" in str(day.snapshot.about["challenger_failed"])


def test_a_wrong_entry_in_the_champions_tables_publishes_nothing_of_the_day(tmp_path: Path) -> None:
    rows = customers(300)
    installed = platform(tmp_path)
    installed.warehouse = SimpleNamespace(features=lambda *_: rows)
    broken: Any = Package(error=1.0, wrong=(3.25,))
    split = Split("churn-2", challenger(), "R-1", 0.5, "p")
    with pytest.raises(ValueError, match="above the bound"):
        flow._score_rows(installed, "churn-1", broken, DAY.date(), rows, split)
    with pytest.raises(NothingPublishedError):
        read_snapshot(tmp_path, flow.DATASET, "2026-06-03")


def test_the_kill_switch_stops_the_batch_and_lifting_it_lets_it_go_on(tmp_path: Path) -> None:
    at = datetime(2026, 6, 3, 6, 0, tzinfo=UTC)
    with OpsStore.open(tmp_path / "ops.db") as ops:
        installed: Any = SimpleNamespace(ops=ops, policies=load_policies())
        refuse_if_stopped(installed)  # the control
        for mode in ("stop", "fallback"):
            ops.record_decision(KILL, MODEL, mode, ("wrong prices",), {"by": "ada"}, actor="person:ada", at=at)
            with pytest.raises(ScoresStoppedError, match="thrown by person:ada since 2026-06-03 06:00: wrong prices"):
                refuse_if_stopped(installed)
        ops.record_decision(KILL, MODEL, LIFTED, ("prices are right",), {"by": "ada"}, actor="person:ada", at=at)
        refuse_if_stopped(installed)
