"""The switches of `bench.serving`: moving a home's routing, and judging the answers that were given meanwhile.

    python -m bench.switches prepare FOLDER
    python -m bench.switches warm FOLDER PORT …
    python -m bench.switches flip FOLDER FLIPS SECONDS-BETWEEN

A second model is made of the champion's own package with another calibration, signed like any other; so the two differ for every
customer. What each says of every customer is written down first; then the routing is switched, each time to one of: blue answers, green
answers, the model before (rollback), stop, the documented rule.
"""

from __future__ import annotations

import json
import sys
import time
import urllib.request
from collections.abc import Mapping, Sequence
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np

from churn_platform.adapters.atomic_files import write_atomically
from churn_platform.adapters.packages import read_package, write_package
from churn_platform.adapters.platform import open_platform
from churn_platform.contracts.routing import Kill, Routing, ServedModel
from churn_platform.flows.routing import publish_routing

SETTLED = 1.0
"""Seconds within which a switch must be in effect."""
PASSING = ("prediction_id", "feature_age_days", "degraded", "variant")
EVENTS, TRUTH, MODELS = "events.json", "truth.json", "models.json"


def second_model(files: Mapping[str, bytes], shift: float = 0.25) -> dict[str, bytes]:
    """The files of a model that says `shift` more log odds of every customer."""
    from churn_platform.governance.canonical import canonical_json
    from churn_platform.training.candidate import ModelPackage
    from churn_platform.training.golden import GOLDEN_FILE, golden_rows

    changed = {name: content for name, content in files.items() if name != GOLDEN_FILE}
    calibration = json.loads(files["calibration.json"])
    changed["calibration.json"] = canonical_json(
        {**calibration, "intercept": calibration["intercept"] + shift}
    ).encode()
    return {**changed, GOLDEN_FILE: golden_rows(ModelPackage.from_files("", changed))}


def prepare(work: Path) -> None:
    """Make the second model, and write down what is true of both."""
    platform = open_platform()
    first = publish_routing(platform).champion
    if first is None:
        raise RuntimeError("the home has no champion")
    files = read_package(platform.settings.packages, first.digest, platform.signer.verifier)
    second = ServedModel("churn-2", write_package(platform.settings.packages, second_model(files), platform.signer))
    (work / MODELS).write_text(json.dumps([[one.version, one.digest] for one in (first, second)]))
    _truths(work, platform, (first, second))


def warm(work: Path, ports: Sequence[int], patience: float = 90.0) -> None:
    """Name both models and wait until both are loaded by all servers: what is measured is a switch, not a load."""
    platform = open_platform()
    first, second = (ServedModel(*one) for one in json.loads((work / MODELS).read_text()))
    routing = Routing(1, first, blue=first, green=second)
    write_atomically(platform.settings.routing_file, json.dumps(routing.to_dict()).encode())
    until = time.monotonic() + patience
    for port in ports:
        while True:
            with urllib.request.urlopen(f"http://127.0.0.1:{port}/v1/rollout", timeout=5) as answer:
                if {first.version, second.version} <= set(json.load(answer)["loaded"]):
                    break
            if time.monotonic() > until:
                raise RuntimeError(f"the server on {port} did not load both models within {patience:.0f} s")
            time.sleep(0.2)


def flip(work: Path, flips: int, every: float) -> None:
    """Switch."""
    platform = open_platform()
    first, second = (ServedModel(*one) for one in json.loads((work / MODELS).read_text()))

    def put(routing: Routing) -> float:
        began = time.time()  # before it is written: a server may follow before the folder is synced
        write_atomically(platform.settings.routing_file, json.dumps(routing.to_dict()).encode())
        return began

    blue = Routing(1, first, blue=first, green=second)
    moves = {
        "green": replace(blue, champion=second),
        "blue": blue,
        "stop": replace(blue, kill=Kill("stop", "bench", "switching", "")),
        "rollback": Routing(2, second),
        "fallback": replace(blue, kill=Kill("fallback", "bench", "switching", "")),
        "first": Routing(3, first),
    }
    said = {"first": first.version, "blue": first.version, "green": second.version, "rollback": second.version}
    names, told = list(moves), []
    for number in range(flips):
        name = names[number % len(names)]
        told.append({"at": put(moves[name]), "answers": said.get(name, name)})
        time.sleep(every)
    publish_routing(platform)
    (work / EVENTS).write_text(json.dumps(told))


