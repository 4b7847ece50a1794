"""From a request's customers to answers: who answers whom, from which features, as the JSON document of the API.

What belongs here: one answer after the other, from one `State`. What does not: HTTP (`app.py`), following files (`state.py`).
"""

from __future__ import annotations

import os
import random
from collections.abc import Callable, Mapping
from dataclasses import dataclass, replace
from datetime import date
from typing import TYPE_CHECKING, Any

from churn_platform.contracts.prediction_records import ANSWERED
from churn_platform.contracts.routing import ServedModel
from churn_platform.retention.fallback import fallback_band
from churn_platform.rollout.assignment import variant

if TYPE_CHECKING:
    from churn_platform.contracts.routing import Routing
    from churn_platform.serving.features import CustomerRow
    from churn_platform.serving.model import OnlineModel, Prediction
    from churn_platform.serving.state import State

Document = dict[str, Any]
_ids = random.Random(os.urandom(32))  # noqa: S311 (a name, not a secret; asking the system for each one takes as long as the score)


class Unanswerable(Exception):  # noqa: N818 (an outcome, not a fault)
    """A request that gets no prediction: the HTTP status, what to say, and the field it is about."""

    def __init__(self, status: int, reason: str, field: str | None = None) -> None:
        super().__init__(reason)
        self.status, self.reason, self.field = status, reason, field


@dataclass(frozen=True, slots=True)
class Failure:
    """A model that was asked and could not answer: an error of its variant."""

    customer_id: str | None
    model_version: str
    model_digest: str
    variant: str
    reason: str


def new_id() -> str:
    """A prediction id: 128 random bits in hex."""
    return f"{_ids.getrandbits(128):032x}"


@dataclass(frozen=True, slots=True)
class Route:
    """Who answers one customer: a loaded model, and the name of its part."""

    model: OnlineModel
    variant: str


def route(state: State, customer_id: str, colour: str | None = None) -> Route:
    """The model that answers `customer_id`, or the one that `colour` (`blue` or `green`) names.

    Under a rollout a customer's place on the plan's hash decides, the same in the daily scores; who has no id, or no features for the
    challenger, meets the champion.

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
        drawn = (
            challenger is not None and variant(routing.split.salt, customer_id, routing.split.weight) == "challenger"
        )
        if challenger is not None and drawn and _is_known_to(state, challenger, customer_id):
            return Route(challenger, "challenger")
    return Route(champion, "champion")


def _is_known_to(state: State, model: OnlineModel, customer_id: str) -> bool:
    features = state.features.get(model.feature_set.name)
    return features is not None and features.find(customer_id) is not None


def by_customer(
    state: State,
    customer_id: str,
    today: date,
    colour: str | None = None,
    failed: Callable[[Failure], None] = lambda _: None,
) -> Document:
    """The answer for one known customer, from their newest published features.

    A challenger that fails is told to `failed`, and the champion answers in its place, degraded.

    Raises:
        Unanswerable: nothing recent is published of that customer, or nobody can answer.
    """
    if state.routing.kill is not None and state.routing.kill.mode == "fallback":
        return by_rule(state, customer_id, today)
    chosen = route(state, customer_id, colour)
    try:
        return by_model(state, chosen, customer_id, today)
    except ValueError as error:
        model = chosen.model
        failed(Failure(customer_id, model.version, model.digest, chosen.variant, str(error)))
        champion = state.model(state.routing.champion)
        if chosen.variant != "challenger" or champion is None:
            raise Unanswerable(503, str(error)) from error
    stand_in = by_customer(_without_challenger(state), customer_id, today, None, failed)
    return {**stand_in, "degraded": True}


def by_model(state: State, chosen: Route, customer_id: str, today: date) -> Document:
    """The answer that this model gives.

    Raises:
        Unanswerable: nothing recent is published of that customer.
        ValueError: the model cannot read the row, or has no probability for it.
    """
    model = chosen.model
    row: CustomerRow | None = state.features[model.feature_set.name].find(customer_id)
    if row is None:
        raise Unanswerable(404, "nothing recent is published of this customer", "customer_id")
    block, place = row.block, row.row
    predicted = model.predict(block.values(model)[place : place + 1], lambda name: block.value(name, place))
    return document(predicted, customer_id, chosen, row.day, today, bool(state.problems))


def _without_challenger(state: State) -> State:
    routing: Routing = replace(state.routing, challenger=None, split=None)
    return replace(state, routing=routing)


def by_rule(state: State, customer_id: str, today: date) -> Document:
    """The answer of the documented rule for a known customer, while the kill switch says that no model may answer.

    Raises:
        Unanswerable: nothing recent is published of that customer, or no features are loaded at all.
    """
    for name, features in state.features.items():
        row = features.find(customer_id)
        if row is not None:
            block, place = row.block, row.row
            contract, tenure = block.value("contract", place), block.value("tenure_months", place)
            return rule_document(state, customer_id, contract, tenure, name, row.day, today)
    if not state.features:
        raise Unanswerable(503, "no features are loaded: the rule knows nobody")
    raise Unanswerable(404, "nothing recent is published of this customer", "customer_id")


def rule_document(
    state: State,
    customer_id: str | None,
    contract: str | None,
    tenure_months: float | None,
    feature_set: str,
    day: date,
    today: date,
) -> Document:
    """The documented rule's answer: a band and a decision, no probability and no reasons."""
    band = fallback_band(contract, tenure_months)
    champion = state.model(state.routing.champion)
    decision = (
        champion.decisions[band] if champion is not None else {"high": "contact", "medium": "watch"}.get(band, "none")
    )
    return {
        "prediction_id": new_id(),
        "customer_id": customer_id,
        **dict.fromkeys(("probability", "decile", "margin", "base_margin", "other_contributions", "model_digest")),
        "band": band,
        "decision": decision,
        "reasons": (),
        "model_version": "rule",
        "variant": "fallback",
        "feature_set": feature_set,
        "feature_date": day.isoformat(),
        "feature_age_days": max(0, (today - day).days),
        "degraded": True,
    }


