"""The scoring API as a value: `scoring_app(...)` makes it of a follower, a prediction log and a policy.

What belongs here: routes, admission, statuses, headers. What does not: what an answer says (`answers.py`), starting a server (`run.py`).
"""

from __future__ import annotations

import asyncio
import hashlib
import time
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager
from datetime import date
from typing import Any

import orjson
from fastapi import FastAPI, Request, Response

from churn_platform.adapters.prediction_log import PredictionLog, PredictionLogFull
from churn_platform.policies.releasing import ServingPolicy
from churn_platform.serving import requests as forms
from churn_platform.serving.answers import Document, Unanswerable, by_customer, log_record
from churn_platform.serving.attributes import AttributeFeatures
from churn_platform.serving.measures import Measures
from churn_platform.serving.model import ModelNotServableError
from churn_platform.serving.state import Follower
from churn_platform.serving.tokens import Tokens

JSON = "application/json"
ERRORS: dict[int | str, dict[str, Any]] = {
    status: {"model": forms.ErrorAnswer, "description": what}
    for status, what in {
        401: "no token, or one that nobody knows",
        403: "the token's scopes do not reach here",
        404: "nothing recent is published of the customer, or there is no such model",
        413: "the body or the batch is too large",
        415: "the body is not sent as JSON",
        422: "the request is not of the declared form; the field is named",
        429: "too many requests wait: come again after Retry-After seconds",
        503: "nobody can answer: no champion, the kill switch, or predictions cannot be logged",
    }.items()
}


class ScoringService:
    """What the routes share: admission, answers, log, measures."""

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
        self.waiting = 0
        self.attributes = AttributeFeatures()
        self._deadline = policy.limits.deadline.total_seconds()
        self._retry_after = str(max(1, round(policy.limits.retry_after.total_seconds())))
        # one at a time: the feature SQL's connection serves one, and more threads would only take the loop's time
        self._described = asyncio.Semaphore(1)

    async def predict(self, request: Request, colour: str | None = None) -> Response:
        """One customer."""
        route = "predict" if colour is None else f"predict-{colour}"
        return await self._admitted(request, route, "predict", lambda body: self._single(body, colour))

    async def predict_batch(self, request: Request) -> Response:
        """Up to `limits.batch` customers."""
        return await self._admitted(request, "predict-batch", "predict", self._batch)

    async def _admitted(self, request: Request, route: str, scope: str, answer: Callable[[bytes], Any]) -> Response:
        """Admit or refuse, read the body within its bounds, answer, and measure."""
        began = time.perf_counter()
        limits = self.policy.limits
        if self.waiting >= limits.waiting:
            return self._refused(route, began, Unanswerable(429, "too many requests wait: come again"))
        self.waiting += 1
        try:
            self.authorise(request, scope)
            body = await self._body(request)
            await asyncio.sleep(0)  # whoever has come meanwhile is counted before this one is worked on
            if time.perf_counter() - began > self._deadline:
                raise Unanswerable(429, f"waited longer than {limits.deadline}: come again")
            content = await answer(body)
        except Unanswerable as refusal:
            return self._refused(route, began, refusal)
        except PredictionLogFull as full:
            return self._refused(route, began, Unanswerable(503, str(full)))
        except ModelNotServableError as broken:
            return self._refused(route, began, Unanswerable(503, str(broken)))
        finally:
            self.waiting -= 1
        self.measures.request(route, 200, time.perf_counter() - began)
        return Response(content, media_type=JSON)

    def authorise(self, request: Request, scope: str) -> None:
        """Let the request pass where no tokens are set (loopback), or its token has the scope.

        Raises:
            Unanswerable: 401 or 403.
        """
        if not self.tokens:
            return
        caller = self.tokens.caller(request.headers.get("authorization"))
        if caller is None:
            raise Unanswerable(401, "send a token: Authorization: Bearer …")
        if scope not in caller.scopes:
            raise Unanswerable(403, f"{caller.name} may not {scope}")

    async def _body(self, request: Request) -> bytes:
        limits = self.policy.limits
        kind = request.headers.get("content-type", "")
        if kind.partition(";")[0].strip().lower() != JSON:
            raise Unanswerable(415, f"send the body as {JSON}")
        length = request.headers.get("content-length", "")
        if length.isdigit() and int(length) > limits.body:
            raise Unanswerable(413, f"the body has more than {limits.body} bytes: send smaller batches")
        parts, size = [], 0
        async for part in request.stream():
            size += len(part)
            if size > limits.body:
                raise Unanswerable(413, f"the body has more than {limits.body} bytes: send smaller batches")
            parts.append(part)
        return b"".join(parts)

    async def _single(self, body: bytes, colour: str | None) -> bytes:
        customer_id, attributes = forms.single(forms.read_json(body, self.policy.limits))
        began = time.perf_counter()
        if customer_id is not None:
            answer = by_customer(self.follower.state, customer_id, self.today(), colour)
        else:
            if colour is not None:
                raise Unanswerable(422, "a colour answers by customer_id", "attributes")
            (described,) = await self._describe([attributes or {}])
            if isinstance(described, Unanswerable):
                raise described
            answer = described
        self._keep(answer, body, began)
        return orjson.dumps(answer)

    async def _batch(self, body: bytes) -> bytes:
        customers = forms.batch(forms.read_json(body, self.policy.limits), self.policy.limits)
        began, state, today = time.perf_counter(), self.follower.state, self.today()
        answers: list[Document | Unanswerable | None] = []
        for place, (customer_id, _) in enumerate(customers):
            if place % 64 == 63:
                await asyncio.sleep(0)  # single requests pass between
            try:
                answers.append(None if customer_id is None else by_customer(state, customer_id, today))
            except Unanswerable as refusal:
                if refusal.status == 503:
                    raise
                answers.append(refusal)
        described = [place for place, (customer_id, _) in enumerate(customers) if customer_id is None]
        if described:
            for place, answer in zip(
                described, await self._describe([customers[place][1] or {} for place in described]), strict=True
            ):
                answers[place] = answer
        told = []
        for (customer_id, _), one in zip(customers, answers, strict=True):
            if isinstance(one, Unanswerable):
                told.append({"customer_id": customer_id, "error": one.reason, "field": one.field})
            elif one is not None:
                self._keep(one, body, began)
                told.append(one)
        return orjson.dumps({"predictions": told})

    async def _describe(self, described: list[dict[str, Any]]) -> list[Document | Unanswerable]:
        state, today = self.follower.state, self.today()
        async with self._described:
            return await asyncio.to_thread(self.attributes.answers, state, described, today)

    def _keep(self, answer: Document, body: bytes, began: float) -> None:
        """Log before the answer leaves: what cannot be logged is not answered."""
        digest = hashlib.blake2b(body, digest_size=16).hexdigest()
        self.log.append(orjson.dumps(log_record(answer, digest, time.time(), time.perf_counter() - began)))
        self.measures.prediction(answer["model_version"], answer["variant"])

    def _refused(self, route: str, began: float, refusal: Unanswerable) -> Response:
        self.measures.request(route, refusal.status, time.perf_counter() - began)
        headers = {"Retry-After": self._retry_after} if refusal.status in (429, 503) else {}
        if refusal.status == 401:
            headers["WWW-Authenticate"] = "Bearer"
        told = orjson.dumps({"error": refusal.reason, "field": refusal.field})
        return Response(told, refusal.status, headers, media_type=JSON)


