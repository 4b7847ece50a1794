"""The arms of an A/B test: whom the published scores gave to whom, each once, and what became of them."""

from __future__ import annotations

from datetime import datetime, timedelta
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import numpy as np
import pandas as pd
import pytest
from rollouts import START, at_stage, plan

from churn_platform.adapters.snapshots import publish
from churn_platform.flows.rollout_outcomes import SCORES, ArmsError, arms_of
from churn_platform.policies import load_policies
from churn_platform.rollout.ab_test import judge_outcomes
from churn_platform.rollout.assignment import challenged
from churn_platform.rollout.evidence import Evidence

AGREED = plan("ab_test", evidence="batch")
DAYS, CUSTOMERS = 14, 600
LATE = START + timedelta(days=DAYS + 30)


def day(number: int) -> datetime:
    return START + timedelta(days=number)


def published(folder: Path, number: int, ids: list[str], **about: Any) -> None:
    drawn = challenged(AGREED.salt, ids, 0.5)
    rows = pd.DataFrame(
        {
            "customer_id": ids,
            "observation_date": pd.Timestamp(day(number).date()),
            "model_version": np.where(drawn, "churn-2", "churn-1"),
        }
    )
    publish(folder, SCORES, day(number).date().isoformat(), rows, {"rollout": AGREED.digest} | about, day(number))


def made(folder: Path, effect: float, seed: int = 0) -> Any:
    """A fortnight of scores of a test, and outcomes: `effect` fewer leave of whom the challenger scored."""
    rng, outcomes = np.random.default_rng(seed), []
    for number in range(1, DAYS + 1):
        ids = [f"D{number}C{n}" for n in range(CUSTOMERS)]
        published(folder, number, ids)
        left = rng.random(CUSTOMERS) < np.where(challenged(AGREED.salt, ids, 0.5), 0.265 - effect, 0.265)
        observed = pd.Timestamp(day(number).date()).as_unit("s")
        matures = observed + pd.Timedelta(days=30)
        rows = pd.DataFrame({"customer_id": ids, "observation_date": observed, "matured_on": matures})
        rows["churned_on"] = pd.Series(np.where(left, observed + pd.Timedelta(days=9), None)).astype("datetime64[s]")
        outcomes.append(rows.assign(churn_known_at=rows["churned_on"]))
    return SimpleNamespace(
        settings=SimpleNamespace(published=folder),
        policies=load_policies(),
        warehouse=SimpleNamespace(outcomes=lambda *_: pd.concat(outcomes)),
    )


def test_a_better_challenger_wins_on_matured_outcomes_and_is_undecided_before(tmp_path: Path) -> None:
    platform = made(tmp_path, effect=0.08)
    early = arms_of(platform, AGREED, at_stage(AGREED, 0), day(20), day(20))
    assert early is not None
    assert (early.champion + early.challenger, early.champion_outcomes) == (DAYS * CUSTOMERS, 0)
    assert verdict(early, day(20)) == "inconclusive"
    arms = arms_of(platform, AGREED, at_stage(AGREED, 0), LATE, LATE)
    assert arms is not None
    assert arms.champion_outcomes + arms.challenger_outcomes == DAYS * CUSTOMERS
    assert arms.challenger_churned / arms.challenger_outcomes < arms.champion_churned / arms.champion_outcomes
    assert verdict(arms, LATE) == "pass"
    equal = arms_of(made(tmp_path / "equal", effect=0.0), AGREED, at_stage(AGREED, 0), LATE, LATE)
    assert equal is not None
    assert verdict(equal, LATE) == "fail"  # the control: the full sample is there, and the champion stays


def verdict(arms: Any, now: datetime) -> str:
    return judge_outcomes(Evidence(AGREED.digest, 0, {}, arms), "", AGREED, START, now).verdict


def test_each_customer_counts_once_and_other_plans_not_at_all(tmp_path: Path) -> None:
    platform = made(tmp_path, 0.0)
    published(tmp_path, DAYS + 1, [f"D1C{n}" for n in range(CUSTOMERS)])  # observed again
    published(tmp_path, DAYS + 2, ["somebody"], rollout="another plan")
    published(tmp_path, -1, ["before the stage"])
    arms = arms_of(platform, AGREED, at_stage(AGREED, 0), LATE, LATE)
    assert arms is not None
    assert arms.champion + arms.challenger == DAYS * CUSTOMERS


def test_scores_that_do_not_keep_the_draw_say_nothing(tmp_path: Path) -> None:
    platform = made(tmp_path, 0.0)
    ids = [f"D1C{n}" for n in range(CUSTOMERS)]
    rows = pd.DataFrame(
        {"customer_id": ids, "observation_date": pd.Timestamp(day(20).date()), "model_version": "churn-2"}
    )
    publish(tmp_path, SCORES, day(20).date().isoformat(), rows, {"rollout": AGREED.digest}, day(20))
    with pytest.raises(ArmsError, match="met both models"):
        arms_of(platform, AGREED, at_stage(AGREED, 0), LATE, LATE)
    publish(
        tmp_path,
        SCORES,
        day(20).date().isoformat(),
        rows.assign(model_version="churn-9"),
        {"rollout": AGREED.digest},
        day(20),
    )
    with pytest.raises(ArmsError, match="churn-9 scored customers"):
        arms_of(platform, AGREED, at_stage(AGREED, 0), LATE, LATE)


def test_before_the_first_batch_there_are_no_arms(tmp_path: Path) -> None:
    platform: Any = SimpleNamespace(settings=SimpleNamespace(published=tmp_path))
    assert arms_of(platform, AGREED, at_stage(AGREED, 0), START, START) is None
