"""The scoring API on the home of the main job: the same answers as the daily scores, and what it does when something is wrong."""

from __future__ import annotations

import json
import shutil
import time
from collections.abc import Iterator
from datetime import date
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
import pytest
from fastapi.testclient import TestClient
from serving_home import PREDICT, platform_at

from churn_platform.adapters.prediction_log import closed_segments, read_segment
from churn_platform.adapters.warehouse import Warehouse
from churn_platform.contracts.tables import RAW_TABLES
from churn_platform.flows.routing import lift_kill_switch, publish_routing, throw_kill_switch
from churn_platform.flows.served_features import publish_features
from churn_platform.serving.app import scoring_app
from churn_platform.serving.attribute_form import GIVEN
from churn_platform.serving.run import scoring_service
from churn_platform.serving.tokens import Tokens

pytestmark = [pytest.mark.xdist_group("main_job"), pytest.mark.slow]


@pytest.fixture(scope="module")
def served_home(ibm_home: Path, ibm_summary: dict[str, Any], tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The main job's home with its features published."""
    assert ibm_summary["champion_version"]
    home = Path(shutil.copytree(ibm_home, tmp_path_factory.mktemp("serving") / "home"))
    platform = platform_at(home)
    publish_features(platform, platform.calendar.live_days)
    return home


@pytest.fixture(scope="module")
def api(served_home: Path) -> Iterator[TestClient]:
    with TestClient(scoring_app(scoring_service(platform_at(served_home), Tokens(())))) as client:
        yield client


@pytest.fixture(scope="module")
def scores(served_home: Path) -> pd.DataFrame:
    files = sorted((served_home / "published" / "daily_scores").glob("*/*.parquet"))
    return pd.concat([pd.read_parquet(path) for path in files], ignore_index=True)


def test_every_live_customer_gets_the_daily_scores_answer_to_the_last_bit(
    api: TestClient, scores: pd.DataFrame
) -> None:
    answers = []
    for start in range(0, len(scores), 1000):
        customers = [{"customer_id": one} for one in scores["customer_id"].iloc[start : start + 1000]]
        answers += api.post(f"{PREDICT}/batch", json={"customers": customers}).json()["predictions"]
    told = pd.DataFrame(answers)
    assert len(told) == len(scores)
    for name in ("probability", "margin", "base_margin", "band", "decision", "decile", "model_version", "model_digest"):
        assert told[name].tolist() == scores[name].tolist(), name
    stored = [json.loads(reasons) for reasons in scores["reasons"]]
    for answer, reasons in zip(answers, stored, strict=True):
        assert [reason["text"] for reason in answer["reasons"]] == [reason["text"] for reason in reasons]


def test_base_reasons_and_the_other_contributions_sum_to_the_margin(api: TestClient, scores: pd.DataFrame) -> None:
    for customer in scores["customer_id"].iloc[:50]:
        answer = api.post(PREDICT, json={"customer_id": customer}).json()
        total = answer["base_margin"] + sum(one["contribution"] for one in answer["reasons"])
        assert total + answer["other_contributions"] == pytest.approx(answer["margin"], abs=1e-12)
        assert answer["probability"] == pytest.approx(1 / (1 + np.exp(-answer["margin"])), abs=1e-15)


def test_a_described_customer_gets_the_answer_of_the_known_one(
    api: TestClient, scores: pd.DataFrame, served_home: Path
) -> None:
    raw = Warehouse(served_home / "warehouse" / "warehouse.duckdb").query("SELECT * FROM raw.customers")
    raw = raw[raw["customer_id"].isin(scores["customer_id"])].set_index("customer_id")
    named = [column.name for column in RAW_TABLES["customers"].columns if column.name not in GIVEN]
    chosen = scores.sample(200, random_state=3)
    described = []
    for customer in chosen["customer_id"]:
        row = raw.loc[customer, named]
        described.append({"attributes": {name: plain(value) for name, value in row.items() if not pd.isna(value)}})
    answers = api.post(f"{PREDICT}/batch", json={"customers": described}).json()["predictions"]
    assert [answer["probability"] for answer in answers] == chosen["probability"].tolist()


def plain(value: Any) -> Any:
    return value.item() if isinstance(value, np.generic) else value


@pytest.mark.parametrize(
    ("changed", "field"),
    [
        ({"contract": "Three year"}, "attributes.contract"),
        ({"monthly_charges": None}, "attributes.monthly_charges"),
        ({"tenure_months": -1}, "attributes.tenure_months"),
        ({"tenure_months": "many"}, "attributes.tenure_months"),
        ({"shoe_size": 42}, "attributes.shoe_size"),
        ({"known_at": "2026-01-01"}, "attributes.known_at"),
    ],
)
def test_a_bad_attribute_is_refused_by_its_name(
    api: TestClient, served_home: Path, changed: dict[str, Any], field: str
) -> None:
    raw = Warehouse(served_home / "warehouse" / "warehouse.duckdb").query("SELECT * FROM raw.customers LIMIT 1")
    named = [column.name for column in RAW_TABLES["customers"].columns if column.name not in GIVEN]
    good = {name: plain(value) for name, value in raw.iloc[0][named].items() if not pd.isna(value)}
    assert api.post(PREDICT, json={"attributes": good}).status_code == 200
    refused = api.post(PREDICT, json={"attributes": {**good, **changed}})
    assert refused.status_code == 422
    assert refused.json()["field"] == field


@pytest.mark.parametrize(
    ("body", "status"),
    [
        (b"", 422),
        (b"{", 422),
        (b'{"customer_id": NaN}', 422),
        (b'{"customer_id": "A", "attributes": {"gender": "Male"}}', 422),
        (b'{"customer_id": ""}', 422),
        (b'{"customer_id": "A", "extra": 1}', 422),
        (b"[" * 5000 + b"]" * 5000, 422),
        (b'{"customer_id": "' + b"A" * 2_000_000 + b'"}', 413),
        (b'{"customer_id": "nobody-knows"}', 404),
    ],
)
def test_what_is_no_request_is_refused_and_the_server_goes_on(api: TestClient, body: bytes, status: int) -> None:
    answer = api.post(PREDICT, content=body, headers={"content-type": "application/json"})
    assert answer.status_code == status
    assert answer.json()["error"]
    assert api.get("/live").status_code == 200


def test_a_body_that_does_not_say_that_it_is_json_is_refused(api: TestClient) -> None:
    assert api.post(PREDICT, content=b"{}").status_code == 415


def test_more_customers_than_the_policy_allows_are_refused(api: TestClient) -> None:
    customers = [{"customer_id": "A"}] * 1001
    assert api.post(f"{PREDICT}/batch", json={"customers": customers}).status_code == 422


def test_the_kill_switch_stops_the_answers_at_once_and_lifted_they_come_again(
    api: TestClient, scores: pd.DataFrame, served_home: Path
) -> None:
    body = {"customer_id": scores["customer_id"].iloc[0]}
    platform = platform_at(served_home)
    before = api.post(PREDICT, json=body)
    assert before.status_code == 200
    throw_kill_switch(platform, "stop", "ana", "the bill run was wrong")
    stopped = eventually(lambda: api.post(PREDICT, json=body), 503)
    assert "ana: the bill run was wrong" in stopped.json()["error"]
    assert stopped.headers["Retry-After"]
    lift_kill_switch(platform, "ana", "mended")
    again = eventually(lambda: api.post(PREDICT, json=body), 200)
    assert again.json()["probability"] == before.json()["probability"]
    actions = [(decision.outcome, decision.reasons[0]) for decision in platform.ops.decisions(kind="kill_switch")]
    assert actions == [("stop", "the bill run was wrong"), ("lifted", "mended")]


def test_the_kill_switch_may_fall_back_to_the_documented_rule(
    api: TestClient, scores: pd.DataFrame, served_home: Path
) -> None:
    body = {"customer_id": scores["customer_id"].iloc[1]}
    platform = platform_at(served_home)
    throw_kill_switch(platform, "fallback", "ana", "the model is under review")
    deadline = time.monotonic() + 1.0
    while (answer := api.post(PREDICT, json=body).json())["variant"] != "fallback":
        assert time.monotonic() < deadline, "the switch was not in effect within a second"
    assert answer["probability"] is None
    assert answer["reasons"] == []
    assert answer["band"] in ("low", "medium", "high")
    lift_kill_switch(platform, "ana", "reviewed")
    eventually(lambda: api.get("/v1/rollout"), 200)


def test_a_described_customer_gets_the_rules_answer_too_while_the_switch_falls_back(
    api: TestClient, served_home: Path
) -> None:
    from bench.serving_cases import GOOD

    platform = platform_at(served_home)
    throw_kill_switch(platform, "fallback", "ana", "the model is under review")
    body = {"attributes": GOOD}
    deadline = time.monotonic() + 5.0
    while (answer := api.post(PREDICT, json=body)).json().get("variant") != "fallback":
        assert time.monotonic() < deadline
    assert (answer.status_code, answer.json()["band"], answer.json()["model_version"]) == (200, "high", "rule")
    refused = api.post(PREDICT, json={"attributes": {**GOOD, "contract": "Three year"}})
    assert (refused.status_code, refused.json()["field"]) == (422, "attributes.contract")
    lift_kill_switch(platform, "ana", "reviewed")


def test_a_customers_published_features_are_told_with_their_day(api: TestClient, scores: pd.DataFrame) -> None:
    row = scores.iloc[0]
    told = api.get(f"/v1/customers/{row['customer_id']}").json()
    (first, *_) = told["feature_sets"]
    assert first["feature_date"] == row["observation_date"].date().isoformat()
    assert "contract" in first["features"]
    assert api.get("/v1/customers/nobody").status_code == 404


def eventually(ask: Any, status: int, seconds: float = 1.0) -> Any:
    """The first answer of that status; the promise is one second."""
    deadline = time.monotonic() + seconds
    while True:
        answer = ask()
        if answer.status_code == status:
            return answer
        assert time.monotonic() < deadline, f"still {answer.status_code} after {seconds} s"
        time.sleep(0.02)


def test_each_answer_is_in_the_log_once_with_its_digest(served_home: Path, scores: pd.DataFrame) -> None:
    with TestClient(scoring_app(scoring_service(platform_at(served_home), Tokens(())))) as client:
        ids = [
            client.post(PREDICT, json={"customer_id": one}).json()["prediction_id"]
            for one in scores["customer_id"].iloc[:20]
        ]
    logged = [
        json.loads(record) for path in closed_segments(served_home / "predictions") for record in read_segment(path)
    ]
    kept = [record for record in logged if record["prediction_id"] in set(ids)]
    assert [record["prediction_id"] for record in kept] == ids
    assert all(record["request_digest"] and record["model_version"] == "churn-1" for record in kept)


def test_a_changed_package_is_not_loaded_and_nobody_is_answered_from_it(
    copy_of_ibm_home: Path, scores: pd.DataFrame
) -> None:
    platform = platform_at(copy_of_ibm_home)
    publish_features(platform, platform.calendar.live_days)
    digest = publish_routing(platform).champion.digest  # type: ignore[union-attr]
    booster = copy_of_ibm_home / "packages" / digest / "booster.json"
    booster.chmod(0o644)
    booster.write_bytes(booster.read_bytes().replace(b"E", b"e", 1))
    with TestClient(scoring_app(scoring_service(platform, Tokens(())))) as client:
        assert client.get("/ready").status_code == 503
        refused = client.post(PREDICT, json={"customer_id": scores["customer_id"].iloc[0]})
    assert refused.status_code == 503
    assert "booster.json was changed" in refused.json()["error"]


def test_with_tokens_only_their_scopes_are_served(served_home: Path, scores: pd.DataFrame) -> None:
    from hashlib import sha256

    tokens = Tokens.from_environment({"CHURN_API_TOKENS": f"crm=predict:{sha256(b'secret').hexdigest()}"})
    body = {"customer_id": scores["customer_id"].iloc[0]}
    with TestClient(scoring_app(scoring_service(platform_at(served_home), tokens))) as client:
        assert client.post(PREDICT, json=body).status_code == 401
        bearer = {"Authorization": "Bearer secret"}
        assert client.post(PREDICT, json=body, headers=bearer).status_code == 200
        assert client.get("/metrics", headers=bearer).status_code == 403
        assert client.get("/live").status_code == 200


def test_the_days_of_the_service_are_the_feeds(api: TestClient, scores: pd.DataFrame) -> None:
    newest = scores.loc[scores["observation_date"].idxmax()]
    answer = api.post(PREDICT, json={"customer_id": newest["customer_id"]}).json()
    assert answer["feature_date"] == newest["observation_date"].date().isoformat()
    assert answer["feature_age_days"] == 0
    assert date.fromisoformat(answer["feature_date"]).year == 2026
