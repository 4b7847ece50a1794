"""Every way in which a policy file can be wrong: refused, with the line, the path, the rule and the way out."""

from __future__ import annotations

from pathlib import Path

import pytest
from policy_text import KEYS, NAME, SHIPPED, only_problem_of, problems_of, quantity

from churn_platform.policies import PACKAGED, PolicyError, load_policies, policies_from_text


def test_the_shipped_file_is_the_control_that_these_refusals_are_about_the_faults() -> None:
    assert policies_from_text(SHIPPED, NAME) == load_policies()


def test_an_unknown_key_is_named_with_the_one_that_was_meant() -> None:
    problem = only_problem_of(SHIPPED.replace("  ks: {value", "  kss: {value: 1}\n    ks: {value"))
    assert (problem.line, problem.path) == (quantity("drift.data.ks").key.line, "drift.data.kss")
    assert "Did you mean" in problem.way_out
    assert "jensen_shannon" in problem.allowed


def test_a_misspelt_key_is_reported_as_unknown_and_as_missing() -> None:
    at = quantity("drift.data.psi")
    missing, unknown = problems_of(at.key.replaced("pssi"))
    assert (unknown.line, unknown.path) == (at.key.line, "drift.data.pssi")
    assert unknown.way_out == "Did you mean 'psi'?"
    assert (missing.line, missing.path) == (KEYS["drift.data"].line, "drift.data.psi")
    assert "unit: psi" in missing.way_out


def test_an_unknown_block_is_refused() -> None:
    problem = only_problem_of(SHIPPED + "\nleftovers:\n  reason: nobody reads this\n")
    assert (problem.line, problem.path) == (SHIPPED.count("\n") + 2, "leftovers")
    assert problem.way_out == "Remove it."


@pytest.mark.parametrize("block", [path for path in KEYS if "." not in path])
def test_a_missing_block_is_named(block: str) -> None:
    lines, first = SHIPPED.splitlines(keepends=True), KEYS[block].line - 1
    after = [part.line - 1 for path, part in KEYS.items() if "." not in path and part.line - 1 > first]
    problem = only_problem_of("".join(lines[:first] + lines[min(after, default=len(lines)) :]))
    assert (problem.line, problem.path, problem.wrong) == (1, block, "it is missing.")


def test_another_unit_is_refused_with_the_units_that_fit() -> None:
    at = quantity("serving.p99")
    problem = only_problem_of(at.unit.replaced("requests"))
    assert (problem.line, problem.path) == (at.unit.line, "serving.p99.unit")
    assert problem.wrong == "'requests' is not a unit of this quantity."
    assert "milliseconds" in problem.allowed
    share = quantity("training.holdout_share")
    assert only_problem_of(share.unit.replaced("percent")).allowed == "Allowed: share."


@pytest.mark.parametrize("reason", ["''", '"   "', "TODO", "tbd.", "…", "null", "[because, of, this]"])
def test_a_blank_reason_is_no_reason(reason: str) -> None:
    at = quantity("gates.data.min_rows")
    problem = only_problem_of(at.reason.replaced(reason))
    assert (problem.line, problem.path) == (at.reason.line, "gates.data.min_rows.reason")
    assert problem.wrong == "the reason is blank."


def test_a_block_of_plain_values_needs_a_reason_of_its_own() -> None:
    problem = only_problem_of("".join(line for line in SHIPPED.splitlines(True) if "Segments are what" not in line))
    assert (problem.line, problem.path) == (KEYS["evaluation"].line, "evaluation.reason")
    assert problem.wrong == "the reason is missing."


@pytest.mark.parametrize(
    ("path", "value"),
    [
        ("training.holdout_share", "1"),
        ("training.holdout_share", "0"),
        ("training.holdout_share", "-0.2"),
        ("evaluation.confidence", "95"),
        ("gates.evaluation.min_auc", "0.4"),
        ("training.tuning.trials", "0"),
        ("training.seed", "-1"),
        ("label.horizon", "0"),
        ("label.horizon", "-30"),
        ("champion_challenger.business.offer_cost", "-1"),
        ("gates.evaluation.max_true_positive_rate_difference.gender", "1.5"),
        ("rollout.canary.steps[0].weight", "0"),
    ],
)
def test_a_value_out_of_range_is_refused_with_the_range(path: str, value: str) -> None:
    at = quantity(path)
    problem = only_problem_of(at.value.replaced(value))
    assert (problem.line, problem.path) == (at.value.line, path)
    assert any(word in problem.allowed for word in ("at least", "above", "below", "at most"))


