"""From a request's customers to answers: who answers whom, from which features, as the JSON document of the API.

What belongs here: one answer after the other, from one `State`. What does not: HTTP (`app.py`), following files (`state.py`).
"""

from __future__ import annotations

import uuid
from collections.abc import Mapping
from dataclasses import dataclass
from datetime import date
from typing import TYPE_CHECKING, Any

from churn_platform.contracts.routing import ServedModel
from churn_platform.retention.fallback import fallback_band
from churn_platform.rollout.assignment import variant

if TYPE_CHECKING:
    from churn_platform.serving.features import CustomerRow
    from churn_platform.serving.model import OnlineModel, Prediction
    from churn_platform.serving.state import State

Document = dict[str, Any]


class Unanswerable(Exception):  # noqa: N818 (an outcome, not a fault)
    """A request that gets no prediction: the HTTP status, what to say, and the field it is about."""

    def __init__(self, status: int, reason: str, field: str | None = None) -> None:
        super().__init__(reason)
        self.status, self.reason, self.field = status, reason, field


@dataclass(frozen=True, slots=True)
class Route:
    """Who answers one customer: a loaded model, and the name of its part."""

    model: OnlineModel
    variant: str


def route(state: State, customer_id: str, colour: str | None = None) -> Route:
    """The model that answers `customer_id`, or the one that `colour` (`blue` or `green`) names.

    Under a rollout a customer's place on the plan's hash decides, the same in the daily scores; who has no id meets the champion.

    Raises:
        Unanswerable: the kill switch stops all answers, or no such model is loaded.
    """
    routing = state.routing
    if routing.kill is not None:
        raise Unanswerable(503, f"scores are stopped by {routing.kill.by}: {routing.kill.why}")
    if colour is not None:
        named: ServedModel | None = routing.blue if colour == "blue" else routing.green
        model = state.model(named)
        if model is None:
            raise Unanswerable(404, f"there is no {colour} model: no blue-green release has named one")
        return Route(model, colour)
    champion = state.model(routing.champion)
    if champion is None:
        raise Unanswerable(503, "no champion is loaded: " + ("; ".join(state.problems) or "none has been released"))
    if routing.split is not None and not routing.split.mirrored and customer_id:
        challenger = state.model(routing.challenger)
        if challenger is not None and variant(routing.split.salt, customer_id, routing.split.weight) == "challenger":
            return Route(challenger, "challenger")
    return Route(champion, "champion")


def by_customer(state: State, customer_id: str, today: date, colour: str | None = None) -> Document:
    """The answer for one known customer, from their newest published features.

    Raises:
        Unanswerable: nothing recent is published of that customer, or nobody can answer.
    """
    if state.routing.kill is not None and state.routing.kill.mode == "fallback":
        return by_rule(state, customer_id, today)
    chosen = route(state, customer_id, colour)
    model = chosen.model
    row: CustomerRow | None = state.features[model.feature_set.name].find(customer_id)
    if row is None:
        raise Unanswerable(404, "nothing recent is published of this customer", "customer_id")
    block, place = row.block, row.row
    predicted = model.predict(block.values(model)[place : place + 1], lambda name: block.value(name, place))
    return document(predicted, customer_id, chosen, row.day, today, bool(state.problems))


def by_rule(state: State, customer_id: str, today: date) -> Document:
    """The answer of the documented rule, while the kill switch says that no model may answer: a band and a decision, no probability.

    Raises:
        Unanswerable: nothing recent is published of that customer, or no features are loaded at all.
    """
    for name, features in state.features.items():
        row = features.find(customer_id)
        if row is None:
            continue
        block, place = row.block, row.row
        band = fallback_band(block.value("contract", place), block.value("tenure_months", place))
        champion = state.model(state.routing.champion)
        decision = (
            champion.decisions[band]
            if champion is not None
            else {"high": "contact", "medium": "watch"}.get(band, "none")
        )
        return {
            "prediction_id": uuid.uuid4().hex,
            "customer_id": customer_id,
            **dict.fromkeys(("probability", "decile", "margin", "base_margin", "other_contributions", "model_digest")),
            "band": band,
            "decision": decision,
            "reasons": (),
            "model_version": "rule",
            "variant": "fallback",
            "feature_set": name,
            "feature_date": row.day.isoformat(),
            "feature_age_days": max(0, (today - row.day).days),
            "degraded": True,
        }
    if not state.features:
        raise Unanswerable(503, "no features are loaded: the rule knows nobody")
    raise Unanswerable(404, "nothing recent is published of this customer", "customer_id")


def document(
    predicted: Prediction, customer_id: str | None, chosen: Route, day: date, today: date, degraded: bool
) -> Document:
    """The answer as the API gives it: the prediction, who made it, from features of which day."""
    model = chosen.model
    return {
        "prediction_id": uuid.uuid4().hex,
        "customer_id": customer_id,
        "probability": predicted.probability,
        "band": predicted.band,
        "decision": predicted.decision,
        "decile": predicted.decile,
        "margin": predicted.margin,
        "base_margin": predicted.base_margin,
        "reasons": predicted.reasons,
        "other_contributions": predicted.other_contributions,
        "model_version": model.version,
        "model_digest": model.digest,
        "variant": chosen.variant,
        "feature_set": model.feature_set.name,
        "feature_date": day.isoformat(),
        "feature_age_days": max(0, (today - day).days),
        "degraded": degraded,
    }


def log_record(answer: Mapping[str, Any], request_digest: str, received: float, seconds: float) -> Document:
    """What the prediction log keeps of an answer: no attribute of the customer beyond the id, and not the reasons' words."""
    kept = (
        "prediction_id",
        "customer_id",
        "probability",
        "margin",
        "band",
        "decision",
        "model_version",
        "model_digest",
    )
    about = ("variant", "feature_set", "feature_date", "degraded")
    return {
        **{name: answer[name] for name in (*kept, *about)},
        "features": [[reason["feature"], reason["contribution"]] for reason in answer["reasons"]],
        "request_digest": request_digest,
        "received_at": received,
        "seconds": seconds,
    }
