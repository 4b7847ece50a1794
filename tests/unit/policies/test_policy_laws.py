"""Laws of the policy file: any one fault is found where it is, the digest is of values alone, nothing can change."""

from __future__ import annotations

import copy
import datetime as dt
import hashlib
import json
import pickle
import random
import re
from typing import Any

import pytest
import yaml
from hypothesis import given, settings
from hypothesis import strategies as st
from policy_text import KEYS, NAME, QUANTITIES, SHIPPED, Part, QuantityInFile, problems_of, problems_or_none
from pydantic import BaseModel, ValidationError

from churn_platform.policies import Block, Named, Policies, load_policies, policies_from_text

POLICIES = load_policies()
REASONS = [(path, key) for path, key in KEYS.items() if path.endswith(".reason")]
words = st.text(alphabet="abcdefghijklmnopqrstuvwxyz_", min_size=1, max_size=12)


@settings(max_examples=80, deadline=None)
@given(st.sampled_from(sorted(KEYS.items())), words)
def test_any_one_key_misspelt_is_refused_at_its_line(entry: tuple[str, Part], word: str) -> None:
    path, key = entry
    siblings = {other.rpartition(".")[2] for other in KEYS if other.rpartition(".")[0] == path.rpartition(".")[0]}
    if word in siblings or (word == "reason" and path.count(".")):
        return
    found = problems_of(key.replaced(word))
    misspelt = f"{path.rpartition('.')[0]}.{word}".lstrip(".")
    assert any(problem.line == key.line and problem.path == misspelt for problem in found), found


@settings(max_examples=80, deadline=None)
@given(st.sampled_from(QUANTITIES), words)
def test_any_one_unit_changed_is_refused_at_its_line(at: QuantityInFile, unit: str) -> None:
    (problem,) = problems_of(at.unit.replaced(f"{unit}_x"))
    assert (problem.line, problem.path) == (at.unit.line, f"{at.path}.unit")


@settings(max_examples=60, deadline=None)
@given(st.sampled_from(QUANTITIES), st.sampled_from(["''", '" "', "todo", "~", "null"]))
def test_any_one_reason_blanked_is_refused_at_its_line(at: QuantityInFile, blank: str) -> None:
    (problem,) = problems_of(at.reason.replaced(blank))
    assert (problem.line, problem.path) == (at.reason.line, f"{at.path}.reason")


@settings(max_examples=60, deadline=None)
@given(st.sampled_from(QUANTITIES), st.sampled_from([".nan", ".inf", "[]", "{}", "'1'", "null", "yes", "later"]))
def test_any_one_value_of_another_kind_is_refused_at_its_line(at: QuantityInFile, value: str) -> None:
    (problem,) = problems_of(at.value.replaced(value))
    assert (problem.line, problem.path) == (at.value.line, at.path)


@settings(max_examples=60, deadline=None)
@given(st.data())
def test_any_one_entry_removed_is_refused_by_name(data: st.DataObject) -> None:
    at = data.draw(st.sampled_from([q for q in QUANTITIES if not q.path.startswith("rollout.canary.steps")]))
    found = problems_of(SHIPPED[: at.start] + SHIPPED[at.end :])
    block = at.path.rpartition(".")[0]  # it is named itself, unless it was the only entry, or one of several names
    assert any(problem.path in (at.path, block) and problem.line <= at.key.line for problem in found), found


@settings(max_examples=200, deadline=None)
@given(st.text(max_size=200))
def test_any_text_is_read_or_refused_with_problems_never_another_error(text: str) -> None:
    assert problems_of(text)


@settings(max_examples=100, deadline=None)
@given(st.integers(0, len(SHIPPED) - 1), st.text(max_size=3))
def test_any_damage_to_the_shipped_file_is_read_or_refused_never_another_error(at: int, noise: str) -> None:
    for problem in problems_or_none(SHIPPED[:at] + noise + SHIPPED[at + 1 :]):
        assert 1 <= problem.line <= SHIPPED.count("\n") + 3


# ------------------------------------------------------------------------------------------------------ the digest


def _shuffled(value: Any, rng: random.Random) -> Any:
    if isinstance(value, dict):
        return {key: _shuffled(value[key], rng) for key in rng.sample(sorted(value), len(value))}
    return [_shuffled(item, rng) for item in value] if isinstance(value, list) else value


@settings(max_examples=20, deadline=None)
@given(st.integers(0, 2**32))
def test_the_order_of_the_keys_does_not_change_the_digest(seed: int) -> None:
    shuffled = json.dumps(_shuffled(POLICIES.as_dict(reasons=True), random.Random(seed)))
    again = policies_from_text(shuffled, NAME)
    assert again.digest == POLICIES.digest
    assert again == POLICIES


@settings(max_examples=40, deadline=None)
@given(st.sampled_from(QUANTITIES), words)
def test_another_reason_does_not_change_the_digest(at: QuantityInFile, word: str) -> None:
    edited = policies_from_text(at.reason.replaced(f'"Because {word}."'), NAME)
    assert edited.reason(at.path) == f"Because {word}."
    assert edited.digest == POLICIES.digest


@settings(max_examples=30, deadline=None)
@given(st.lists(st.integers(1, SHIPPED.count("\n")), min_size=1, max_size=20), words)
def test_comments_and_blank_lines_do_not_change_the_digest(after: list[int], word: str) -> None:
    lines = SHIPPED.splitlines()
    for line in sorted(set(after), reverse=True):
        lines[line:line] = ["", f"        # {word}"]
    assert policies_from_text("\n".join(lines), NAME).digest == POLICIES.digest


