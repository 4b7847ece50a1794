"""Requests and answers in their declared form, for the OpenAPI document and for validation; and the limits before anything is parsed.

What belongs here: reading a body within its bounds, and refusing it by the name of the field. What does not: answering.
"""

from __future__ import annotations

from typing import Annotated, Any, Literal, TypeVar

import orjson
from pydantic import BaseModel, ConfigDict, Field, ValidationError, WithJsonSchema

from churn_platform.policies.releasing import RequestLimits
from churn_platform.serving.answers import Unanswerable
from churn_platform.serving.attribute_form import attributes_schema

CustomerId = Annotated[str, Field(min_length=1, max_length=64, pattern=r"^[\x21-\x7e]+$", examples=["7590-VHVEG"])]
_CLOSED = ConfigDict(extra="forbid", strict=True, allow_inf_nan=False)
Form = TypeVar("Form", bound=BaseModel)
MOST_ATTRIBUTES = 64
AttributeValue = str | int | float | bool | None


class KnownCustomer(BaseModel):
    """A customer known by id: answered from their newest published features."""

    model_config = _CLOSED

    customer_id: CustomerId


class DescribedCustomer(BaseModel):
    """A customer described by the attributes of a `customers` row."""

    model_config = _CLOSED

    attributes: Annotated[
        dict[str, AttributeValue],
        Field(max_length=MOST_ATTRIBUTES),
        WithJsonSchema(attributes_schema(), mode="validation"),
    ]


class BatchRequest(BaseModel):
    """Several customers, each as in a single request."""

    model_config = _CLOSED

    customers: Annotated[list[Any], Field(min_length=1)]


class ReasonAnswer(BaseModel):
    """One feature's part in the margin (log odds); above zero is towards leaving."""

    feature: str
    value: str | int | float | None
    contribution: float
    text: str


class PredictionAnswer(BaseModel):
    """`base_margin`, the reasons' contributions and `other_contributions` sum to `margin`, of which `probability` is the logistic.

    Under the kill switch's fallback there is no probability and no reason: the decision is the documented rule's.
    """

    prediction_id: str
    customer_id: str | None
    probability: float | None
    band: Literal["low", "medium", "high"] | None
    decision: str
    decile: int | None
    margin: float | None
    base_margin: float | None
    reasons: list[ReasonAnswer]
    other_contributions: float | None
    model_version: str
    model_digest: str | None
    variant: str
    feature_set: str
    feature_date: str
    feature_age_days: int
    degraded: bool


class RefusedAnswer(BaseModel):
    """A customer of a batch that gets no prediction, and why."""

    customer_id: str | None
    error: str
    field: str | None


class BatchAnswer(BaseModel):
    """One entry per customer, in the request's order."""

    predictions: list[PredictionAnswer | RefusedAnswer]


class FeaturesAnswer(BaseModel):
    """A customer's newest published features of one feature set, and of which day."""

    feature_set: str
    feature_date: str
    feature_age_days: int
    features: dict[str, str | int | float | bool | None]


class CustomerAnswer(BaseModel):
    """What the API would answer a customer from, one entry per loaded feature set."""

    customer_id: str
    feature_sets: list[FeaturesAnswer]


class ReadyAnswer(BaseModel):
    """Whether requests can be answered, and what could not be followed."""

    ready: bool
    problems: list[str]


class ServedModelAnswer(BaseModel):
    """A registered model and its package."""

    version: str
    digest: str


class SplitAnswer(BaseModel):
    """A rollout's share."""

    plan: str
    strategy: str
    salt: str
    weight: float
    mirrored: bool


class KillAnswer(BaseModel):
    """The kill switch, thrown: who, why, when."""

    mode: Literal["stop", "fallback"]
    by: str
    why: str
    at: str


class RoutingAnswer(BaseModel):
    """Who answers whom, as it is followed now; the versions that are loaded; what could not be followed."""

    format: int
    sequence: int
    champion: ServedModelAnswer | None
    challenger: ServedModelAnswer | None
    split: SplitAnswer | None
    blue: ServedModelAnswer | None
    green: ServedModelAnswer | None
    kill: KillAnswer | None
    loaded: list[str]
    problems: list[str]


class ErrorAnswer(BaseModel):
    """Why there is no prediction, and the field it is about."""

    error: str
    field: str | None = None


def read_json(body: bytes, limits: RequestLimits) -> Any:
    """The body's JSON.

    Raises:
        Unanswerable: 413 for a body over the limit, 422 for one that nests too deep or is no JSON (NaN and Infinity are none).
    """
    if len(body) > limits.body:
        raise Unanswerable(413, f"the body has more than {limits.body} bytes: send smaller batches")
    if _depth(body, limits.depth) > limits.depth:
        raise Unanswerable(422, f"the body nests deeper than {limits.depth} levels")
    try:
        return orjson.loads(body)
    except orjson.JSONDecodeError as error:
        raise Unanswerable(422, f"the body is no JSON: {error}") from None


