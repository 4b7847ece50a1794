"""How a retention manager says each feature's value: one table, one place.

Belongs here: the phrases, as data. Does not belong here: which reasons are picked, and their order (`reasons`). A
phrase states the fact only; whether it pulls towards leaving or staying is the contribution's sign. Categorical
phrases exist for every category of the contract and for "not known"; a test holds that.
"""

from __future__ import annotations

import math
from dataclasses import dataclass

from churn_platform.contracts.features import Feature
from churn_platform.explanation.errors import ExplanationError


@dataclass(frozen=True, slots=True)
class CategoryWording:
    """One phrase per category, and one for a missing value."""

    phrases: dict[str, str]
    missing: str

    def text(self, value: object, towards_leaving: bool) -> str:
        """The phrase for `value`; ExplanationError for a category without one (the contract's domains are closed)."""
        if is_missing(value):
            return self.missing
        try:
            return self.phrases[str(value)]
        except KeyError:
            raise ExplanationError(
                f"no phrase for the category {value!r}, only for {', '.join(self.phrases)}: quarantine the row, "
                "or add the category to the contract and to the table of wording"
            ) from None


@dataclass(frozen=True, slots=True)
class NumberWording:
    """Phrases for a number: `many` takes {n}; `one` and `zero` are for exactly 1 and 0; `few` stresses a small value
    that pulls to leaving.

    `few` is used for values up to `few_up_to` whose contribution is towards leaving. `decimals` is the most that are
    shown.
    """

    many: str
    missing: str
    one: str = ""
    zero: str = ""
    few: str = ""
    few_one: str = ""
    few_up_to: float = -math.inf
    decimals: int = 0

    def text(self, value: object, towards_leaving: bool) -> str:
        """The phrase for a number, or for a missing one."""
        if is_missing(value):
            return self.missing
        number = float(value)  # type: ignore[arg-type]
        if number == 0 and self.zero:
            return self.zero
        few = towards_leaving and number <= self.few_up_to
        one, many = (self.few_one, self.few) if few else (self.one, self.many)
        return one if number == 1 and one else many.format(n=plain_number(number, self.decimals))


@dataclass(frozen=True, slots=True)
class RatioWording:
    """Phrases for a ratio to an earlier period, told as a change in percent: `up` and `down` take {n}."""

    up: str
    down: str
    same: str
    missing: str

    def text(self, value: object, towards_leaving: bool) -> str:
        """The phrase for a ratio, or for a missing one."""
        if is_missing(value):
            return self.missing
        percent = round((float(value) - 1) * 100)  # type: ignore[arg-type]
        if percent == 0:
            return self.same
        return (self.up if percent > 0 else self.down).format(n=plain_number(abs(percent), 0))


Wording = CategoryWording | NumberWording | RatioWording


def is_missing(value: object) -> bool:
    """Whether a cell is empty: None, NaN or pandas' NA."""
    return value is None or value != value or str(value) == "<NA>"


def plain_number(number: float, decimals: int) -> str:
    """A number as people write it: at most `decimals` places, none if it is whole, thousands with a comma.

    >>> plain_number(2.0, 2), plain_number(99.65, 2), plain_number(6844.5, 2), plain_number(-0.001, 2)
    ('2', '99.65', '6,844.50', '0')
    """
    rounded = round(number, decimals) + 0.0
    return f"{rounded:,.0f}" if rounded == int(rounded) else f"{rounded:,.{decimals}f}"


def _yes_no(yes: str, no: str, missing: str) -> CategoryWording:
    return CategoryWording({"Yes": yes, "No": no}, missing)


def _add_on(service: str) -> CategoryWording:
    return CategoryWording(
        {"Yes": f"has {service}", "No": f"no {service}", "No internet service": f"no internet, so no {service}"},
        f"{service} not known",
    )


