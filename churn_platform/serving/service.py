"""What the prediction routes share: admission, the body, answers, log, measures, as plain ASGI.

What belongs here: from a request's bytes to an answer's bytes. What does not: the document of the routes and the small ones (`app.py`),
what an answer says (`answers.py`), starting a server (`run.py`).

The routes are answered before the web framework routes and validates: its own work on a request (0.2 ms) would be five times that of
the score and its reasons (0.04 ms, measured).
"""

from __future__ import annotations

import asyncio
import hashlib
import logging
import time
from collections.abc import Callable, Mapping
from datetime import date
from typing import Any

import orjson

from churn_platform.adapters.prediction_log import PredictionLog, PredictionLogFull
from churn_platform.policies.releasing import ServingPolicy
from churn_platform.serving import requests as forms
from churn_platform.serving.answers import (
    Document,
    Failure,
    Unanswerable,
    by_customer,
    failure_record,
    log_record,
)
from churn_platform.serving.asgi import JSON, Headers, Receive, Response, Scope, Send, header, is_json, respond
from churn_platform.serving.attributes import AttributeFeatures
from churn_platform.serving.following import Follower
from churn_platform.serving.measures import Measures
from churn_platform.serving.model import ModelNotServableError
from churn_platform.serving.shadow import Shadow
from churn_platform.serving.state import State
from churn_platform.serving.tokens import Tokens

PREFIX = "/v1/churn/"
_log = logging.getLogger(__name__)
_TOO_MANY = Unanswerable(429, "too many requests wait: come again")


class CallerGone(Exception):  # noqa: N818 (an outcome, not a fault)
    """Whoever asked has closed the connection: there is nobody to answer."""