@pytest.mark.parametrize(
    ("path", "value"),
    [
        ("training.tuning.trials", "12.5"),
        ("training.tuning.trials", '"12"'),
        ("training.tuning.trials", "twelve"),
        ("training.tuning.trials", "true"),
        ("training.tuning.trials", "010"),
        ("training.tuning.trials", "0x10"),
        ("training.tuning.trials", "1:30"),
        ("training.tuning.trials", "1e1"),
        ("training.tuning.trials", "''"),
        ("training.tuning.trials", "null"),
        ("training.tuning.trials", "~"),
        ("training.tuning.trials", "[12]"),
        ("training.tuning.trials", "{n: 12}"),
        ("training.tuning.trials", "９"),
        ("drift.data.psi", "'0.2'"),
        ("drift.data.psi", "20%"),
        ("drift.data.psi", "1e999"),
        ("drift.data.psi", "9" * 4301),
        ("label.horizon", "thirty"),
        ("label.horizon", "1e300"),
        ("label.horizon", "1e-12"),
        ("training.embargo", "1e-12"),
        ("replay.start_date", "2026-02-30"),
        ("replay.start_date", "2026-1-1"),
        ("replay.start_date", "20260101"),
        ("replay.start_date", "2026-01-01 12:00:00"),
        ("batch.at", "6"),
        ("batch.at", "25:00"),
        ("batch.at", "6:00"),
    ],
)
def test_a_value_of_another_type_is_refused(path: str, value: str) -> None:
    at = quantity(path)
    problem = only_problem_of(at.value.replaced(value))
    assert (problem.line, problem.path) == (at.value.line, path)
    assert problem.allowed.startswith("Allowed: a")
    assert problem.way_out


@pytest.mark.parametrize("value", [".nan", ".NaN", ".inf", "-.inf", "nan", "inf", "Infinity"])
@pytest.mark.parametrize("path", ["drift.data.psi", "training.tuning.trials", "serving.p99"])
def test_a_number_that_is_not_finite_is_refused(path: str, value: str) -> None:
    at = quantity(path)
    problem = only_problem_of(at.value.replaced(value))
    assert (problem.line, problem.path) == (at.value.line, path)
    assert "not finite" in problem.wrong


@pytest.mark.parametrize(
    ("old", "new", "path"),
    [
        ("  strategy: canary", "  strategy: canari", "rollout.strategy"),
        ("  risk_tier: low", "  risk_tier: lov", "governance.risk_tier"),
        ("    weekday: sunday", "    weekday: sundae", "retraining.scheduled.weekday"),
        ("page_on: [data_drift,", "page_on: [data_drif,", "alerts.page_on[0]"),
        ("    high: contact", "    high: contacts", "scoring.decisions.high"),
    ],
)
def test_a_word_outside_its_closed_list_is_refused_with_the_nearest(old: str, new: str, path: str) -> None:
    problem = only_problem_of(SHIPPED.replace(old, new))
    assert problem.line == SHIPPED[: SHIPPED.index(old)].count("\n") + 1
    assert problem.path == path
    assert problem.way_out.startswith("Did you mean")


@pytest.mark.parametrize(
    ("old", "new", "path"),
    [
        ("feature_set: v1", "feature_set: 1", "training.feature_set"),
        ("feature_set: v1", "feature_set:", "training.feature_set"),
        ("feature_set: v1", "feature_set: [v1]", "training.feature_set"),
        ("business_owner: retention-manager", "business_owner: no", "governance.business_owner"),
        ("require_owners: true", "require_owners: 1", "gates.deployment.require_owners"),
        ("require_owners: true", "require_owners: 'true'", "gates.deployment.require_owners"),
        ("exceptions: []", "exceptions: none", "governance.exceptions"),
        (
            "fairness_attributes: [gender, senior_citizen]",
            "fairness_attributes: gender",
            "evaluation.fairness_attributes",
        ),
        ("label:\n  horizon: {", "label:\n  horizon: 30 #{", "label.horizon"),
        ("replay:\n", "replay: here\nlabel_:\n", "replay"),
    ],
)
def test_a_plain_value_of_another_type_is_refused(old: str, new: str, path: str) -> None:
    found = {problem.path: problem for problem in problems_of(SHIPPED.replace(old, new))}
    assert found[path].line == SHIPPED[: SHIPPED.index(old)].count("\n") + (2 if "\n  " in old else 1)
    assert "does not belong here" in found[path].wrong


def test_an_empty_list_of_what_must_be_named_is_refused() -> None:
    problem = only_problem_of(
        SHIPPED.replace("segments: [contract, internet_service, senior_citizen, gender]", "segments: []")
    )
    assert problem.path == "evaluation.segments"


def test_the_same_word_twice_in_a_list_is_refused() -> None:
    problem = only_problem_of(SHIPPED.replace("channels: [slack, email, webhook]", "channels: [slack, slack]"))
    assert (problem.path, problem.wrong) == ("alerts.warning.channels", "'slack' is in the list more than once.")


def test_a_quantity_over_several_lines_is_refused_at_the_line_of_its_value() -> None:
    at = quantity("label.horizon")
    for value in ("-30", ".nan", "1e300"):
        entry = f"horizon:\n    unit: days\n    value: {value}\n    reason: Over several lines."
        problem = only_problem_of(SHIPPED[: at.start] + entry + SHIPPED[at.end :])
        assert (problem.line, problem.path) == (at.key.line + 2, "label.horizon")


def test_a_key_given_twice_is_refused_with_both_lines() -> None:
    entry = "  horizon: {value: 30, unit: days"
    problem = only_problem_of(SHIPPED.replace(entry, '  horizon: {value: 20, unit: days, reason: "Twice."}\n' + entry))
    first = KEYS["label.horizon"].line
    assert (problem.line, problem.path) == (first + 1, "label.horizon")
    assert f"first in line {first}" in problem.wrong


