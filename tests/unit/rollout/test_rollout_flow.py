"""Starting, ticking and moving a rollout: what is carried out is what was decided, whoever is killed in between."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import replace
from datetime import date, datetime, timedelta
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import pytest
from rollouts import START, good

from churn_platform.adapters.ops_store import OpsStore, RolloutConflict
from churn_platform.flows import rollout as flow
from churn_platform.flows import rollout_effects as effects
from churn_platform.flows.rollout_beginning import RolloutError
from churn_platform.flows.rollout_status import status
from churn_platform.governance.registration import Registration
from churn_platform.policies import load_policies
from churn_platform.rollout.evidence import Evidence, Measure
from churn_platform.rollout.plan import Plan
from churn_platform.rollout.progress import Progress

POLICIES = load_policies()
MODEL = POLICIES.governance.model
MINUTE = timedelta(minutes=1)


class Home:
    """A platform with a real ops store, a clock that tests set, and no packages."""

    def __init__(self, folder: Path) -> None:
        self.path = folder / "ops.db"
        self.policies = POLICIES
        self.settings = SimpleNamespace(packages=folder, predictions=folder / "predictions", home=folder)
        self.signer = SimpleNamespace(verifier=None)
        self.at = START
        self.ops = OpsStore.open(self.path)

    def now(self) -> datetime:
        return self.at

    def reopened(self) -> None:
        self.ops.close()
        self.ops = OpsStore.open(self.path)


def registration(package: str) -> Registration:
    return Registration(
        model_name=MODEL, package_digest=package * 64, feature_set="v1", training_data_digest="a" * 64, policy_digest="b" * 64,
        code_revision="r", code_digest="c" * 64, business_owner="retention-manager", ml_owner="ml-owner", risk_tier="low",
        as_of=date(2026, 6, 1), feed="ibm", simulated=False, metrics={"auc": 0.84},
    )  # fmt: skip


@pytest.fixture
def home(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Any]:
    monkeypatch.setattr(effects, "verify", lambda platform, digest: None)
    monkeypatch.setattr(effects, "mirror", lambda platform, champion_changed=False: None)
    made = Home(tmp_path)
    by: dict[str, Any] = {"actor": "person:me", "at": START}
    for package in ("1", "2"):
        made.ops.register_model(registration(package), **by)
    made.ops.promote("churn-1", None, "the first", {"gate": "passed"}, **by)
    yield made
    made.ops.close()


def well(platform: Any, plan: Plan, progress: Progress, now: datetime) -> Evidence:
    return good(plan, progress.stage, now)


def badly(platform: Any, plan: Plan, progress: Progress, now: datetime) -> Evidence:
    known = good(plan, progress.stage, now)
    return replace(known, measures={**known.measures, "error_rate": Measure(0.2, 900, now)})


def not_at_all(platform: Any, plan: Plan, progress: Progress, now: datetime) -> Evidence:
    raise TimeoutError("the metrics server does not answer")


def test_a_canary_goes_through_every_stage_is_promoted_watched_and_finished(home: Any) -> None:
    assert flow.tick(home, well) is None
    flow.start(home, "churn-2", "me", "it won", evidence="api")
    weights = []
    while (told := status(home, well))["next"] is not None:
        weights.append(told["weight"])
        home.at = datetime.fromisoformat(told["stage"]["lasts_until"])
        flow.tick(home, well)
    assert weights == [0.05, 0.1, 0.25, 0.5, 1.0]
    assert told["phase"] == "finished"
    assert home.ops.champion(MODEL).version == "churn-2"
    assert home.at - START == timedelta(hours=41) + POLICIES.rollout.watch
    assert home.ops.verify_ledger().verdict == "pass"


def test_a_controller_that_starts_anew_two_hundred_times_skips_no_stage_and_shortens_none(home: Any) -> None:
    recorded = flow.start(home, "churn-2", "me", "it won", evidence="api")
    plan, entered = recorded.plan, {0: START}
    for _ in range(200):
        home.reopened()
        home.at += timedelta(minutes=14)
        done = flow.tick(home, well)
        assert done is not None
        entered.setdefault(done[0].progress.stage, home.at)
        if done[0].progress.phase == "watching":
            break
    assert list(entered) == [0, 1, 2, 3, 4]
    for stage in range(4):
        assert entered[stage + 1] - entered[stage] >= plan.stages[stage].dwell


def test_a_collector_that_fails_holds_and_says_so_and_after_the_budget_the_challenger_goes(home: Any) -> None:
    flow.start(home, "churn-2", "me", "it won", evidence="api")
    home.at += timedelta(hours=2)
    done = flow.tick(home, not_at_all)
    assert done is not None
    assert done[1].action == "hold"
    assert "nothing could be collected: the metrics server does not answer" in done[1].reasons[0]
    home.at += timedelta(hours=24)
    done = flow.tick(home, not_at_all)
    assert done is not None
    assert done[1].action == "rollback"
    assert home.ops.champion(MODEL).version == "churn-1"


@pytest.mark.parametrize("promoted", [False, True])
def test_a_broken_challenger_goes_at_the_next_tick_and_the_champion_is_who_it_was(home: Any, promoted: bool) -> None:
    flow.start(home, "churn-2", "me", "it won", evidence="api")
    if promoted:
        flow.promote(home, "me", "all is well", well)
        assert home.ops.champion(MODEL).version == "churn-2"
    home.at += MINUTE
    done = flow.tick(home, badly)
    assert done is not None
    assert done[1].action == "rollback"
    assert home.ops.champion(MODEL).version == "churn-1"
    assert flow.tick(home, badly) is None


def test_a_person_may_answer_for_the_unknown_and_not_for_a_failure(home: Any) -> None:
    flow.start(home, "churn-2", "me", "it won", evidence="api")
    assert flow.advance(home, "me", "nobody calls at night", not_at_all).progress.stage == 1
    for act in (flow.advance, flow.promote):
        with pytest.raises(RolloutError, match=r"20\.0% of 900 requests failed"):
            act(home, "me", "I know better", badly)
    with pytest.raises(RolloutError, match="say who you are and why"):
        flow.advance(home, " ", "why", well)
    held = flow.hold(home, "me", "price change")
    assert held.progress.held == START
    home.at += timedelta(hours=5)
    done = flow.tick(home, well)
    assert done is not None
    assert done[1].reasons[0] == "a person holds it"
    assert flow.hold(home, "me", "over", resume=True).progress.held is None
    done = flow.tick(home, well)
    assert done is not None
    assert done[1].action == "advance"
    flow.rollback(home, "me", "enough")
    assert status(home)["phase"] == "rolled_back"
    with pytest.raises(RolloutError, match="no rollout is under way"):
        flow.rollback(home, "me", "again")


def test_what_cannot_be_rolled_out_is_refused(home: Any) -> None:
    with pytest.raises(RolloutError, match="champion already"):
        flow.start(home, "churn-1", "me", "why not")
    flow.start(home, "churn-2", "me", "it won", evidence="api")
    home.ops.register_model(registration("3"), actor="person:me", at=START)
    with pytest.raises(RolloutConflict, match="R-1 of churn-2 is under way"):
        flow.start(home, "churn-3", "me", "newer")


def test_a_champion_that_changed_besides_stops_the_promotion(home: Any) -> None:
    flow.start(home, "churn-2", "me", "it won", evidence="api")
    home.ops.register_model(registration("3"), actor="person:me", at=START)
    home.ops.promote("churn-3", "churn-1", "by hand", {"decision": "x"}, actor="person:you", at=START)
    with pytest.raises(Exception, match="expected churn-1, but by now the champion is churn-3"):
        flow.promote(home, "me", "now", well)
    assert home.ops.champion(MODEL).version == "churn-3"
    assert status(home, well)["phase"] == "staged"