WORDING: dict[str, Wording] = {
    "gender": CategoryWording({"Female": "a woman", "Male": "a man"}, "gender not known"),
    "senior_citizen": _yes_no("aged 65 or more", "younger than 65", "age group not known"),
    "partner": _yes_no("lives with a partner", "lives without a partner", "partner not known"),
    "dependents": _yes_no("has dependents", "no dependents", "dependents not known"),
    "tenure_months": NumberWording(
        many="{n} months as a customer",
        one="1 month as a customer",
        zero="joined this month",
        few="only {n} months as a customer",
        few_one="only 1 month as a customer",
        few_up_to=12,  # the first year, in which the IBM extract's churn rate is 47 %, against 27 % overall
        missing="time as a customer not known",
        decimals=1,
    ),
    "phone_service": _yes_no("has a phone line", "no phone line", "phone service not known"),
    "multiple_lines": CategoryWording(
        {
            "Yes": "several phone lines",
            "No": "a single phone line",
            "No phone service": "no phone line to add to",
        },
        "number of phone lines not known",
    ),
    "internet_service": CategoryWording(
        {"Fiber optic": "fibre internet", "DSL": "DSL internet", "No": "no internet service"},
        "internet service not known",
    ),
    "online_security": _add_on("online security"),
    "online_backup": _add_on("online backup"),
    "device_protection": _add_on("device protection"),
    "tech_support": _add_on("tech support"),
    "streaming_tv": _add_on("streaming TV"),
    "streaming_movies": _add_on("streaming movies"),
    "contract": CategoryWording(
        {"Month-to-month": "month-to-month contract", "One year": "one-year contract", "Two year": "two-year contract"},
        "contract not known",
    ),
    "paperless_billing": _yes_no("gets bills by e-mail", "gets bills on paper", "billing by e-mail or paper not known"),
    "payment_method": CategoryWording(
        {
            "Bank transfer (automatic)": "pays by automatic bank transfer",
            "Credit card (automatic)": "pays automatically by credit card",
            "Electronic check": "pays by electronic check",
            "Mailed check": "pays by mailed check",
        },
        "payment method not known",
    ),
    "monthly_charges": NumberWording(
        many="pays {n} USD a month", zero="pays nothing a month", missing="monthly charges not known", decimals=2
    ),
    "total_charges": NumberWording(
        many="billed {n} USD so far", zero="nothing billed so far", missing="amount billed so far not known", decimals=2
    ),
    "internet_type": CategoryWording(
        {
            "Fiber Optic": "internet over fibre",
            "Cable": "internet over cable",
            "DSL": "internet over DSL",
            "None": "no internet line",
        },
        "kind of internet line not known",
    ),
    "unlimited_data": _yes_no("pays for unlimited data", "no unlimited data", "unlimited data not known"),
    "number_of_referrals": NumberWording(
        many="referred {n} friends",
        one="referred 1 friend",
        zero="referred no friends",
        missing="referrals not known",
        decimals=1,
    ),
    "avg_monthly_gb": NumberWording(
        many="uses {n} GB of data a month", zero="uses no data", missing="data use not known", decimals=1
    ),
    "total_extra_data_charges": NumberWording(
        many="charged {n} USD for extra data so far",
        zero="no charges for extra data so far",
        missing="charges for extra data not known",
        decimals=2,
    ),
    "total_long_distance_charges": NumberWording(
        many="charged {n} USD for long-distance calls so far",
        zero="no charges for long-distance calls so far",
        missing="charges for long-distance calls not known",
        decimals=2,
    ),
    "usage_trend": RatioWording(
        up="data use up {n} % on the three months before",
        down="data use down {n} % on the three months before",
        same="data use as in the three months before",
        missing="trend in data use not known",
    ),
    "total_refunds": NumberWording(
        many="refunded {n} USD so far", zero="no refunds so far", missing="refunds not known", decimals=2
    ),
    "late_payments_180d": NumberWording(
        many="{n} late payments in 180 days",
        one="1 late payment in 180 days",
        zero="no late payment in 180 days",
        missing="late payments not known",
        decimals=1,
    ),
    "unpaid_invoices": NumberWording(
        many="{n} overdue invoices",
        one="1 overdue invoice",
        zero="no overdue invoice",
        missing="overdue invoices not known",
        decimals=1,
    ),
    "tickets_90d": NumberWording(
        many="{n} support tickets in 90 days",
        one="1 support ticket in 90 days",
        zero="no support ticket in 90 days",
        missing="support tickets not known",
        decimals=1,
    ),
    "open_tickets": NumberWording(
        many="{n} open support tickets",
        one="1 open support ticket",
        zero="no open support ticket",
        missing="open support tickets not known",
        decimals=1,
    ),
    "avg_days_to_resolve_180d": NumberWording(
        many="support tickets took {n} days to resolve",
        one="support tickets took 1 day to resolve",
        zero="support tickets resolved the same day",
        missing="days to resolve a support ticket not known",
        decimals=1,
    ),
}


def reason_text(feature: Feature, value: object, towards_leaving: bool) -> str:
    """What a retention manager would say of this value. A feature without wording falls back to its label and unit.

    >>> from churn_platform.contracts.features import V1
    >>> reason_text(V1.feature("tenure_months"), 2, True), reason_text(V1.feature("tech_support"), "No", True)
    ('only 2 months as a customer', 'no tech support')
    """
    wording = WORDING.get(feature.name)
    if wording is not None:
        return wording.text(value, towards_leaving)
    if is_missing(value):
        return f"{feature.label} not known"
    shown = str(value) if feature.is_categorical else plain_number(float(value), 2)  # type: ignore[arg-type]
    return f"{feature.label}: {shown} {feature.unit}".rstrip()
