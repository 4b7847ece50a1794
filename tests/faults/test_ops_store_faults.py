"""Promotion under fire: many at once, and kill -9 at any point; with controls that show that these tests can see."""

from __future__ import annotations

import contextlib
import os
import random
import sqlite3
import threading
import time
from collections.abc import Callable
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import pytest
from made_registrations import registration

from churn_platform.adapters.ops_store import OpsStore, PromotionConflict

NOW = datetime(2026, 5, 31, 6, 0, tzinfo=UTC)
BY: dict[str, Any] = {"actor": "ml-owner", "at": NOW}
CODE = ("adapters/ops_store", "adapters/atomic_files", "adapters/file_lock")
PROMOTERS = 8


@pytest.fixture
def candidates(ops_database: Any) -> Any:
    """A database with one champion and eight who want to be."""
    with ops_database.open() as store:
        for number in range(PROMOTERS + 1):
            store.register_model(registration(number), **BY)
        store.promote(f"churn-{PROMOTERS + 1}", None, "first", {"decision": 1}, **BY)
    return ops_database


def champion_of(store: OpsStore) -> str:
    champion = store.champion()
    assert champion is not None
    return champion.version


# Many at once

Promote = Callable[[OpsStore, str, str], object]


def promote(store: OpsStore, version: str, expected: str) -> object:
    return store.promote(version, expected, "better", {"decision": 1}, **BY)


def rounds_of_threads(database: Any, rounds: int, promote: Promote) -> list[int]:
    """How many of eight threads, each promoting its own model over the same champion, won in each round."""
    winners = []
    with database.open() as store:
        for _ in range(rounds):
            expected = champion_of(store)
            barrier, won, errors = threading.Barrier(PROMOTERS), [], []

            def run(
                version: str, barrier: Any = barrier, won: Any = won, expected: str = expected, errors: Any = errors
            ) -> None:
                barrier.wait()
                try:
                    promote(store, version, expected)
                    won.append(version)
                except PromotionConflict:
                    pass
                except Exception as error:
                    errors.append(error)

            rivals = [f"churn-{i}" for i in range(1, PROMOTERS + 2) if f"churn-{i}" != expected]
            threads = [threading.Thread(target=run, args=(version,)) for version in rivals]
            for thread in threads:
                thread.start()
            for thread in threads:
                thread.join()
            assert errors == []
            winners.append(len(won))
            if won:
                assert champion_of(store) in won
    return winners


def test_of_eight_promotions_at_once_exactly_one_wins(candidates: Any) -> None:
    assert rounds_of_threads(candidates, 25, promote) == [1] * 25
    with candidates.open() as store:
        assert len(store.champion_history()) == 26
        assert store.verify_ledger().verdict == "pass"


def test_control_a_promotion_that_looks_first_and_writes_later_has_several_winners(candidates: Any) -> None:
    def look_then_write(store: OpsStore, version: str, expected: str) -> None:
        if champion_of(store) != expected:
            raise PromotionConflict(version, expected, champion_of(store))
        time.sleep(0.05)
        while True:  # whoever looked in time writes, over whomever: the last one wins
            with contextlib.suppress(PromotionConflict):
                store.promote(version, champion_of(store), "better", {"decision": 1}, **BY)
                return

    winners = rounds_of_threads(candidates, 3, look_then_write)
    assert max(winners) > 1


def test_of_eight_processes_at_once_exactly_one_wins(candidates: Any) -> None:
    for _ in range(3):
        with candidates.open() as store:
            expected = champion_of(store)
        gate_reader, gate_writer = os.pipe()
        rivals = [f"churn-{i}" for i in range(1, PROMOTERS + 2) if f"churn-{i}" != expected]
        children = [promoting_child(candidates, version, expected, gate_reader, gate_writer) for version in rivals]
        os.close(gate_reader)
        os.close(gate_writer)  # the start: every child waits for the end of this pipe
        codes = [os.WEXITSTATUS(os.waitpid(child, 0)[1]) for child in children]
        assert sorted(codes) == [0, *[17] * (PROMOTERS - 1)]
        with candidates.open() as store:
            assert champion_of(store) == rivals[codes.index(0)]
            assert store.verify_ledger().verdict == "pass"


def promoting_child(database: Any, version: str, expected: str, gate_reader: int, gate_writer: int) -> int:
    """Exit code 0: promoted; 17: conflict; 1: anything else."""
    pid = os.fork()
    if pid:
        return pid
    code = 1
    try:
        os.close(gate_writer)
        with database.open() as store:
            os.read(gate_reader, 1)
            promote(store, version, expected)
            code = 0
    except PromotionConflict:
        code = 17
    finally:
        os._exit(code)


