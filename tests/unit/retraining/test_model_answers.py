"""Who is champion, who was when, what became of every model: read off the records, retired once, mirrored."""

from __future__ import annotations

from datetime import UTC, date, datetime, timedelta
from types import SimpleNamespace
from typing import Any

import pytest
from made_registrations import registration

from churn_platform.adapters.platform import Platform
from churn_platform.flows.models import champion_answer, models_answer, retire_due


@pytest.fixture
def succession(platform: Platform, now: Any) -> Platform:
    """churn-1 reigned from 31 May to 5 June; churn-2 succeeded; churn-3 tied, churn-4 lost, churn-5 was blocked; one was refused."""
    at = datetime(2026, 6, 5, 6, tzinfo=UTC)
    by: dict[str, Any] = {"actor": "service:platform", "at": at}
    ops = platform.ops
    for number in (2, 3, 4, 5):
        ops.register_model(registration(number), **by)
    against = {"champion": "churn-1", "comparison": None}
    for version, outcome, release in (
        ("churn-2", "wins", "release"),
        ("churn-3", "tie", "keep"),
        ("churn-4", "loses", "archive"),
        ("churn-5", "blocked", "blocked"),
    ):
        ops.record_decision("comparison", version, outcome, (f"it {outcome}",), against, **by)
        ops.record_decision("release", version, release, (f"so {release}",), against, **by)
    ops.promote("churn-2", "churn-1", "it won", {"decision": 2}, **by)
    ops.record_decision(
        "registration", f"package:{'f' * 64}", "rejected", ("auc: too low",), {"package": "f" * 64}, **by
    )
    return platform


def test_who_was_champion_is_a_question_with_one_answer_for_each_day(succession: Platform) -> None:
    assert champion_answer(succession, date(2026, 5, 30))["champion"] is None
    assert champion_answer(succession, date(2026, 6, 4))["champion"]["version"] == "churn-1"
    assert champion_answer(succession, date(2026, 6, 5))["champion"]["version"] == "churn-2"
    now = champion_answer(succession, None)
    assert now["champion"]["version"] == "churn-2"
    first, second = now["history"]
    assert first["until"] == second["since"]
    assert second["until"] is None


def test_every_model_keeps_its_record_the_refused_ones_too(succession: Platform) -> None:
    states = {line["version"]: line["state"] for line in models_answer(succession)["models"]}
    assert states.pop(f"package:{'f' * 12}") == "rejected"
    assert states == {
        "churn-1": "former_champion",
        "churn-2": "champion",
        "churn-3": "tied",
        "churn-4": "archived",
        "churn-5": "blocked",
    }
    refused = next(line for line in models_answer(succession)["models"] if line["state"] == "rejected")
    assert refused["reasons"] == ["auc: too low"]


def test_a_former_champion_is_retired_after_its_time_once_and_the_mirror_follows(
    succession: Platform, now: Any, monkeypatch: pytest.MonkeyPatch
) -> None:
    mirrored: list[dict[str, str]] = []
    monkeypatch.setitem(succession.__dict__, "registry", SimpleNamespace(mirror_states=mirrored.append))
    assert retire_due(succession) == ()
    now.time = datetime(2026, 6, 5, 6, tzinfo=UTC) + timedelta(days=90)
    assert retire_due(succession) == ("churn-1",)
    assert retire_due(succession) == ()
    assert len(succession.ops.decisions(kind="retirement")) == 1
    assert mirrored[-1]["churn-1"] == "retired"
    assert mirrored[-1]["churn-2"] == "champion"
