"""Alerting: how long evidence takes to become a ticket, and a message at its receiver, driven by the real daemon; killed in between."""

from __future__ import annotations

import json
import os
import signal
import subprocess
import sys
import tempfile
import threading
import time
from datetime import UTC, date, datetime, timedelta
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from typing import Any

ROOT = Path(__file__).parents[1]
FEATURES = 20
DAYS = 365
FIRST = date(2026, 1, 1)
BY: dict[str, Any] = {"actor": "service:platform"}


def measure() -> list[dict[str, Any]]:
    """A year of findings considered, one day more on top of it, and the daemon from evidence to message."""
    with tempfile.TemporaryDirectory() as folder:
        home = Path(folder) / "home"
        home.mkdir()
        os.environ["CHURN_HOME"] = str(home)
        rows = [*_considering(home), *_daemon(home)]
    return [{"peer": None, "ratio": None, **row} for row in rows]


def _findings(day: date, moved: bool) -> list[Any]:
    from churn_platform.drift.finding import Finding, Window

    window = Window(day - timedelta(6), day, 300)
    severity: Any = "critical" if moved else "ok"
    value = 0.4 if moved else 0.02
    return [
        Finding("data_drift", f"feature_{n}", severity, "psi", value, 0.2, window, "it moved", "look", acts=moved)
        for n in range(FEATURES)
    ]


def _considering(home: Path) -> list[dict[str, Any]]:
    """A year with a fortnight of drift in each quarter, in one batch; then one day more."""
    from churn_platform.adapters.ops_store import OpsStore
    from churn_platform.adapters.platform import open_platform
    from churn_platform.flows import alerting

    (home / "home.json").write_text(
        json.dumps({"feed": "ibm", "source_digest": "0", "simulated": True, "note": "bench"})
    )
    platform = open_platform("ibm")
    store: OpsStore = platform.ops
    for number in range(DAYS):
        day = FIRST + timedelta(number)
        store.record_findings(day, "drift", "churn-1", _findings(day, number % 91 < 14), at=datetime.now(UTC), **BY)
    began = time.perf_counter()
    alerting.raise_tickets(platform)
    year = time.perf_counter() - began
    day = FIRST + timedelta(DAYS)
    store.record_findings(day, "drift", "churn-1", _findings(day, False), at=datetime.now(UTC), **BY)
    began = time.perf_counter()
    alerting.raise_tickets(platform)
    one = time.perf_counter() - began
    tickets = len(platform.ops.tickets())
    alerting.deliver(platform)
    platform.ops.close()
    return [
        {"name": "tickets: a year of findings considered in one batch", "ours": year, "unit": "seconds"},
        {"name": "tickets: one day more on top of the year", "ours": one, "unit": "seconds"},
        {"name": "tickets: opened for five fortnights of drift", "ours": tickets, "unit": "tickets"},
    ]


def _daemon(home: Path) -> list[dict[str, Any]]:
    """The real daemon: evidence recorded, message received; then killed -9 at random moments and started again."""
    from churn_platform.adapters.platform import open_platform
    from churn_platform.defs.instance import prepare_dagster_home

    received: list[str] = []

    class Handler(BaseHTTPRequestHandler):
        def do_POST(self) -> None:
            received.append(json.loads(self.rfile.read(int(self.headers["Content-Length"])))["key"])
            self.send_response(200)
            self.end_headers()

        def log_message(self, *_: object) -> None:
            """Nothing on the terminal."""

    server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
    threading.Thread(target=server.serve_forever, daemon=True).start()
    platform = open_platform("ibm")
    dagster_home = prepare_dagster_home(platform.settings)
    environment = {
        **os.environ,
        "DAGSTER_HOME": str(dagster_home),
        "CHURN_WEBHOOK_URL": f"http://127.0.0.1:{server.server_address[1]}/",
    }
    day, waits, kills = FIRST + timedelta(DAYS + 30), [], 0
    process = _start(environment)
    try:
        for number in range(4):
            # a quiet month lies between two incidents, so each is a ticket and a message of its own
            day += timedelta(30)
            expected = len(platform.ops.tickets())
            platform.ops.record_findings(day, "drift", "churn-1", _findings(day, True), at=datetime.now(UTC), **BY)
            for quiet in range(1, 6):
                later = day + timedelta(quiet)
                quietly = _findings(later, False)
                platform.ops.record_findings(later, "drift", "churn-1", quietly, at=datetime.now(UTC), **BY)
            day += timedelta(5)
            drifting = day + timedelta(20)
            began = time.monotonic()
            platform.ops.record_findings(
                drifting, "drift", "churn-1", _findings(drifting, True), at=datetime.now(UTC), **BY
            )
            if number:
                time.sleep(10 * number)
                os.killpg(process.pid, signal.SIGKILL)
                process.wait()
                kills += 1
                process = _start(environment)
            while not any(one.opened_at for one in platform.ops.tickets()[expected:]) or _unsent(platform):
                if time.monotonic() - began > 240:
                    raise TimeoutError("the daemon did not react within four minutes")
                time.sleep(0.2)
            waits.append(time.monotonic() - began)
            day = drifting
    finally:
        os.killpg(process.pid, signal.SIGKILL)
        process.wait()
        server.shutdown()
    doubled = len(received) - len(set(received))
    return [
        {
            "name": "tickets: from findings recorded to message received, fresh daemon",
            "ours": waits[0],
            "unit": "seconds",
        },
        {
            "name": f"tickets: the same, the slowest of {kills} with the daemon killed",
            "ours": max(waits[1:]),
            "unit": "seconds",
        },
        {"name": "tickets: messages received", "ours": len(received), "unit": "messages"},
        {"name": f"tickets: messages doubled by {kills} kills", "ours": doubled, "unit": "messages"},
        {"name": f"tickets: messages lost by {kills} kills", "ours": len(_unsent(platform)), "unit": "messages"},
    ]


def _unsent(platform: Any) -> list[Any]:
    states = ("queued", "failing", "overdue")
    return [one for one in platform.ops.deliveries(states=states) if one.message.channel == "webhook"]


def _start(environment: dict[str, str]) -> subprocess.Popen[bytes]:
    """The daemon in a session of its own, so that a kill takes its code server with it."""
    daemon = Path(sys.executable).parent / "dagster-daemon"
    return subprocess.Popen(
        [daemon, "run", "-w", ROOT / "workspace.yaml"],
        cwd=ROOT,
        env=environment,
        start_new_session=True,
        stdout=subprocess.DEVNULL,
        stderr=subprocess.DEVNULL,
    )
