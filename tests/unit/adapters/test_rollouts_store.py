"""Rollouts in the ops store: one at a time, each event after the one its writer saw, promoting and saying so in one."""

from __future__ import annotations

import threading
from datetime import UTC, date, datetime, timedelta
from typing import Any

import pytest
import sqlalchemy as sa

from churn_platform.adapters.ops_store import OpsStore, OpsStoreError, RolloutConflict
from churn_platform.governance.registration import Registration
from churn_platform.policies import load_policies
from churn_platform.rollout.plan import Plan
from churn_platform.rollout.progress import ProgressError
from churn_platform.rollout.strategies import plan_rollout
from churn_platform.rollout.verdicts import Check

AT = datetime(2026, 6, 3, 7, 30, tzinfo=UTC)
BY: dict[str, Any] = {"actor": "person:me", "at": AT}
MODEL = "telco-churn"


def registration(package: str) -> Registration:
    return Registration(
        model_name=MODEL, package_digest=package * 64, feature_set="v1", training_data_digest="a" * 64, policy_digest="b" * 64,
        code_revision="r", code_digest="c" * 64, business_owner="retention-manager", ml_owner="ml-owner", risk_tier="low",
        as_of=date(2026, 6, 1), feed="ibm", simulated=False, metrics={"auc": 0.84},
    )  # fmt: skip


def plan(challenger: str = "churn-2", champion: str = "churn-1", salt: str = "R") -> Plan:
    return plan_rollout(
        load_policies().rollout, model=MODEL, champion=champion, challenger=challenger, package="e" * 64, risk_tier="low", salt=salt,
        policy_digest="p" * 64, max_score_shift=0.1, base_rate=0.265, label_horizon=timedelta(days=30),
    )  # fmt: skip


@pytest.fixture
def store(ops_store: OpsStore) -> OpsStore:
    for package in ("1", "2", "3"):
        ops_store.register_model(registration(package), **BY)
    ops_store.promote("churn-1", None, "the first", {"gate": "passed"}, **BY)
    return ops_store


def test_a_rollout_comes_back_as_it_was_agreed_and_stands_where_its_events_led(store: OpsStore) -> None:
    begun = store.start_rollout(plan(), "it won", **BY)
    assert (begun.rollout, begun.plan, begun.position) == ("R-1", plan(), 1)
    check = Check("p99", "pass", "25 ms")
    moved = store.move_rollout("R-1", 1, "advanced", ["passed"], [check], **BY)
    assert store.rollout(MODEL) == moved
    assert (moved.progress.stage, moved.events[-1].reasons) == (1, ("passed",))
    assert moved.checks == ({"name": "p99", "verdict": "pass", "reason": "25 ms"},)
    assert store.verify_ledger().verdict == "pass"


def test_promoting_and_saying_so_are_one_and_so_is_the_way_back(store: OpsStore) -> None:
    store.start_rollout(plan(), "it won", **BY)
    store.move_rollout("R-1", 1, "promoted", ["all stages passed"], **BY)
    champion = store.champion(MODEL)
    assert champion is not None
    assert (champion.version, champion.previous, champion.evidence["rollout"]) == ("churn-2", "churn-1", "R-1")
    store.move_rollout("R-1", 2, "rolled_back", ["5 % of the requests failed"], **BY)
    assert [one.version for one in store.champion_history(MODEL)] == ["churn-1", "churn-2", "churn-1"]
    assert store.rollout(MODEL) is None
    assert len(store.rollouts(MODEL)) == 1
    assert store.verify_ledger().verdict == "pass"


def test_a_rollback_before_the_promotion_leaves_the_champion_where_it_is(store: OpsStore) -> None:
    store.start_rollout(plan(), "it won", **BY)
    store.move_rollout("R-1", 1, "rolled_back", ["too slow"], **BY)
    assert [one.version for one in store.champion_history(MODEL)] == ["churn-1"]
    assert store.start_rollout(plan("churn-3"), "another", **BY).rollout == "R-2"


def test_a_model_has_one_open_rollout_and_it_succeeds_who_is_champion(store: OpsStore) -> None:
    begun = store.start_rollout(plan(), "it won", **BY)
    assert store.start_rollout(plan(), "again", **BY) == begun
    with pytest.raises(RolloutConflict, match="R-1 of churn-2 is under way"):
        store.start_rollout(plan("churn-3"), "another", **BY)
    store.move_rollout("R-1", 1, "rolled_back", ["no"], **BY)
    with pytest.raises(RolloutConflict, match="to succeed churn-2, and the champion is churn-1"):
        store.start_rollout(plan("churn-3", champion="churn-2"), "another", **BY)


def test_of_two_controllers_that_saw_the_same_one_moves_and_the_other_is_told(store: OpsStore) -> None:
    store.start_rollout(plan(), "it won", **BY)
    ended: list[str] = []

    def advance() -> None:
        try:
            store.move_rollout("R-1", 1, "advanced", ["passed"], **BY)
            ended.append("moved")
        except RolloutConflict:
            ended.append("told")

    threads = [threading.Thread(target=advance) for _ in range(4)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert sorted(ended) == ["moved", "told", "told", "told"]
    found = store.rollout(MODEL)
    assert found is not None
    assert found.progress.stage == 1


def test_an_event_that_cannot_follow_or_has_no_reason_changes_nothing(store: OpsStore) -> None:
    store.start_rollout(plan(), "it won", **BY)
    with pytest.raises(ProgressError):
        store.move_rollout("R-1", 1, "finished", ["done"], **BY)
    with pytest.raises(OpsStoreError, match="say why"):
        store.move_rollout("R-1", 1, "advanced", [" "], **BY)
    with pytest.raises(OpsStoreError, match="no rollout R-7"):
        store.move_rollout("R-7", 1, "advanced", ["x"], **BY)
    found = store.rollout(MODEL)
    assert found is not None
    assert found.position == 1
    champion = store.champion(MODEL)
    assert champion is not None
    assert champion.version == "churn-1"


@pytest.mark.parametrize("table", ["rollouts", "rollout_events"])
def test_what_happened_cannot_be_changed(store: OpsStore, table: str) -> None:
    store.start_rollout(plan(), "it won", **BY)
    with pytest.raises(sa.exc.DBAPIError, match="append-only"), store._engine.begin() as connection:
        connection.execute(sa.text(f"DELETE FROM {table}"))