def published_features(state: State, customer_id: str, today: date) -> Document:
    """What a customer would be answered from: their newest row of each loaded feature set, with its day and age.

    Raises:
        Unanswerable: nothing recent is published of that customer.
    """
    told = []
    for name, features in sorted(state.features.items()):
        row = features.find(customer_id)
        if row is None:
            continue
        values = {one: row.block.value(one, row.row) for one in features.feature_set.names}
        told.append(
            {
                "feature_set": name,
                "feature_date": row.day.isoformat(),
                "feature_age_days": max(0, (today - row.day).days),
                "features": {one: None if value != value else value for one, value in values.items()},
            }
        )
    if not told:
        raise Unanswerable(404, "nothing recent is published of this customer", "customer_id")
    return {"customer_id": customer_id, "feature_sets": told}


def document(
    predicted: Prediction, customer_id: str | None, chosen: Route, day: date, today: date, degraded: bool
) -> Document:
    """The answer as the API gives it: the prediction, who made it, from features of which day."""
    model = chosen.model
    return {
        "prediction_id": new_id(),
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


def log_record(
    answer: Mapping[str, Any], request_digest: str, received: float, seconds: float, shadow_of: str | None = None
) -> Document:
    """What the prediction log keeps of an answer: no attribute of the customer beyond the id, and not the reasons' words."""
    return {
        **{name: answer[name] for name in ANSWERED},
        "features": [[reason["feature"], reason["contribution"]] for reason in answer["reasons"]],
        "request_digest": request_digest,
        "received_at": received,
        "seconds": seconds,
        "shadow_of": shadow_of,
        "error": None,
    }


def failure_record(failure: Failure, received: float, shadow_of: str | None = None) -> Document:
    """What the prediction log keeps of a model that could not answer."""
    return {
        **dict.fromkeys(ANSWERED),
        "prediction_id": new_id(),
        "customer_id": failure.customer_id,
        "model_version": failure.model_version,
        "model_digest": failure.model_digest,
        "variant": failure.variant,
        "degraded": True,
        "features": [],
        "request_digest": None,
        "received_at": received,
        "seconds": None,
        "shadow_of": shadow_of,
        "error": failure.reason,
    }
