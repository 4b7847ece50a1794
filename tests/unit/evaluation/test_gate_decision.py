"""The rule from checks to verdict: nothing that is missing, broken or unknown opens a gate."""

from __future__ import annotations

import json
from typing import Any

import numpy as np
import pytest
from gate_evidence import NAN
from hypothesis import given
from hypothesis import strategies as st

from churn_platform.evaluation.gate import (
    GateCheck,
    GateDecision,
    decide,
)
from churn_platform.evaluation.gate.decision import ask, at_least, at_most, holds


def test_a_gate_without_a_single_check_fails() -> None:
    decision = decide("data", [])
    assert decision.verdict == "fail"
    assert not decision.passed
    assert "ran no check" in decision.reasons[0]


@given(st.lists(st.sampled_from(["pass", "fail", "inconclusive"]), min_size=1, max_size=6))
def test_one_fail_fails_and_else_one_doubt_holds(verdicts: list[Any]) -> None:
    decision = decide("data", [GateCheck(str(i), v, None, None, "") for i, v in enumerate(verdicts)])
    if "fail" in verdicts:
        assert decision.verdict == "fail"
    elif "inconclusive" in verdicts:
        assert decision.verdict == "inconclusive"
    else:
        assert decision.passed


def test_a_verdict_nobody_knows_fails() -> None:
    assert decide("data", [GateCheck("a", "accept", None, None, "")]).verdict == "fail"  # type: ignore[arg-type]


def test_a_check_that_raises_fails_with_the_error_as_its_reason() -> None:
    def broken() -> GateCheck:
        raise KeyError("auc_roc")

    (found,) = ask([("auc", broken)])
    assert (found.verdict, found.observed) == ("fail", None)
    assert "KeyError: 'auc_roc'" in found.reason


def test_a_question_that_finds_nothing_to_check_fails() -> None:
    (found,) = ask([("fairness", list)])
    assert (found.verdict, found.reason) == ("fail", "had nothing to check")


@pytest.mark.parametrize("observed", [None, NAN, float("inf"), float("-inf"), "0.9", "high", True, [0.9], {}])
def test_what_is_no_finite_number_fails_on_either_side(observed: object) -> None:
    assert at_least("auc", observed, 0.8, "AUC").verdict == "fail"
    assert at_most("ece", observed, 0.8, "ECE").verdict == "fail"
    assert at_least("auc", np.float32(0.9), 0.8, "AUC").verdict == "pass"
    assert at_most("ece", 0.1, 0.8, "ECE").verdict == "pass"


@pytest.mark.parametrize("bound", [NAN, float("inf"), float("-inf")])
def test_a_bound_that_bounds_nothing_fails(bound: float) -> None:
    assert at_least("auc", 0.9, bound, "AUC").verdict == "fail"
    assert at_most("ece", 0.1, bound, "ECE").verdict == "fail"


@pytest.mark.parametrize("condition", [None, "yes", 1, object(), np.True_])
def test_only_true_is_true(condition: object) -> None:
    assert holds("integrity", condition, "whole", "broken").verdict == "fail"
    assert holds("integrity", True, "whole", "broken").verdict == "pass"


def test_a_decision_survives_json() -> None:
    decision = decide("data", [at_least("rows", 3, 2, "rows"), at_most("missing", None, 0.5, "missing")])
    assert GateDecision.from_dict(json.loads(json.dumps(decision.to_dict()))) == decision


def test_an_edited_record_does_not_open_a_gate() -> None:
    record = decide("evaluation", [at_least("auc", 0.7, 0.8, "AUC")]).to_dict()
    record["verdict"] = "pass"
    assert GateDecision.from_dict(record).verdict == "fail"
