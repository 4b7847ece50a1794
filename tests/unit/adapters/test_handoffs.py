"""Handoffs: a run reads its own, an asset alone reads the latest, and nothing stands for a missing one."""

from __future__ import annotations

from pathlib import Path

import pytest

from churn_platform.adapters.handoffs import HandoffError, Handoffs


def test_a_run_takes_what_it_gave_itself_even_when_a_later_run_gave_another(tmp_path: Path) -> None:
    first, second = Handoffs(tmp_path, "run-1"), Handoffs(tmp_path, "run-2")
    first.give("candidate", {"digest": "a", "rows": 3})
    second.give("candidate", {"digest": "b"})
    assert first.take("candidate") == {"digest": "a", "rows": 3}
    assert second.take("candidate") == {"digest": "b"}


def test_a_run_that_gave_nothing_takes_the_latest(tmp_path: Path) -> None:
    for number in (1, 2):
        Handoffs(tmp_path, f"run-{number}").give("candidate", {"number": number})
    assert Handoffs(tmp_path, "run-3").take("candidate") == {"number": 2}


def test_a_handoff_that_was_never_given_is_an_error_that_says_what_to_do(tmp_path: Path) -> None:
    Handoffs(tmp_path, "run-1").give("candidate", {})
    with pytest.raises(HandoffError, match=r"training_set has not been materialised .*run `churn train`"):
        Handoffs(tmp_path, "run-1").take("training_set")
    assert Handoffs(tmp_path, "run-1").take("candidate") == {}


@pytest.mark.parametrize("damage", ["", "{", "[1]"])
def test_a_damaged_handoff_is_an_error_and_not_an_older_one(tmp_path: Path, damage: str) -> None:
    handoffs = Handoffs(tmp_path, "run-1")
    handoffs.give("candidate", {"digest": "a"})
    (tmp_path / "runs" / "run-1" / "candidate.json").write_text(damage)
    with pytest.raises(HandoffError, match=r"is damaged .*: materialise candidate again"):
        handoffs.take("candidate")
