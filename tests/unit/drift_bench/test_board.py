"""The order of the work: what is lived, what takes a refused world's place, what a repeated call knows."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from churn_platform.flows.drift_bench.board import run_board
from churn_platform.flows.drift_bench.cases import FIRST_SEED, BenchError, BenchSize, FirstModelRefusedError, plan
from churn_platform.flows.drift_bench.results import BenchFolder, CaseResult, write_result
from churn_platform.flows.drift_bench.worlds import MOST_REFUSED, Task


class Lives:
    """Lives without a telco: a calm home is a folder, a case a record without alarms; some worlds' first model is refused."""

    def __init__(self, refused: tuple[int, ...] = ()) -> None:
        self.refused = refused
        self.lived: list[str] = []

    def __call__(self, task: Task, on_days: Callable[[int], None]) -> None:
        self.lived.append(task.name)
        if task.plan.seed in self.refused:
            raise FirstModelRefusedError(f"world {task.plan.seed}: fairness")
        if task.case is None:
            task.target.mkdir(parents=True)
        else:
            write_result(task.target, CaseResult(task.case.key, {}, {}, {}, task.name, 1, 0.1))


def board(folder: Path, lives: Lives, seeds: int = 2) -> dict[str, Any]:
    return run_board(
        plan(BenchSize(seeds=seeds), ["crm_lag"]),
        BenchFolder(folder),
        code="code",
        policy="policy",
        gap=7,
        declared=0.05,
        live_task=lives,
        with_peers=False,
        processes=2,
        say=lambda line: None,
        on_progress=lambda name, done, total: None,
    )


def seeds_of(told: dict[str, Any]) -> list[int]:
    return sorted({change["seed"] for change in told["changes"]})


def test_every_seed_is_lived_once_and_a_repeated_call_lives_nothing(tmp_path: Path) -> None:
    lives = Lives()
    told = board(tmp_path, lives)
    assert seeds_of(told) == [FIRST_SEED, FIRST_SEED + 1]
    assert told["worlds_without_a_champion"] == {}
    assert len(lives.lived) == len(set(lives.lived)) == 6  # a history, a calm year and a planted life each
    again = Lives()
    assert seeds_of(board(tmp_path, again)) == seeds_of(told)
    assert again.lived == []


def test_the_next_seed_takes_the_place_of_a_world_whose_first_model_is_refused(tmp_path: Path) -> None:
    told = board(tmp_path, Lives(refused=(FIRST_SEED, FIRST_SEED + 2)))
    assert seeds_of(told) == [FIRST_SEED + 1, FIRST_SEED + 3]
    assert sorted(told["false_alarms"]) == [str(FIRST_SEED + 1), str(FIRST_SEED + 3)]
    assert told["worlds_without_a_champion"] == {
        str(seed): f"world {seed}: fairness" for seed in (FIRST_SEED, FIRST_SEED + 2)
    }


def test_a_refusal_is_remembered(tmp_path: Path) -> None:
    told = board(tmp_path, Lives(refused=(FIRST_SEED,)))
    again = Lives()
    assert board(tmp_path, again)["worlds_without_a_champion"] == told["worlds_without_a_champion"]
    assert again.lived == []


def test_a_platform_that_refuses_every_first_model_is_an_error_and_no_endless_search(tmp_path: Path) -> None:
    lives = Lives(refused=tuple(range(FIRST_SEED, FIRST_SEED + 50)))
    with pytest.raises(BenchError, match=f"the first models of {MOST_REFUSED + 1} worlds were refused"):
        board(tmp_path, lives)
    assert len(lives.lived) <= MOST_REFUSED + 2


def test_a_life_that_fails_otherwise_ends_the_call(tmp_path: Path) -> None:
    def broken(task: Task, on_days: Callable[[int], None]) -> None:
        raise BenchError("no disk")

    with pytest.raises(BenchError, match="no disk"):
        board(tmp_path, broken)  # type: ignore[arg-type]
