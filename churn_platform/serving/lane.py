"""The quick lane: a whole small request for a customer known by id is answered without the server's and the framework's machinery.

What belongs here: recognising such a request in the bytes of one read, queueing, writing the answer, refusing at once when too many wait.
What does not: what the answer is (`service.py`); anything unusual, which takes uvicorn's own road: other routes, chunked or split
bodies, `Expect`, `Connection`, HTTP/1.0, customers described by attributes.

uvicorn's task, cycle and ASGI messages cost twice what the score, its reasons and the log cost together, and a refusal as much as an
answer (measured, `python -m bench serving`). With them a server at twice its capacity spends its time refusing.
"""

from __future__ import annotations

import asyncio
import re
import time
from collections import deque
from typing import Any

from uvicorn.protocols.http.httptools_impl import STATUS_LINE, HttpToolsProtocol

from churn_platform.serving.asgi import Headers
from churn_platform.serving.service import ScoringService

LARGEST = 1024
"""Bytes of a request that may take the lane: an id has at most 64 letters."""
SLICE = 0.02
"""Seconds of answers between two looks at the sockets: as long as the whole queue takes. Looking after a few answers would, at four times
the capacity, spend nearly all the time on refusals (measured: 40 answers a second with sixteen at a time)."""
HEADS_KEPT = 4096
_HEAD = re.compile(
    rb"POST (?P<path>/v1/churn/predict(?:-blue|-green)?) HTTP/1\.1\r\n"
    rb"(?P<headers>(?:[!#$%&'*+\-.^_`|~0-9A-Za-z]+:[ \t]*[^\x00-\x1f\x7f]*\r\n)+)\r\n"
)
_ELSEWHERE = frozenset((b"transfer-encoding", b"expect", b"upgrade"))
Head = tuple[str, Headers, int]
"""The path, the headers in lower case, and how long the body is."""


def read_head(head: bytes) -> Head | None:
    """The head of a request for the lane, up to and with its empty line; None where it is for the other road."""
    match = _HEAD.fullmatch(head)
    if match is None:
        return None
    headers = []
    for line in match["headers"].split(b"\r\n")[:-1]:
        name, _, value = line.partition(b":")
        headers.append((name.lower(), value.strip(b" \t")))
    lengths = [value for name, value in headers if name == b"content-length"]
    names = [name for name, _ in headers]
    if len(lengths) != 1 or not lengths[0].isdigit() or _ELSEWHERE.intersection(names) or names.count(b"host") != 1:
        return None
    if any(name == b"connection" and value.lower() != b"keep-alive" for name, value in headers):
        return None
    return match["path"].decode(), headers, int(lengths[0])


class Lane:
    """One server's queue of recognised requests."""

    def __init__(self, service: ScoringService) -> None:
        self.service = service
        self._queue: deque[LaneProtocol] = deque()
        self._heads: dict[bytes, Head | None] = {}
        self._draining = False

    def head(self, data: bytes, end: int) -> Head | None:
        """`read_head`, remembered: a caller sends the same head over and over."""
        raw = data[:end]
        try:
            return self._heads[raw]
        except KeyError:
            if len(self._heads) >= HEADS_KEPT:
                self._heads.clear()
            known = self._heads[raw] = read_head(raw)
            return known

    def enter(self, protocol: LaneProtocol) -> None:
        """Queue the protocol's request."""
        self._queue.append(protocol)
        self.service.waiting += 1
        if not self._draining:
            self._draining = True
            protocol.loop.call_soon(self._drain, protocol.loop)

    def leave(self, protocol: LaneProtocol) -> None:
        """Take it out of the queue: it was answered out of turn, or whoever asked has gone."""
        self._queue.remove(protocol)
        self.service.waiting -= 1

    def _drain(self, loop: asyncio.AbstractEventLoop) -> None:
        try:
            until = time.perf_counter() + SLICE
            while self._queue and time.perf_counter() < until:
                protocol = self._queue.popleft()
                self.service.waiting -= 1
                protocol.answer()
        finally:
            self._draining = bool(self._queue)
            if self._draining:
                loop.call_soon(self._drain, loop)


class LaneProtocol(HttpToolsProtocol):
    """uvicorn's protocol with the lane before it; `lane` is set by `protocol_of`."""

    lane: Lane
    _asked: tuple[str, Headers, bytes, float] | None = None
    _inside = False  # the other road's parser has read a part of a request

    def data_received(self, data: bytes) -> None:
        """Bytes of one read."""
        if self._asked is not None:
            self.lane.leave(self)
            self.answer()  # sent without waiting for the answer: it goes before whatever this is
        if not self._takes(data):
            super().data_received(data)

    def _takes(self, data: bytes) -> bool:
        idle = self.cycle is None or (self.cycle.response_complete and not self.pipeline)
        if self._inside or not idle or len(data) > LARGEST or self.flow.write_paused:
            return False
        end = data.find(b"\r\n\r\n") + 4
        head = self.lane.head(data, end) if end > 3 else None
        body = data[end:]
        if head is None or len(body) != head[2] or b"attributes" in body or b"\\" in body:
            return False
        self._unset_keepalive_if_required()
        service, began = self.lane.service, time.perf_counter()
        if service.waiting >= service.policy.limits.waiting:
            self._write(*service.too_many(head[0], began))
            return True
        self._asked = (head[0], head[1], body, began)
        self.lane.enter(self)
        return True

    def answer(self) -> None:
        """Answer the request that waits."""
        if self._asked is None:
            return
        path, headers, body, began = self._asked
        self._asked = None
        self._write(*self.lane.service.known(path, headers, body, began))

    def _write(self, status: int, content: bytes, headers: Headers) -> None:
        if self.transport.is_closing():
            return
        parts = [STATUS_LINE[status]]
        for name, value in (*self.server_state.default_headers, *headers):
            parts += (name, b": ", value, b"\r\n")
        parts.append(b"content-type: application/json\r\ncontent-length: %d\r\n\r\n" % len(content))
        parts.append(content)
        self.transport.write(b"".join(parts))
        self.server_state.total_requests += 1
        self.timeout_keep_alive_task = self.loop.call_later(self.timeout_keep_alive, self.timeout_keep_alive_handler)

    def on_message_begin(self) -> None:
        """The other road's parser has met a request."""
        self._inside = True
        super().on_message_begin()

    def on_message_complete(self) -> None:
        """It has read the request to its end."""
        self._inside = False
        super().on_message_complete()

    def connection_lost(self, exc: Exception | None) -> None:
        """Whoever asked has gone."""
        if self._asked is not None:
            self._asked = None
            self.lane.leave(self)
        super().connection_lost(exc)

    def shutdown(self) -> None:
        """The server ends: what waits is answered first."""
        if self._asked is not None:
            self.lane.leave(self)
            self.answer()
        super().shutdown()


def protocol_of(service: ScoringService) -> type[Any]:
    """The protocol class for uvicorn, with a lane of this service."""
    return type("ScoringProtocol", (LaneProtocol,), {"lane": Lane(service)})