def _truths(work: Path, platform: Any, models: Sequence[Any]) -> None:
    """What each model says of each customer, by a service in this process."""
    from churn_platform.serving.answers import Unanswerable, by_customer
    from churn_platform.serving.run import scoring_service
    from churn_platform.serving.state import State
    from churn_platform.serving.tokens import Tokens

    service = scoring_service(platform, Tokens(()))
    follower = service.follower
    follower._wanted = Routing(0, models[0], blue=models[0], green=models[1])
    follower.load()
    truth: dict[str, dict[str, Any]] = {}
    for line in (work / "known").read_text().splitlines():
        customer = json.loads(line)["customer_id"]
        for model in models:
            state = State(Routing(0, model), follower.state.models, follower.state.features)
            try:
                truth.setdefault(model.version, {})[customer] = _lasting(by_customer(state, customer, service.today()))
            except Unanswerable:
                truth.setdefault(model.version, {})[customer] = None
    service.log.close()
    (work / TRUTH).write_text(json.dumps(truth))


def _lasting(answer: Mapping[str, Any]) -> dict[str, Any]:
    kept = {name: value for name, value in answer.items() if name not in PASSING}
    return dict(json.loads(json.dumps(kept)))


def judge(work: Path, kept: Sequence[Path]) -> dict[str, Any]:
    """Count the answers that failed or were of two models, and how long each switch took on the slower server."""
    truth, events = json.loads((work / TRUTH).read_text()), json.loads((work / EVENTS).read_text())
    loads = [[json.loads(line) for line in path.read_text().splitlines()] for path in kept]
    counted = {"answers": 0, "failed": 0, "mixed": 0}
    effects = []
    for number, event in enumerate(events):
        if number + 1 == len(events):
            break  # the last one only ends the one before
        until = events[number + 1]["at"]
        before = events[number - 1]["answers"] if number else json.loads((work / MODELS).read_text())[0][0]
        slowest = 0.0
        for load in loads:
            for at, status, body in load:
                if not event["at"] <= at < until:
                    continue
                says, sound = _said(status, body, truth)
                counted["answers"] += 1
                counted["mixed"] += not sound
                if says != event["answers"]:
                    slowest = max(slowest, at - event["at"])
                    if says != before or at - event["at"] > SETTLED:
                        counted["failed"] += 1
        effects.append(slowest)
    return {**counted, "p50": float(np.quantile(effects, 0.5)), "p99": float(np.quantile(effects, 0.99))}


def _said(status: int, body: str, truth: Mapping[str, Any]) -> tuple[str, bool]:
    """Who answered (a version, `stop`, `fallback`, or the status), and whether the answer is wholly theirs."""
    answer = json.loads(body)
    if status == 503 and answer["error"].startswith("scores are stopped"):
        return "stop", True
    if status != 200:
        return f"status {status}", True
    if answer["variant"] == "fallback":
        return "fallback", answer["probability"] is None and not answer["reasons"]
    return answer["model_version"], truth[answer["model_version"]].get(answer["customer_id"]) == _lasting(answer)


if __name__ == "__main__":
    step, where, *rest = sys.argv[1:]
    if step == "prepare":
        prepare(Path(where))
    elif step == "warm":
        warm(Path(where), [int(port) for port in rest])
    else:
        flip(Path(where), int(rest[0]), float(rest[1]))
