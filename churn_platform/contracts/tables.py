"""The six raw tables that every feed lands: grain, columns, kinds, domains.

What belongs here: names and closed domains, as plain values that import in a millisecond. What does not: validation (`raw.py`) and
anything that touches a frame.

Every row says when it was known: `known_at` is the day on which the row reached the telco's systems. Features use only rows with
`known_at <= observation_date`, so a late feed makes features old, never wrong about the future.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Literal

Kind = Literal["id", "text", "category", "integer", "number", "date"]

YES_NO = ("No", "Yes")
SERVICE = ("No", "No internet service", "Yes")


@dataclass(frozen=True, slots=True)
class Column:
    """One raw column: its kind, whether it may be missing, its closed domain or its lower bound."""

    name: str
    kind: Kind
    nullable: bool = False
    domain: tuple[str, ...] = ()
    at_least: float | None = None
    at_most: float | None = None
    unit: str = ""
    about: str = ""


@dataclass(frozen=True, slots=True)
class Table:
    """One raw table: its grain (the columns that identify a row), its columns in landing order, and what it is about."""

    name: str
    grain: tuple[str, ...]
    columns: tuple[Column, ...]
    about: str

    @property
    def column_names(self) -> tuple[str, ...]:
        """Column names in landing order."""
        return tuple(column.name for column in self.columns)

    def column(self, name: str) -> Column:
        """The column called `name`; KeyError names the table if there is none."""
        for column in self.columns:
            if column.name == name:
                return column
        raise KeyError(f"table {self.name} has no column {name!r}")


def _yes_no(name: str, about: str, nullable: bool = False) -> Column:
    return Column(name, "category", nullable=nullable, domain=YES_NO, about=about)


CUSTOMER_ID = Column("customer_id", "id", about="the customer")
KNOWN_AT = Column("known_at", "date", about="day on which this row reached the telco's systems")

CUSTOMERS = Table(
    "customers",
    grain=("customer_id", "observation_date"),
    about="A customer's profile, services and billing on their billing-cycle day.",
    columns=(
        CUSTOMER_ID,
        Column("observation_date", "date", about="the billing-cycle day on which the customer is looked at"),
        Column(
            "next_observation_date", "date", nullable=True, about="the next billing-cycle day, where the telco knows it"
        ),
        KNOWN_AT,
        Column("gender", "category", domain=("Female", "Male")),
        _yes_no("senior_citizen", "aged 65 or more"),
        _yes_no("partner", "lives with a partner"),
        _yes_no("dependents", "has dependents"),
        Column("tenure_months", "integer", at_least=0, at_most=1200, unit="months", about="full months as a customer"),
        _yes_no("phone_service", "has a phone line"),
        Column("multiple_lines", "category", domain=("No", "No phone service", "Yes")),
        Column("internet_service", "category", domain=("DSL", "Fiber optic", "No")),
        Column("online_security", "category", domain=SERVICE),
        Column("online_backup", "category", domain=SERVICE),
        Column("device_protection", "category", domain=SERVICE),
        Column("tech_support", "category", domain=SERVICE),
        Column("streaming_tv", "category", domain=SERVICE),
        Column("streaming_movies", "category", domain=SERVICE),
        Column("contract", "category", domain=("Month-to-month", "One year", "Two year")),
        _yes_no("paperless_billing", "bills arrive by e-mail"),
        Column(
            "payment_method",
            "category",
            domain=("Bank transfer (automatic)", "Credit card (automatic)", "Electronic check", "Mailed check"),
        ),
        Column("monthly_charges", "number", at_least=0, at_most=10_000, unit="USD per month"),
        Column(
            "total_charges",
            "number",
            nullable=True,
            at_least=0,
            at_most=10_000_000,
            unit="USD",
            about="billed so far; blank only for a customer with no full month yet (tenure 0)",
        ),
        Column("internet_type", "category", nullable=True, domain=("Cable", "DSL", "Fiber Optic", "None")),
        _yes_no("unlimited_data", "pays for unlimited data", nullable=True),
        Column(
            "number_of_referrals", "integer", nullable=True, at_least=0, at_most=1000, about="friends referred so far"
        ),
        Column("cltv", "number", nullable=True, at_least=0, unit="USD", about="lifetime value: money, never a feature"),
    ),
)

ACCOUNT_USAGE = Table(
    "account_usage",
    grain=("customer_id", "period_end"),
    about="What a customer used and was charged beyond the plan, per billing period.",
    columns=(
        CUSTOMER_ID,
        Column("period_end", "date", about="last day of the period"),
        Column(
            "months",
            "integer",
            at_least=1,
            at_most=1200,
            unit="months",
            about="billing months in this row: 1 for a monthly row, the whole tenure for IBM's summary",
        ),
        KNOWN_AT,
        Column("data_gb", "number", at_least=0, unit="GB", about="downloaded over the period"),
        Column("extra_data_charges", "number", at_least=0, unit="USD", about="charged for data above the plan"),
        Column("long_distance_charges", "number", at_least=0, unit="USD", about="charged for long-distance calls"),
    ),
)

SUPPORT_TICKETS = Table(
    "support_tickets",
    grain=("ticket_id", "known_at"),
    about="A customer's calls for help. A later row of the same ticket (larger known_at) replaces the earlier one.",
    columns=(
        Column("ticket_id", "id"),
        CUSTOMER_ID,
        Column("opened_on", "date"),
        Column("resolved_on", "date", nullable=True, about="blank while the ticket is open"),
        KNOWN_AT,
        Column("topic", "category", domain=("billing", "contract", "other", "service", "technical")),
        Column("severity", "category", domain=("high", "low", "medium")),
    ),
)

INVOICES = Table(
    "invoices",
    grain=("invoice_id", "known_at"),
    about="What was billed, refunded and paid. A later row of the same invoice (larger known_at) replaces the earlier one.",
    columns=(
        Column("invoice_id", "id"),
        CUSTOMER_ID,
        Column("invoice_date", "date"),
        Column("months", "integer", at_least=1, at_most=1200, unit="months", about="billing months on this invoice"),
        KNOWN_AT,
        Column("amount", "number", at_least=0, unit="USD", about="billed"),
        Column("refunds", "number", at_least=0, unit="USD", about="refunded"),
        Column("due_date", "date", nullable=True),
        Column("paid_on", "date", nullable=True, about="blank while unpaid, or where the source does not say"),
    ),
)

CHURN_EVENTS = Table(
    "churn_events",
    grain=("customer_id", "churned_on"),
    about="The day on which a customer left, with the telco's own classification where it has one.",
    columns=(
        CUSTOMER_ID,
        Column("churned_on", "date"),
        KNOWN_AT,
        Column("churn_category", "text", nullable=True, about="known only afterwards: never a feature"),
        Column("churn_reason", "text", nullable=True, about="known only afterwards: never a feature"),
    ),
)

RETENTION_CONTACTS = Table(
    "retention_contacts",
    grain=("contact_id", "known_at"),
    about="Whom the retention team called or wrote to, with which offer, and how it went.",
    columns=(
        Column("contact_id", "id"),
        CUSTOMER_ID,
        Column("contacted_on", "date"),
        KNOWN_AT,
        Column("channel", "category", domain=("call", "email", "sms")),
        Column(
            "arm", "category", domain=("control", "treatment"), about="control: listed, and by design not contacted"
        ),
        Column("offer", "text", nullable=True),
        _yes_no("accepted", "took the offer; blank while unknown", nullable=True),
        Column("cost", "number", at_least=0, unit="USD", about="of the contact and the offer"),
    ),
)

RAW_TABLES: dict[str, Table] = {
    table.name: table
    for table in (CUSTOMERS, ACCOUNT_USAGE, SUPPORT_TICKETS, INVOICES, CHURN_EVENTS, RETENTION_CONTACTS)
}
