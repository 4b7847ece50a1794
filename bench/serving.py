"""The scoring API under load, over capacity, beside `mlflow models serve`, and while its routing is switched.

    python -m bench serving

One real home (`churn run` on IBM's extract; `$CHURN_BENCH_HOME` names one that is there), `churn serve` as its own process, and the
load from another (`bench.open_loop`), on the same cores and over loopback:

- the promise: 500 requests a second by customer id, each answered with its reasons, for a minute;
- the capacity: 32 connections that ask again as soon as they are answered; then twice and four times as much, offered whether or not it
  is answered; then the promise again, to see how long the server needs to be itself again;
- the peer: `mlflow models serve` on the same booster behind `mlflow.pyfunc`, probability only, 32 connections, the same customers;
- switches: two servers of one home at 200 requests a second each, while the routing changes between blue and green, back to the model
  before, to a thrown kill switch and to the documented rule. Each answer must be wholly one model's: equal to what that model
  said of the customer when nothing moved;
- kills: the server is killed with `kill -9` under the promised load, and the answers that were given are looked for in the log.

Processor time is that of the server's process. A generator that could not send all it was told to says so in the name of its row.
"""

from __future__ import annotations

import json
import os
import platform
import signal
import subprocess
import sys
import tempfile
import time
import urllib.error
import urllib.request
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from dataclasses import dataclass
from importlib.metadata import version
from pathlib import Path
from typing import Any

from bench.whole_process import measured

PROMISED, SECONDS = 500, 60
CONNECTIONS = 512
FLIPS, FLIP_EVERY, FLIP_RATE = 200, 0.75, 200
KILLS = 8
LEAD = 20
"""Seconds in which the process of the switches starts."""
LIBRARIES = ("uvicorn", "httptools", "uvloop", "orjson", "fastapi", "mlflow", "xgboost")
SCRIPTS = Path(sys.executable).parent


@dataclass(frozen=True)
class Server:
    """A running server."""

    pid: int
    port: int

    def cpu_seconds(self) -> float:
        fields = Path(f"/proc/{self.pid}/stat").read_text().rpartition(")")[2].split()
        return (int(fields[11]) + int(fields[12])) / os.sysconf("SC_CLK_TCK")


def measure() -> list[dict[str, Any]]:
    """The rows of the table."""
    with tempfile.TemporaryDirectory(prefix="churn-bench-") as folder:
        work = Path(folder)
        home = Path(os.environ.get("CHURN_BENCH_HOME", work / "home"))
        if not home.exists():
            measured([SCRIPTS / "churn", "run", "--feed", "ibm", "--json"], {"CHURN_HOME": str(home)})
        measured([sys.executable, "-m", "bench.serving", "prepare", work], {"CHURN_HOME": str(home)})
        return [*_load(home, work), *_switches(home, work), *_losses(home, work)]


def _load(home: Path, work: Path) -> Iterator[dict[str, Any]]:
    with serving(home, 8191) as server:
        generate(server, work / "known", closed=4, seconds=2)
        told, each = _spent(server, work / "known", rate=PROMISED, seconds=SECONDS)
        answers = told["status"].get("200", {"count": 0, "p50": None, "p99": None, "p99.9": None})
        what = f"{PROMISED} requests/s for {SECONDS} s by customer id, with reasons"
        yield row(f"{what}: not answered 200", "requests", told["sent"] - answers["count"] + told["unsent"])
        for name in ("p50", "p99", "p99.9"):
            yield row(f"{what}: {name}", "ms", answers[name])
        yield row(f"{what}: server's processor time", "ms a request", each)
        ours, each = _spent(server, work / "known", closed=32, seconds=15)
        capacity = ours["per_second"]
        yield row("32 connections: server's processor time", "ms a request", each)
        for times in (2, 4):
            yield from _over(server, work, times, capacity)
    with mlflow_serving(work / "model", 8192) as peer:
        generate(peer, work / "described", path="/invocations", closed=4, seconds=2)
        theirs = generate(peer, work / "described", path="/invocations", closed=32, seconds=15)
    name = "mlflow models serve, same booster, no reasons"
    fine = theirs["status"].get("200", {"count": 0, "p99": None})
    yield row("32 connections: requests", "requests/s", capacity, fine["count"] / theirs["seconds"], name, more=True)
    yield row("32 connections: p99", "ms", ours["status"]["200"]["p99"], fine["p99"], name)


