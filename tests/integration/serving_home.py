"""A home with two models to serve: what the tests of the scoring API share.

What belongs here: the copied home, its platform, a second model, a service whose packages are proved elsewhere. What does not: assertions.
"""

from __future__ import annotations

import os
import socket
import threading
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import uvicorn

from bench.switches import second_model
from churn_platform.adapters.atomic_files import write_atomically
from churn_platform.adapters.packages import read_package, write_package
from churn_platform.adapters.platform import Platform, open_platform
from churn_platform.contracts.routing import Routing, ServedModel
from churn_platform.flows.routing import publish_routing
from churn_platform.governance.canonical import canonical_json
from churn_platform.serving.app import scoring_app
from churn_platform.serving.lane import protocol_of
from churn_platform.serving.run import scoring_service
from churn_platform.serving.service import ScoringService
from churn_platform.serving.tokens import Tokens

PREDICT = "/v1/churn/predict"


def platform_at(home: Path) -> Platform:
    """The platform of a home, whatever the environment says."""
    before = os.environ.get("CHURN_HOME")
    os.environ["CHURN_HOME"] = str(home)
    try:
        return open_platform()
    finally:
        if before is None:
            del os.environ["CHURN_HOME"]
        else:
            os.environ["CHURN_HOME"] = before


def two_models(platform: Platform) -> tuple[ServedModel, ServedModel]:
    """The champion, and a second model made of its package with another calibration, packed and signed like any other."""
    first = publish_routing(platform).champion
    assert first is not None
    files = read_package(platform.settings.packages, first.digest, platform.signer.verifier)
    digest = write_package(platform.settings.packages, second_model(files), platform.signer)
    return first, ServedModel("churn-2", digest)


def put(platform: Platform, routing: Routing) -> None:
    """Write the routing that the API follows."""
    write_atomically(platform.settings.routing_file, canonical_json(routing.to_dict()).encode())


def quick_service(platform: Platform) -> ScoringService:
    """A service that takes packages as proved: the proof has tests of its own, and costs seconds."""
    service = scoring_service(platform, Tokens(()))
    service.follower.prove = lambda _: None
    return service


@contextmanager
def served(service: ScoringService) -> Iterator[str]:
    """The service behind its own server on loopback, the quick lane included; its address."""
    with socket.socket() as listening:
        listening.bind(("127.0.0.1", 0))
        port = listening.getsockname()[1]
    config = uvicorn.Config(
        scoring_app(service),
        port=port,
        log_level="critical",
        http=protocol_of(service),
        loop="uvloop",
        proxy_headers=False,
    )
    server = uvicorn.Server(config)
    thread = threading.Thread(target=server.run, daemon=True)
    thread.start()
    until = time.monotonic() + 60
    while not server.started:
        assert thread.is_alive(), "the server ended"
        assert time.monotonic() < until, "the server did not start"
        time.sleep(0.02)
    try:
        yield f"http://127.0.0.1:{port}"
    finally:
        server.should_exit = True
        thread.join(20)
