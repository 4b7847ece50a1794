"""`churn simulate`, as a user runs it: a short life whose customer file breaks on its third day, lived through and killed on the way."""

from __future__ import annotations

import json
import os
import shutil
import signal
import subprocess
import sys
from datetime import date, timedelta
from pathlib import Path
from typing import Any

import pytest

from churn_platform.adapters.ops_store import OpsStore
from churn_platform.adapters.snapshots import history, partitions, read_snapshot

DRIVER = Path(__file__).parent / "short_life.py"
CUSTOMERS = 1_000
SCENARIO = """\
name: broken_on_the_third_day
about: The customer system renames a column.
cause: schema_break
changes: [schema]
effects:
- {name: renamed, effect: rename, table: customers, column: payment_method, to: payment_type, start_day: 2}
"""

pytestmark = [pytest.mark.xdist_group("simulate"), pytest.mark.slow]


def simulate(home: Path, days: int, *more: str, **environment: str) -> subprocess.CompletedProcess[str]:
    """Live `days` days in `home`, in a process of its own."""
    scenario = home.parent / "scenario.yml"
    scenario.write_text(SCENARIO)
    call = ["simulate", "--scenario", str(scenario), "--days", str(days), "--customers", str(CUSTOMERS)]
    cleaned = {name: value for name, value in os.environ.items() if not name.startswith("CHURN_")}
    return subprocess.run(
        [sys.executable, DRIVER, *call, "--seed", "7", "--home", str(home), "--json", *more],
        env={**cleaned, "PYTHONWARNINGS": "ignore", **environment},
        capture_output=True,
        text=True,
        check=False,
        cwd=home.parent,
    )


def answer(done: subprocess.CompletedProcess[str]) -> dict[str, Any]:
    assert done.returncode == 0, done.stderr[-3000:]
    parsed: dict[str, Any] = json.loads(done.stdout)  # one object and nothing else, or this raises
    return parsed