def _depth(body: bytes, enough: int) -> int:
    """How deep the brackets nest outside of texts; stops one beyond `enough`."""
    if body.count(b"{") + body.count(b"[") <= enough:
        return 0  # not that many brackets: no need to look where they stand
    depth = deepest = 0
    in_text = escaped = False
    for byte in body:
        if in_text:
            if escaped:
                escaped = False
            elif byte == 0x5C:
                escaped = True
            elif byte == 0x22:
                in_text = False
        elif byte == 0x22:
            in_text = True
        elif byte in b"{[":
            depth += 1
            deepest = max(deepest, depth)
            if deepest > enough:
                return deepest
        elif byte in b"}]":
            depth -= 1
    return deepest


def single(content: Any, at: str = "") -> tuple[str | None, dict[str, Any] | None]:
    """(customer_id, None) or (None, attributes) of a single request, or of the customer of a batch whose place is `at`.

    Raises:
        Unanswerable: 422, naming the field.
    """
    if type(content) is not dict:
        raise Unanswerable(422, "a customer is an object", at.rstrip(".") or "body")
    if len(content) == 1 and type(content.get("customer_id")) is str:
        customer_id = content["customer_id"]  # by far the most frequent request, judged without pydantic
        if 0 < len(customer_id) <= 64 and all("!" <= letter <= "~" for letter in customer_id):
            return customer_id, None
    if ("customer_id" in content) == ("attributes" in content):
        raise Unanswerable(422, "name a customer_id or give attributes, one of the two", f"{at}customer_id")
    if "customer_id" in content:
        return _validated(KnownCustomer, content, at).customer_id, None
    return None, _validated(DescribedCustomer, content, at).attributes


def batch(content: Any, limits: RequestLimits) -> list[tuple[str | None, dict[str, Any] | None]]:
    """The customers of a batch, each as `single` gives it.

    Raises:
        Unanswerable: 422, naming the customer's place and the field, or that they are too many.
    """
    if isinstance(content, dict) and isinstance(content.get("customers"), list):
        count = len(content["customers"])
        if count > limits.batch:
            raise Unanswerable(
                422, f"{count} customers are more than {limits.batch}: send several batches", "customers"
            )
    request = _validated(BatchRequest, content)
    return [single(one, f"customers.{place}.") for place, one in enumerate(request.customers)]


def request_schemas(limits: RequestLimits) -> dict[str, Any]:
    """The requests' JSON Schemas by name, for the components of the API's document."""
    one_of = [{"$ref": f"#/components/schemas/{form.__name__}"} for form in (KnownCustomer, DescribedCustomer)]
    return {
        "KnownCustomer": KnownCustomer.model_json_schema(),
        "DescribedCustomer": DescribedCustomer.model_json_schema(),
        "PredictionRequest": {"title": "PredictionRequest", "oneOf": one_of},
        "BatchRequest": {
            "title": "BatchRequest",
            "description": BatchRequest.__doc__,
            "type": "object",
            "properties": {
                "customers": {
                    "type": "array",
                    "minItems": 1,
                    "maxItems": limits.batch,
                    "items": {"$ref": "#/components/schemas/BatchCustomer"},
                }
            },
            "required": ["customers"],
            "additionalProperties": False,
        },
        "BatchCustomer": {"title": "BatchCustomer", "oneOf": [one_of[0], _attributes_of_a_batch()]},
    }


def _attributes_of_a_batch() -> dict[str, Any]:
    """What keeps a batch from being refused as a whole; whether the values can be a customer is said for each by itself."""
    scalars = {"type": ["string", "number", "boolean", "null"]}
    attributes = {"type": "object", "maxProperties": MOST_ATTRIBUTES, "additionalProperties": scalars}
    return {
        "type": "object",
        "description": "Attributes as in DescribedCustomer; one that is not of that form is refused by itself, beside the others' answers.",
        "properties": {"attributes": attributes},
        "required": ["attributes"],
        "additionalProperties": False,
    }


def _validated(form: type[Form], content: Any, at: str = "") -> Form:
    try:
        return form.model_validate(content)
    except ValidationError as error:
        first = error.errors(include_url=False, include_context=False, include_input=False)[0]
        where = at + ".".join(str(part) for part in first["loc"]) or "body"
        raise Unanswerable(422, f"{where}: {first['msg']}", where) from None
