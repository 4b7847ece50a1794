"""The sensor by its ticks: each decision once, whatever is killed between deciding and training."""

from __future__ import annotations

from collections.abc import Iterator
from datetime import date, timedelta
from typing import Any

import dagster as dg
import pytest
from evidence_of import finding

from churn_platform.adapters.platform import Platform
from churn_platform.flows.retraining import decide_retraining, pending_retraining, retraining_finished

DAY = date(2026, 6, 10)


@pytest.fixture
def sensor(platform: Platform, monkeypatch: pytest.MonkeyPatch) -> Any:
    from churn_platform.defs.sensors import retraining

    monkeypatch.setattr(retraining, "installed_platform", lambda: platform)
    return retraining.retraining_from_findings


@pytest.fixture
def instance() -> Iterator[dg.DagsterInstance]:
    with dg.DagsterInstance.ephemeral() as made:
        yield made


def tick(sensor: Any, instance: dg.DagsterInstance, cursor: str | None = None) -> Any:
    context = dg.build_sensor_context(instance=instance, cursor=cursor)
    return sensor.evaluate_tick(context)


def drift(platform: Platform, day: date = DAY, acts: bool = True) -> int:
    recorded = platform.ops.record_findings(
        day, "drift", "churn-1", [finding("data_drift", day, acts=acts)], actor="service:platform", at=platform.now()
    )
    return int(recorded.sequence)


def requested(done: Any) -> list[str]:
    return [request.run_key for request in done.run_requests or []]


def test_without_findings_nothing_is_asked(sensor: Any, instance: dg.DagsterInstance, platform: Platform) -> None:
    assert "no findings" in tick(sensor, instance).skip_message
    assert platform.ops.decisions(kind="retraining") == ()


def test_acting_drift_requests_one_training_on_the_champions_features_within_the_time_limit(
    sensor: Any, instance: dg.DagsterInstance, platform: Platform
) -> None:
    sequence = drift(platform)
    done = tick(sensor, instance)
    (request,) = done.run_requests
    decision = platform.ops.decisions(kind="retraining")[-1]
    assert request.run_key == f"retraining-{decision.ledger_sequence}-1"
    config = request.run_config["ops"]["training_set"]["config"]
    assert config == {"feature_set": "v2", "as_of": "2026-06-10", "decision": str(decision.ledger_sequence)}
    assert request.tags["dagster/max_runtime"] == str(4 * 3600)
    assert request.tags["churn/trigger"] == "drift_detected"
    assert decision.evidence["evidence"] == [sequence]
    assert done.cursor == str(sequence)


def test_findings_that_do_not_act_are_answered_with_a_recorded_no(
    sensor: Any, instance: dg.DagsterInstance, platform: Platform
) -> None:
    sequence = drift(platform, acts=False)
    done = tick(sensor, instance)
    assert "no drift acts" in done.skip_message
    assert done.cursor == str(sequence)
    assert platform.ops.decisions(kind="retraining")[-1].outcome == "skip"


def test_a_daemon_that_was_killed_before_it_saved_its_cursor_decides_nothing_twice(
    sensor: Any, instance: dg.DagsterInstance, platform: Platform
) -> None:
    drift(platform)
    first, again = tick(sensor, instance), tick(sensor, instance)
    assert requested(first) == requested(again)
    assert len(platform.ops.decisions(kind="retraining")) == 1


def test_a_daemon_that_was_killed_between_deciding_and_requesting_finds_the_decision_pending(
    sensor: Any, instance: dg.DagsterInstance, platform: Platform
) -> None:
    sequence = drift(platform)
    decided = decide_retraining(platform, DAY)
    assert requested(tick(sensor, instance, cursor=str(sequence))) == [f"retraining-{decided.sequence}-1"]


def test_a_training_that_is_under_way_is_left_alone_and_one_that_died_is_requested_again_thrice(
    sensor: Any, instance: dg.DagsterInstance, platform: Platform
) -> None:
    drift(platform)
    (first,) = tick(sensor, instance).run_requests
    decision = first.tags["churn/retraining"]
    for attempt in (1, 2, 3):
        run = instance.add_run(
            dg.DagsterRun("training", tags={"churn/retraining": decision}, status=dg.DagsterRunStatus.STARTED)
        )
        assert "is training for decision" in tick(sensor, instance).skip_message
        instance.report_run_failed(run)
        if attempt < 3:
            assert requested(tick(sensor, instance)) == [f"retraining-{decision}-{attempt + 1}"]
    assert "3 runs ended without an answer" in tick(sensor, instance).skip_message
    assert pending_retraining(platform) is None
    assert platform.ops.decisions(kind="retraining_done")[-1].outcome == "failed"


def test_a_finished_training_answers_its_decision_and_the_next_finding_meets_the_cooldown(
    sensor: Any, instance: dg.DagsterInstance, platform: Platform, now: Any
) -> None:
    sequence = drift(platform)
    (request,) = tick(sensor, instance).run_requests
    retraining_finished(platform, int(request.tags["churn/retraining"]), "keep", ("a tie",), "churn-2")
    assert "no findings" in tick(sensor, instance, cursor=str(sequence)).skip_message
    now.time += timedelta(hours=5)
    drift(platform, DAY + timedelta(1))
    done = tick(sensor, instance, cursor=str(sequence))
    assert not done.run_requests
    assert platform.ops.decisions(kind="retraining")[-1].outcome == "skip"


def test_every_evaluation_has_one_record_and_the_same_evidence_no_second_one(platform: Platform) -> None:
    drift(platform, acts=False)
    for _ in range(3):
        decide_retraining(platform, DAY)
    drift(platform, DAY + timedelta(1), acts=False)
    decide_retraining(platform, DAY + timedelta(1))
    assert [one.outcome for one in platform.ops.decisions(kind="retraining")] == ["skip", "skip"]
    assert platform.ops.verify_ledger().verdict == "pass"


def test_the_weekly_schedule_asks_at_the_policys_time(platform: Platform, monkeypatch: pytest.MonkeyPatch) -> None:
    from churn_platform.defs.schedules import weekly_retraining

    assert weekly_retraining.cron_schedule == "0 2 * * sun"
    assert weekly_retraining.job_name == "weekly_retraining_job"
