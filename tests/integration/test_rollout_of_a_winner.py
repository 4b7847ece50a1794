"""A challenger that wins is rolled out from the daily scores alone, without hands: trained, canaried, promoted, watched."""

from __future__ import annotations

import json
import shutil
from collections.abc import Iterator
from datetime import datetime, timedelta
from pathlib import Path
from typing import Any

import pytest
from command_line import answer, churn

from churn_platform.adapters import clock
from churn_platform.adapters.platform import Platform, open_platform
from churn_platform.adapters.registry import ModelRegistry
from churn_platform.adapters.snapshots import read_contents
from churn_platform.flows import rollout, rollout_evidence
from churn_platform.flows.models import mirror_states
from churn_platform.flows.routing import publish_routing
from churn_platform.flows.scoring import score_days
from churn_platform.rollout.assignment import challenged

pytestmark = [pytest.mark.xdist_group("main_job"), pytest.mark.slow]


@pytest.fixture(scope="module")
def won_home(ibm_home: Path, ibm_summary: dict[str, Any], tmp_path_factory: pytest.TempPathFactory) -> Path:
    """IBM's home after the operational signals have won."""
    home = Path(shutil.copytree(ibm_home, tmp_path_factory.mktemp("won") / "home"))
    told = answer(churn(home, "train", "--feature-set", "v2", "--json"))
    assert told["decision"] == "release", told
    assert (told["champion_version"], told["rollout"]["challenger"]) == ("churn-1", "churn-2")
    return home


@pytest.fixture
def winner(won_home: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Platform]:
    monkeypatch.setenv("CHURN_HOME", str(shutil.copytree(won_home, tmp_path / "home")))
    opened = open_platform()
    yield opened
    opened.ops.close()


def routing(platform: Platform) -> dict[str, Any]:
    found: dict[str, Any] = json.loads(platform.settings.routing_file.read_text())
    return found


def a_day_on(platform: Platform, now: datetime) -> tuple[str, float]:
    """The next day's batch, what it has shown, and a tick: what was decided, and the share of customers whom the challenger scored."""
    last = platform.calendar.live_days[-1]
    with clock.simulated_time(now):
        (scored,) = score_days(platform, [last]).scored
        rows = read_contents(platform.settings.published, scored.snapshot)
        assert rollout_evidence.measure_open(platform) is not None
        done = rollout.tick(platform)
    assert done is not None
    return done[1].action, float((rows["model_version"] == "churn-2").mean())


def test_a_winner_reaches_everybody_from_the_daily_scores_alone(winner: Platform) -> None:
    model = winner.policies.governance.model
    scored = churn(winner.settings.home, "score", winner.calendar.live_days[-1].isoformat())
    assert scored.returncode == 0, scored.stderr[-3000:]  # the job measures what it scored
    measured = json.loads(next((winner.settings.home / "rollouts").glob("*/latest.json")).read_text())
    assert {"error_rate", "p99", "score_shift", "auc_degradation"} <= set(measured["measures"])
    begun = winner.ops.rollout(model)
    assert begun is not None
    assert (begun.plan.evidence, begun.plan.strategy) == ("batch", "canary")
    sequences, now, shares = [routing(winner)["sequence"]], begun.progress.entered, []
    with clock.simulated_time(now + timedelta(hours=23)):
        early = rollout.tick(winner)
    assert early is not None
    assert early[1].action == "hold"
    for _ in begun.plan.stages:
        now += timedelta(days=1, minutes=1)
        action, share = a_day_on(winner, now)
        assert action in ("advance", "complete")
        shares.append(share)
        sequences.append(routing(winner)["sequence"])
    assert sequences == sorted(set(sequences))
    assert shares == sorted(shares)
    champion = winner.ops.champion(model)
    assert champion is not None
    assert (champion.version, champion.previous) == ("churn-2", "churn-1")
    assert winner.registry.alias_of("champion") == "churn-2"
    assert routing(winner)["champion"]["version"] == "churn-2"
    assert routing(winner)["split"] is None
    with clock.simulated_time(now + timedelta(minutes=1)):
        back = rollout.rollback(winner, "ada", "complaints from the shops")
    assert back.progress.phase == "rolled_back"
    assert routing(winner)["champion"]["version"] == "churn-1"
    assert winner.ops.verify_ledger().verdict == "pass"


def test_a_rollback_brings_the_whole_package_without_registry_and_network(
    winner: Platform, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Promotion and rollback are one function with other arguments; neither waits for MLflow, nor opens a connection."""
    import socket

    first = json.loads(winner.settings.routing_file.read_text())["champion"]
    with clock.simulated_time(winner.ops.rollouts("telco-churn")[-1].progress.entered + timedelta(hours=1)):
        rollout.promote(winner, "ada", "all is well")
    promoted = routing(winner)["champion"]
    assert promoted["version"] == "churn-2"

    def refused(*_: Any, **__: Any) -> Any:
        raise OSError("the network is unreachable")

    monkeypatch.setattr(socket, "socket", refused)
    monkeypatch.setattr(socket, "create_connection", refused)
    monkeypatch.setattr(ModelRegistry, "mirror_states", refused)
    monkeypatch.setattr(ModelRegistry, "client", property(refused))
    with clock.simulated_time(winner.ops.rollouts("telco-churn")[-1].progress.entered + timedelta(hours=1)):
        rollout.rollback(winner, "ada", "complaints from the shops")
        (scored,) = score_days(winner, [winner.calendar.live_days[-1]]).scored
    assert routing(winner)["champion"] == first
    assert set(read_contents(winner.settings.published, scored.snapshot)["model_digest"]) == {first["digest"]}
    monkeypatch.undo()
    assert winner.registry.alias_of("champion") == "churn-2"  # the control: the registry was behind
    mirror_states(winner)
    assert winner.registry.alias_of("champion") == "churn-1"


def test_the_daily_scores_draw_whom_the_plan_draws_and_survive_a_challenger_that_fails(
    winner: Platform, monkeypatch: pytest.MonkeyPatch
) -> None:
    from churn_platform.flows import scoring

    begun = winner.ops.rollout(winner.policies.governance.model)
    assert begun is not None
    with clock.simulated_time(begun.progress.entered + timedelta(hours=1)):
        rollout.advance(winner, "ada", "to see more of it")
        rollout.advance(winner, "ada", "to see more of it")
        (scored,) = score_days(winner, [winner.calendar.live_days[-1]]).scored
    rows = read_contents(winner.settings.published, scored.snapshot)
    drawn = challenged(begun.plan.salt, rows["customer_id"], 0.25)
    assert drawn.any()
    assert ((rows["model_version"] == "churn-2") == drawn).all()

    class Failing(scoring.Scorer):
        def __init__(self, platform: Platform, version: str, *more: Any) -> None:
            if version == "churn-2":
                raise MemoryError("no room")
            super().__init__(platform, version, *more)

    monkeypatch.setattr(scoring, "Scorer", Failing)
    at = begun.progress.entered + timedelta(days=1, hours=2)
    with clock.simulated_time(at):
        (scored,) = score_days(winner, [winner.calendar.live_days[-1]]).scored
        evidence = rollout_evidence.measure_open(winner)
        done = rollout.tick(winner)
    whole = read_contents(winner.settings.published, scored.snapshot)
    assert len(whole) == len(rows)
    assert set(whole["model_version"]) == {"churn-1"}
    assert evidence is not None
    assert evidence[1].measures["error_rate"].value == 1.0
    assert done is not None
    assert done[1].action == "rollback"
    assert publish_routing(winner).split is None
