"""What the API's log says of a challenger: its own answers and failures within the stage, and nothing else."""

from __future__ import annotations

import json
import os
from datetime import timedelta
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import numpy as np
import pandas as pd
import pytest
from rollouts import START, at_stage, plan
from test_rollout_evidence import Model, champion

from churn_platform.adapters.prediction_log import PredictionLog, PredictionLogError
from churn_platform.flows import both_models, rollout_evidence, rollout_requests
from churn_platform.policies import load_policies
from churn_platform.rollout.decision import decide
from churn_platform.rollout.evidence import Evidence

NOW = START + timedelta(hours=2)
DAY = START.date().isoformat()


def record(number: int, version: str = "churn-2", minutes: float = 60, **changes: Any) -> dict[str, Any]:
    at = START + timedelta(minutes=minutes, seconds=number / 100)
    variant = "challenger" if version == "churn-2" else "champion"
    return {
        "prediction_id": f"{version}-{number}", "customer_id": f"C{number % 600:03d}", "model_version": version, "variant": variant,
        "probability": 0.3, "seconds": 0.004 + number / 1e6, "received_at": at.timestamp(), "feature_date": DAY, "error": None,
    } | changes  # fmt: skip


def logged(folder: Path, records: list[dict[str, Any]]) -> None:
    with PredictionLog(folder, f"worker.{len(list(folder.glob('*.log')))}") as log:
        for one in records:
            log.append(json.dumps(one).encode())
    for segment in folder.glob("*.log"):
        os.utime(segment, (NOW.timestamp(), NOW.timestamp()))


@pytest.fixture
def platform(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Any:
    models = {"1": Model("1", champion), "2": Model("2", champion)}
    monkeypatch.setattr(both_models, "package", lambda platform, digest: models[digest])
    monkeypatch.setattr(rollout_evidence, "newest_batch", lambda platform: None)
    customers = pd.DataFrame(
        {
            "customer_id": [f"C{n:03d}" for n in range(600)],
            "observation_date": pd.Timestamp(START.date()),
            "tenure_months": np.random.default_rng(0).uniform(0, 60, 600),
        }
    )
    return SimpleNamespace(
        settings=SimpleNamespace(predictions=tmp_path),
        policies=load_policies(),
        ops=SimpleNamespace(model=lambda version: SimpleNamespace(package_digest=version[-1])),
        warehouse=SimpleNamespace(features=lambda *_: customers),
    )


def measured(platform: Any, stage: int = 0, now: Any = NOW) -> Evidence:
    agreed = plan()
    return rollout_requests.request_evidence(platform, agreed, at_stage(agreed, stage), now)


def test_a_challenger_that_answers_well_passes_its_stage_on_what_was_logged(platform: Any) -> None:
    logged(
        platform.settings.predictions, [record(n, minutes=115) for n in range(600)] + [record(1, "churn-1", error="x")]
    )
    known, agreed = measured(platform), plan()
    assert known.measures["error_rate"].value == 0
    assert known.measures["error_rate"].rows == 600
    assert known.measures["p99"].value == pytest.approx(np.quantile([0.004 + n / 1e6 for n in range(600)], 0.99))
    assert known.measures["score_shift"].value == 0
    assert known.measures["auc_degradation"].rows == 600
    assert decide(known, agreed, at_stage(agreed, 0), NOW).action == "advance"


@pytest.mark.parametrize(
    "broken",
    [
        {"error": "the model cannot answer", "probability": None, "seconds": None},
        {"probability": None},
        {"probability": float("nan")},
        {"probability": 1.0},
    ],
)
def test_what_is_no_answer_is_a_failure(platform: Any, broken: dict[str, Any]) -> None:
    records = [record(n, minutes=115, **(broken if n % 20 == 0 else {})) for n in range(600)]
    for one in records:
        if one["probability"] is not None and one["probability"] != one["probability"]:
            one["probability"] = None  # JSON has no NaN: what cannot be written is null
    logged(platform.settings.predictions, records)
    known, agreed = measured(platform), plan()
    assert known.measures["error_rate"].value == 0.05
    assert decide(known, agreed, at_stage(agreed, 0), NOW).action == "rollback"


def test_slow_answers_are_seen(platform: Any) -> None:
    logged(platform.settings.predictions, [record(n, minutes=115, seconds=0.31) for n in range(600)])
    agreed = plan()
    assert decide(measured(platform), agreed, at_stage(agreed, 0), NOW).action == "rollback"


@pytest.mark.parametrize(("usual", "action"), [(0.02, "rollback"), (0.004, "advance")])
def test_twice_as_slow_as_the_champion_is_seen_where_it_can_be_felt(platform: Any, usual: float, action: str) -> None:
    """At a p99 of 40 ms a doubled time goes back though 300 ms are allowed; at 8 ms nobody feels it."""
    beside = [record(n, "churn-1", minutes=115, seconds=usual) for n in range(600)]
    logged(platform.settings.predictions, beside + [record(n, minutes=115, seconds=2 * usual) for n in range(600)])
    known, agreed = measured(platform), plan()
    assert known.measures["slowdown"].value == pytest.approx(1.0)
    assert decide(known, agreed, at_stage(agreed, 0), NOW).action == action
    calm = [record(n, minutes=116, seconds=1.2 * usual) for n in range(6_000)]
    logged(platform.settings.predictions, calm)
    assert decide(measured(platform), agreed, at_stage(agreed, 0), NOW).action == "advance"  # the control


@pytest.mark.parametrize(
    ("records", "said"),
    [
        ([], "it is missing"),
        ([record(n, minutes=-5) for n in range(600)], "it is missing"),
        ([record(n, "churn-1") for n in range(600)], "it is missing"),
        ([record(n, minutes=115) for n in range(499)], "fewer than 500"),
        ([record(n, minutes=80) for n in range(600)], "minutes old"),
    ],
    ids=["no traffic", "of another stage", "one arm", "too few", "stale"],
)
def test_without_recent_answers_of_the_challenger_nothing_advances(
    platform: Any, records: list[dict[str, Any]], said: str
) -> None:
    logged(platform.settings.predictions, records)
    agreed = plan()
    decided = decide(measured(platform), agreed, at_stage(agreed, 0), NOW)
    assert decided.action == "hold"
    assert said in decided.reasons[0]


def test_a_damaged_segment_is_no_evidence(platform: Any) -> None:
    logged(platform.settings.predictions, [record(n, minutes=115) for n in range(600)])
    (segment,) = platform.settings.predictions.glob("*.log")
    content = bytearray(segment.read_bytes())
    content[500] ^= 1
    segment.write_bytes(content)
    os.utime(segment, (NOW.timestamp(), NOW.timestamp()))
    with pytest.raises(PredictionLogError, match="checksum"):
        measured(platform)


def test_only_the_newest_answers_are_read(platform: Any, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(rollout_requests, "NEWEST", 550)
    logged(
        platform.settings.predictions, [record(n, minutes=115, error="early" if n < 50 else None) for n in range(600)]
    )
    assert measured(platform).measures["error_rate"].value == 0


def test_requests_within_a_day_make_a_plan_of_requests_and_else_of_batches(platform: Any) -> None:
    assert not rollout_requests.answered_lately(platform, NOW)
    logged(platform.settings.predictions, [record(1)])
    assert rollout_requests.answered_lately(platform, NOW)
    assert not rollout_requests.answered_lately(platform, NOW + timedelta(days=2))
