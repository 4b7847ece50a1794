"""kill -9 of the controller, mid-canary: the next one stands in the same stage, none is skipped or shortened, and the routing follows."""

from __future__ import annotations

import json
import random
from collections.abc import Callable
from datetime import UTC, date, datetime, timedelta
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import pytest

from churn_platform.adapters.ops_store import OpsStore
from churn_platform.contracts.routing import Routing
from churn_platform.flows import rollout as flow
from churn_platform.flows import rollout_effects as effects
from churn_platform.flows.routing import publish_routing
from churn_platform.governance.registration import Registration
from churn_platform.policies import load_policies
from churn_platform.rollout.evidence import Evidence, Measure
from churn_platform.rollout.plan import Plan
from churn_platform.rollout.progress import Progress

POLICIES = load_policies()
START = datetime(2026, 6, 1, 6, tzinfo=UTC)
KILLS, TICK = 200, timedelta(minutes=20)
CODE = (
    "adapters/ops_store",
    "adapters/atomic_files",
    "flows/rollout",
    "flows/routing",
    "rollout/decision",
    "rollout/progress",
)
MODEL = POLICIES.governance.model


def registration(package: str) -> Registration:
    return Registration(
        model_name=MODEL, package_digest=package * 64, feature_set="v1", training_data_digest="a" * 64, policy_digest="b" * 64,
        code_revision="r", code_digest="c" * 64, business_owner="retention-manager", ml_owner="ml-owner", risk_tier="low",
        as_of=date(2026, 6, 1), feed="ibm", simulated=False, metrics={"auc": 0.84},
    )  # fmt: skip


def home(folder: Path, at: datetime) -> Any:
    """The platform as a process finds it that has just started, at that time."""
    settings = SimpleNamespace(
        packages=folder, predictions=folder / "predictions", home=folder, routing_file=folder / "routing.json"
    )
    ops = OpsStore.open(folder / "ops.db")
    return SimpleNamespace(policies=POLICIES, settings=settings, ops=ops, now=lambda: at)


def well(platform: Any, plan: Plan, progress: Progress, now: datetime) -> Evidence:
    measures = {
        "error_rate": Measure(0.001, 5000, now),
        "p99": Measure(0.025, 5000, now),
        "score_shift": Measure(0.01, 5000, now),
        "auc_degradation": Measure(-0.01, 900, now, 0.01),
    }
    return Evidence(plan.digest, progress.stage, measures)


def tick_of(folder: Path, at: datetime, broken: bool = False) -> Callable[[], None]:
    """A controller's whole life: it starts, ticks once, and ends. A broken one advances whenever it starts."""

    def act() -> None:
        platform = home(folder, at)
        if broken:
            flow.advance(platform, "nobody", "it forgot where it stood", well)
        else:
            flow.tick(platform, well)
        platform.ops.close()

    return act


@pytest.fixture
def begun(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    monkeypatch.setattr(effects, "verify", lambda platform, digest: None)
    monkeypatch.setattr(effects, "mirror", lambda platform, champion_changed=False: publish_routing(platform))
    platform = home(tmp_path, START)
    by: dict[str, Any] = {"actor": "person:me", "at": START}
    for package in ("1", "2"):
        platform.ops.register_model(registration(package), **by)
    platform.ops.promote("churn-1", None, "the first", {"gate": "passed"}, **by)
    flow.start(platform, "churn-2", "me", "it won", evidence="api")
    platform.ops.close()
    return tmp_path


def observed(folder: Path, at: datetime) -> tuple[Progress, dict[int, datetime], Routing]:
    """Where the rollout stands, when each stage was entered, and what the API follows; the records hold together."""
    platform = home(folder, at)
    assert platform.ops.verify_ledger().verdict == "pass"
    (recorded,) = platform.ops.rollouts(MODEL)
    entered = {0: recorded.events[0].at}
    for event in recorded.events[1:]:
        if event.kind in ("advanced", "promoted"):
            entered[len(entered)] = event.at
    champion = platform.ops.champion(MODEL).version
    assert (champion == "churn-2") == (recorded.progress.phase in ("watching", "finished"))
    routing = Routing.from_dict(json.loads((folder / "routing.json").read_text()))
    progress = recorded.progress
    platform.ops.close()
    return progress, entered, routing


def lived(folder: Path, kills: Any, times: int) -> tuple[int, dict[int, datetime]]:
    """Controllers that are killed at random lines, 20 minutes apart, until that many were; how many, and when each stage was entered."""
    rng, at, killed = random.Random(5), START, 0
    lines = kills.lines(tick_of(folder, START), *CODE)  # a tick that holds; one that moves has more
    before, _, _ = observed(folder, at)
    while killed < times:
        at += TICK
        killed += kills.before_line(
            rng.randint(1, 3 * lines if rng.random() < 0.3 else lines), tick_of(folder, at), *CODE
        )
        progress, entered, _ = observed(folder, at)
        assert progress.stage - before.stage in (0, 1)
        before = progress
        if progress.over:
            break
    return killed, entered


def shortened(folder: Path, entered: dict[int, datetime]) -> list[int]:
    """Stages that were left before their time."""
    platform = home(folder, START)
    stages = platform.ops.rollouts(MODEL)[0].plan.stages
    platform.ops.close()
    return [
        number for number in range(len(entered) - 1) if entered[number + 1] - entered[number] < stages[number].dwell
    ]


def test_a_controller_killed_two_hundred_times_skips_no_stage_and_shortens_none(begun: Path, kills: Any) -> None:
    killed, entered = lived(begun, kills, KILLS)
    assert killed == KILLS
    assert shortened(begun, entered) == []
    assert len(entered) >= 4  # it went on between the kills, so there was something to lose
    last = START + KILLS * 3 * TICK
    tick_of(begun, last)()  # whoever comes next and is not killed mends what the dead ones left behind
    again = home(begun, last)
    assert publish_routing(again) == observed(begun, last)[2]
    again.ops.close()


def test_control_a_controller_that_forgets_where_it_stood_is_seen(begun: Path) -> None:
    for number in (1, 2):
        tick_of(begun, START + number * TICK, broken=True)()
    _, entered, _ = observed(begun, START + 3 * TICK)
    assert shortened(begun, entered) == [0, 1]
