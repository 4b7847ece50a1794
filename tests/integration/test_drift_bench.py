"""The scoreboard from door to figures on a small telco: one planted change, one seed, a calm life of a fortnight, without the peers."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest

from churn_platform.flows.drift_bench.scoreboard import FIGURES

pytestmark = [pytest.mark.xdist_group("drift_bench"), pytest.mark.slow]

SCENARIO = """
name: column_renamed
about: A release of the customer system renames a column.
cause: schema_break
changes: [schema]
effects:
- {effect: rename, table: customers, column: payment_method, to: payment_type, start_day: 4}
"""


def bench(folder: Path) -> subprocess.CompletedProcess[str]:
    sizes = ["--seeds", "1", "--customers", "2000", "--calm-days", "10", "--after-days", "3"]
    return subprocess.run(
        [
            Path(sys.executable).parent / "churn",
            "drift-bench",
            *("--scenario", str(folder / "renamed.yml")),
            *sizes,
            "--no-peers",
            "--json",
        ],
        env={**os.environ, "CHURN_HOME": str(folder / "home"), "CHURN_OFFLINE": "1"},
        capture_output=True,
        text=True,
        check=False,
        cwd=folder,
    )


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    place = tmp_path_factory.mktemp("drift-bench")
    (place / "renamed.yml").write_text(SCENARIO)
    return place


@pytest.fixture(scope="module")
def board(folder: Path) -> dict[str, Any]:
    done = bench(folder)
    assert done.returncode == 0, done.stderr[-3000:]
    answer: dict[str, Any] = json.loads(done.stdout)
    return answer


def test_a_broken_schema_is_noticed_on_the_day_itself_and_its_cause_named_first(board: dict[str, Any]) -> None:
    (change,) = board["changes"]
    assert (change["change_day"], change["platform"]["days"]) == (4, 0)
    assert change["platform"]["level"] == "critical"
    assert change["platform"]["cause"] == "schema_break"


def test_every_figure_is_there_for_the_platform_and_missing_for_peers_that_were_not_run(board: dict[str, Any]) -> None:
    platform = board["platform"]
    assert (platform["detected_share"], platform["same_day_share"], platform["cause_first_share"]) == (1.0, 1.0, 1.0)
    assert (platform["median_days_to_detection"], platform["worst_days_to_detection"]) == (0.0, 0)
    assert set(board["peers"]) == {"evidently", "evidently_columns", "nannyml"}
    assert all(line == dict.fromkeys(FIGURES) for line in board["peers"].values())
    assert board["peers_missing"]


def test_refused_days_are_lived_one_by_one_and_told(board: dict[str, Any]) -> None:
    ((case, days),) = board["refused_days"].items()
    assert case.startswith("column_renamed-")
    assert days == 3


def test_small_calm_windows_are_not_judged_and_larger_ones_rarely_alarm(board: dict[str, Any]) -> None:
    judged = {row["rows"]: row for row in board["calm_windows"]}
    assert judged[50]["judged_share"] == judged[100]["judged_share"] == 0.0
    assert judged[250]["judged_share"] == 1.0
    assert judged[250]["within"]


def test_a_second_call_lives_nothing_and_answers_the_same(folder: Path, board: dict[str, Any]) -> None:
    again = json.loads(bench(folder).stdout)
    assert again["runtime"]["seconds_living"] < 1.0
    for key in ("platform", "changes", "calm_windows", "false_alarms"):
        assert again[key] == board[key]
    assert list((folder / "home" / "drift_bench" / "homes").iterdir()) == []
