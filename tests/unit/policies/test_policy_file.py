"""The shipped file: complete, true to the contracts and the design's defaults, explained, and cheap to read."""

from __future__ import annotations

import datetime as dt
import doctest
import importlib
import json
import pkgutil
import re
import subprocess
import sys
from pathlib import Path

import pytest
from policy_text import KEYS, QUANTITIES, SHIPPED

import churn_platform.policies as package
from churn_platform.contracts.features import FEATURE_SETS
from churn_platform.contracts.predictions import BANDS, DECISIONS
from churn_platform.policies import BLOCKS, UnknownPolicyPathError, load_policies, policies_from_text

POLICIES = load_policies()
DOCUMENT = Path(__file__).parents[3] / "docs" / "policies.md"


@pytest.mark.parametrize(
    ("path", "value"),
    [
        ("drift.data.psi", 0.2),
        ("drift.feature.psi", 0.15),
        ("drift.prediction.kl", 0.1),
        ("drift.concept.auc_drop", 0.05),
        ("drift.concept.window", dt.timedelta(days=7)),
        ("drift.window.min_rows", 200),
        ("retraining.drift_detected.cooldown", dt.timedelta(hours=24)),
        ("retraining.performance_decay.min_auc", 0.80),
        ("retraining.scheduled.at", dt.time(2)),
        ("retraining.data_volume.min_new_outcomes", 1000),
        ("retraining.time_limit", dt.timedelta(hours=4)),
        ("champion_challenger.weights.auc", 0.4),
        ("champion_challenger.min_gain", 0.01),
        ("rollout.canary.max_p99", dt.timedelta(milliseconds=300)),
        ("rollout.canary.max_error_rate", 0.01),
        ("rollout.shadow.duration", dt.timedelta(days=7)),
        ("rollout.blue_green.rollback_within", dt.timedelta(seconds=300)),
        ("rollout.ab_test.duration", dt.timedelta(days=14)),
        ("rollout.ab_test.min_sample", 1000),
        ("serving.p99", dt.timedelta(milliseconds=200)),
        ("serving.availability", 0.999),
        ("batch.at", dt.time(6)),
        ("batch.timeout", dt.timedelta(minutes=60)),
        ("kpis.churn_rate.target", 0.08),
        ("kpis.intervention_roi.target", 5.0),
        ("kpis.net_revenue_retention.target", 1.10),
        ("review.max_cost", 50.0),
        ("review.max_tokens", 500_000),
        ("replay.start_date", dt.date(2026, 1, 1)),
        ("label.horizon", dt.timedelta(days=30)),
        ("training.holdout_share", 0.2),
        ("gates.evaluation.max_contribution_gap", 1e-4),
        ("gates.evaluation.max_parity_difference", 1e-6),
    ],
)
def test_the_defaults_are_the_designs(path: str, value: object) -> None:
    assert POLICIES.value(path) == value
    assert type(POLICIES.value(path)) is type(value)


def test_the_canary_grows_as_designed() -> None:
    hours = [(step.weight, step.duration / dt.timedelta(hours=1)) for step in POLICIES.rollout.canary.steps]
    assert hours == [(0.05, 1), (0.1, 4), (0.25, 12), (0.5, 24), (1.0, 0)]


def test_every_feature_that_a_policy_names_exists_in_its_feature_set() -> None:
    names = FEATURE_SETS[POLICIES.training.feature_set].names
    evaluation = POLICIES.evaluation
    named = {*evaluation.segments, *evaluation.fairness_attributes, *POLICIES.drift.feature.features}
    assert named <= set(names)


def test_bands_and_decisions_are_those_of_the_contract() -> None:
    decisions = POLICIES.scoring.decisions
    assert set(type(decisions).model_fields) == set(BANDS)
    assert {decisions.high, decisions.medium, decisions.low} == set(DECISIONS)
    assert [POLICIES.scoring.band(p) for p in (0.0, 0.29, 0.3, 0.59, 0.6, 1.0)] == [
        "low", "low", "medium", "medium", "high", "high",
    ]  # fmt: skip


@pytest.mark.parametrize("probability", [float("nan"), -0.1, 1.1])
def test_what_is_no_probability_has_no_band(probability: float) -> None:
    with pytest.raises(ValueError, match="no probability"):
        POLICIES.scoring.band(probability)


def test_every_reason_says_something_of_its_own() -> None:
    for at in QUANTITIES:
        assert len(POLICIES.reason(at.path).split()) >= 2, at.path
    assert POLICIES.reason("drift.data.psi").startswith("Credit scoring's rule")