def test_a_key_given_twice_within_a_quantity_is_refused() -> None:
    at = quantity("label.horizon")
    assert only_problem_of(at.value.replaced("30, value: 60")).path == "label.horizon.value"


def test_an_alias_is_refused_since_each_value_has_its_own_reason() -> None:
    anchored = SHIPPED.replace("length: {value: 7", "length: &week {value: 7")
    at = quantity("drift.concept.window")
    text = anchored.replace(SHIPPED[at.start : at.end], "window: *week")
    problem = only_problem_of(text)
    assert (problem.line, problem.path) == (at.key.line, "drift.concept.window")
    assert "alias" in problem.wrong


def test_a_merge_key_is_no_way_round_the_closed_list() -> None:
    text = SHIPPED.replace("\nlabel:\n", "\nlabel: &label\n").replace("\nbatch:\n", "\nbatch:\n  <<: *label\n")
    assert {problem.path for problem in problems_of(text)} == {"batch.<<"}


def test_a_name_that_is_no_column_name_is_refused() -> None:
    at = quantity("gates.evaluation.max_true_positive_rate_difference.gender")
    found = problems_of(at.key.replaced("gender.male"))
    assert found[0].line == KEYS["gates.evaluation.max_true_positive_rate_difference"].line
    assert any("is not a name" in problem.wrong and problem.line == at.key.line for problem in found)


@pytest.mark.parametrize(
    ("text", "line"),
    [
        ("", 1),
        ("# only a comment\n", 1),
        ("- replay\n", 1),
        ("replay", 1),
        ("replay:\n  reason: 'never closed\n", 3),
        ("replay:\n\treason: a tab\n", 2),
        ("replay:\n  a: [1, 2\nlabel: 3\n", 3),
        ("replay: *nowhere\n", 1),
        ("a: 1\n---\nb: 2\n", 2),
        ("replay:\n  reason: \x00\n", 2),
    ],
)
def test_what_is_no_mapping_in_yaml_is_refused_with_its_line(text: str, line: int) -> None:
    problem = only_problem_of(text)
    assert (problem.line, problem.path) == (line, "")
    assert problem.way_out


def test_a_tag_constructs_nothing() -> None:
    tagged = SHIPPED.replace("feature_set: v1", "feature_set: !!python/object/apply:os.system [exit 1]")
    assert only_problem_of(tagged).path == "training.feature_set"


def test_all_problems_of_a_file_are_reported_at_once_in_the_order_of_their_lines() -> None:
    text = SHIPPED
    for old, new in [
        ("live_share: {value: 0.2", "live_share: {value: 2"),
        ("threads: {value: 2, unit: threads", "threads: {value: 2, unit: cores"),
        ("band_medium: {value: 0.3", "band_medium: {value: 0.7"),
        ("psi_critical: {value: 0.25", "psi_critical: {value: .nan"),
        ("clip: {value: 0.1, unit: relative, reason:", "clip: {value: 0.1, unit: relative, why:"),
        ("risk_tier: low", "risk_tier: tiny"),
        ("  error_budget: {value: 0.001", "  error_budget: {value: 0.01"),
    ]:
        assert text.count(old) == 1
        text = text.replace(old, new)
    found = problems_of(text)
    assert [problem.path for problem in found] == [
        "replay.live_share",
        "training.threads.unit",
        "scoring.band_medium",
        "drift.data.psi_critical",
        "champion_challenger.clip.reason",
        "champion_challenger.clip.why",
        "slo.error_budget",
        "governance.risk_tier",
    ]
    assert [problem.line for problem in found] == sorted(problem.line for problem in found)


def test_the_message_says_file_line_path_rule_and_way_out() -> None:
    at = quantity("training.holdout_share")
    with pytest.raises(PolicyError) as caught:
        policies_from_text(at.value.replaced("1.5"), NAME)
    assert str(caught.value) == (
        f"{NAME}: 1 problem, nothing was loaded\n"
        f"  {NAME}, line {at.value.line}, training.holdout_share: 1.5 is not allowed. "
        "Allowed: a number, above 0 and below 1. "
        "Write one that is allowed; the bound itself, with its reason, is in the code."
    )


def test_a_file_that_is_not_there_or_not_text_is_refused(tmp_path: Path) -> None:
    with pytest.raises(PolicyError, match="cannot be read") as missing:
        load_policies(tmp_path / "nowhere.yml")
    assert "nowhere.yml" in str(missing.value)
    (tmp_path / "latin.yml").write_bytes(b"replay:\n  reason: caf\xe9\n")
    with pytest.raises(PolicyError, match="line 2: it is not UTF-8"):
        load_policies(tmp_path / "latin.yml")


def test_a_byte_order_mark_and_windows_line_ends_are_read(tmp_path: Path) -> None:
    path = tmp_path / "windows.yml"
    path.write_bytes(b"\xef\xbb\xbf" + PACKAGED.read_bytes().replace(b"\n", b"\r\n"))
    assert load_policies(path).digest == load_policies().digest
