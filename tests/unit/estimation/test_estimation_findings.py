"""Findings: when an estimated or realised figure warns, when it is critical, and when nothing can be said."""

from __future__ import annotations

from datetime import date

import pytest

from churn_platform.drift.finding import Window
from churn_platform.estimation.findings import (
    Bounds,
    assumption_finding,
    estimated_finding,
    estimated_severity,
    realised_finding,
    realised_severity,
)
from churn_platform.estimation.reconciliation import Assumption
from churn_platform.evaluation.estimate import Estimate

DAY = date(2026, 6, 1)
WINDOW = Window(DAY, DAY, 1600)


def auc(value: float, half: float = 0.03) -> Estimate:
    return Estimate(value, value - half, value + half, 0.95, "", 1600)


BOUNDS = Bounds(min_auc=0.80, relative_drop=0.05, holdout=auc(0.86))


@pytest.mark.parametrize(
    ("estimate", "severity"),
    [(auc(0.85), "ok"), (auc(0.80), "ok"), (auc(0.785), "warning"), (auc(0.76), "critical")],
)
def test_an_estimate_is_judged_by_its_upper_end(estimate: Estimate, severity: str) -> None:
    assert estimated_severity(estimate, BOUNDS) == severity


@pytest.mark.parametrize(
    ("realised", "severity"),
    [
        (auc(0.81), "ok"),
        (auc(0.795, half=0.10), "ok"),  # below the bound, and chance explains it
        (auc(0.78), "warning"),
        (auc(0.75), "critical"),
    ],
)
def test_a_realised_figure_warns_below_the_bound_where_chance_does_not_explain_it(
    realised: Estimate, severity: str
) -> None:
    assert realised_severity(realised, BOUNDS) == severity


def test_what_cannot_be_estimated_or_measured_is_told_and_is_never_ok() -> None:
    unknown = Assumption("unknown", "no outcomes")
    estimated = estimated_finding("32 scores", WINDOW, BOUNDS, label_maturity=0.0, assumption=unknown, persists=False)
    realised = realised_finding("no labels", WINDOW, BOUNDS, label_maturity=0.2, comparisons={}, persists=False)
    assumed = assumption_finding(unknown, WINDOW, label_maturity=0.2, threshold=4.0)
    for finding in (estimated, realised, assumed):
        assert finding.severity == "insufficient_data"
        assert not finding.acts
        assert finding.reason
    assert realised.label_maturity == 0.2, "every figure carries its label maturity"


def test_a_violation_acts_only_where_it_persists() -> None:
    for persists in (False, True):
        finding = realised_finding(
            {"auc": auc(0.75)}, WINDOW, BOUNDS, label_maturity=1.0, comparisons={}, persists=persists
        )
        assert (finding.severity, finding.acts) == ("critical", persists)


def test_a_broken_assumption_is_concept_drift_and_acts() -> None:
    finding = assumption_finding(
        Assumption("broken", "twice below", "auc", -3.0), WINDOW, label_maturity=1.0, threshold=4.0
    )
    assert (finding.signal, finding.severity, finding.acts, finding.value) == ("concept_drift", "warning", True, 3.0)