def test_a_plain_value_answers_with_the_reason_of_its_block() -> None:
    assert POLICIES.reason("alerts.warning.channels") == POLICIES.reason("alerts.warning")
    assert POLICIES.reason("alerts.warning.channels[0]") == POLICIES.reason("alerts.warning")
    assert POLICIES.reason("rollout.canary.steps[1].gate") == POLICIES.reason("rollout.canary.steps[1]")


@pytest.mark.parametrize(
    "path",
    [
        "",
        "drift.data.pssi",
        "nothing",
        "rollout.canary.steps[9]",
        "rollout.canary.steps.x",
        "drift.data.psi.",
        "drift..data",
        "reasons",
        "label.horizon.x",
    ],
)
def test_a_path_that_is_not_there_is_an_error_and_no_silence(path: str) -> None:
    with pytest.raises(UnknownPolicyPathError):
        POLICIES.reason(path)
    with pytest.raises(UnknownPolicyPathError):
        POLICIES.value(path)


def test_a_block_of_quantities_has_no_reason_to_give() -> None:
    with pytest.raises(UnknownPolicyPathError, match="their own reasons"):
        POLICIES.reason("drift.data")


def test_a_change_needs_a_reason() -> None:
    with pytest.raises(ValueError, match="without a reason"):
        POLICIES.changed("training.seed", 1, " ")


@pytest.mark.parametrize(
    "path", ["scoring", "gates.evaluation.max_true_positive_rate_difference", "rollout.canary.steps"]
)
def test_more_than_one_value_is_not_changed_under_one_reason(path: str) -> None:
    with pytest.raises(ValueError, match="one by one"):
        POLICIES.changed(path, POLICIES.value(path), "all at once")


def test_one_entry_of_a_list_or_of_a_mapping_by_name_can_be_changed() -> None:
    canary = POLICIES.changed("rollout.canary.steps[0].weight", 0.01, "a careful start")
    assert [step.weight for step in canary.rollout.canary.steps] == [0.01, 0.1, 0.25, 0.5, 1.0]
    limit = "gates.evaluation.max_true_positive_rate_difference.gender"
    changed = POLICIES.changed(limit, 0.1, "stricter")
    assert (changed.value(limit), changed.reason(limit)) == (0.1, "stricter")
    assert policies_from_text(json.dumps(changed.as_dict(reasons=True)), "record") == changed


def test_no_field_is_called_like_the_reason_of_its_block() -> None:
    assert len(KEYS) > 500
    for block in {type(POLICIES.value(path)) for path in BLOCKS}:
        assert "reason" not in block.model_fields


def test_reading_it_imports_pydantic_and_yaml_and_no_plumbing() -> None:
    script = (
        "import sys; from churn_platform.policies import load_policies; load_policies();"
        "heavy = {'pandas', 'numpy', 'dagster', 'duckdb', 'mlflow', 'sqlalchemy', 'xgboost'};"
        "print(sorted(heavy & set(sys.modules)))"
    )
    run = subprocess.run([sys.executable, "-c", script], capture_output=True, text=True, check=True)
    assert run.stdout.strip() == "[]"


def test_the_document_names_every_block_and_no_other() -> None:
    table = re.findall(r"^\| `([a-z_.]+)` \|", DOCUMENT.read_text(encoding="utf-8"), flags=re.MULTILINE)
    quantities = {at.path for at in QUANTITIES}
    blocks = {
        path
        for path in KEYS
        if "[" not in path
        and path not in quantities
        and any(other.startswith(f"{path}.") for other in KEYS)
        and path.count(".") <= 1
    }
    assert sorted(table) == sorted(blocks)
    assert {path for path in table if "." not in path} == set(BLOCKS)


def test_the_document_repeats_no_value_that_could_grow_stale() -> None:
    table = [line for line in DOCUMENT.read_text(encoding="utf-8").splitlines() if line.startswith("| `")]
    assert table
    assert [line for line in table if re.search(r"\d", line.replace("F1", ""))] == []


def test_the_examples_in_the_document_are_true() -> None:
    examples = re.findall(r"^(policies\.\S+) +# ([\w.]+.*)$", DOCUMENT.read_text(encoding="utf-8"), flags=re.MULTILINE)
    shown = {path.removeprefix("policies."): value for path, value in examples if "(" not in path and value[0] in "0d"}
    assert len(shown) == 2
    assert {path: repr(POLICIES.value(path)) for path in shown} == shown


def test_the_examples_in_the_modules_run() -> None:
    results = [
        doctest.testmod(importlib.import_module(f"{package.__name__}.{module.name}"))
        for module in pkgutil.iter_modules(package.__path__)
    ]
    assert sum(result.attempted for result in results) >= 3
    assert sum(result.failed for result in results) == 0


def test_the_file_has_no_tabs_and_ends_with_a_newline() -> None:
    assert SHIPPED.endswith("\n")
    assert "\t" not in SHIPPED
