"""The same inputs are trained once: what was made is verified and taken, and what is damaged is made again."""

from __future__ import annotations

from typing import Any

import pytest

from churn_platform.adapters.packages import write_package
from churn_platform.adapters.platform import Platform
from churn_platform.flows import training

FACTS = {"data_gate": "pass", "training_set": "a" * 64, "feature_set": "v1"}


@pytest.fixture
def made(platform: Platform, monkeypatch: pytest.MonkeyPatch) -> str:
    """A candidate that was made of `FACTS` before."""
    from churn_platform.adapters.atomic_files import write_atomically

    digest = write_package(platform.settings.candidates, {"booster.json": b"{}"}, platform.signer)
    write_atomically(training._candidate_key(platform, FACTS), digest.encode())
    monkeypatch.setattr(training, "candidate_of", lambda *_: ("the model", "the split"))
    return digest


def make(platform: Platform, facts: dict[str, Any], said: list[str]) -> training.MadeCandidate:
    return training.make_candidate(platform, facts, lambda: 0.0, said.append)


def test_a_candidate_of_the_same_inputs_is_taken_and_nothing_is_trained(platform: Platform, made: str) -> None:
    said: list[str] = []
    found = make(platform, FACTS, said)
    assert (found.digest, found.found, found.model) == (made, True, "the model")
    assert "taken as it is" in said[0]
    assert found.facts["candidate"] == made


@pytest.mark.parametrize("other", [{"training_set": "b" * 64}])
def test_other_rows_are_trained(platform: Platform, made: str, other: dict[str, str]) -> None:
    from churn_platform.adapters.training_sets import TrainingSetError

    with pytest.raises(TrainingSetError):  # it went on to read the rows, which are not here
        make(platform, {**FACTS, **other}, [])


def test_another_policy_is_another_candidate(platform: Platform, made: str) -> None:
    from dataclasses import replace

    changed = replace(platform, policies=platform.policies.changed("training.seed", 18, reason="another seed"))
    assert training._made_before(platform, FACTS) == made
    assert training._made_before(changed, FACTS) is None


def test_a_damaged_candidate_is_made_again(platform: Platform, made: str) -> None:
    booster = platform.settings.candidates / made / "booster.json"
    booster.chmod(0o644)
    booster.write_bytes(b"{ }")
    assert training._made_before(platform, FACTS) is None


def test_refused_data_are_not_trained_on_even_where_a_candidate_is_there(platform: Platform, made: str) -> None:
    with pytest.raises(training.FlowError, match="refused data"):
        make(platform, {**FACTS, "data_gate": "inconclusive"}, [])
