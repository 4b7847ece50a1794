"""The feature sets, column by column: kind, domain, and the business words in which a reason is told.

The SQL in `dbt_project/models/marts/features` computes them under dbt's enforced contract; a test holds that both name the same columns
in the same order.
`v1` is profile, services and billing: what the classic IBM extract has. `v2` adds operational signals. A column that a feed cannot
fill (all missing) is left out of that model, with the reason recorded.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Literal

from churn_platform.contracts.tables import CUSTOMERS

Group = Literal["profile", "services", "billing", "usage", "support", "payments", "loyalty"]


@dataclass(frozen=True, slots=True)
class Feature:
    """One model input. `domain` empty means numeric; otherwise a native categorical with exactly these values (or missing)."""

    name: str
    group: Group
    label: str
    domain: tuple[str, ...] = ()
    unit: str = ""

    @property
    def is_categorical(self) -> bool:
        """Whether the model treats it as a native categorical."""
        return bool(self.domain)


@dataclass(frozen=True, slots=True)
class FeatureSet:
    """A named, versioned list of features: what a model was trained on and what serving must compute."""

    name: str
    features: tuple[Feature, ...]

    @property
    def names(self) -> tuple[str, ...]:
        """Feature names in model order."""
        return tuple(feature.name for feature in self.features)

    @property
    def table(self) -> str:
        """The dbt model that computes it."""
        return f"features_{self.name}"

    def feature(self, name: str) -> Feature:
        """The feature called `name`; KeyError if the set has none."""
        for feature in self.features:
            if feature.name == name:
                return feature
        raise KeyError(f"feature set {self.name} has no feature {name!r}")


def _from_customers(name: str, group: Group, label: str) -> Feature:
    column = CUSTOMERS.column(name)
    return Feature(name, group, label, domain=column.domain, unit=column.unit)


V1 = FeatureSet(
    "v1",
    (
        _from_customers("gender", "profile", "gender"),
        _from_customers("senior_citizen", "profile", "senior citizen"),
        _from_customers("partner", "profile", "lives with a partner"),
        _from_customers("dependents", "profile", "has dependents"),
        _from_customers("tenure_months", "profile", "months as a customer"),
        _from_customers("phone_service", "services", "phone service"),
        _from_customers("multiple_lines", "services", "multiple lines"),
        _from_customers("internet_service", "services", "internet service"),
        _from_customers("online_security", "services", "online security"),
        _from_customers("online_backup", "services", "online backup"),
        _from_customers("device_protection", "services", "device protection"),
        _from_customers("tech_support", "services", "tech support"),
        _from_customers("streaming_tv", "services", "streaming TV"),
        _from_customers("streaming_movies", "services", "streaming movies"),
        _from_customers("contract", "billing", "contract"),
        _from_customers("paperless_billing", "billing", "paperless billing"),
        _from_customers("payment_method", "billing", "payment method"),
        _from_customers("monthly_charges", "billing", "monthly charges"),
        _from_customers("total_charges", "billing", "total charges so far"),
    ),
)

V2 = FeatureSet(
    "v2",
    (
        *V1.features,
        _from_customers("internet_type", "services", "internet type"),
        _from_customers("unlimited_data", "services", "unlimited data"),
        _from_customers("number_of_referrals", "loyalty", "friends referred"),
        Feature("avg_monthly_gb", "usage", "data use per month", unit="GB per month"),
        Feature("total_extra_data_charges", "usage", "extra data charges so far", unit="USD"),
        Feature("total_long_distance_charges", "usage", "long-distance charges so far", unit="USD"),
        Feature("usage_trend", "usage", "data use, last month against the three before", unit="ratio"),
        Feature("total_refunds", "payments", "refunds so far", unit="USD"),
        Feature("late_payments_180d", "payments", "late payments in 180 days", unit="invoices"),
        Feature("unpaid_invoices", "payments", "overdue invoices", unit="invoices"),
        Feature("tickets_90d", "support", "support tickets in 90 days", unit="tickets"),
        Feature("open_tickets", "support", "open support tickets", unit="tickets"),
        Feature("avg_days_to_resolve_180d", "support", "days to resolve a ticket, 180 days", unit="days"),
    ),
)

FEATURE_SETS: dict[str, FeatureSet] = {"v1": V1, "v2": V2}
