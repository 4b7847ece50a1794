"""A load generator: requests at given times (open loop) or one after the other (closed loop), from a process of its own.

    python -m bench.open_loop --port 8080 --requests FILE --rate 500 --seconds 60
    python -m bench.open_loop --port 8080 --requests FILE --closed 32 --seconds 20

FILE holds one JSON body a line. In the open loop a request is sent when it is due, whether or not earlier ones are answered, over at most
`--connections` connections; its latency counts from the moment at which it was due. What finds no free connection waits in a queue of
at most `--queue`, which counts as latency; beyond, a request is not sent, and counted as such. So the generator is bounded, and says when
it was the bound. Answers are read as far as status and length; `--keep` keeps their bodies.
"""

from __future__ import annotations

import argparse
import asyncio
import gc
import json
import sys
import time
from collections import deque
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import numpy as np


@dataclass
class Load:
    """What is sent, and what came of it: one entry per answer."""

    requests: list[bytes]
    keep: bool
    due: list[float] = field(default_factory=list)
    latency: list[float] = field(default_factory=list)
    status: list[int] = field(default_factory=list)
    bodies: list[tuple[float, int, str]] = field(default_factory=list)
    number: int = 0
    unsent: int = 0
    broken: int = 0

    def next(self) -> bytes:
        self.number += 1
        return self.requests[self.number % len(self.requests)]

    def answered(self, due: float, status: int, body: bytes) -> None:
        now = time.perf_counter()
        self.due.append(due)
        self.latency.append(now - due)
        self.status.append(status)
        if self.keep:
            self.bodies.append((time.time(), status, body.decode()))


class Connection(asyncio.Protocol):
    """One keep-alive connection; `on_free` is called when it may send again."""

    def __init__(self, load: Load, on_free: Any) -> None:
        self.load, self.on_free = load, on_free
        self.due = 0.0
        self.busy = False
        self.received = b""

    def connection_made(self, transport: Any) -> None:
        self.transport = transport

    def send(self, due: float) -> None:
        if self.transport.is_closing():
            self.load.broken += 1  # the server has gone
            return
        self.due, self.busy = due, True
        self.transport.write(self.load.next())

    def data_received(self, data: bytes) -> None:
        received = self.received + data if self.received else data
        head = received.find(b"\r\n\r\n")
        if head < 0:
            self.received = received
            return
        at = received.lower().find(b"content-length: ", 0, head)
        length = int(received[at + 16 : received.find(b"\r", at)])
        if len(received) < head + 4 + length:
            self.received = received
            return
        self.received, self.busy = b"", False
        self.load.answered(self.due, int(received[9:12]), received[head + 4 :])
        self.on_free(self)

    def connection_lost(self, error: Exception | None) -> None:
        if self.busy:
            self.load.broken += 1


async def open_loop(load: Load, port: int, rate: float, seconds: float, connections: int, most: int) -> None:
    """Send at `rate` for `seconds`."""
    loop = asyncio.get_running_loop()
    free: deque[Connection] = deque()
    queue: deque[float] = deque()

    def on_free(connection: Connection) -> None:
        if queue:
            connection.send(queue.popleft())
        else:
            free.append(connection)

    made = []
    for _ in range(connections):
        _, connection = await loop.create_connection(lambda: Connection(load, on_free), "127.0.0.1", port)
        made.append(connection)
        free.append(connection)
    await asyncio.sleep(0.5)
    began, sent, total = time.perf_counter(), 0, round(rate * seconds)
    while sent < total:
        now = time.perf_counter()
        until = min(total, int((now - began) * rate) + 1)
        while sent < until:
            due = began + sent / rate
            sent += 1
            if free:
                free.popleft().send(due)
            elif len(queue) < most:
                queue.append(due)
            else:
                load.unsent += 1
        await asyncio.sleep(max(0.0005, began + sent / rate - time.perf_counter()))
    patience = time.perf_counter() + 10
    while (queue or any(one.busy for one in made)) and time.perf_counter() < patience:
        await asyncio.sleep(0.01)
    load.broken += len(queue) + sum(one.busy for one in made)
    for one in made:
        one.busy = False
        one.transport.close()


