"""Scores reach the CRM once, however it behaves: it fails, hangs, answers twice, refuses; and what it does not take is listed."""

from __future__ import annotations

import json
from collections.abc import Iterator
from datetime import UTC, date, datetime, timedelta
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import pandas as pd
import pytest
from channel_servers import WebServer, web_server

from churn_platform.adapters import clock
from churn_platform.adapters.crm import KEYS, TABLE, TOKEN, URL, Crm, CrmError, crm_from
from churn_platform.adapters.ops_store import OpsStore
from churn_platform.adapters.snapshots import publish
from churn_platform.flows import crm as flow
from churn_platform.policies import load_policies

DAY, AT = date(2026, 6, 3), datetime(2026, 6, 3, 6, tzinfo=UTC)
POLICIES = (
    load_policies()
    .changed("crm.batch_rows", 40, "several batches")
    .changed("crm.timeout", timedelta(seconds=2), "tests")
)
ROWS = 100


def scores(probability: float = 0.7) -> pd.DataFrame:
    return pd.DataFrame(
        {
            "customer_id": [f"C{n:03d}" for n in range(ROWS)],
            "observation_date": pd.Timestamp(DAY),
            "probability": probability,
            "band": "high",
            "decision": "contact",
            "reasons": json.dumps([{"feature": "contract", "text": "month-to-month contract"}]),
            "model_version": "churn-1",
            "simulated": True,
        }
    )


@pytest.fixture
def home(tmp_path: Path) -> Iterator[Any]:
    publish(tmp_path, flow.SCORES, DAY.isoformat(), scores(), {"model_version": "churn-1"}, AT)
    with OpsStore.open(tmp_path / "ops.db") as ops:
        settings = SimpleNamespace(published=tmp_path)
        yield SimpleNamespace(ops=ops, policies=POLICIES, settings=settings, now=lambda: AT)


@pytest.fixture
def web() -> Iterator[WebServer]:
    with web_server() as server:
        yield server


class Patience:
    """Waits nowhere, remembers how long, and lets the CRM do something meanwhile."""

    def __init__(self, then: Any = None) -> None:
        self.waited: list[float] = []
        self.then = then

    def __call__(self, seconds: float) -> None:
        self.waited.append(seconds)
        if self.then is not None:
            self.then(len(self.waited))


def taken(server: WebServer) -> list[str]:
    """Customers in the order in which a CRM that knows keys would first have taken them."""
    first: dict[str, Any] = {}
    for request in server.requests:
        first.setdefault(request.headers["Idempotency-Key"], request.body)
    return [one["customer_id"] for body in first.values() for one in body["scores"]]


def states(home: Any) -> list[str]:
    return [batch.state for batch in home.ops.crm_batches()]


def test_every_score_arrives_in_batches_with_a_key_and_the_token_and_once(home: Any, web: WebServer) -> None:
    crm = Crm(web.address, "secret")
    done = flow.write_back(home, [DAY], crm)
    assert (done.rows, len(done.delivered), done.dead) == (ROWS, 3, ())
    assert taken(web) == list(scores()["customer_id"])
    assert {one.headers["Authorization"] for one in web.requests} == {"Bearer secret"}
    first = web.bodies[0]["scores"][0]
    assert (first["decision"], first["reasons"], first["simulated"]) == ("contact", ["month-to-month contract"], True)
    assert flow.write_back(home, [DAY], crm).delivered == ()  # again: nothing is new
    assert len(web.requests) == 3
    assert home.ops.verify_ledger().verdict == "pass"


def test_a_crm_that_fails_and_comes_back_has_everything(home: Any, web: WebServer) -> None:
    web.status = 503

    def mend(tries: int) -> None:
        web.status = 200 if tries >= 3 else 503

    patience = Patience(mend)
    done = flow.write_back(home, [DAY], Crm(web.address), patience)
    assert patience.waited == [2, 4, 8]
    assert (done.rows, done.delivered[0].attempts) == (ROWS, 4)
    assert taken(web) == list(scores()["customer_id"])


def test_a_crm_that_took_a_batch_and_hung_gets_it_again_under_the_same_key(home: Any, web: WebServer) -> None:
    web.status = 0  # it takes the request, and never answers

    def mend(tries: int) -> None:
        web.status = 200

    flow.write_back(home, [DAY], Crm(web.address), Patience(mend))
    keys = [one.headers["Idempotency-Key"] for one in web.requests]
    assert (len(keys), len(set(keys))) == (4, 3)
    assert taken(web) == list(scores()["customer_id"])


def test_a_crm_that_answers_that_it_has_the_batch_already_has_it(home: Any, web: WebServer) -> None:
    web.status = 409
    assert flow.write_back(home, [DAY], Crm(web.address)).rows == ROWS


