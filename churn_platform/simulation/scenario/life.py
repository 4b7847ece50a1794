"""Effects on life: what happens to customers is changed, and its consequences follow by themselves.

What belongs here: shifting and scaling quantities, added hazard, adoption, the mix of joiners. What does not: what
only the files show (`feeds.py`)."""

from __future__ import annotations

from typing import Literal

from pydantic import field_validator, model_validator

from churn_platform.simulation.customers import ADD_ONS
from churn_platform.simulation.scenario.effect import Effect, Positive, Share, Word, domain_of, one_of

#: what shift and scale can move: a column, or a rate behind a table's rows
QUANTITIES = (
    "account_usage.data_gb",
    "account_usage.extra_data_charges",
    "account_usage.long_distance_charges",
    "customers.monthly_charges",
    "invoices.days_to_pay",
    "invoices.refunds",
    "support_tickets.days_to_resolve",
    "support_tickets.per_cycle",
)
JOINER_COLUMNS = (
    "contract", "dependents", "internet_type", "paperless_billing", "partner", "payment_method", "senior_citizen",
)  # fmt: skip
ADOPTABLE = ("contract", "internet_type", *ADD_ONS, "paperless_billing", "payment_method", "unlimited_data")
CATEGORIES = ("Attitude", "Competitor", "Dissatisfaction", "Other", "Price")


class Shift(Effect):
    """Add `by` to a quantity of life."""

    effect: Literal["shift"]
    column: str
    by: float

    @field_validator("column")
    @classmethod
    def _known(cls, column: str) -> str:
        return one_of("quantity", column, QUANTITIES)


class Scale(Effect):
    """Multiply a quantity of life by `by`."""

    effect: Literal["scale"]
    column: str
    by: Positive

    @field_validator("column")
    @classmethod
    def _known(cls, column: str) -> str:
        return one_of("quantity", column, QUANTITIES)


class AddHazard(Effect):
    """Multiply the odds of leaving by `odds`. Leavers on its account give `category` as theirs, where it is set."""

    effect: Literal["add_hazard"]
    odds: Positive
    category: str | None = None

    @field_validator("category")
    @classmethod
    def _known(cls, category: str | None) -> str | None:
        return category if category is None else one_of("churn category", category, CATEGORIES)


class Adopt(Effect):
    """A share of the segment takes on a value each month."""

    effect: Literal["adopt"]
    column: str
    value: Word
    share_per_month: Share

    @model_validator(mode="after")
    def _known(self) -> Adopt:
        one_of("column to adopt", self.column, ADOPTABLE)
        one_of(f"value of {self.column}", self.value, domain_of(self.column))
        if self.value == "No internet service":
            raise ValueError("'No internet service' follows from internet_type None; adopt that instead")
        return self


class MixOfJoiners(Effect):
    """A share of the joiners, beyond those who have it anyway, comes with a value."""

    effect: Literal["mix_of_joiners"]
    column: str
    value: Word
    share: Share

    @model_validator(mode="after")
    def _known(self) -> MixOfJoiners:
        one_of("column of joiners", self.column, JOINER_COLUMNS)
        one_of(f"value of {self.column}", self.value, domain_of(self.column))
        if self.segment:
            raise ValueError("joiners have no segment yet: leave it out")
        return self
