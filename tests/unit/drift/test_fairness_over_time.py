"""Fairness over time: agreement with the holdout's definition, severity by interval, groups that are too small."""

from __future__ import annotations

from datetime import date

import numpy as np
import pytest
from fairlearn.metrics import MetricFrame, selection_rate, true_positive_rate

from churn_platform.drift.fairness import (
    fairness_finding,
    selection_difference,
    severity_of,
    true_positive_difference,
)
from churn_platform.drift.finding import Window
from churn_platform.evaluation.estimate import Estimate

WINDOW = Window(date(2026, 6, 1), date(2026, 6, 30), 2000)


@pytest.fixture
def rows() -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    rng = np.random.default_rng(6)
    groups = rng.choice(np.array(["No", "Yes"]), 2000, p=[0.8, 0.2])
    churned = rng.random(2000) < 0.3
    selected = rng.random(2000) < np.where(groups == "Yes", 0.6, 0.3)
    return groups, selected, churned


def test_differences_are_fairlearns(rows: tuple[np.ndarray, np.ndarray, np.ndarray]) -> None:
    groups, selected, churned = rows
    frame = MetricFrame(
        metrics={"selection": selection_rate, "tpr": true_positive_rate},
        y_true=churned, y_pred=selected, sensitive_features=groups,
    )  # fmt: skip
    differences = frame.difference()
    selection = selection_difference("senior_citizen", groups, selected, min_rows=50, confidence=0.95)
    found = true_positive_difference("senior_citizen", groups, selected, churned, min_churners=30, confidence=0.95)
    assert selection.estimate is not None
    assert found.estimate is not None
    assert selection.estimate.value == pytest.approx(differences["selection"])
    assert found.estimate.value == pytest.approx(differences["tpr"])
    assert selection.estimate.low < selection.estimate.value < selection.estimate.high


def test_a_difference_warns_above_its_bound_and_is_critical_where_chance_does_not_explain_it() -> None:
    def of(value: float, half: float) -> Estimate:
        return Estimate(value, value - half, value + half, 0.95, "", 100)

    assert [severity_of(of(*one), 0.15) for one in ((0.1, 0.1), (0.2, 0.1), (0.3, 0.1))] == [
        "ok",
        "warning",
        "critical",
    ]


def test_groups_that_are_too_small_are_told_and_never_ok(rows: tuple[np.ndarray, np.ndarray, np.ndarray]) -> None:
    _, selected, churned = rows
    few = np.where(np.arange(2000) < 10, "Yes", "No")
    difference = true_positive_difference("senior_citizen", few, selected, churned, min_churners=30, confidence=0.95)
    finding = fairness_finding(difference, WINDOW, threshold=0.3, label_maturity=1.0, acts=True)
    assert finding.severity == "insufficient_data"
    assert not finding.acts
    assert "Yes" in finding.reason