@pytest.fixture(scope="module")
def one_day(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A home after its history, its first training and its first live day."""
    home = tmp_path_factory.mktemp("lives") / "home"
    told = answer(simulate(home, 1))
    assert (told["days_lived"], told["days_published"]) == (1, 1), told["events"]
    return home


@pytest.fixture(scope="module")
def uninterrupted(one_day: Path, tmp_path_factory: pytest.TempPathFactory) -> tuple[Path, dict[str, Any]]:
    home = Path(shutil.copytree(one_day, tmp_path_factory.mktemp("uninterrupted") / "home"))
    return home, answer(simulate(home, 4))


@pytest.fixture(scope="module")
def resumed(
    one_day: Path, uninterrupted: tuple[Path, dict[str, Any]], tmp_path_factory: pytest.TempPathFactory
) -> tuple[Path, dict[str, Any]]:
    """The same life, killed on its second day between features and scores, and begun again with the same call."""
    home = Path(shutil.copytree(one_day, tmp_path_factory.mktemp("killed") / "home"))
    second_day = uninterrupted[1]["truth"]["days"][1]["date"]
    killed = simulate(home, 4, SHORT_LIFE_STOPPED_ON=f"{second_day}:SIGKILL")
    assert killed.returncode == -signal.SIGKILL, killed.stderr[-3000:]
    assert second_day not in partitions(home / "published", "daily_scores")
    return home, answer(simulate(home, 4))


def test_every_day_is_lived_and_those_with_usable_files_are_published(
    uninterrupted: tuple[Path, dict[str, Any]],
) -> None:
    _, told = uninterrupted
    assert (told["days_lived"], told["days_published"]) == (4, 2)
    assert told["champion_version"] == "churn-1"
    assert [day["auc"] is not None for day in told["truth"]["days"]] == [True, True, False, False]


def test_a_file_that_breaks_stops_its_days_with_a_reason_and_yesterdays_scores_stay(
    uninterrupted: tuple[Path, dict[str, Any]],
) -> None:
    home, told = uninterrupted
    failed = [event for event in told["events"] if event["kind"] == "failed_run"]
    assert len(failed) == 1, failed
    assert (failed[0]["date"], failed[0]["runs"]) == (told["truth"]["changed_on"], 2)
    assert "payment_method" in failed[0]["reason"] or "quarantine" in failed[0]["reason"]
    days = partitions(home / "published", "daily_scores")
    assert days == tuple(day["date"] for day in told["truth"]["days"][:2])
    assert all(read_snapshot(home / "published", "daily_scores", day)[1].rows > 0 for day in days)


def test_each_day_ticks_the_rollout_between_its_batch_and_its_tickets(
    uninterrupted: tuple[Path, dict[str, Any]],
) -> None:
    home, told = uninterrupted
    lines = [json.loads(line) for line in (home / "simulation" / "life.jsonl").read_text().splitlines()]
    for day in told["truth"]["days"]:
        steps = [line["step"] for line in lines if line["day"] == day["date"]]
        assert steps[:3] == ["job", "rollout", "tickets"]


def test_the_truth_is_told_and_no_ranking_beats_it(uninterrupted: tuple[Path, dict[str, Any]]) -> None:
    _, told = uninterrupted
    assert told["truth"]["cause"] == "schema_break"
    scored = [day for day in told["truth"]["days"] if day["auc"] is not None]
    assert scored
    assert all(0 <= day["auc"] <= day["best_auc"] + 1e-4 for day in scored)
    assert all(0 <= day["achievable_auc"] <= day["best_auc"] + 1e-4 for day in scored)


def test_what_happened_carries_the_simulated_dates(uninterrupted: tuple[Path, dict[str, Any]]) -> None:
    home, told = uninterrupted
    first, last = date.fromisoformat(told["first_live_day"]), date.fromisoformat(told["last_live_day"])
    dates = [date.fromisoformat(event["date"]) for event in told["events"]]
    assert dates == sorted(dates)
    assert dates[0] == first - timedelta(days=1)
    assert dates[-1] <= last
    with OpsStore.open(home / "ops" / "ops.db", anchor=home / "ops" / "ledger-head.json") as ops:
        recorded = [date.fromisoformat(entry.at[:10]) for entry in ops.ledger(limit=10_000)]
        assert first - timedelta(days=1) == min(recorded)
        assert max(recorded) <= last
        assert ops.verify_ledger().verdict == "pass"


def test_a_killed_life_goes_on_to_the_same_scores(
    uninterrupted: tuple[Path, dict[str, Any]], resumed: tuple[Path, dict[str, Any]]
) -> None:
    digests = [
        {
            day: [one.digest for one in history(home / "published", "daily_scores", day)]
            for day in partitions(home / "published", "daily_scores")
        }
        for home, _ in (uninterrupted, resumed)
    ]
    assert digests[0] == digests[1]
    same = ("days_lived", "days_published", "champion_version", "open_tickets", "truth")
    assert {name: uninterrupted[1][name] for name in same} == {name: resumed[1][name] for name in same}
    kinds = [[(e["date"], e["kind"]) for e in told["events"]] for _, told in (uninterrupted, resumed)]
    assert kinds[0] == kinds[1]


def test_the_same_call_again_does_nothing_twice(resumed: tuple[Path, dict[str, Any]]) -> None:
    home, told = resumed
    journal = (home / "simulation" / "life.jsonl").read_bytes()
    again = answer(simulate(home, 4))
    assert (home / "simulation" / "life.jsonl").read_bytes() == journal
    assert again["events"] == told["events"]


def test_another_telcos_home_is_refused_with_the_way_out(one_day: Path) -> None:
    (one_day.parent / "other").mkdir(exist_ok=True)
    shutil.copy(one_day / "home.json", one_day.parent / "other")
    shutil.copy(one_day / "world.json", one_day.parent / "other")
    shutil.copy(one_day / "scenario.yml", one_day.parent / "other")
    refused = simulate(one_day.parent / "other", 1, "--customers", "1001")
    assert refused.returncode == 2
    assert "another home" in refused.stderr
