"""The quick lane: the same answers as the other road, in order, whatever the bytes look like, and quick refusals when too many wait."""

from __future__ import annotations

import contextlib
import json
import socket
import threading
import time
from collections.abc import Iterator
from datetime import UTC, date, datetime, timedelta
from typing import Any, cast

import pandas as pd
import pytest
import uvicorn

from churn_platform.adapters.prediction_log import PredictionLog
from churn_platform.adapters.signing import Verifier
from churn_platform.adapters.snapshots import publish
from churn_platform.contracts.features import FEATURE_SETS
from churn_platform.contracts.routing import Kill, Routing
from churn_platform.flows.served_features import dataset_of
from churn_platform.policies import load_policies
from churn_platform.serving.app import scoring_app
from churn_platform.serving.features import ServedFeatures
from churn_platform.serving.following import Follower
from churn_platform.serving.lane import protocol_of, read_head
from churn_platform.serving.service import ScoringService
from churn_platform.serving.tokens import Tokens

DAY = date(2026, 6, 1)
HEAD = b"POST /v1/churn/predict HTTP/1.1\r\nHost: x\r\nContent-Type: application/json\r\nContent-Length: %d\r\n%s\r\n"


@pytest.fixture(scope="module")
def service(tmp_path_factory: pytest.TempPathFactory) -> ScoringService:
    """A service that answers by the documented rule: what is tested is the road, not the model."""
    root = tmp_path_factory.mktemp("lane")
    kept = FEATURE_SETS["v1"]
    frame = pd.DataFrame({"customer_id": [f"C{n}" for n in range(50)], "contract": "Month-to-month"})
    publish(root, dataset_of(kept), DAY.isoformat(), frame.assign(tenure_months=range(50)), {}, datetime.now(UTC))
    routing = root / "routing.json"
    routing.write_text(json.dumps(Routing(1, None, kill=Kill("fallback", "ana", "a test", "")).to_dict()))
    follower = Follower(routing, root, root, Verifier({}), lambda _: None, 5, timedelta(62))
    features = ServedFeatures(root, kept, timedelta(62))
    features.refresh()
    follower._features = {"v1": features}
    log = PredictionLog(root / "log", "w")
    return ScoringService(follower, log, load_policies().serving, Tokens(()), lambda: DAY)


@pytest.fixture(scope="module")
def port(service: ScoringService) -> Iterator[int]:
    with socket.socket() as free:
        free.bind(("127.0.0.1", 0))
        number = int(free.getsockname()[1])
    config = uvicorn.Config(
        scoring_app(service), port=number, log_level="critical", http=protocol_of(service), loop="uvloop"
    )
    server = uvicorn.Server(config)
    thread = threading.Thread(target=server.run, daemon=True)
    thread.start()
    while not server.started:
        assert thread.is_alive()
        time.sleep(0.01)
    yield number
    server.should_exit = True
    thread.join(20)


def request(customer: str, extra: bytes = b"") -> bytes:
    body = b'{"customer_id": "%s"}' % customer.encode()
    return HEAD % (len(body), extra) + body


class Caller:
    """A raw connection."""

    def __init__(self, port: int) -> None:
        self.socket = socket.create_connection(("127.0.0.1", port), timeout=10)
        self.file = self.socket.makefile("rb")

    def send(self, content: bytes) -> None:
        self.socket.sendall(content)

    def answer(self) -> tuple[int, dict[str, str], Any]:
        status = int(self.file.readline().split()[1])
        headers = {}
        while (line := self.file.readline().strip()) != b"":
            name, _, value = line.decode().partition(": ")
            headers[name.lower()] = value
        content = self.file.read(int(headers["content-length"]))
        return status, headers, json.loads(content) if headers["content-type"] == "application/json" else content

    def close(self) -> None:
        self.file.close()
        self.socket.close()


@pytest.fixture
def caller(port: int) -> Iterator[Caller]:
    made = Caller(port)
    yield made
    made.close()


