"""Records of lived cases, and windows kept by their content."""

from __future__ import annotations

import json
from pathlib import Path

import pytest

from churn_platform.flows.drift_bench.alarms import Alarm
from churn_platform.flows.drift_bench.results import BenchFolder, CaseResult, read_result, write_result

RESULT = CaseResult(
    "crm_lag-1",
    {90: frozenset({Alarm("feed_late:customers"), Alarm("data_drift:contract", "warning")})},
    {90: "crm_lag"},
    {91: "no customers"},
    "abc",
    3,
    12.5,
    ({"day": 90, "signal": "feed_late"},),
    ({"rows": 250, "drawn": 10, "judged": 10, "violating": 1, "acting": 0},),
)


def exported(folder: Path, content: str) -> Path:
    folder.mkdir()
    (folder / "windows.json").write_text(content)
    return folder


def test_a_record_comes_back_as_it_was(tmp_path: Path) -> None:
    write_result(tmp_path / "results" / "x.json", RESULT)
    assert read_result(tmp_path / "results" / "x.json") == RESULT


@pytest.mark.parametrize("content", ["", "{}", "[1]", '{"key": "x"}', "not json"])
def test_a_damaged_record_counts_as_not_lived(tmp_path: Path, content: str) -> None:
    (tmp_path / "x.json").write_text(content)
    assert read_result(tmp_path / "x.json") is None
    assert read_result(tmp_path / "absent.json") is None


def test_a_record_cut_short_counts_as_not_lived(tmp_path: Path) -> None:
    path = tmp_path / "x.json"
    write_result(path, RESULT)
    whole = path.read_text()
    assert json.loads(whole)
    for length in range(0, len(whole), 37):
        path.write_text(whole[:length])
        assert read_result(path) is None


def test_equal_windows_are_kept_once_with_what_the_peers_said_of_them(tmp_path: Path) -> None:
    folder = BenchFolder(tmp_path / "bench")
    first = folder.keep_windows(exported(tmp_path / "a", "[1]"))
    (folder.windows / first / "nannyml.json").write_text("{}")
    assert folder.keep_windows(exported(tmp_path / "b", "[1]")) == first
    assert (folder.windows / first / "nannyml.json").is_file()
    assert not (tmp_path / "b").exists()
    assert folder.keep_windows(exported(tmp_path / "c", "[2]")) != first
