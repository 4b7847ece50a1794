"""The daemon's tick: it does what `churn rollout tick` does, and a conflict is said, not raised."""

from __future__ import annotations

from types import SimpleNamespace
from typing import Any

import dagster as dg
import pytest
from rollouts import plan

from churn_platform.adapters.ops_store import RolloutConflict
from churn_platform.defs.sensors import rollout as sensors
from churn_platform.flows import rollout as flow
from churn_platform.rollout.decision import RolloutDecision


def ticked(monkeypatch: pytest.MonkeyPatch, answer: Any) -> str:
    def tick(platform: Any) -> Any:
        if isinstance(answer, Exception):
            raise answer
        return answer

    monkeypatch.setattr(flow, "tick", tick)
    monkeypatch.setattr(sensors, "installed_platform", lambda: None)
    with dg.DagsterInstance.ephemeral() as instance:
        told = sensors.rollout_tick.evaluate_tick(dg.build_sensor_context(instance=instance))
    assert not told.run_requests
    assert told.skip_message is not None
    return str(told.skip_message)


def test_a_tick_says_what_it_did(monkeypatch: pytest.MonkeyPatch) -> None:
    assert ticked(monkeypatch, None) == "no rollout is under way"
    done = (SimpleNamespace(rollout="R-1", plan=plan()), RolloutDecision("hold", ("20 % failed",), ()))
    assert ticked(monkeypatch, done) == "R-1 of churn-2: hold, 20 % failed"
    assert ticked(monkeypatch, RolloutConflict("another came first")) == "another came first"


def test_the_tick_is_among_the_platforms_sensors_and_runs_by_default() -> None:
    from churn_platform.defs.sensors import SENSORS

    assert sensors.rollout_tick in SENSORS
    assert sensors.rollout_tick.default_status is dg.DefaultSensorStatus.RUNNING
