"""Following what is published: a switch never waits for a load, a refused package is tried again, the way back stays loaded."""

from __future__ import annotations

import json
import threading
from datetime import timedelta
from pathlib import Path
from typing import Any, cast

import pytest

from churn_platform.adapters.signing import Verifier
from churn_platform.contracts.features import FEATURE_SETS
from churn_platform.contracts.routing import Kill, Routing, ServedModel, Split
from churn_platform.serving.following import RETRY_FIRST, Follower
from churn_platform.serving.model import OnlineModel

ONE, TWO, THREE, FOUR = (ServedModel(f"churn-{number}", f"{number}" * 64) for number in range(1, 5))


class Loads(Follower):
    """A follower whose packages load as `reasons_not` says, in no time."""

    def _load(self, served: ServedModel) -> OnlineModel | str:
        loads.append(served.version)
        reason = reasons_not.get(served.version)
        if reason is not None:
            return reason
        if served.version in slow:
            slow[served.version].wait(10)
        return OnlineModel(
            served.version, served.digest, cast("Any", None), FEATURE_SETS["v1"], (), (0.3, 0.6), {}, "", 5
        )


loads: list[str] = []
reasons_not: dict[str, str] = {}
slow: dict[str, threading.Event] = {}


@pytest.fixture
def follower(tmp_path: Path) -> Follower:
    loads.clear()
    reasons_not.clear()
    slow.clear()
    return Loads(
        tmp_path / "routing.json", tmp_path, tmp_path, Verifier({}), lambda _: None, 5, timedelta(62), clock=Clock()
    )


class Clock:
    def __init__(self) -> None:
        self.now = 0.0

    def __call__(self) -> float:
        return self.now


def put(follower: Follower, routing: Routing) -> None:
    beside = follower.routing_file.with_suffix(".new")
    beside.write_text(json.dumps(routing.to_dict()))
    beside.rename(follower.routing_file)
    follower.look()


def test_a_routing_that_is_away_is_a_problem_until_it_is_back(follower: Follower, tmp_path: Path) -> None:
    put(follower, Routing(3, None))
    assert follower.state.problems == ()
    away = follower.routing_file.rename(tmp_path / "away")
    follower.look()
    assert "cannot be read" in follower.state.problems[0]
    assert follower.state.routing.sequence == 3
    away.rename(follower.routing_file)
    follower.look()
    assert follower.state.problems == ()


def test_a_switch_waits_for_the_load_and_the_last_good_state_answers_meanwhile(follower: Follower) -> None:
    put(follower, Routing(1, ONE))
    follower.load()
    assert follower.state.routing.champion == ONE
    put(follower, Routing(2, TWO))
    assert follower.state.routing.champion == ONE
    assert follower.state.problems == ("churn-2 is being loaded",)
    follower.load()
    assert follower.state.routing.champion == TWO
    assert follower.state.problems == ()


def test_the_kill_switch_is_obeyed_while_a_model_is_loading(follower: Follower) -> None:
    put(follower, Routing(1, ONE))
    follower.load()
    slow["churn-2"] = threading.Event()
    put(follower, Routing(2, TWO))
    loading = threading.Thread(target=follower.load)
    loading.start()
    put(follower, Routing(3, TWO, kill=Kill("stop", "ana", "now", "")))
    assert loading.is_alive()
    assert follower.state.routing.kill is not None
    assert follower.state.routing.champion == ONE
    slow["churn-2"].set()
    loading.join()
    assert follower.state.routing.champion == TWO
    assert follower.state.routing.kill is not None


def test_a_refused_package_is_tried_again_later_and_later(follower: Follower) -> None:
    clock = cast("Clock", follower.clock)
    put(follower, Routing(1, ONE))
    follower.load()
    reasons_not["churn-2"] = "churn-2 is not loaded: its proof took longer than 60 seconds"
    put(follower, Routing(2, TWO))
    tried = []
    for second in range(60):
        clock.now = float(second)
        before = len(loads)
        follower.load()
        tried += [second] * (len(loads) - before)
    assert tried == [0, RETRY_FIRST, 3 * RETRY_FIRST, 7 * RETRY_FIRST]
    assert follower.state.routing.champion == ONE
    assert "took longer" in follower.state.problems[0]
    del reasons_not["churn-2"]
    clock.now = 1000.0
    follower.load()
    assert follower.state.routing.champion == TWO
    assert follower.state.problems == ()


def test_nobody_meets_a_challenger_that_is_not_loaded(follower: Follower) -> None:
    split = Split("plan", "canary", "salt", 0.5, mirrored=False)
    reasons_not["churn-2"] = "churn-2 is not loaded: no"
    put(follower, Routing(1, ONE, TWO, split))
    follower.load()
    assert follower.state.routing.split is None
    assert follower.state.problems == ("churn-2 is not loaded: no",)
    del reasons_not["churn-2"]
    cast("Clock", follower.clock).now = RETRY_FIRST
    follower.load()
    assert follower.state.routing.split == split


def test_the_way_back_is_a_switch_and_not_a_load_and_older_models_are_let_go(follower: Follower) -> None:
    for sequence, model in enumerate((ONE, TWO, ONE, TWO, THREE, FOUR)):
        put(follower, Routing(sequence, model))
        follower.load()
    assert loads == ["churn-1", "churn-2", "churn-3", "churn-4"]
    put(follower, Routing(9, THREE))
    follower.load()
    assert loads == ["churn-1", "churn-2", "churn-3", "churn-4"]
    assert len(follower.state.models) <= 4
    put(follower, Routing(10, THREE))
    assert ONE.digest not in follower.state.models
