from __future__ import annotations

from dataclasses import dataclass
from datetime import UTC, datetime, timedelta

import pytest
from hypothesis import given
from hypothesis import strategies as st

from churn_platform.promotion import ModelFacts, first_release_decision, model_state, successor_decision


@dataclass(frozen=True)
class Check:
    name: str = "auc"
    verdict: str = "pass"
    reason: str = "0.85 is at least 0.80"


@dataclass(frozen=True)
class Gate:
    gate: str
    verdict: str = "pass"
    checks: tuple[Check, ...] = (Check(),)


PASSED = Gate("evaluation"), Gate("deployment")


def test_the_first_model_that_passes_its_gates_is_released_at_once_and_the_reason_says_so() -> None:
    decision = first_release_decision(*PASSED, incumbent=None)
    assert decision.outcome == "release"
    assert len(decision.reasons) == 1
    assert "There is no champion yet" in decision.reasons[0]
    assert "released at once" in decision.reasons[0]


def test_with_an_incumbent_the_new_model_must_be_compared() -> None:
    decision = first_release_decision(*PASSED, incumbent="churn-1")
    assert decision.outcome == "needs_comparison"
    assert "churn-1 is champion" in decision.reasons[0]


@pytest.mark.parametrize("incumbent", [None, "churn-1"])
@pytest.mark.parametrize("which", ["evaluation", "deployment"])
@pytest.mark.parametrize(
    ("broken", "why"),
    [
        (None, "has no recorded verdict"),
        (Gate("{}", "fail", (Check(), Check("ece", "fail", "0.07 is above 0.05"))), "ece: 0.07 is above 0.05"),
        (Gate("{}", "inconclusive", (Check("auc", "inconclusive", "too few rows"),)), "auc: too few rows"),
        (Gate("{}", "fail", ()), "no check says why"),
        (Gate("{}", "pass", ()), "passed without a single check"),
        (Gate("{}", "pass", (Check(verdict="fail"),)), "says 'pass', but its check 'auc' says 'fail'"),
        (Gate("{}", "pass", (Check(verdict="skipped"),)), "says 'skipped'"),
        (Gate("{}", "PASS"), "says 'PASS'"),
        (Gate("{}", ""), "says ''"),
        (Gate("data"), "A verdict of the 'data' gate was given"),
    ],
)
def test_anything_but_two_real_passes_blocks(which: str, broken: Gate | None, why: str, incumbent: str | None) -> None:
    gates: dict[str, Gate | None] = {"evaluation": PASSED[0], "deployment": PASSED[1]}
    if broken is not None:
        broken = Gate(broken.gate.format(which), broken.verdict, broken.checks)
    gates[which] = broken
    decision = first_release_decision(gates["evaluation"], gates["deployment"], incumbent)
    assert decision.outcome == "blocked"
    assert why in " ".join(decision.reasons)


def test_gates_given_in_the_wrong_order_block() -> None:
    assert first_release_decision(PASSED[1], PASSED[0], None).outcome == "blocked"


def test_every_problem_of_both_gates_is_told() -> None:
    failed = Gate("evaluation", "fail", (Check("auc", "fail", "low"), Check("ece", "fail", "high")))
    assert len(first_release_decision(failed, None, None).reasons) == 3


@pytest.mark.parametrize("incumbent", ["", "  "])
def test_a_blank_incumbent_is_an_error_of_the_caller_not_an_empty_throne(incumbent: str) -> None:
    assert first_release_decision(*PASSED, incumbent=incumbent).outcome == "blocked"


verdicts = st.sampled_from(["pass", "fail", "inconclusive", "", "ok"])
gates = st.none() | st.builds(
    Gate,
    gate=st.sampled_from(["evaluation", "deployment"]),
    verdict=verdicts,
    checks=st.lists(st.builds(Check, verdict=verdicts), max_size=3).map(tuple),
)


@given(gates, gates, st.sampled_from([None, "churn-1"]))
def test_nothing_is_released_unless_both_gates_passed_on_evidence(
    evaluation: Gate | None, deployment: Gate | None, incumbent: str | None
) -> None:
    decision = first_release_decision(evaluation, deployment, incumbent)
    sound = all(
        gate is not None
        and gate.gate == name
        and gate.verdict == "pass"
        and gate.checks
        and {check.verdict for check in gate.checks} == {"pass"}
        for name, gate in (("evaluation", evaluation), ("deployment", deployment))
    )
    assert decision.outcome == (("needs_comparison" if incumbent else "release") if sound else "blocked")
    assert decision.reasons
    assert all(reason.strip() for reason in decision.reasons)


# successors


WON = successor_decision(*PASSED, "churn-1", "wins")


def test_a_winner_that_passed_both_gates_is_released() -> None:
    assert WON.outcome == "release"
    assert "won against churn-1 on the same rows" in WON.reasons[0]


@pytest.mark.parametrize(
    ("comparison", "outcome"),
    [
        ("tie", "keep"),
        ("loses", "archive"),
        ("blocked", "blocked"),
        (None, "needs_comparison"),
        ("WINS", "blocked"),
        ("", "blocked"),
    ],
)
def test_anything_but_a_win_leaves_the_champion_where_it_is(comparison: str | None, outcome: str) -> None:
    decision = successor_decision(*PASSED, "churn-1", comparison)
    assert decision.outcome == outcome
    assert "churn-1" in decision.reasons[0]


verdicts = st.sampled_from(["pass", "fail", "inconclusive", "passed", ""])
gates = st.none() | st.builds(
    Gate,
    st.sampled_from(["evaluation", "deployment", "data"]),
    verdicts,
    st.lists(st.builds(Check, verdict=verdicts), max_size=3).map(tuple),
)


@given(gates, gates, st.sampled_from(["wins", "tie", "loses", "blocked", None]))
def test_nothing_is_released_unless_both_gates_passed_on_something_and_it_won(
    evaluation: Gate | None, deployment: Gate | None, comparison: str | None
) -> None:
    decision = successor_decision(evaluation, deployment, "churn-1", comparison)

    def opened(gate: Gate | None, name: str) -> bool:
        return (
            gate is not None
            and gate.gate == name
            and gate.verdict == "pass"
            and bool(gate.checks)
            and all(check.verdict == "pass" for check in gate.checks)
        )

    whole = opened(evaluation, "evaluation") and opened(deployment, "deployment") and comparison == "wins"
    assert (decision.outcome == "release") == whole
    assert decision.reasons


def test_a_successor_of_nobody_is_blocked() -> None:
    assert successor_decision(*PASSED, "  ", "wins").outcome == "blocked"


# states


NOW = datetime(2026, 6, 1, tzinfo=UTC)
QUARTER = timedelta(days=90)


@pytest.mark.parametrize(
    ("facts", "state"),
    [
        (ModelFacts(False, None, False, None), "candidate"),
        (ModelFacts(False, None, True, None), "challenger"),
        (ModelFacts(True, None, True, "release"), "champion"),
        (ModelFacts(True, NOW - QUARTER, True, "release"), "champion"),
        (ModelFacts(False, NOW - timedelta(days=89), True, "release"), "former_champion"),
        (ModelFacts(False, NOW - QUARTER, True, "release"), "retired"),
        (ModelFacts(False, None, True, "keep"), "tied"),
        (ModelFacts(False, None, True, "archive"), "archived"),
        (ModelFacts(False, None, True, "blocked"), "blocked"),
    ],
)
def test_a_models_state_is_read_off_its_records(facts: ModelFacts, state: str) -> None:
    assert model_state(facts, NOW, QUARTER) == state