def _over(server: Server, work: Path, times: int, capacity: float) -> Iterator[dict[str, Any]]:
    """`times` the capacity for ten seconds, then the promise: what was admitted, what refused, how soon all is well again."""
    told = generate(server, work / "known", rate=times * capacity, seconds=10, connections=CONNECTIONS, queue=0)
    after = generate(server, work / "known", rate=PROMISED, seconds=10)
    what = f"{times} x capacity offered ({told['per_second']:,.0f} of {times * capacity:,.0f}/s reached the server)"
    for code, name in (("200", "admitted"), ("429", "refused 429")):
        of = told["status"].get(code, {"count": 0, "p50": None, "p99": None, "max": None})
        yield row(f"{what}: {name}", "requests/s", of["count"] / 10)
        yield row(f"{what}: {name}, p50", "ms", of["p50"])
        yield row(f"{what}: {name}, p99", "ms", of["p99"])
    others = sum(of["count"] for code, of in told["status"].items() if code not in ("200", "429")) + told["broken"]
    yield row(f"{what}: neither", "requests", others)
    slow = [second for second, p99 in enumerate(after["by_second"]) if p99 is None or p99 > 25]
    yield row(f"{what}: seconds until p99 is under 25 ms again", "s", max(slow) + 1 if slow else 0)


def _switches(home: Path, work: Path, flips: int = FLIPS, every: float = FLIP_EVERY) -> Iterator[dict[str, Any]]:
    from bench.switches import judge

    switches = [sys.executable, "-m", "bench.switches"]
    measured([*switches, "prepare", work], {"CHURN_HOME": str(home)})
    with serving(home, 8191) as one, serving(home, 8192) as other:
        measured([*switches, "warm", work, str(one.port), str(other.port)], {"CHURN_HOME": str(home)})
        seconds = flips * every + LEAD
        kept = [work / f"kept-{server.port}" for server in (one, other)]
        loads = [
            start(["bench.open_loop", *words, "--rate", FLIP_RATE, "--seconds", seconds, "--connections", 64])
            for server, file in zip((one, other), kept, strict=True)
            for words in [("--port", server.port, "--requests", work / "known", "--keep", file)]
        ]
        measured([*switches, "flip", work, str(flips), str(every)], {"CHURN_HOME": str(home)})
        for load in loads:
            load.communicate(timeout=seconds + 60)
    told = judge(work, kept)
    what = f"{flips} switches at {FLIP_RATE} requests/s on each of two servers"
    yield row(f"{what}: answers", "answers", told["answers"])
    yield row(f"{what}: failed", "answers", told["failed"])
    yield row(f"{what}: of mixed versions", "answers", told["mixed"])
    yield row(f"{what}: time to effect on both, p50", "s", told["p50"])
    yield row(f"{what}: time to effect on both, p99", "s", told["p99"])


def _losses(home: Path, work: Path, kills: int = KILLS) -> Iterator[dict[str, Any]]:
    """`kill -9` under the promised load: predictions that were answered and are not in the log."""
    from churn_platform.adapters.prediction_log import closed_segments, read_segment, seal_abandoned

    folder, lost, answered = home / "predictions", [], 0
    for number in range(kills):
        with serving(home, 8191) as server:
            before = set(closed_segments(folder))
            words = ["--port", server.port, "--requests", work / "known", "--rate", PROMISED, "--seconds", 6]
            load = start(["bench.open_loop", *words, "--connections", 32, "--keep", work / "kept-killed"])
            time.sleep(3.5 + 0.037 * number)
            os.kill(server.pid, signal.SIGKILL)
            load.communicate(timeout=60)
        seal_abandoned(folder)
        new = [path for path in closed_segments(folder) if path not in before]
        kept = {json.loads(line)["prediction_id"] for path in new for line in read_segment(path)}
        told = [json.loads(line) for line in (work / "kept-killed").read_text().splitlines()]
        ids = [json.loads(body)["prediction_id"] for _, status, body in told if status == 200]
        answered += len(ids)
        lost.append(len(set(ids) - kept))
    what = f"{kills} times kill -9 at {PROMISED} requests/s"
    yield row(f"{what}: answered", "predictions", answered)
    yield row(f"{what}: answered and not in the log, in the mean", "predictions", sum(lost) / kills)
    yield row(f"{what}: answered and not in the log, at most", "predictions", max(lost))


@contextmanager
def serving(home: Path, port: int) -> Iterator[Server]:
    """`churn serve` on `home`, ready."""
    command = [str(SCRIPTS / "churn"), "serve", "--port", str(port)]
    with _process(command, {"CHURN_HOME": str(home)}, port, "/ready", 90) as server:
        yield server


@contextmanager
def mlflow_serving(model: Path, port: int) -> Iterator[Server]:
    """`mlflow models serve`, ready."""
    command = [str(SCRIPTS / "mlflow"), "models", "serve", "-m", str(model), "--env-manager", "local", "-p", str(port)]
    quiet = {"MLFLOW_DISABLE_TELEMETRY": "true", "DO_NOT_TRACK": "true", "PYTHONPATH": os.pathsep.join(sys.path)}
    with _process(command, quiet, port, "/ping", 120) as server:
        yield server


