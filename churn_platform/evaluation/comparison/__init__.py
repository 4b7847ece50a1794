"""Champion against challenger on the same rows: what is measured, and which of the five outcomes follows.

How it is laid out: `rows` which rows may judge both; `paired` measures with intervals over customers; `score` the weighted score;
`comparison` the record that puts them together; `gate` what must hold before a figure counts; `decision` wins, tie, loses, blocked or
first release; `report` the page. What does not belong here: measuring one model (`evaluation`), and releasing it (`promotion`).
"""

from __future__ import annotations

from churn_platform.evaluation.comparison.comparison import Comparison, Contender, compare
from churn_platform.evaluation.comparison.decision import ComparisonDecision, comparison_decision, first_release
from churn_platform.evaluation.comparison.gate import comparison_gate
from churn_platform.evaluation.comparison.rows import ComparisonRows, same_rows

__all__ = [
    "Comparison",
    "ComparisonDecision",
    "ComparisonRows",
    "Contender",
    "compare",
    "comparison_decision",
    "comparison_gate",
    "first_release",
    "same_rows",
]
