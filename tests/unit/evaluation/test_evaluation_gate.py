"""The evaluation gate: it opens for a sound model, and each fault closes it with its own reason."""

from __future__ import annotations

import json
from dataclasses import replace
from typing import Any

import pytest
from gate_evidence import NAN, SOUND, check, fresh

from churn_platform.evaluation.estimate import Estimate
from churn_platform.evaluation.evaluation import Evaluation
from churn_platform.evaluation.gate import (
    ChampionOnHoldout,
    GateDecision,
    evaluation_gate,
)
from churn_platform.evaluation.metrics import METRICS
from churn_platform.policies import Policies


def test_opens_for_a_sound_model_and_says_what_it_looked_at(evaluation: Evaluation, policies: Policies) -> None:
    decision = evaluation_gate(evaluation, SOUND, policies.gates.evaluation)
    assert decision.passed, decision.reasons
    assert decision.reasons == ()
    assert [entry.name for entry in decision.checks] == [
        "metrics",
        "auc",
        "auc_against_baseline",
        "brier",
        "ece",
        "top_lift",
        "label_maturity",
        "fairness.gender",
        "fairness.senior_citizen",
        "leakage",
        "seconds_per_1000_scores",
        "contribution_gap",
        "parity_difference",
    ]
    assert all(entry.reason for entry in decision.checks)


def test_opens_for_the_recorded_form_alike(evaluation: Evaluation, policies: Policies) -> None:
    record = json.loads(json.dumps(evaluation.to_dict()))
    bounds = policies.gates.evaluation
    assert evaluation_gate(record, SOUND, bounds) == evaluation_gate(evaluation, SOUND, bounds)


@pytest.mark.parametrize(("name", "value"), [("auc", 0.79), ("brier", 0.21), ("ece", 0.06), ("top_lift", 1.7)])
def test_a_figure_beyond_its_bound_fails_its_own_check_alone(
    evaluation: Evaluation, policies: Policies, name: str, value: float
) -> None:
    metrics = {**evaluation.metrics, name: fresh(value, evaluation.rows)}
    decision = evaluation_gate(replace(evaluation, metrics=metrics), SOUND, policies.gates.evaluation)
    assert decision.verdict == "fail"
    assert [entry.name for entry in decision.checks if entry.verdict != "pass"] == [name]
    assert check(decision, name).observed == value


@pytest.mark.parametrize("name", list(METRICS))
@pytest.mark.parametrize("whose", ["metrics", "baseline"])
def test_a_metric_that_is_missing_fails_even_if_no_bound_asks_for_it(
    evaluation: Evaluation, policies: Policies, name: str, whose: str
) -> None:
    left = {key: value for key, value in getattr(evaluation, whose).items() if key != name}
    decision = evaluation_gate(replace(evaluation, **{whose: left}), SOUND, policies.gates.evaluation)
    assert decision.verdict == "fail"
    assert f"{name} is missing" in check(decision, "metrics").reason


def test_a_metric_under_another_name_fails_and_is_no_default(evaluation: Evaluation, policies: Policies) -> None:
    metrics = {("auc_roc" if name == "auc" else name): value for name, value in evaluation.metrics.items()}
    decision = evaluation_gate(replace(evaluation, metrics=metrics), SOUND, policies.gates.evaluation)
    assert check(decision, "auc").verdict == "fail"
    assert check(decision, "auc").observed is None
    assert "auc_roc is no known metric" in check(decision, "metrics").reason


@pytest.mark.parametrize("bad", [NAN, float("inf")])
@pytest.mark.parametrize("name", ["auc", "ece"])
def test_a_figure_that_is_not_a_number_fails(evaluation: Evaluation, policies: Policies, name: str, bad: float) -> None:
    broken = replace(evaluation.metrics[name], value=bad)
    changed = replace(evaluation, metrics={**evaluation.metrics, name: broken})
    decision = evaluation_gate(changed, SOUND, policies.gates.evaluation)
    assert check(decision, name).verdict == check(decision, "metrics").verdict == "fail"


