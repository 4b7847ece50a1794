"""What may never be a feature: known only after the customer left, another model's output, or money that the label moves.

Source: the data notes of the IBM extract and its Cognos extension ("Telco customer churn 11.1.3+").
"""

from __future__ import annotations

from collections.abc import Iterable

NEVER_FEATURES: dict[str, str] = {
    "churn": "it is the outcome",
    "churned": "it is the outcome",
    "churned_on": "it is the outcome's date",
    "churn_label": "it is the outcome",
    "churn_value": "it is the outcome",
    "churn_score": "it is another model's output, fitted on the outcome",
    "churn_category": "it is known only after the customer left",
    "churn_reason": "it is known only after the customer left",
    "churn_known_at": "it is known only after the customer left",
    "customer_status": "it contains the outcome",
    "satisfaction_score": "it is asked after the quarter in which the customer left",
    "cltv": "it is another model's output, and money for the business metrics",
    "customer_id": "it identifies the customer",
    "observation_date": "it is the replay's date",
    "known_at": "it is when a row arrived",
    "matured_on": "it is when the outcome is known",
}


class LeakageError(ValueError):
    """A column that is known only afterwards was offered as a feature."""


def normal_form(column: str) -> str:
    """Fold a column's spelling to its letters and digits: `Churn Score`, `ChurnScore` and `churn_score` are one column.

    >>> normal_form("Churn Score"), normal_form(" churn-score "), normal_form("CLTV")
    ('churnscore', 'churnscore', 'cltv')
    """
    return "".join(char for char in column.lower() if char.isalnum())


_FOLDED = {normal_form(name): why for name, why in NEVER_FEATURES.items()}


def refuse_leakage(features: Iterable[str]) -> None:
    """Raise LeakageError if any of `features` is known only afterwards, whatever its spelling.

    >>> refuse_leakage(["tenure_months", "contract"])
    >>> refuse_leakage(["tenure_months", "Churn Score"])  # doctest: +ELLIPSIS
    Traceback (most recent call last):
        ...
    churn_platform.contracts.leakage.LeakageError: 'Churn Score' can never be a feature: it is another model's output, ...
    """
    for feature in features:
        why = _FOLDED.get(normal_form(feature))
        if why is not None:
            raise LeakageError(f"{feature!r} can never be a feature: {why}. Remove it from the feature set.")
