"""Registrations of models that were never trained: enough for a store to keep, compare and promote."""

from __future__ import annotations

from datetime import date

from churn_platform.governance.registration import Registration

TRAINED_AS_OF = date(2026, 5, 30)


def registration(number: int, auc: float = 0.85, feature_set: str = "v1") -> Registration:
    """The `number`-th made-up model: its package's digest is the number."""
    return Registration(
        model_name="telco-churn",
        package_digest=f"{number:064x}",
        feature_set=feature_set,
        training_data_digest="a" * 64,
        policy_digest="b" * 64,
        code_revision="0f3a91c",
        code_digest="c" * 64,
        business_owner="retention-manager",
        ml_owner="ml-owner",
        risk_tier="low",
        as_of=TRAINED_AS_OF,
        feed="ibm",
        simulated=False,
        metrics={"auc": auc},
    )