def test_a_figure_without_a_sound_interval_fails(evaluation: Evaluation, policies: Policies) -> None:
    turned = replace(evaluation.metrics["auc"], low=0.99, high=0.5)
    changed = replace(evaluation, metrics={**evaluation.metrics, "auc": turned})
    assert check(evaluation_gate(changed, SOUND, policies.gates.evaluation), "metrics").verdict == "fail"


def test_figures_of_other_rows_fail(evaluation: Evaluation, policies: Policies) -> None:
    elsewhere = replace(evaluation.metrics["auc"], rows=99_999)
    changed = replace(evaluation, metrics={**evaluation.metrics, "auc": elsewhere})
    decision = evaluation_gate(changed, SOUND, policies.gates.evaluation)
    assert "99999 rows, not on the holdout's 1408" in check(decision, "metrics").reason


@pytest.mark.parametrize(
    "change",
    [
        {"seconds_per_1000_scores": None},
        {"seconds_per_1000_scores": 2.1},
        {"seconds_per_1000_scores": -0.1},
        {"contribution_gap": None},
        {"contribution_gap": 2e-4},
        {"contribution_gap": NAN},
        {"parity_difference": None},
        {"parity_difference": 2e-6},
        {"parity_difference": -1.0},
    ],
)
def test_evidence_that_is_missing_or_beyond_its_bound_fails(
    evaluation: Evaluation, policies: Policies, change: dict[str, float | None]
) -> None:
    decision = evaluation_gate(evaluation, replace(SOUND, **change), policies.gates.evaluation)  # type: ignore[arg-type]
    (name,) = change
    assert [entry.name for entry in decision.checks if entry.verdict != "pass"] == [name]


@pytest.mark.parametrize("features", [(), ("tenure_months", "Churn Score"), ("satisfaction_score",), ("CLTV",)])
def test_no_features_or_one_from_the_future_fails(
    evaluation: Evaluation, policies: Policies, features: tuple[str, ...]
) -> None:
    decision = evaluation_gate(evaluation, replace(SOUND, features=features), policies.gates.evaluation)
    assert check(decision, "leakage").verdict == decision.verdict == "fail"


def test_a_model_that_the_baseline_beats_fails(evaluation: Evaluation, policies: Policies) -> None:
    beaten = replace(evaluation, auc_above_baseline=fresh(-0.02, evaluation.rows))
    decision = evaluation_gate(beaten, SOUND, policies.gates.evaluation)
    assert check(decision, "auc_against_baseline").verdict == "fail"
    nearly = replace(evaluation, auc_above_baseline=fresh(-0.009, evaluation.rows))
    assert evaluation_gate(nearly, SOUND, policies.gates.evaluation).passed


def test_unfair_fails_unmeasured_fails_and_too_few_to_say_is_inconclusive(
    evaluation: Evaluation, policies: Policies
) -> None:
    bounds = policies.gates.evaluation
    gender, senior = evaluation.fairness
    wide = replace(gender, differences={**gender.differences, "true_positive_rate": fresh(0.3, 100)})
    assert evaluation_gate(replace(evaluation, fairness=(wide, senior)), SOUND, bounds).verdict == "fail"
    absent = evaluation_gate(replace(evaluation, fairness=(senior,)), SOUND, bounds)
    assert "not measured" in check(absent, "fairness.gender").reason
    assert absent.verdict == "fail"
    few = replace(gender, differences={}, reason="fewer than two groups of gender can be compared")
    unsure = evaluation_gate(replace(evaluation, fairness=(few, senior)), SOUND, bounds)
    assert unsure.verdict == "inconclusive"
    assert not unsure.passed
    assert unsure.reasons == ("fairness.gender: fewer than two groups of gender can be compared",)