@contextmanager
def _process(
    command: list[str], environment: dict[str, str], port: int, path: str, patience: float
) -> Iterator[Server]:
    process = subprocess.Popen(
        command,
        env={**os.environ, **environment},
        stdout=subprocess.DEVNULL,
        stderr=subprocess.DEVNULL,
        start_new_session=True,
    )
    try:
        _wait(f"http://127.0.0.1:{port}{path}", process, patience)
        yield Server(process.pid, port)
    finally:
        with suppress(ProcessLookupError):
            os.killpg(process.pid, signal.SIGTERM)
        try:
            process.wait(timeout=20)
        except subprocess.TimeoutExpired:
            os.killpg(process.pid, signal.SIGKILL)
            process.wait()


def _wait(url: str, process: subprocess.Popen[bytes], patience: float) -> None:
    until = time.monotonic() + patience
    while time.monotonic() < until:
        if process.poll() is not None:
            raise RuntimeError(f"the server behind {url} ended with {process.returncode}")
        try:
            with urllib.request.urlopen(url, timeout=2):  # noqa: S310 (our own loopback server)
                return
        except (urllib.error.URLError, OSError):
            time.sleep(0.2)
    raise RuntimeError(f"{url} did not answer within {patience:.0f} s")


def generate(server: Server, requests: Path, **options: Any) -> dict[str, Any]:
    """Run `bench.open_loop` against the server; its summary."""
    words = [word for name, value in options.items() for word in (f"--{name}", str(value))]
    command: list[str | Path] = [
        sys.executable,
        "-m",
        "bench.open_loop",
        "--port",
        str(server.port),
        "--requests",
        requests,
        *words,
    ]
    told: dict[str, Any] = json.loads(measured(command, {}).stdout)
    return told


def start(words: list[Any]) -> subprocess.Popen[str]:
    """Start a module of the bench."""
    return subprocess.Popen([sys.executable, "-m", *map(str, words)], stdout=subprocess.PIPE, text=True)


def _spent(server: Server, requests: Path, **options: Any) -> tuple[dict[str, Any], float]:
    before = server.cpu_seconds()
    told = generate(server, requests, **options)
    return told, 1000 * (server.cpu_seconds() - before) / max(1, told["sent"])


def row(
    name: str, unit: str, ours: float | None, peer: float | None = None, peer_name: str = "", more: bool = False
) -> dict[str, Any]:
    """One row of the table; `more` is better, or less."""
    ratio = None
    if ours and peer:
        ratio = round(ours / peer if more else peer / ours, 2)
    return {
        "name": name,
        "unit": unit,
        "ours": None if ours is None else round(ours, 3),
        "peer": None if peer is None else round(peer, 3),
        "ratio": ratio,
        "versions": {one: version(one) for one in LIBRARIES} | {"python": platform.python_version()},
    } | ({"peer_name": peer_name} if peer_name else {})


def prepare(work: Path) -> None:
    """Publish the features, and write the requests for both servers and the peer's model into `work`."""
    import mlflow.pyfunc

    from bench.scoring import _peer_model
    from churn_platform.adapters.platform import open_platform
    from churn_platform.contracts.features import FEATURE_SETS
    from churn_platform.flows.routing import publish_routing
    from churn_platform.flows.scoring import champion_package
    from churn_platform.flows.served_features import publish_features

    installed = open_platform()
    publish_features(installed, installed.calendar.live_days)
    publish_routing(installed)
    _, package = champion_package(installed)
    feature_set = FEATURE_SETS[package.model.feature_set]
    days = installed.calendar.live_days
    rows = installed.warehouse.features(feature_set, days[0], days[-1]).drop_duplicates("customer_id", keep="last")
    (work / "known").write_text("".join(json.dumps({"customer_id": one}) + "\n" for one in rows["customer_id"]))
    names = list(package.model.feature_names)
    records = json.loads(rows[names].to_json(orient="records"))
    (work / "described").write_text("".join(json.dumps({"dataframe_records": [one]}) + "\n" for one in records))
    package.model.booster.save_model(work / "booster.json")
    domains = {feature.name: list(feature.domain) for feature in package.features if feature.is_categorical}
    (work / "features.json").write_text(json.dumps({"names": names, "domains": domains}))
    files = {"booster": str(work / "booster.json"), "features": str(work / "features.json")}
    mlflow.pyfunc.save_model(work / "model", python_model=_peer_model(), artifacts=files, pip_requirements=["mlflow"])


if __name__ == "__main__":
    if sys.argv[1:2] != ["prepare"]:
        sys.exit("`python -m bench serving` runs it all")
    prepare(Path(sys.argv[2]))
