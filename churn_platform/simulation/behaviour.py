"""How lives go in the world: the choices and calibrated figures that one snapshot cannot give.

What belongs here: the typed behaviour and reading it from YAML text; each figure's reason stands beside it in
`behaviour.yml`. What does not: figures of the extract (`profile.py`), and the formulas (`cycle.py`, `leaving.py`).
"""

from __future__ import annotations

from functools import cache
from importlib.resources import files
from typing import Annotated

import yaml
from pydantic import Field, ValidationError

from churn_platform.simulation.profile import Figures

Share = Annotated[float, Field(ge=0.0, le=1.0)]
Positive = Annotated[float, Field(gt=0.0)]


class BehaviourError(ValueError):
    """The text is no behaviour: the message says where and what."""


class Base(Figures):
    """How many join and leave, and how sales steer towards the target size."""

    monthly_turnover: Share
    steering_per_month: Share
    steering_at_most: Share
    oldest_months: Annotated[int, Field(ge=24)]
    short_first_period: Share


class Leaving(Figures):
    """Log odds of leaving within a cycle, beside what the extract says of the attributes."""

    intercept: float
    attributes: Positive
    people: Positive
    contract: Positive
    referrals: Positive
    tenure: Positive
    mood: float
    stress: float
    price_rise: float
    highest: Share
    moving: Share
    moving_when_old: Share
    old_from_months: int
    old_at_months: int


class Mood(Figures):
    """Dissatisfaction: what troubles leave behind."""

    memory: Share
    noise: Positive
    per_ticket: float
    per_slow_week: float
    per_extra_charge: float
    per_refund: float
    per_late_payment: float


class Support(Figures):
    """Tickets: how many a cycle, and how long they take."""

    tickets_per_cycle: Positive
    internet_factor: dict[str, Positive]
    by_quality: float
    by_mood: float
    topics: dict[str, Share]
    severities: dict[str, Share]
    severity_weight: dict[str, Positive]
    days_to_resolve: dict[str, Positive]


class Usage(Figures):
    """Use from month to month."""

    noise: Positive
    by_mood: float
    extra_charge: Positive
    extra_charge_share: Share
    long_distance_noise: Share


class Payments(Figures):
    """Invoices, late payments, refunds."""

    due_after: int
    late_log_odds: float
    late_by_stress: float
    manual_log_odds: float
    late_days: Positive
    stress_memory: Share
    refund_share: Share
    refund_after_ticket: Share


class Contracts(Figures):
    """Monthly probabilities of signing, and what happens at the end of a term."""

    sign_one_year: Share
    sign_two_year: Share
    by_mood: float
    by_internet: dict[str, Positive]
    at_first: Share
    in_full_after: Annotated[int, Field(gt=0)]
    with_security_or_support: Positive
    renew: Share
    upgrade: Share
    downgrade: Share


class People(Figures):
    """How people change beside their contract."""

    turn_senior: Share


class Loyalty(Figures):
    """How services, payment and referrals change with the months."""

    uptake_speed: Positive
    fibre_upgrade: dict[str, Share]
    referral: Share
    referral_by_mood: float


class Reporting(Figures):
    """Days between a thing and the telco's systems knowing of it."""

    churn_at_most: int
    payment: int


class Offer(Figures):
    """What an offer costs, how much stronger than the ordinary offer it works, and how often those it suits take it."""

    cost: Annotated[float, Field(ge=0.0)]
    strength: Positive


class Response(Figures):
    """A kind of customer, as to being contacted.

    Its share, the change of its log odds of leaving, how often it accepts.
    """

    share: Share
    log_odds: float
    accepts: Share


class Retention(Figures):
    """What contacts do, and the small random programme that always runs."""

    responses: dict[str, Response]
    lasts_cycles: int
    channel_cost: dict[str, float]
    offers: dict[str, Offer]
    default_offer: str
    background_share: Share
    background_treated: Share


class Behaviour(Figures):
    """Everything the world's lives follow."""

    base: Base
    leaving: Leaving
    mood: Mood
    support: Support
    usage: Usage
    payments: Payments
    contracts: Contracts
    people: People
    loyalty: Loyalty
    reporting: Reporting
    retention: Retention


def parse_behaviour(text: str, where: str) -> Behaviour:
    """The behaviour in a YAML text.

    Raises:
        BehaviourError: it is not YAML or breaks the model; names `where`, the key and the rule.
    """
    try:
        return Behaviour.model_validate(yaml.safe_load(text))
    except (yaml.YAMLError, ValidationError) as error:
        raise BehaviourError(f"{where} is not a behaviour: {error}") from error


@cache
def packaged_behaviour() -> Behaviour:
    """The behaviour that comes with the package: part of the code."""
    where = files("churn_platform.simulation") / "behaviour.yml"
    return parse_behaviour(where.read_text(encoding="utf-8"), "behaviour.yml")
