"""Values that are each allowed and cannot both hold: refused at the line of the one to look at first."""

from __future__ import annotations

import pytest
from policy_text import KEYS, SHIPPED, only_problem_of, problems_of, quantity

from churn_platform.policies import load_policies


@pytest.mark.parametrize(
    ("path", "value", "at", "says"),
    [
        # within one block
        ("training.embargo", "365", "training.embargo", "nothing of training.window"),
        ("training.tuning.early_stopping_rounds", "600", "training.tuning.early_stopping_rounds", "never run out"),
        ("scoring.band_medium", "0.6", "scoring.band_medium", "no score would be medium"),
        ("gates.data.min_churners", "1000", "gates.data.min_churners", "no fewer than all"),
        ("gates.deployment.approvals.low", "2", "gates.deployment.approvals.high", "needs fewer approvals"),
        ("drift.window.length", "46", "drift.window.length", "longer than"),
        ("drift.persistence.violations", "4", "drift.persistence.violations", "can never violate"),
        ("drift.data.psi", "0.3", "drift.data.psi", "above the critical level"),
        ("drift.prediction.kl", "0.3", "drift.prediction.kl", "above the critical level"),
        ("drift.concept.auc_drop", "0.2", "drift.concept.auc_drop", "above the critical level"),
        ("drift.feature.psi", "0.21", "drift.feature.psi", "watched less closely"),
        ("alerts.critical.escalate_after", "1500", "alerts.critical.escalate_after", "wait longer than a warning"),
        ("champion_challenger.weights.size", "0.2", "champion_challenger.weights.auc", "sum to 1.1"),
        ("champion_challenger.min_gain", "0.2", "champion_challenger.min_gain", "can never be reached"),
        ("rollout.canary.steps[1].weight", "0.05", "rollout.canary.steps[1].weight", "does not grow"),
        ("rollout.canary.steps[2].duration", "0", "rollout.canary.steps[2].gate", "would grow unseen"),
        ("rollout.canary.steps[4].weight", "0.9", "rollout.canary.steps[4].weight", "never complete"),
        ("rollout.ab_test.power", "0.05", "rollout.ab_test.power", "not above alpha"),
        ("serving.min_instances", "11", "serving.min_instances", "above max_instances"),
        ("serving.max_instances", "4", "serving.max_instances", "less than the promised 500"),
        ("kpis.churn_rate.target", "0.3", "kpis.churn_rate.target", "worse than the baseline"),
        ("kpis.intervention_roi.target", "0.5", "kpis.intervention_roi.target", "worse than the baseline"),
        # between blocks
        ("replay.maturing", "29", "replay.maturing", "too few for the last history day's outcomes"),
        ("training.window", "60", "training.recency.short_window", "no shorter than training.window"),
        ("retraining.performance_decay.min_auc", "0.81", "retraining.performance_decay.min_auc", "ask for retraining"),
        ("gates.deployment.approvals.high", "3", "governance.approvers.high", "nobody could ever approve"),
        ("slo.error_budget", "0.002", "slo.error_budget", "more than serving.availability"),
        ("rollout.canary.max_p99", "199", "rollout.canary.max_p99", "within the promise"),
    ],
)
def test_values_that_cannot_both_hold_are_refused_at_the_one_to_look_at(
    path: str, value: str, at: str, says: str
) -> None:
    problem = only_problem_of(quantity(path).value.replaced(value))
    assert (problem.path, problem.line) == (at, KEYS[at].line)
    assert says in problem.wrong
    assert problem.way_out


def test_each_fairness_attribute_has_a_bound_and_each_bound_an_attribute() -> None:
    fewer = SHIPPED.replace("fairness_attributes: [gender, senior_citizen]", "fairness_attributes: [gender]")
    assert only_problem_of(fewer).path == "gates.evaluation.max_true_positive_rate_difference.senior_citizen"
    more = SHIPPED.replace("fairness_attributes: [gender,", "fairness_attributes: [partner, gender,")
    problem = only_problem_of(more)
    assert problem.path == "gates.evaluation.max_true_positive_rate_difference"
    assert "'partner'" in problem.wrong


def test_requester_service_and_agent_never_approve() -> None:
    shipped = "never_approve: [requester, service, agent]"
    fewer = only_problem_of(SHIPPED.replace(shipped, "never_approve: [requester, service]"))
    assert (fewer.path, fewer.wrong) == ("governance.never_approve", "agent could approve.")


EXCEPTION = """exceptions:
    - reason: "A late feed during the migration."
      rule: gates.data.max_missing_share
      subject: telco-churn
      requested_by: {requested_by}
      granted_by: {granted_by}
      expires: {{value: 2026-03-01, unit: date, reason: "The end of the migration."}}
"""


def _with_exception(requested_by: str, granted_by: str) -> str:
    return SHIPPED.replace("exceptions: []\n", EXCEPTION.format(requested_by=requested_by, granted_by=granted_by))


def test_nobody_grants_an_exception_to_themselves() -> None:
    problem = only_problem_of(_with_exception("risk-reviewer", "risk-reviewer"))
    assert problem.path == "governance.exceptions[0].granted_by"
    assert "themselves" in problem.wrong


def test_an_exception_is_granted_by_an_approver_of_the_highest_tier() -> None:
    problem = only_problem_of(_with_exception("ml-owner", "data-team"))
    assert problem.path == "governance.exceptions[0].granted_by"
    assert "approvers.high" in problem.wrong


def test_two_contradictions_in_one_block_are_both_reported() -> None:
    text = SHIPPED.replace("weight: {value: 0.10", "weight: {value: 0.05").replace(
        "weight: {value: 1.0", "weight: {value: 0.6"
    )
    assert [problem.path for problem in problems_of(text)] == [
        "rollout.canary.steps[1].weight",
        "rollout.canary.steps[4].weight",
    ]


def test_a_changed_copy_is_held_to_the_same_rules() -> None:
    policies = load_policies()
    for path, value in [
        ("scoring.band_medium", 0.7),
        ("slo.error_budget", 0.5),
        ("label.horizon", 30),
        ("training.seed", -1),
    ]:
        with pytest.raises(ValueError, match="validation error"):
            policies.changed(path, value, "an experiment")


def test_a_training_window_within_which_no_outcome_matures_is_refused() -> None:
    text = quantity("training.recency.short_window").value.replaced("29")
    wide = 'window: {value: 365, unit: days, reason: "Rolling twelve months'
    assert text.count(wide) == 1
    problem = only_problem_of(text.replace(wide, wide.replace("365", "30")))
    assert problem.path == "training.window"
    assert "no outcome within it" in problem.wrong