@pytest.mark.parametrize("maturity", [0.0, NAN, -0.1, 1.5])
def test_figures_without_label_maturity_fail(evaluation: Evaluation, policies: Policies, maturity: float) -> None:
    decision = evaluation_gate(replace(evaluation, label_maturity=maturity), SOUND, policies.gates.evaluation)
    assert check(decision, "label_maturity").verdict == "fail"


@pytest.mark.parametrize("record", [{}, {"auc": 0.99}, None, [], "pass", 1])
def test_an_unreadable_record_fails_without_raising(policies: Policies, record: Any) -> None:
    decision = evaluation_gate(record, SOUND, policies.gates.evaluation)
    assert decision.verdict == "fail"
    assert "cannot be read" in decision.reasons[0]


def test_missing_evidence_or_policy_fails_without_raising(evaluation: Evaluation, policies: Policies) -> None:
    assert evaluation_gate(evaluation, None, policies.gates.evaluation).verdict == "fail"  # type: ignore[arg-type]
    assert evaluation_gate(evaluation, SOUND, None).verdict == "fail"  # type: ignore[arg-type]


# a world that has become harder than the bound


def harder(
    evaluation: Evaluation, policies: Policies, champion: ChampionOnHoldout | None, auc: float = 0.77
) -> GateDecision:
    """The gate's decision on a candidate whose holdout AUC is below the bound."""
    metrics = {**evaluation.metrics, "auc": fresh(auc, evaluation.rows)}
    return evaluation_gate(replace(evaluation, metrics=metrics), SOUND, policies.gates.evaluation, champion)


def above(value: float, low: float) -> Estimate:
    return Estimate(value, low, value + (value - low), 0.99, "delong paired", 2_000)


def test_below_the_bound_a_better_one_than_a_champion_that_is_below_it_too_passes_and_says_so(
    evaluation: Evaluation, policies: Policies
) -> None:
    decision = harder(evaluation, policies, ChampionOnHoldout("churn-1", fresh(0.74, 2_000), above(0.03, 0.01)))
    assert decision.passed, decision.reasons
    assert "champion churn-1 has 0.74 on the same 2,000 rows, below it too" in check(decision, "auc").reason


@pytest.mark.parametrize(
    ("champion", "why"),
    [
        (None, "0.8 is required"),
        (ChampionOnHoldout("churn-1", fresh(0.74, 2_000), above(0.03, -0.001)), "may be chance"),
        (ChampionOnHoldout("churn-1", fresh(0.78, 2_000), above(-0.01, -0.02)), "may be chance"),
        (ChampionOnHoldout("churn-1", fresh(0.81, 2_000), above(0.03, 0.01)), "so it can be reached"),
        (ChampionOnHoldout("churn-1", fresh(NAN, 2_000), above(0.03, 0.01)), "could not be measured"),
        (ChampionOnHoldout("churn-1", fresh(0.74, 2_000), above(NAN, NAN)), "could not be measured"),
        (ChampionOnHoldout("churn-1", None, None, "PackageError: gone"), "PackageError: gone"),
    ],
    ids=["nobody", "chance", "worse", "champion above", "nan champion", "nan difference", "not measured"],
)
def test_below_the_bound_everything_else_fails(
    evaluation: Evaluation, policies: Policies, champion: ChampionOnHoldout | None, why: str
) -> None:
    decision = harder(evaluation, policies, champion)
    assert decision.verdict == "fail"
    assert [entry.name for entry in decision.checks if entry.verdict != "pass"] == ["auc"]
    assert why in check(decision, "auc").reason


def test_a_missing_auc_is_not_helped_by_a_bad_champion(evaluation: Evaluation, policies: Policies) -> None:
    bad = ChampionOnHoldout("churn-1", fresh(0.5, 2_000), above(0.3, 0.2))
    assert harder(evaluation, policies, bad, auc=NAN).verdict == "fail"