def test_the_lane_and_the_other_road_say_the_same(caller: Caller) -> None:
    for customer in ("C7", "C20", "nobody", "bad id"):
        said = []
        for extra in (b"", b"Expect: \r\n"):  # the second one takes the other road
            caller.send(request(customer, extra))
            status, headers, content = caller.answer()
            content.pop("prediction_id", None)
            said.append((status, {name: headers[name] for name in headers if name != "date"}, content))
        assert said[0] == said[1]


def test_requests_sent_without_waiting_are_answered_in_their_order(caller: Caller) -> None:
    live = b"GET /live HTTP/1.1\r\nHost: x\r\n\r\n"
    caller.send(request("C1"))
    caller.send(request("C2") + request("C3"))
    caller.send(live)
    caller.send(request("C4"))
    said = [caller.answer()[2] for _ in range(5)]
    assert [one.get("customer_id", one.get("status")) for one in said] == ["C1", "C2", "C3", "live", "C4"]


@pytest.mark.parametrize("pieces", [1, 3, 40, 90])
def test_a_request_in_pieces_is_answered(caller: Caller, pieces: int) -> None:
    whole = request("C5")
    for start in range(0, len(whole), pieces):
        caller.send(whole[start : start + pieces])
        if pieces < 40:
            time.sleep(0.001)
    assert caller.answer()[2]["customer_id"] == "C5"
    caller.send(request("C6"))
    assert caller.answer()[2]["customer_id"] == "C6"


@pytest.mark.parametrize(
    "strange",
    [
        b"\r\n",
        b"POST /v1/churn/predict HTTP/1.1\r\nHost: x\r\nContent-Length: 5\r\nContent-Length: 7\r\n\r\n{}",
        b"POST /v1/churn/predict HTTP/1.1\r\nHost : x\r\nContent-Length: 2\r\n\r\n{}",
        b"POST /v1/churn/predict HTTP/1.0\r\nHost: x\r\nContent-Length: 2\r\n\r\n{}",
        b"\x00\x01\x02 nonsense \xff\r\n\r\n",
        b"POST /v1/churn/predict HTTP/1.1\r\nHost: x\r\nTransfer-Encoding: chunked\r\nContent-Length: 2\r\n\r\n2\r\n{}\r\n0\r\n\r\n",
    ],
)
def test_strange_bytes_end_no_server(port: int, strange: bytes) -> None:
    one = Caller(port)
    one.send(strange)
    one.socket.settimeout(0.5)
    with contextlib.suppress(OSError):
        one.file.read(12)
    one.close()
    other = Caller(port)
    other.send(request("C8"))
    assert other.answer()[0] == 200
    other.close()


def test_when_too_many_wait_the_rest_are_refused_at_once(
    port: int, service: ScoringService, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(service, "waiting", service.policy.limits.waiting)
    caller = Caller(port)
    caller.send(request("C9"))
    status, headers, content = caller.answer()
    assert (status, headers["retry-after"]) == (429, "1")
    assert "come again" in content["error"]
    monkeypatch.undo()
    caller.send(request("C9"))
    assert caller.answer()[0] == 200
    caller.close()


def test_what_waits_on_no_longer_open_connections_frees_its_place(port: int, service: ScoringService) -> None:
    for _ in range(50):
        one = Caller(port)
        one.send(request("C9"))
        one.socket.close()
    until = time.monotonic() + 5
    while service.waiting:
        assert time.monotonic() < until
        time.sleep(0.01)


def test_heads_that_are_for_the_other_road() -> None:
    good = HEAD % (2, b"")
    assert read_head(good) is not None
    assert read_head(good.replace(b"predict", b"predict-blue")) is not None
    assert read_head(HEAD % (2, b"Connection: Keep-Alive\r\n")) is not None
    for extra in (
        b"Connection: close\r\n",
        b"Expect: 100-continue\r\n",
        b"Transfer-Encoding: chunked\r\n",
        b"Host: y\r\n",
        b" x: y\r\n",
    ):
        assert read_head(HEAD % (2, extra)) is None
    for other in (b"GET", b"POST /v1/churn/predict/batch", b"POST /v1/churn/predict?x=1"):
        assert read_head(good.replace(b"POST /v1/churn/predict", cast("bytes", other))) is None
