"""The scoring API as a value: `scoring_app(...)` makes it of a service.

What belongs here: the routes and their description. What does not: answering a prediction (`service.py`), what an answer says
(`answers.py`), starting a server (`run.py`).
"""

from __future__ import annotations

import asyncio
import time
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from typing import Any

import orjson
from fastapi import FastAPI, Request, Response
from fastapi.exceptions import RequestValidationError
from fastapi.responses import PlainTextResponse

from churn_platform.serving import requests as forms
from churn_platform.serving.answers import Unanswerable, published_features
from churn_platform.serving.asgi import JSON, Receive, Scope, Send
from churn_platform.serving.service import ScoringService

PREDICTION_PATHS = frozenset(
    f"/v1/churn/{name}" for name in ("predict", "predict-blue", "predict-green", "predict/batch")
)
DESCRIBED_ONLY = "the service answers this path before the framework routes it"
ERRORS: dict[int | str, dict[str, Any]] = {
    status: {"model": forms.ErrorAnswer, "description": what}
    for status, what in {
        401: "no token, or one that nobody knows",
        403: "the token's scopes do not reach here",
        404: "nothing recent is published of the customer, or there is no such model",
        408: "the body did not come in time",
        413: "the body is too large",
        415: "the body is not sent as JSON",
        422: "the request is not of the declared form; the field is named",
        429: "too many requests wait: come again after Retry-After seconds",
        503: "nobody can answer: no champion, the kill switch, or predictions cannot be logged",
    }.items()
}


class ScoringApp(FastAPI):
    """The web application; the prediction routes go to the service directly, the framework only describes them."""

    service: ScoringService

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Answer one request."""
        if scope["type"] == "http" and scope["method"] == "POST" and scope["path"] in PREDICTION_PATHS:
            await self.service.predict(scope, receive, send)
        else:
            await super().__call__(scope, receive, send)


def scoring_app(service: ScoringService) -> FastAPI:
    """The web application around a service."""

    @asynccontextmanager
    async def life(_: FastAPI) -> AsyncIterator[None]:
        service.follower.start()
        mirrored = asyncio.create_task(service.shadow.run())
        try:
            yield
        finally:
            mirrored.cancel()
            service.follower.stop()
            service.log.close()

    app = ScoringApp(
        title="Churn scoring",
        version="1",
        description="Probability, decision and exact reasons for telco customers, in real time.",
        lifespan=life,
        docs_url=None,
        redoc_url=None,
    )
    app.service = service

    def refused(route: str, refusal: Unanswerable) -> Response:
        status, content, headers = service.refusal(route, time.perf_counter(), refusal)
        return Response(content, status, {name.decode(): value.decode() for name, value in headers}, media_type=JSON)

    def body_of(form: str) -> dict[str, Any]:
        schema = {"$ref": f"#/components/schemas/{form}"}
        return {"requestBody": {"required": True, "content": {JSON: {"schema": schema}}}}

    single: dict[str, Any] = {
        "response_model": forms.PredictionAnswer,
        "responses": ERRORS,
        "openapi_extra": body_of("PredictionRequest"),
    }

    @app.post("/v1/churn/predict", **single)
    async def predict() -> Response:
        """One customer: known by id, from the newest published features; or described by attributes."""
        raise NotImplementedError(DESCRIBED_ONLY)

    @app.post("/v1/churn/predict-blue", **single)
    async def predict_blue() -> Response:
        """The same by the blue model of a blue-green release."""
        raise NotImplementedError(DESCRIBED_ONLY)

    @app.post("/v1/churn/predict-green", **single)
    async def predict_green() -> Response:
        """The same by the green model of a blue-green release."""
        raise NotImplementedError(DESCRIBED_ONLY)

    @app.post(
        "/v1/churn/predict/batch",
        response_model=forms.BatchAnswer,
        responses=ERRORS,
        openapi_extra=body_of("BatchRequest"),
    )
    async def predict_batch() -> Response:
        """Up to a thousand customers; each is answered, or refused with its reason, by itself."""
        raise NotImplementedError(DESCRIBED_ONLY)

    @app.get("/live")
    async def live() -> dict[str, str]:
        """The process answers."""
        return {"status": "live"}

    @app.get("/ready", response_model=forms.ReadyAnswer, responses={503: {"model": forms.ReadyAnswer}})
    async def ready() -> Response:
        """Requests can be answered; what could not be followed is named, and does not make it unready."""
        state = service.follower.state
        problems = [*state.problems, *([service.log.problem] if service.log.problem else [])]
        told = {"ready": state.ready, "problems": problems}
        return Response(orjson.dumps(told), 200 if state.ready else 503, media_type=JSON)

    @app.get(
        "/v1/customers/{customer_id}",
        response_model=forms.CustomerAnswer,
        responses={status: ERRORS[status] for status in (401, 403, 404, 422)},
    )
    async def customer(request: Request, customer_id: forms.CustomerId) -> Response:
        """The published features that a customer is answered from, and their age; no score, and nothing is logged."""
        try:
            service.authorise(request.headers.raw, "read")
            told = published_features(service.follower.state, customer_id, service.today())
        except Unanswerable as refusal:
            return refused("customers", refusal)
        return Response(orjson.dumps(told), media_type=JSON)

    @app.get(
        "/v1/rollout",
        response_model=forms.RoutingAnswer,
        responses={status: ERRORS[status] for status in (401, 403)},
    )
    async def rollout(request: Request) -> Response:
        """Who answers whom, as it is followed now."""
        try:
            service.authorise(request.headers.raw, "read")
        except Unanswerable as refusal:
            return refused("rollout", refusal)
        state = service.follower.state
        loaded = sorted(model.version for model in state.models.values())
        told = {**state.routing.to_dict(), "loaded": loaded, "problems": list(state.problems)}
        return Response(orjson.dumps(told), media_type=JSON)

    @app.get(
        "/metrics",
        response_class=PlainTextResponse,
        responses={status: ERRORS[status] for status in (401, 403)},
    )
    async def metrics(request: Request) -> Response:
        """Measurements in Prometheus' form."""
        try:
            service.authorise(request.headers.raw, "metrics")
        except Unanswerable as refusal:
            return refused("metrics", refusal)
        content = service.measures.exposition(service.follower.state, service.log, service.waiting)
        return Response(content, media_type="text/plain; version=0.0.4")

    @app.exception_handler(RequestValidationError)
    async def not_of_its_form(_: Request, error: RequestValidationError) -> Response:
        first = error.errors()[0]
        return refused("other", Unanswerable(422, first["msg"], ".".join(map(str, first["loc"]))))

    made = app.openapi

    def described() -> dict[str, Any]:
        """The framework's document with the requests' own schemas in it."""
        document = made()
        document["components"]["schemas"].update(forms.request_schemas(service.policy.limits))
        return document

    app.openapi = described  # type: ignore[method-assign]
    return app
