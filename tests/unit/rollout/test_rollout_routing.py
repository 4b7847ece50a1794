"""The routing file says what the rollout under way says, and its sequence rises with everything that changes it."""

from __future__ import annotations

import json
from collections.abc import Iterator
from datetime import timedelta
from pathlib import Path
from typing import Any

import pytest
from rollouts import START
from test_rollout_flow import MINUTE, Home, badly, registration, well

from churn_platform.contracts.routing import Routing, ServedModel
from churn_platform.flows import rollout as flow
from churn_platform.flows import rollout_effects as effects
from churn_platform.flows.routing import publish_routing

BLUE, GREEN = ServedModel("churn-1", "1" * 64), ServedModel("churn-2", "2" * 64)


@pytest.fixture
def home(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Any]:
    """A platform whose registry does not answer: no move of a rollout needs it."""
    monkeypatch.setattr(effects, "verify", lambda platform, digest: None)
    made: Any = Home(tmp_path)
    made.settings.routing_file = tmp_path / "routing.json"
    by: dict[str, Any] = {"actor": "person:me", "at": START}
    for package in ("1", "2"):
        made.ops.register_model(registration(package), **by)
    made.ops.promote("churn-1", None, "the first", {"gate": "passed"}, **by)
    publish_routing(made)
    yield made
    made.ops.close()


def routing(home: Any) -> Routing:
    return Routing.from_dict(json.loads(home.settings.routing_file.read_text()))


def test_blue_green_is_health_one_switch_a_warm_way_back_and_then_no_colours(home: Any) -> None:
    assert (routing(home).champion, routing(home).blue) == (BLUE, None)
    flow.start(home, "churn-2", "me", "another feature set", strategy="blue_green", evidence="api")
    loaded = routing(home)
    assert (loaded.champion, loaded.blue, loaded.green, loaded.split) == (BLUE, BLUE, GREEN, None)
    assert set(loaded.models) == {BLUE, GREEN}
    home.at += timedelta(seconds=20)
    flow.tick(home, well)  # healthy: one switch, for everybody
    switched = routing(home)
    assert (switched.champion, switched.blue, switched.green, switched.split) == (GREEN, BLUE, GREEN, None)
    assert home.ops.champion().version == "churn-1"
    home.at += timedelta(seconds=300)
    flow.tick(home, well)
    promoted = routing(home)
    assert home.ops.champion().version == "churn-2"
    assert (promoted.champion, promoted.blue) == (GREEN, BLUE)  # the way back stays warm
    home.at += home.policies.rollout.watch
    flow.tick(home, well)
    assert (routing(home).champion, routing(home).blue, routing(home).green) == (GREEN, None, None)


@pytest.mark.parametrize("ticks", [1, 2])
def test_a_broken_green_is_switched_back_before_and_after_the_promotion(home: Any, ticks: int) -> None:
    flow.start(home, "churn-2", "me", "another feature set", strategy="blue_green", evidence="api")
    for _ in range(ticks):
        home.at += timedelta(seconds=300)
        flow.tick(home, well)
    assert routing(home).champion == GREEN
    home.at += timedelta(seconds=10)
    done = flow.tick(home, badly)
    assert done is not None
    assert done[1].action == "rollback"
    assert (routing(home).champion, routing(home).blue, routing(home).split) == (BLUE, None, None)
    assert home.ops.champion().version == "churn-1"


def test_an_unhealthy_green_is_never_switched_to(home: Any) -> None:
    flow.start(home, "churn-2", "me", "another feature set", strategy="blue_green", evidence="api")
    home.at += timedelta(seconds=31)
    done = flow.tick(home, lambda platform, plan, progress, now: None)  # type: ignore[arg-type,return-value]
    assert done is not None
    assert done[1].action == "rollback"
    assert routing(home).champion == BLUE


def test_a_shadow_mirrors_everybody_and_answers_nobody(home: Any) -> None:
    flow.start(home, "churn-2", "me", "high risk", strategy="shadow", evidence="api")
    split = routing(home).split
    assert split is not None
    assert (split.mirrored, split.weight, routing(home).champion) == (True, 1.0, BLUE)


def test_every_move_of_a_rollout_makes_the_sequence_rise(home: Any) -> None:
    seen = [routing(home).sequence]
    flow.start(home, "churn-2", "me", "it won", evidence="api")
    moves = (
        lambda: flow.hold(home, "me", "price change"),
        lambda: flow.hold(home, "me", "over", resume=True),
        lambda: flow.advance(home, "me", "I looked", well),
        lambda: flow.promote(home, "me", "I looked", well),
        lambda: flow.rollback(home, "me", "complaints"),
    )
    seen.append(routing(home).sequence)
    for move in moves:
        home.at += MINUTE
        before = home.settings.routing_file.read_bytes()
        move()
        assert home.settings.routing_file.read_bytes() != before
        seen.append(routing(home).sequence)
    assert seen == sorted(set(seen))
