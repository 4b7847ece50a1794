"""The report's numbers and names as a reader meets them.

What belongs here: formatting, and the sentences that say what a figure means. What does not: HTML, figures.
"""

from __future__ import annotations

from churn_platform.contracts.features import FEATURE_SETS
from churn_platform.evaluation.curves import Curve
from churn_platform.evaluation.estimate import Estimate
from churn_platform.evaluation.evaluation import Evaluation

SHARES = {"precision", "recall", "top_precision", "top_recall"}
"""Metrics that are shares of people, and read better in percent."""

RATE_WORDS = {
    "selection_rate": "listed",
    "true_positive_rate": "leavers found",
    "false_positive_rate": "stayers listed",
}

CHECK_WORDS = {
    "metrics": "All figures measured",
    "auc": "Ranking",
    "auc_against_baseline": "Against the baseline",
    "brier": "Probabilities",
    "ece": "Calibration",
    "top_lift": "Top of the list",
    "label_maturity": "Outcomes known",
    "fairness.gender": "Fair by gender",
    "fairness.senior_citizen": "Fair by age",
    "leakage": "No future knowledge",
    "seconds_per_1000_scores": "Speed",
    "contribution_gap": "Reasons add up",
    "parity_difference": "Same score in serving",
    "rows": "Enough examples",
    "churners": "Enough leavers",
    "stayers": "Enough stayers",
    "quarantined": "Few refused rows",
    "features": "All features there",
    "missing": "Few missing values",
    "package_integrity": "Package whole",
    "owners": "Owners named",
    "approvals": "Approved",
    "evaluation": "Evaluation passed",
    "incumbent": "Against the champion",
}


def percent(share: float, digits: int = 0) -> str:
    """A share in percent.

    >>> percent(0.2654), percent(0.2654, 1)
    ('27%', '26.5%')
    """
    return f"{share:.{digits}%}"


def figure_of(name: str, value: float) -> str:
    """A metric's value as it is read.

    >>> figure_of("auc", 0.8345), figure_of("recall", 0.705), figure_of("top_lift", 2.49)
    ('0.835', '70%', '2.5×')
    """
    if name in SHARES:
        return percent(value)
    if name == "top_lift":
        return f"{value:.1f}×"
    return f"{value:.3f}"


def interval_of(name: str, estimate: Estimate) -> str:
    """A metric's interval as it is read.

    >>> interval_of("auc", Estimate(0.8345, 0.8125, 0.8561, 0.95, "delong", 1409))
    '0.812 to 0.856'
    """
    return f"{figure_of(name, estimate.low)} to {figure_of(name, estimate.high)}"


def headline(of: Evaluation) -> tuple[str, str, str]:
    """What the model is worth, in one sentence a manager can repeat; the second of its three parts is the point."""
    first = of.listed_first
    leaving, by_chance = round(first.leaving.value * first.customers), round(first.by_chance * first.customers)
    return (
        f"Of the {first.customers} customers the model lists first, ",
        f"{leaving} leave",
        f" within {of.horizon_days} days; by chance it would be {by_chance}.",
    )


def measured_on(of: Evaluation) -> str:
    """On what the report rests, in one sentence or two."""
    left = f"{of.churners:,} of whom left ({percent(of.churn_rate, 1)})"
    known = f"Measured on {of.rows:,} customers the model had never seen, {left}."
    if of.label_maturity < 1.0:
        return f"{known} For {percent(of.label_maturity)} of the observed customers the outcome is known by now."
    return f"{known} Every outcome is known."


def reached_at(gain: Curve, share: float) -> float:
    """The share of leavers among the first `share` of the list, from a gain curve.

    >>> reached_at(Curve((0.0, 0.5, 1.0), (0.0, 0.8, 1.0)), 0.5)
    0.8
    """
    nearest = min(range(len(gain.x)), key=lambda i: abs(gain.x[i] - share))
    return gain.y[nearest]


def attribute_label(attribute: str) -> str:
    """What people call an attribute: the feature's label, else its name with spaces.

    >>> attribute_label("internet_service"), attribute_label("sales_region")
    ('internet service', 'sales region')
    """
    for feature_set in FEATURE_SETS.values():
        if attribute in feature_set.names:
            return feature_set.feature(attribute).label
    return attribute.replace("_", " ")


def check_label(name: str) -> str:
    """What people call a check of a gate."""
    return CHECK_WORDS.get(name, name.replace("_", " ").replace(".", ": ").capitalize())


def sentence(text: str) -> str:
    """A reason as the start of a sentence: its first letter in upper case, the rest as it is.

    >>> sentence("no champion exists yet")
    'No champion exists yet'
    """
    return text[:1].upper() + text[1:]