class ScoringService:
    """The parts of one server, and the answers of its prediction routes."""

    def __init__(
        self,
        follower: Follower,
        log: PredictionLog,
        policy: ServingPolicy,
        tokens: Tokens,
        today: Callable[[], date],
    ) -> None:
        self.follower, self.log, self.policy, self.tokens, self.today = follower, log, policy, tokens, today
        self.measures = Measures()
        self.attributes = AttributeFeatures()
        self.shadow = Shadow(log, self.measures, self.attributes)
        self.waiting = 0
        self._deadline = policy.limits.deadline.total_seconds()
        self._retry_after = b"%d" % max(1, round(policy.limits.retry_after.total_seconds()))
        # one at a time: the feature SQL's connection serves one, and more threads would only take the loop's time
        self._described = asyncio.Semaphore(1)

    async def predict(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Answer one prediction route, whose path says which: admit or refuse, read the body, answer, measure."""
        began = time.perf_counter()
        route = str(scope["path"]).removeprefix(PREFIX)
        limits = self.policy.limits
        try:
            if self.waiting >= limits.waiting:
                raise _TOO_MANY
            self.waiting += 1
            try:
                self.authorise(scope["headers"], "predict")
                body = await self._body(scope["headers"], receive)
                await asyncio.sleep(0)  # whoever has come meanwhile is counted before this one is worked on
                if time.perf_counter() - began > self._deadline:
                    raise Unanswerable(429, f"waited longer than {limits.deadline}: come again")
                if route == "predict/batch":
                    content = await self._batch(body)
                else:
                    content = await self._single(body, _colour(route))
            finally:
                self.waiting -= 1
        except CallerGone:
            self.measures.request(route, 499, time.perf_counter() - began)
            return
        except Unanswerable as refusal:
            status, content, headers = self.refusal(route, began, refusal)
            await respond(send, status, content, headers)
            return
        except (PredictionLogFull, ModelNotServableError) as full:
            status, content, headers = self.refusal(route, began, Unanswerable(503, str(full)))
            await respond(send, status, content, headers)
            return
        self.measures.request(route, 200, time.perf_counter() - began)
        await respond(send, 200, content)

    def known(self, path: str, headers: Headers, body: bytes, began: float) -> Response:
        """The answer to a whole request that arrived at `began` and does not describe its customer: nothing has to be waited for."""
        route = path.removeprefix(PREFIX)
        try:
            if time.perf_counter() - began > self._deadline:
                raise Unanswerable(429, f"waited longer than {self.policy.limits.deadline}: come again")
            self.authorise(headers, "predict")
            if not is_json(headers):
                raise Unanswerable(415, f"send the body as {JSON}")
            customer_id, _ = forms.single(forms.read_json(body, self.policy.limits))
            if customer_id is None:
                raise Unanswerable(422, "name a customer_id", "customer_id")
            content = self._known(body, customer_id, _colour(route))
        except Unanswerable as refusal:
            return self.refusal(route, began, refusal)
        except (PredictionLogFull, ModelNotServableError) as full:
            return self.refusal(route, began, Unanswerable(503, str(full)))
        except Exception:
            _log.exception("a request could not be answered")
            return self.refusal(route, began, Unanswerable(500, "this is a fault of the server; it is in its log"))
        self.measures.request(route, 200, time.perf_counter() - began)
        return 200, content, ()

    def too_many(self, path: str, began: float) -> Response:
        """The refusal of a request that comes while too many wait."""
        return self.refusal(path.removeprefix(PREFIX), began, _TOO_MANY)

    def authorise(self, headers: Headers, scope: str) -> None:
        """Let the request pass where no tokens are set (loopback), or its token has the scope.

        Raises:
            Unanswerable: 401 or 403.
        """
        if not self.tokens:
            return
        caller = self.tokens.caller(header(headers, b"authorization"))
        if caller is None:
            raise Unanswerable(401, "send a token: Authorization: Bearer …")
        if scope not in caller.scopes:
            raise Unanswerable(403, f"{caller.name} may not {scope}")

    def refusal(self, route: str, began: float, refused: Unanswerable) -> Response:
        """Status, content and headers of a refusal, which is counted."""
        self.measures.request(route, refused.status, time.perf_counter() - began)
        headers = [(b"retry-after", self._retry_after)] if refused.status in (429, 503) else []
        if refused.status == 401:
            headers.append((b"www-authenticate", b"Bearer"))
        return refused.status, orjson.dumps({"error": refused.reason, "field": refused.field}), headers

    async def _body(self, headers: Headers, receive: Receive) -> bytes:
        """The whole body, within its bounds of type, size and time; refused before anything is parsed."""
        limits = self.policy.limits
        if not is_json(headers):
            raise Unanswerable(415, f"send the body as {JSON}")
        too_large = Unanswerable(413, f"the body has more than {limits.body} bytes: send smaller batches")
        length = header(headers, b"content-length")
        if length.isdigit() and int(length) > limits.body:
            raise too_large
        parts, size, more = [], 0, True
        try:
            async with asyncio.timeout(max(1.0, self._deadline)):
                while more:
                    message = await receive()
                    if message["type"] == "http.disconnect":
                        raise CallerGone
                    part = message.get("body", b"")
                    size += len(part)
                    if size > limits.body:
                        raise too_large
                    parts.append(part)
                    more = message.get("more_body", False)
        except TimeoutError:
            raise Unanswerable(408, "the body did not come in time: send it at once") from None
        return parts[0] if len(parts) == 1 else b"".join(parts)

    async def _single(self, body: bytes, colour: str | None) -> bytes:
        customer_id, attributes = forms.single(forms.read_json(body, self.policy.limits))
        if customer_id is not None:
            return self._known(body, customer_id, colour)
        began, state, today = time.perf_counter(), self.follower.state, self.today()
        (answer,) = await self._describe(state, [attributes or {}], today, colour)
        if isinstance(answer, Unanswerable):
            raise answer
        digest = _digest(body)
        self._keep(answer, digest, began)
        if colour is None and state.routing.split is not None:
            self.shadow.mirror(state, None, attributes, answer, today, digest)
        return orjson.dumps(answer)

    def _known(self, body: bytes, customer_id: str, colour: str | None) -> bytes:
        began, state, today = time.perf_counter(), self.follower.state, self.today()
        answer = by_customer(state, customer_id, today, colour, self._failed)
        digest = _digest(body)
        self._keep(answer, digest, began)
        if colour is None and state.routing.split is not None:
            self.shadow.mirror(state, customer_id, None, answer, today, digest)
        return orjson.dumps(answer)

    async def _batch(self, body: bytes) -> bytes:
        customers = forms.batch(forms.read_json(body, self.policy.limits), self.policy.limits)
        began, state, today = time.perf_counter(), self.follower.state, self.today()
        answers: list[Document | Unanswerable | None] = []
        for place, (customer_id, _) in enumerate(customers):
            if place % 64 == 63:
                await asyncio.sleep(0)  # single requests pass between
            try:
                answers.append(
                    None if customer_id is None else by_customer(state, customer_id, today, None, self._failed)
                )
            except Unanswerable as refusal:
                if refusal.status == 503:
                    raise
                answers.append(refusal)
        described = [place for place, (customer_id, _) in enumerate(customers) if customer_id is None]
        if described:
            told = await self._describe(state, [customers[place][1] or {} for place in described], today)
            for place, answer in zip(described, told, strict=True):
                answers[place] = answer
        return self._batch_content(state, customers, answers, today, _digest(body), began)

    def _batch_content(
        self,
        state: State,
        customers: list[tuple[str | None, dict[str, Any] | None]],
        answers: list[Document | Unanswerable | None],
        today: date,
        digest: str,
        began: float,
    ) -> bytes:
        """The batch's document; each answer is logged with an equal part of the time."""
        began = time.perf_counter() - (time.perf_counter() - began) / len(customers)
        told: list[Mapping[str, Any]] = []
        for (customer_id, attributes), one in zip(customers, answers, strict=True):
            if isinstance(one, Unanswerable):
                told.append({"customer_id": customer_id, "error": one.reason, "field": one.field})
            elif one is not None:
                self._keep(one, digest, began)
                told.append(one)
                if state.routing.split is not None:
                    self.shadow.mirror(state, customer_id, attributes, one, today, digest)
        return orjson.dumps({"predictions": told})

    async def _describe(
        self, state: State, described: list[dict[str, Any]], today: date, colour: str | None = None
    ) -> list[Document | Unanswerable]:
        async with self._described:
            return await asyncio.to_thread(self.attributes.answers, state, described, today, colour)

    def _keep(self, answer: Document, digest: str, began: float) -> None:
        """Log before the answer leaves: what cannot be logged is not answered."""
        seconds = time.perf_counter() - began
        self.log.append(orjson.dumps(log_record(answer, digest, time.time(), seconds)))
        self.measures.prediction(answer["model_version"], answer["variant"], seconds)

    def _failed(self, failure: Failure) -> None:
        self.log.append(orjson.dumps(failure_record(failure, time.time())))
        self.measures.failure(failure.model_version, failure.variant)


def _colour(route: str) -> str | None:
    return None if route == "predict" else route.removeprefix("predict-")


def _digest(body: bytes) -> str:
    return hashlib.blake2b(body, digest_size=16).hexdigest()
