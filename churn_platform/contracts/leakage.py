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
    """Fold a column's spelling: `Churn Score`, `churnScore` and `churn_score` are one column.

    >>> normal_form("Churn Score"), normal_form("ChurnScore"), normal_form("CLTV")
    ('churn_score', 'churn_score', 'cltv')
    """
    words: list[str] = []
    for i, char in enumerate(column.strip()):
        if char in " -.":
            words.append("_")
        elif char.isupper() and i and (column[i - 1].islower() or column[i - 1].isdigit()):
            words.append("_" + char.lower())
        else:
            words.append(char.lower())
    return "".join(words)


def refuse_leakage(features: Iterable[str]) -> None:
    """Raise LeakageError if any of `features` is known only afterwards, whatever its spelling.

    >>> refuse_leakage(["tenure_months", "contract"])
    >>> refuse_leakage(["tenure_months", "Churn Score"])  # doctest: +ELLIPSIS
    Traceback (most recent call last):
        ...
    churn_platform.contracts.leakage.LeakageError: 'Churn Score' can never be a feature: it is another model's output, ...
    """
    for feature in features:
        why = NEVER_FEATURES.get(normal_form(feature))
        if why is not None:
            raise LeakageError(f"{feature!r} can never be a feature: {why}. Remove it from the feature set.")
