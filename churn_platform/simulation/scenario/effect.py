"""What every effect of a scenario has: when, how strongly, for whom.

What belongs here: the closed base model, segments, and how strong an effect is on a day. What does not: the effects
(`life.py`, `feeds.py`)."""

from __future__ import annotations

from typing import Annotated, Any

import numpy as np
from pydantic import BaseModel, BeforeValidator, ConfigDict, Field, field_validator, model_validator

from churn_platform.contracts.tables import CUSTOMERS
from churn_platform.simulation.customers import ADD_ONS, Ints
from churn_platform.simulation.draws import Floats

SEGMENT_CATEGORIES = (
    "contract", "dependents", "gender", "internet_service", "internet_type", "multiple_lines", *ADD_ONS,
    "paperless_billing", "partner", "payment_method", "phone_service", "senior_citizen", "unlimited_data",
)  # fmt: skip
SEGMENT_NUMBERS = ("monthly_charges", "number_of_referrals", "tenure_months")


def _yes_or_no(value: Any) -> Any:
    """YAML reads a bare Yes as true: here it is the word."""
    return {True: "Yes", False: "No"}[value] if isinstance(value, bool) else value


Day = Annotated[int, Field(ge=0)]
Share = Annotated[float, Field(gt=0.0, le=1.0)]
Positive = Annotated[float, Field(gt=0.0)]
Word = Annotated[str, BeforeValidator(_yes_or_no)]


class Closed(BaseModel):
    """A frozen record in which an unknown key is an error."""

    model_config = ConfigDict(frozen=True, extra="forbid")


class Range(Closed):
    """Numbers from `at_least` to `at_most`, both inclusive."""

    at_least: float = float("-inf")
    at_most: float = float("inf")


def one_of(what: str, value: str, allowed: tuple[str, ...]) -> str:
    """`value`, if it is allowed; else ValueError says what is."""
    if value not in allowed:
        raise ValueError(f"unknown {what} {value!r}; allowed: {', '.join(allowed)}")
    return value


def domain_of(column: str) -> tuple[str, ...]:
    """The values of a category of the customers table."""
    return CUSTOMERS.column(column).domain


class Effect(Closed):
    """What every effect has. It works from `start_day` (days after the world's first), grows over `ramp_days`, ends
    before `end_day`.

    `strength` 1 is the effect as written; 0.5 is half of it.
    """

    name: str = ""
    start_day: Day
    ramp_days: Day = 0
    end_day: Day | None = None
    strength: Annotated[float, Field(gt=0.0, le=10.0)] = 1.0
    segment: dict[str, list[Word] | Range] = {}

    @model_validator(mode="after")
    def _ends_after_it_starts(self) -> Effect:
        if self.end_day is not None and self.end_day <= self.start_day:
            raise ValueError(f"end_day {self.end_day} must be after start_day {self.start_day}")
        return self

    @field_validator("segment")
    @classmethod
    def _segment_of_known_values(cls, segment: dict[str, list[Word] | Range]) -> dict[str, list[Word] | Range]:
        for column, wanted in segment.items():
            one_of("segment column", column, (*SEGMENT_CATEGORIES, *SEGMENT_NUMBERS))
            if isinstance(wanted, Range):
                if column not in SEGMENT_NUMBERS:
                    raise ValueError(f"{column} takes a list of {', '.join(domain_of(column))}, not a range")
                continue
            if column in SEGMENT_NUMBERS:
                raise ValueError(f"{column} takes a range such as {{at_least: 0, at_most: 12}}, not a list")
            for value in wanted:
                one_of(f"value of {column}", value, domain_of(column))
        return segment

    def strength_on(self, day: Ints | int) -> Floats:
        """How strong the effect is on days counted from the world's first: 0 before its start, `strength` after its
        ramp.

        >>> effect = Effect(start_day=10, ramp_days=1)
        >>> effect.strength_on(np.array([9, 10, 11, 12], dtype=np.int32)).tolist()
        [0.0, 0.5, 1.0, 1.0]
        """
        days = np.asarray(day)
        grown = np.clip((days - self.start_day + 1) / (self.ramp_days + 1), 0.0, 1.0)
        if self.end_day is not None:
            grown = np.where(days < self.end_day, grown, 0.0)
        out: Floats = self.strength * grown
        return out
