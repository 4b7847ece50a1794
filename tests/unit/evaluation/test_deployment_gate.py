"""The deployment gate: it opens for a first model that is whole and owned, and else says why not."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

import pytest
from gate_evidence import NAN, SOUND, check, fresh

from churn_platform.evaluation.evaluation import Evaluation
from churn_platform.evaluation.gate import (
    GateDecision,
    Incumbent,
    decide,
    deployment_gate,
    evaluation_gate,
)
from churn_platform.evaluation.gate.decision import at_least
from churn_platform.policies import Policies
from churn_platform.promotion import first_release_decision


def judged(of: Evaluation, policies: Policies, **changed: Any) -> GateDecision:
    given = {
        "package_verified": True,
        "business_owner": "Head of Retention",
        "ml_owner": "Churn ML team",
        "risk_tier": "low",
        "approvals": 0,
        "evaluation": evaluation_gate(of, SOUND, policies.gates.evaluation),
        "incumbent": None,
        "policy": policies.gates.deployment,
    }
    return deployment_gate(**{**given, **changed})


def test_opens_for_the_first_model_and_records_why_nothing_was_compared(
    evaluation: Evaluation, policies: Policies
) -> None:
    decision = judged(evaluation, policies)
    assert decision.passed, decision.reasons
    assert check(decision, "incumbent").reason.startswith("no champion exists yet")


@pytest.mark.parametrize(
    ("name", "changed"),
    [
        ("package_integrity", {"package_verified": False}),
        ("package_integrity", {"package_verified": None}),
        ("package_integrity", {"package_verified": "yes"}),
        ("owners", {"business_owner": None}),
        ("owners", {"ml_owner": "  "}),
        ("approvals", {"risk_tier": None}),
        ("approvals", {"risk_tier": "none"}),
        ("approvals", {"risk_tier": "high", "approvals": 1}),
        ("approvals", {"risk_tier": "medium", "approvals": None}),
        ("evaluation", {"evaluation": None}),
    ],
)
def test_a_fault_fails_its_check_alone(
    evaluation: Evaluation, policies: Policies, name: str, changed: dict[str, Any]
) -> None:
    decision = judged(evaluation, policies, **changed)
    assert [entry.name for entry in decision.checks if entry.verdict != "pass"] == [name]


def test_the_evaluation_must_have_passed_and_be_the_evaluation(evaluation: Evaluation, policies: Policies) -> None:
    failed = evaluation_gate(evaluation, replace(SOUND, parity_difference=None), policies.gates.evaluation)
    decision = judged(evaluation, policies, evaluation=failed)
    assert "parity_difference" in check(decision, "evaluation").reason
    other = decide("data", [at_least("rows", 3, 2, "rows")])
    assert "'data' gate" in check(judged(evaluation, policies, evaluation=other), "evaluation").reason
    empty = GateDecision("evaluation", "pass", ())
    assert check(judged(evaluation, policies, evaluation=empty), "evaluation").verdict == "fail"
    painted = GateDecision("evaluation", "pass", failed.checks)
    assert check(judged(evaluation, policies, evaluation=painted), "evaluation").verdict == "fail"


@pytest.mark.parametrize(("difference", "verdict"), [(0.01, "pass"), (0.0, "pass"), (-0.001, "fail"), (NAN, "fail")])
def test_a_challenger_must_be_at_least_as_good_as_the_incumbent(
    evaluation: Evaluation, policies: Policies, difference: float, verdict: str
) -> None:
    incumbent = Incumbent("3", fresh(difference, evaluation.rows))
    decision = judged(evaluation, policies, incumbent=incumbent)
    assert check(decision, "incumbent").verdict == verdict


def test_its_decisions_are_what_the_promotion_reads(evaluation: Evaluation, policies: Policies) -> None:
    passed = evaluation_gate(evaluation, SOUND, policies.gates.evaluation)
    assert first_release_decision(passed, judged(evaluation, policies), None).outcome == "release"
    closed = judged(evaluation, policies, ml_owner=None)
    assert first_release_decision(passed, closed, None).outcome == "blocked"