@pytest.mark.parametrize(
    ("old", "new"),
    [
        ("horizon: {value: 30, unit: days", "horizon: {value: 720, unit: hours"),
        ("psi: {value: 0.2,", "psi: {value: 2.0e-1,"),
        ("min_sample: {value: 1000,", "min_sample: {value: 1_000,"),
        ("max_parity_difference: {value: 0.000001", "max_parity_difference: {value: 1e-6"),
        ('at: {value: "06:00"', "at: {value: 06:00:00"),
        ("contact_cost: {value: 5,", "contact_cost: {value: 5.0,"),
        ("page_on: [data_drift, performance_decay]", "page_on:\n    - data_drift\n    - performance_decay"),
    ],
)
def test_the_same_meaning_in_other_words_does_not_change_the_digest(old: str, new: str) -> None:
    assert SHIPPED.count(old) == 1
    assert policies_from_text(SHIPPED.replace(old, new), NAME).digest == POLICIES.digest


def _another(value: Any) -> list[Any]:
    """Values near `value`, of which at least one is usually allowed where it stands."""
    if isinstance(value, dt.timedelta):
        return [value + dt.timedelta(milliseconds=1), value - dt.timedelta(milliseconds=1)]
    if isinstance(value, dt.date):
        return [value + dt.timedelta(days=1)]
    if isinstance(value, dt.time):
        return [value.replace(minute=(value.minute + 1) % 60)]
    if isinstance(value, int):
        return [value + 1, value - 1]
    return [value + 1e-6, value - 1e-6, value + 1e-3]


TOGETHER = {  # values that can only change with others: weights that sum to one, and the last step of a canary
    *(f"champion_challenger.weights.{name}" for name in ("auc", "f1", "latency", "size")),
    "rollout.canary.steps[4].weight",
}


@pytest.mark.parametrize("path", [q.path for q in QUANTITIES if q.path not in TOGETHER])
def test_every_value_changes_the_digest(path: str) -> None:
    for value in _another(POLICIES.value(path)):
        try:
            changed = POLICIES.changed(path, value, "an experiment")
        except ValidationError:
            continue
        assert changed.value(path) == value
        assert changed.reason(path) == "an experiment"
        assert changed.digest != POLICIES.digest
        assert POLICIES.value(path) != value
        return
    raise AssertionError(f"no other value of {path} is allowed")


def test_the_digest_is_the_sha256_of_the_values_and_units_in_canonical_json() -> None:
    reversed_blocks = dict(reversed(POLICIES.as_dict().items()))
    text = json.dumps(reversed_blocks, sort_keys=True, separators=(",", ":"), ensure_ascii=False)
    assert POLICIES.digest == hashlib.sha256(text.encode()).hexdigest()
    (psi,) = re.findall(r'"psi":(\{[^}]*\}),"psi_critical"', text)
    assert psi == '{"unit":"psi","value":0.2}'


def test_the_unit_is_in_the_digest() -> None:
    hours = SHIPPED.replace("timeout: {value: 60, unit: minutes", "timeout: {value: 60, unit: hours")
    assert policies_from_text(hours, NAME).digest != POLICIES.digest


def test_a_plain_value_changes_the_digest() -> None:
    assert POLICIES.changed("scoring.decisions.medium", "contact", "a larger team").digest != POLICIES.digest


# ---------------------------------------------------------------------------------------------------------- frozen


def _blocks(value: Any) -> list[Block]:
    if isinstance(value, Block):
        return [value, *(block for name in type(value).model_fields for block in _blocks(getattr(value, name)))]
    items = list(value.values()) if isinstance(value, Named) else list(value) if isinstance(value, tuple) else []
    return [block for item in items for block in _blocks(item)]


def _values(policies: Policies) -> list[Any]:
    return [getattr(block, name) for block in _blocks(policies) for name in type(block).model_fields]


def test_no_field_of_any_block_can_be_set_or_deleted() -> None:
    blocks = _blocks(POLICIES)
    assert len(blocks) > 50
    for block in blocks:
        for name in type(block).model_fields:
            with pytest.raises(ValidationError, match="frozen"):
                setattr(block, name, getattr(block, name))
            with pytest.raises(ValidationError, match="frozen"):
                delattr(block, name)


def test_nothing_within_is_mutable() -> None:
    immutable = (bool, int, float, str, dt.date, dt.time, dt.timedelta, tuple, Named, Block)
    assert {type(value) for value in _values(POLICIES) if not isinstance(value, immutable)} == set()
    assert hash(POLICIES) == hash(load_policies())
    limits = POLICIES.gates.evaluation.max_true_positive_rate_difference
    with pytest.raises(TypeError):
        limits["gender"] = 1.0  # type: ignore[index]
    with pytest.raises(AttributeError, match="frozen"):
        limits._items = ()


def test_copies_and_pickles_are_the_same_policies() -> None:
    assert copy.deepcopy(POLICIES) == POLICIES
    assert pickle.loads(pickle.dumps(POLICIES)) == POLICIES  # noqa: S301


def test_every_block_is_strict_frozen_and_closed() -> None:
    for block in _blocks(POLICIES):
        config = type(block).model_config
        assert (config["strict"], config["frozen"], config["extra"]) == (True, True, "forbid")
        assert isinstance(block, BaseModel)


def test_what_is_written_out_is_plain_json_and_yaml_and_reads_back_the_same() -> None:
    written = POLICIES.as_dict(reasons=True)
    assert policies_from_text(json.dumps(written), NAME) == POLICIES
    assert policies_from_text(yaml.safe_dump(written), NAME) == POLICIES
    assert "reason" not in json.dumps(POLICIES.as_dict()).replace("reasons", "")