def scoring_app(service: ScoringService) -> FastAPI:
    """The web application around a service."""

    @asynccontextmanager
    async def life(_: FastAPI) -> AsyncIterator[None]:
        service.follower.start()
        try:
            yield
        finally:
            service.follower.stop()
            service.log.close()

    app = FastAPI(
        title="Churn scoring",
        version="1",
        description="Probability, decision and exact reasons for telco customers, in real time.",
        lifespan=life,
        docs_url=None,
        redoc_url=None,
    )

    def body_of(form: type[Any]) -> dict[str, Any]:
        schema = form.model_json_schema(ref_template="#/components/schemas/{model}")
        return {"requestBody": {"required": True, "content": {JSON: {"schema": schema}}}}

    single: dict[str, Any] = {
        "response_model": forms.PredictionAnswer,
        "responses": ERRORS,
        "openapi_extra": body_of(forms.PredictionRequest),
    }

    @app.post("/v1/churn/predict", **single)
    async def predict(request: Request) -> Response:
        """One customer: known by id, from the newest published features; or described by attributes."""
        return await service.predict(request)

    @app.post("/v1/churn/predict-blue", **single)
    async def predict_blue(request: Request) -> Response:
        """The same by the blue model of a blue-green release."""
        return await service.predict(request, "blue")

    @app.post("/v1/churn/predict-green", **single)
    async def predict_green(request: Request) -> Response:
        """The same by the green model of a blue-green release."""
        return await service.predict(request, "green")

    @app.post(
        "/v1/churn/predict/batch",
        response_model=forms.BatchAnswer,
        responses=ERRORS,
        openapi_extra=body_of(forms.BatchRequest),
    )
    async def predict_batch(request: Request) -> Response:
        """Up to a thousand customers; each is answered, or refused with its reason, by itself."""
        return await service.predict_batch(request)

    @app.get("/live")
    async def live() -> dict[str, str]:
        """The process answers."""
        return {"status": "live"}

    @app.get("/ready", responses={503: {"model": forms.ErrorAnswer}})
    async def ready() -> Response:
        """Requests can be answered; what could not be followed is named, and does not make it unready."""
        state = service.follower.state
        problems = [*state.problems, *([service.log.problem] if service.log.problem else [])]
        told = {"ready": state.ready, "problems": problems}
        return Response(orjson.dumps(told), 200 if state.ready else 503, media_type=JSON)

    @app.get("/v1/rollout", responses={status: ERRORS[status] for status in (401, 403)})
    async def rollout(request: Request) -> Response:
        """Who answers whom, as it is followed now."""
        try:
            service.authorise(request, "read")
        except Unanswerable as refusal:
            return service._refused("rollout", time.perf_counter(), refusal)
        state = service.follower.state
        loaded = sorted(model.version for model in state.models.values())
        told = {**state.routing.to_dict(), "loaded": loaded, "problems": list(state.problems)}
        return Response(orjson.dumps(told), media_type=JSON)

    @app.get("/metrics", responses={status: ERRORS[status] for status in (401, 403)})
    async def metrics(request: Request) -> Response:
        """Measurements in Prometheus' form."""
        try:
            service.authorise(request, "metrics")
        except Unanswerable as refusal:
            return service._refused("metrics", time.perf_counter(), refusal)
        content = service.measures.exposition(service.follower.state, service.log, service.waiting)
        return Response(content, media_type="text/plain; version=0.0.4")

    return app