async def closed_loop(load: Load, port: int, seconds: float, connections: int) -> None:
    """Each connection sends its next request when the last is answered."""
    loop = asyncio.get_running_loop()
    end = time.perf_counter() + seconds
    waiting = connections
    done = asyncio.Event()

    def on_free(connection: Connection) -> None:
        nonlocal waiting
        now = time.perf_counter()
        if now < end:
            connection.send(now)
        else:
            waiting -= 1
            connection.transport.close()
            if waiting == 0:
                done.set()

    for _ in range(connections):
        _, connection = await loop.create_connection(lambda: Connection(load, on_free), "127.0.0.1", port)
        connection.send(time.perf_counter())
    await asyncio.wait_for(done.wait(), seconds + 30)


def encoded(path: str, bodies: list[bytes]) -> list[bytes]:
    """The requests' bytes."""
    head = f"POST {path} HTTP/1.1\r\nHost: 127.0.0.1\r\nContent-Type: application/json\r\nContent-Length: "
    return [head.encode() + b"%d\r\n\r\n" % len(body) + body for body in bodies]


def summary(load: Load, seconds: float, spent: float) -> dict[str, Any]:
    """Counts by status, quantiles of latency in ms, and what the generator itself cost."""
    latency, status, due = np.array(load.latency) * 1000, np.array(load.status), np.array(load.due)
    told: dict[str, Any] = {
        "sent": load.number,
        "seconds": seconds,
        "per_second": len(status) / seconds,
        "unsent": load.unsent,
        "broken": load.broken,
        "generator_cpu_us_each": 1e6 * spent / max(1, load.number),
        "status": {},
    }
    for code in np.unique(status):
        of = np.sort(latency[status == code])
        cuts = {f"p{q}": float(of[min(len(of) - 1, int(len(of) * float(q) / 100))]) for q in ("50", "90", "99", "99.9")}
        told["status"][str(code)] = {"count": len(of), **cuts, "max": float(of[-1])}
    if len(due):
        first = due.min()
        told["by_second"] = [
            float(np.quantile(latency[(status == 200) & (due - first >= at) & (due - first < at + 1)], 0.99))
            if ((status == 200) & (due - first >= at) & (due - first < at + 1)).any()
            else None
            for at in range(int(due.max() - first) + 1)
        ]
    return told


def main() -> None:
    """Run one load and print its summary as JSON."""
    import uvloop

    ask = argparse.ArgumentParser()
    ask.add_argument("--port", type=int, required=True)
    ask.add_argument("--path", default="/v1/churn/predict")
    ask.add_argument("--requests", type=Path, required=True)
    ask.add_argument("--rate", type=float)
    ask.add_argument("--closed", type=int)
    ask.add_argument("--seconds", type=float, required=True)
    ask.add_argument("--connections", type=int, default=256)
    ask.add_argument("--queue", type=int, default=256)
    ask.add_argument("--keep", type=Path)
    told = ask.parse_args()
    load = Load(encoded(told.path, told.requests.read_bytes().splitlines()), told.keep is not None)
    gc.freeze()
    gc.disable()
    began, spent = time.perf_counter(), time.process_time()
    if told.closed:
        uvloop.run(closed_loop(load, told.port, told.seconds, told.closed))
    else:
        uvloop.run(open_loop(load, told.port, told.rate, told.seconds, told.connections, told.queue))
    took, spent = time.perf_counter() - began, time.process_time() - spent
    json.dump(summary(load, took, spent), sys.stdout)
    if told.keep is not None:
        told.keep.write_text("".join(json.dumps(one) + "\n" for one in load.bodies))


if __name__ == "__main__":
    main()
