"""Retraining and promotion under fire: eight at once over two hundred rounds, and kill -9 anywhere between a package and its reign.

What is killed is the flow itself, from the recorded comparison to the champion: verdicts, decisions, the swap, the answer to the
retraining decision. Around it stands a home without training, since no booster is needed to see who is champion.
"""

from __future__ import annotations

import random
import threading
from collections.abc import Callable
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from itertools import pairwise
from typing import Any

import pytest
from made_registrations import registration

from churn_platform.adapters.ops_store import OpsStore, PromotionConflict
from churn_platform.evaluation.estimate import Estimate
from churn_platform.evaluation.gate import GateCheck, GateDecision, Incumbent, deployment_gate
from churn_platform.policies import Policies, load_policies
from churn_platform.promotion import successor_decision

POLICIES: Policies = load_policies()
NOW = datetime(2026, 6, 1, 6, tzinfo=UTC)
BY: dict[str, Any] = {"actor": "service:platform", "at": NOW}
RIVALS, ROUNDS = 8, 200
CODE = ("adapters/ops_store", "adapters/atomic_files", "adapters/file_lock", "test_promotion_faults")
PASSED = GateDecision("evaluation", "pass", (GateCheck("auc", "pass", 0.85, 0.8, "good enough"),))


@pytest.fixture
def contested(ops_database: Any) -> Any:
    """A champion and eight challengers, each of which has won its comparison."""
    with ops_database.open() as store:
        for number in range(RIVALS + 1):
            store.register_model(registration(number), **BY)
        store.promote("churn-9", None, "first", {"decision": 1}, **BY)
    return ops_database


def champion_of(store: OpsStore) -> str:
    found = store.champion()
    assert found is not None
    return found.version


def promote_as_the_flow_does(store: OpsStore, version: str, expected: str, number: int) -> str:
    """Evaluation and deployment verdicts, the release decision, the swap, the answer to who asked: what `flows/release` records."""
    difference = Estimate(0.02, 0.01, 0.03, 0.95, "delong paired", 1000)
    gate = deployment_gate(
        package_verified=True,
        business_owner="retention-manager",
        ml_owner="ml-owner",
        risk_tier="low",
        approvals=0,
        evaluation=PASSED,
        incumbent=Incumbent(expected, difference),
        policy=POLICIES.gates.deployment,
    )
    inputs = {"package": version, "round": number, "champion": expected}
    store.record_verdict(version, gate, inputs, **BY)
    decision = successor_decision(PASSED, gate, expected, "wins")
    store.record_decision("release", version, decision.outcome, decision.reasons, inputs, **BY)
    store.promote(version, expected, decision.reasons[0], inputs, **BY)
    store.record_decision(
        "retraining_done", f"retraining:{number}", decision.outcome, decision.reasons, {"model": version}, **BY
    )
    return version


# Eight at once


def test_of_eight_promotions_over_the_same_champion_one_wins_in_each_of_two_hundred_rounds(contested: Any) -> None:
    with contested.open() as store:
        gates = [threading.Barrier(RIVALS + 1) for _ in range(2)]
        state: dict[str, Any] = {"expected": "", "stop": False}
        won: list[str] = []
        conflicts: list[PromotionConflict] = []
        errors: list[BaseException] = []

        def rival(place: int) -> None:
            while True:
                gates[0].wait()
                if state["stop"]:
                    return
                version = state["rivals"][place]
                try:
                    store.promote(version, state["expected"], "better", {"round": state["round"]}, **BY)
                    won.append(version)
                except PromotionConflict as conflict:
                    conflicts.append(conflict)
                except BaseException as error:
                    errors.append(error)
                gates[1].wait()

        threads = [threading.Thread(target=rival, args=(place,), daemon=True) for place in range(RIVALS)]
        for thread in threads:
            thread.start()
        for number in range(ROUNDS):
            expected = champion_of(store)
            rivals = [f"churn-{i}" for i in range(1, RIVALS + 2) if f"churn-{i}" != expected]
            won.clear()
            conflicts.clear()
            state.update(expected=expected, rivals=rivals, round=number)
            gates[0].wait()
            gates[1].wait()
            assert errors == []
            assert len(won) == 1
            assert len(conflicts) == RIVALS - 1
            assert {conflict.expected for conflict in conflicts} == {expected}
            assert champion_of(store) == won[0]
        state["stop"] = True
        gates[0].wait()
        assert len(store.champion_history()) == ROUNDS + 1
        assert store.verify_ledger().verdict == "pass"


# kill -9