def test_processes_that_open_a_fresh_store_at_once_all_find_it_whole(new_ops_database: Any) -> None:
    import alembic.command  # noqa: F401  (before the fork, to make the race tight)

    gate_reader, gate_writer = os.pipe()
    children = []
    for number in range(4):
        pid = os.fork()
        if pid:
            children.append(pid)
            continue
        code = 1
        try:
            os.close(gate_writer)
            os.read(gate_reader, 1)
            with new_ops_database.open() as store:
                store.register_model(registration(number), **BY)
                code = 0
        finally:
            os._exit(code)
    os.close(gate_reader)
    os.close(gate_writer)
    assert [os.WEXITSTATUS(os.waitpid(child, 0)[1]) for child in children] == [0] * 4
    with new_ops_database.open() as store:
        assert [model.version for model in store.models()] == ["churn-1", "churn-2", "churn-3", "churn-4"]
        assert store.verify_ledger().verdict == "pass"


# kill -9


def is_whole(database: Any) -> str:
    """Open as the next process would, check that there is one recorded champion, and return who."""
    with database.open() as store:
        found = store.verify_ledger()
        assert found.verdict == "pass", found.summary
        assert store.champion_history()[-1] == store.champion()
        return champion_of(store)


def test_a_promotion_killed_at_any_line_is_whole_or_never_was(candidates: Any, kills: Any) -> None:
    names = ("churn-1", "churn-2")
    present = is_whole(candidates)

    def swap(expected: str) -> None:
        with candidates.open() as store:
            promote(store, names[expected == "churn-1"], expected)

    lines = kills.lines(lambda: swap(present), *CODE)
    assert lines > 100
    before, happened = is_whole(candidates), []
    for line in kills.some_of(lines, at_most=50 if candidates.kind == "sqlite" else 15):
        assert kills.before_line(line, lambda before=before: swap(before), *CODE)
        after = is_whole(candidates)
        assert after in (before, names[before == "churn-1"])
        happened.append(after != before)
        before = after
    assert set(happened) == {False, True}
    # Committed or not is one moment: before it every kill leaves the old champion, after it the new one.
    assert happened == sorted(happened)


def test_promotions_killed_at_random_moments_leave_one_champion(candidates: Any, kills: Any) -> None:
    def promote_for_ever(started: Callable[[], None]) -> None:
        with candidates.open() as store:
            started()
            while True:
                expected = champion_of(store)
                promote(store, "churn-1" if expected != "churn-1" else "churn-2", expected)

    rng = random.Random(7)
    for _ in range(20):
        kills.after(rng.uniform(0.0, 0.06), promote_for_ever)
        is_whole(candidates)
    with candidates.open() as store:
        assert len(store.champion_history()) > 5  # they were killed at work, not before it


@pytest.mark.parametrize("ops_database", ["sqlite"], indirect=True)
def test_control_a_promotion_in_two_transactions_is_seen_half_done(candidates: Any, kills: Any) -> None:
    path = candidates.url.removeprefix("sqlite:///")

    def promote_in_two_steps() -> None:
        connection = sqlite3.connect(path, isolation_level=None)
        connection.execute("UPDATE champion SET version = 'churn-1'")
        with OpsStore.open(path, anchor=candidates.anchor) as store:
            store.promote("churn-2", "churn-1", "better", {"decision": 1}, **BY)
        connection.close()

    seen = []
    for line in range(1, 5):
        kills.before_line(line, promote_in_two_steps, "test_ops_store_faults")
        with candidates.open() as store:
            seen += [finding.kind for finding in store.verify_ledger().findings]
    assert "state_differs" in seen


def test_a_first_opening_killed_at_any_line_leaves_a_store_that_opens(
    ops_database: Any, tmp_path: Path, kills: Any, request: pytest.FixtureRequest
) -> None:
    import alembic.operations
    import alembic.script  # noqa: F401

    def place(number: int) -> tuple[str, Path]:
        anchor = tmp_path / f"first-{number}" / "head.json"
        if ops_database.kind == "sqlite":
            return f"sqlite:///{tmp_path}/first-{number}/ops.db", anchor
        return request.getfixturevalue("postgres_server").new_database(), anchor

    def open_first(where: tuple[str, Path]) -> None:
        OpsStore.open(where[0], anchor=where[1]).close()

    code = (*CODE, "adapters/migrations")
    first = place(0)
    lines = kills.lines(lambda: open_first(first), *code)
    for line in kills.some_of(lines, at_most=20 if ops_database.kind == "sqlite" else 8):
        where = place(line)
        assert kills.before_line(line, lambda where=where: open_first(where), *code)
        with OpsStore.open(where[0], anchor=where[1]) as store:
            assert store.register_model(registration(1), **BY).version == "churn-1"
            assert store.verify_ledger().verdict == "pass"