def test_a_crm_that_is_down_is_given_up_once_listed_and_sent_again_by_a_person(home: Any, web: WebServer) -> None:
    web.status = 500
    patience = Patience()
    done = flow.write_back(home, [DAY], Crm(web.address), patience)
    assert (len(done.delivered), len(done.dead), len(web.requests)) == (0, 3, POLICIES.crm.attempts)
    assert sum(patience.waited) == 2 + 4 + 8 + 16
    told = flow.crm_status(home)
    assert [one["reason"] for one in told["dead_letters"]] == [
        "the CRM answered 500",
        *["not tried: the CRM answered 500"] * 2,
    ]
    assert newest_finding(home).acts
    with pytest.raises(flow.CrmResendError, match="say who"):
        flow.resend(home, "", "", crm=Crm(web.address))
    web.status = 200
    assert flow.resend(home, "ada", "it is up again", crm=Crm(web.address)).rows == ROWS
    assert flow.crm_status(home)["dead_letters"] == []
    assert home.ops.decisions(kind=flow.RESENT)[-1].actor == "person:ada"
    assert not newest_finding(home).acts
    with pytest.raises(flow.CrmResendError, match="no dead letters"):
        flow.resend(home, "ada", "again", crm=Crm(web.address))


def newest_finding(home: Any) -> Any:
    return home.ops.findings(report="crm")[-1].findings[0]


@pytest.mark.parametrize("status", [302, 400, 401, 413, 422])
def test_what_a_crm_refuses_is_not_repeated_and_the_other_batches_go_on(home: Any, web: WebServer, status: int) -> None:
    web.status = status
    done = flow.write_back(home, [DAY], Crm(web.address), Patience())
    assert (len(done.dead), len(web.requests)) == (3, 3)
    assert done.dead[0].detail == f"the CRM answered {status}"


def test_no_server_at_all_is_told_without_the_address(home: Any) -> None:
    done = flow.write_back(home, [DAY], Crm("http://127.0.0.1:9/key-in-the-path", "secret"), Patience())
    assert done.dead[0].detail == "the CRM could not be reached: URLError"
    assert "secret" not in repr(Crm("http://x/y", "secret"))


def test_a_killed_sender_leaves_what_is_pending_to_the_next(home: Any, web: WebServer) -> None:
    class Killed(BaseException):
        pass

    def kill(*_: Any) -> None:
        raise Killed

    web.status = 503
    with pytest.raises(Killed):
        flow.write_back(home, [DAY], Crm(web.address), kill)
    assert states(home) == ["pending"] * 3
    web.status = 200
    # the next run is tomorrow's: nobody runs the day again
    tomorrow = DAY + timedelta(1)
    publish(home.settings.published, flow.SCORES, tomorrow.isoformat(), scores(0.2), {"model_version": "churn-1"}, AT)
    assert flow.write_back(home, [tomorrow], Crm(web.address)).rows == 2 * ROWS
    assert states(home) == ["delivered"] * 6


def test_a_day_that_is_scored_again_supersedes_what_was_not_delivered(home: Any, web: WebServer) -> None:
    web.status = 500
    flow.write_back(home, [DAY], Crm(web.address), Patience())
    publish(home.settings.published, flow.SCORES, DAY.isoformat(), scores(0.2), {"model_version": "churn-1"}, AT)
    web.status = 200
    assert flow.write_back(home, [DAY], Crm(web.address)).rows == ROWS
    assert states(home) == ["superseded"] * 3 + ["delivered"] * 3
    assert web.bodies[-1]["sequence"] == 2


def test_a_table_takes_each_batch_once_and_keeps_the_newest_scores(home: Any, tmp_path: Path) -> None:
    import sqlite3

    url = f"sqlite:///{tmp_path / 'crm.db'}"
    crm = Crm(url)
    assert flow.write_back(home, [DAY], crm).rows == ROWS
    older = home.ops.crm_batches()
    publish(home.settings.published, flow.SCORES, DAY.isoformat(), scores(0.2), {"model_version": "churn-1"}, AT)
    assert flow.write_back(home, [DAY], crm).rows == ROWS
    told = flow._told(older[0], scores())
    assert crm.send(told, POLICIES.crm.timeout).detail == "the table has the batch already"
    assert (
        crm.send({**told, "key": "another"}, POLICIES.crm.timeout).detail == "0 rows written"
    )  # older scores came late
    with sqlite3.connect(tmp_path / "crm.db") as connection:
        rows = connection.execute(f"SELECT count(*), min(probability), max(probability) FROM {TABLE}").fetchone()
        assert rows == (ROWS, 0.2, 0.2)
        assert connection.execute(f"SELECT count(*) FROM {KEYS}").fetchone() == (7,)


def test_it_is_off_unless_configured_and_in_simulated_time(home: Any, web: WebServer, monkeypatch: Any) -> None:
    monkeypatch.delenv(URL, raising=False)
    assert flow.write_back(home, [DAY]).off == "no CRM is configured: CHURN_CRM_URL is not set"
    assert flow.crm_status(home)["off"] == "CHURN_CRM_URL is not set"
    with clock.simulated_time(AT):
        assert "simulated time" in flow.write_back(home, [DAY], Crm(web.address)).off
    assert web.requests == []
    assert states(home) == []
    assert crm_from({URL: "https://crm.example/x", TOKEN: "t"}) == Crm("https://crm.example/x", "t")
    for bad in ("crm.example", "ftp://crm.example", "file:///etc/passwd"):
        with pytest.raises(CrmError, match="is no address of a CRM") as told:
            crm_from({URL: bad})
        assert bad not in str(told.value)
