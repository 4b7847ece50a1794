"""ASGI's messages, as far as the prediction routes need them: types, a header, a whole JSON answer.

What belongs here: the words of the protocol. What does not: any route (`service.py`, `app.py`).
"""

from __future__ import annotations

from collections.abc import Awaitable, Callable, Iterable, MutableMapping
from typing import Any

JSON = "application/json"
Scope = MutableMapping[str, Any]
Receive = Callable[[], Awaitable[MutableMapping[str, Any]]]
Send = Callable[[MutableMapping[str, Any]], Awaitable[None]]
Headers = Iterable[tuple[bytes, bytes]]
Response = tuple[int, bytes, Headers]
"""Status, content, and the headers beside those that every answer has."""


async def respond(send: Send, status: int, content: bytes, headers: Headers = ()) -> None:
    """Send one whole JSON answer."""
    await send(
        {
            "type": "http.response.start",
            "status": status,
            "headers": [
                (b"content-type", b"application/json"),
                (b"content-length", b"%d" % len(content)),
                *headers,
            ],
        }
    )
    await send({"type": "http.response.body", "body": content})


def header(headers: Headers, name: bytes) -> str:
    """A header's value; empty where it was not sent."""
    for key, value in headers:
        if key == name:
            return value.decode("latin-1")
    return ""


def is_json(headers: Headers) -> bool:
    """Whether the body is said to be JSON."""
    return header(headers, b"content-type").partition(";")[0].strip().lower() == JSON
