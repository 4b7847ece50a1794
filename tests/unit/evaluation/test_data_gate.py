"""The data gate: it opens for the real rows, and each fault closes it with its own reason."""

from __future__ import annotations

from typing import Any

import numpy as np
import pandas as pd
import pytest
from gate_evidence import NAN, check

from churn_platform.evaluation.gate import (
    GateDecision,
    data_gate,
)
from churn_platform.policies import Policies


def judged(holdout: Any, policies: Policies, **changed: Any) -> GateDecision:
    given = {
        "examples": holdout.frame,
        "churned": holdout.churned,
        "features": list(holdout.frame.columns),
        "excluded": {},
        "received_rows": 7043,
        "quarantined_rows": 12,
        "fairness_attributes": policies.evaluation.fairness_attributes,
        "policy": policies.gates.data,
    }
    return data_gate(**{**given, **changed})


def test_opens_for_the_real_rows(holdout: Any, policies: Policies) -> None:
    decision = judged(holdout, policies)
    assert decision.passed, decision.reasons
    assert check(decision, "quarantined").observed == pytest.approx(12 / 7043)


@pytest.mark.parametrize(
    ("name", "changed"),
    [
        ("quarantined", {"received_rows": 0, "quarantined_rows": 0}),
        ("quarantined", {"quarantined_rows": 353}),
        ("quarantined", {"quarantined_rows": 7044}),
        ("quarantined", {"quarantined_rows": -1}),
        ("features", {"excluded": {"usage_trend": " "}}),
        ("features", {"excluded": {"contract": "all missing"}}),
        ("leakage", {"features": ["tenure_months", "churn_score"]}),
        ("fairness_groups.region", {"fairness_attributes": ["region"]}),
        ("fairness_groups", {"fairness_attributes": []}),
    ],
)
def test_a_fault_fails_its_check(holdout: Any, policies: Policies, name: str, changed: dict[str, Any]) -> None:
    decision = judged(holdout, policies, **changed)
    assert decision.verdict == "fail"
    assert check(decision, name).verdict == "fail"


def test_too_few_rows_or_churners_fail(holdout: Any, policies: Policies) -> None:
    few = judged(holdout, policies, examples=holdout.frame[:999], churned=holdout.churned[:999])
    assert [entry.name for entry in few.checks if entry.verdict == "fail"] == ["rows"]
    calm = judged(holdout, policies, churned=np.arange(len(holdout.frame)) < 99)
    assert [entry.name for entry in calm.checks if entry.verdict == "fail"] == ["churners"]
    exodus = judged(holdout, policies, churned=np.arange(len(holdout.frame)) >= 99)
    assert [entry.name for entry in exodus.checks if entry.verdict == "fail"] == ["stayers"]


def test_no_rows_at_all_fails(holdout: Any, policies: Policies) -> None:
    decision = judged(holdout, policies, examples=holdout.frame[:0], churned=[])
    assert {"rows", "churners"} <= {entry.name for entry in decision.checks if entry.verdict == "fail"}


def test_an_immature_or_missing_outcome_fails(holdout: Any, policies: Policies) -> None:
    outcomes = holdout.churned.astype(float)
    outcomes[3] = NAN
    assert "matured" in check(judged(holdout, policies, churned=outcomes), "churners").reason
    assert "shape" in check(judged(holdout, policies, churned=outcomes[:-1]), "churners").reason


def test_a_feature_mostly_missing_fails_by_name_unless_it_was_left_out_with_a_reason(
    holdout: Any, policies: Policies
) -> None:
    frame = holdout.frame.copy()
    frame["usage_trend"] = np.where(np.arange(len(frame)) % 3 == 0, 1.0, NAN)
    decision = judged(holdout, policies, examples=frame, features=list(frame.columns))
    assert "usage_trend" in check(decision, "missing").reason
    assert decision.verdict == "fail"
    left_out = {"usage_trend": "the feed does not fill it"}
    kept = judged(holdout, policies, examples=frame, excluded=left_out)
    assert kept.passed
    assert "usage_trend left out: the feed does not fill it" in check(kept, "features").reason


def test_an_absent_feature_fails_by_name(holdout: Any, policies: Policies) -> None:
    decision = judged(holdout, policies, features=["tenure_months", "tenure"])
    assert "lack tenure" in check(decision, "features").reason


def test_a_fairness_group_too_small_to_see_fails(holdout: Any, policies: Policies) -> None:
    frame = holdout.frame.copy()
    frame["gender"] = np.where(np.arange(len(frame)) < 49, "Female", "Male")
    assert check(judged(holdout, policies, examples=frame), "fairness_groups.gender").verdict == "fail"
    frame["gender"] = "Female"
    assert "1 known group" in check(judged(holdout, policies, examples=frame), "fairness_groups.gender").reason


def test_nonsense_fails_without_raising(policies: Policies) -> None:
    decision = data_gate(
        None,  # type: ignore[arg-type]
        None,
        features=None,  # type: ignore[arg-type]
        excluded=None,  # type: ignore[arg-type]
        received_rows=None,  # type: ignore[arg-type]
        quarantined_rows=0,
        fairness_attributes=None,  # type: ignore[arg-type]
        policy=policies.gates.data,
    )
    assert {entry.verdict for entry in decision.checks} == {"fail"}


def test_a_frame_that_is_a_frame_of_pandas_is_all_the_data_gate_needs(policies: Policies) -> None:
    rng = np.random.default_rng(0)
    rows = 1200
    frame = pd.DataFrame(
        {"tenure_months": rng.integers(0, 72, rows), "gender": np.where(np.arange(rows) % 2, "Female", "Male")}
    )
    decision = data_gate(
        frame,
        rng.random(rows) < 0.3,
        features=["tenure_months", "gender"],
        excluded={},
        received_rows=rows,
        quarantined_rows=0,
        fairness_attributes=["gender"],
        policy=policies.gates.data,
    )
    assert decision.passed, decision.reasons