@dataclass(frozen=True)
class Seen:
    """What a bystander finds: who is champion, and everything that was recorded."""

    champion: str
    promotions: int
    records: tuple[tuple[str, int], ...]


def observed(database: Any) -> Seen:
    """Open as the next process would: exactly one champion, the newest of the history, and a ledger that holds."""
    with database.open() as store:
        found = store.verify_ledger()
        assert found.verdict == "pass", found.summary
        history = store.champion_history()
        assert store.champion() == history[-1]
        for one, after in pairwise(history):
            assert after.previous == one.version
        records = tuple((entry.action, entry.sequence) for entry in store.ledger(limit=100_000))
        return Seen(history[-1].version, len(history), records)


def life(database: Any, rounds: int) -> Callable[[], None]:
    """Promote back and forth between two challengers, as the flow does."""

    def promote_on() -> None:
        with database.open() as store:
            for _ in range(rounds):
                expected = champion_of(store)
                promote_as_the_flow_does(
                    store, "churn-1" if expected != "churn-1" else "churn-2", expected, len(store.champion_history())
                )

    return promote_on


def test_killed_at_a_hundred_random_points_there_is_one_champion_no_half_promotion_and_no_lost_record(
    contested: Any, kills: Any
) -> None:
    promote_once = life(contested, 1)
    points = 100 if contested.kind == "sqlite" else 30
    lines = kills.lines(promote_once, *CODE)
    rng = random.Random(11)
    before, outcomes, killed = observed(contested), set(), 0
    while killed < points:
        # a run that finds some of its work done has fewer lines, and may end before its point: that was no kill
        killed += kills.before_line(rng.randint(1, lines - 1), promote_once, *CODE)
        after = observed(contested)
        assert after.records[: len(before.records)] == before.records
        assert after.promotions - before.promotions in (0, 1)
        assert (after.champion != before.champion) == (after.promotions != before.promotions)
        if after.champion != before.champion:
            outcomes.add("promoted")
            with (
                contested.open() as store
            ):  # who reigns was decided and judged before: nothing is promoted without its record
                released = store.decisions(kind="release", subject=after.champion)
                assert released[-1].outcome == "release"
                assert store.verdicts(after.champion)[-1].gate == "deployment"
        else:
            outcomes.add("kept")
        before = after
    assert outcomes == {"promoted", "kept"}
    promote_once()
    assert observed(contested).promotions == before.promotions + 1


@pytest.mark.parametrize("ops_database", ["sqlite"], indirect=True)
def test_control_a_promotion_that_writes_the_pointer_first_is_seen_half_done(contested: Any, kills: Any) -> None:
    import sqlite3

    path = contested.url.removeprefix("sqlite:///")

    def pointer_first() -> None:
        connection = sqlite3.connect(path, isolation_level=None)
        connection.execute("UPDATE champion SET version = 'churn-3'")
        life(contested, 1)()
        connection.close()

    seen = []
    for line in (1, 2, 3, 4):
        kills.before_line(line, pointer_first, "test_promotion_faults")
        try:
            observed(contested)
        except AssertionError as fault:
            seen.append(str(fault))
    assert seen


# a decision to retrain survives


def test_a_decision_to_retrain_killed_at_any_line_is_recorded_once_or_not_at_all(ops_database: Any, kills: Any) -> None:
    def decide() -> None:
        with ops_database.open() as store:
            store.record_decision(
                "retraining",
                "churn-1",
                "retrain",
                ("drift_detected: it moved",),
                {"trigger": "drift_detected"},
                key="retraining:2026-06-01:abc",
                **BY,
            )

    lines = kills.lines(decide, *CODE)
    for line in kills.some_of(lines, at_most=15):
        kills.before_line(line, decide, *CODE)
        with ops_database.open() as store:
            assert (
                len(store.decisions(kind="retraining")) == 1
            )  # the first run to its end recorded it; no other doubles it
            assert store.verify_ledger().verdict == "pass"


def test_the_time_of_a_reign_has_no_gap_and_no_overlap(contested: Any) -> None:
    with contested.open() as store:
        for hour in range(1, 6):
            expected = champion_of(store)
            at = NOW + timedelta(hours=hour)
            store.promote(
                "churn-1" if expected != "churn-1" else "churn-2", expected, "better", {"n": hour}, actor="a", at=at
            )
        history = store.champion_history()
        for minutes in range(0, 6 * 60, 7):
            when = NOW + timedelta(minutes=minutes)
            reigning = [one for one in history if one.since <= when][-1]
            assert store.champion_at(when) == reigning
