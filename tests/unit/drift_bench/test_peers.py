"""The peers' environment and their answers, without installing anything."""

from __future__ import annotations

import json
import subprocess
import sys
from pathlib import Path

import pytest

from churn_platform.flows.drift_bench import peers as module
from churn_platform.flows.drift_bench.alarms import Alarm
from churn_platform.flows.drift_bench.peers import (
    READINGS,
    REQUIREMENTS,
    Peers,
    PeersUnavailableError,
    judge_windows,
    prepare_peers,
    seconds_taken,
    told_alarms,
)

#: stands for the peers' interpreter: answers each folder as the script does, or fails on a folder called `broken`
FAKE = """#!{python}
import json, pathlib, sys
for folder in map(pathlib.Path, sys.argv[3:]):
    if folder.name == "broken":
        raise SystemExit("ValueError: an empty column")
    answer = {{"version": "1", "seconds": 2.0, "alarms": {{"nannyml": {{"4": ["drift:a"]}}}}}}
    (folder / (sys.argv[2] + ".json")).write_text(json.dumps(answer))
    print(folder.name, flush=True)
"""


@pytest.fixture
def peers(tmp_path: Path) -> Peers:
    python = tmp_path / "python"
    python.write_text(FAKE.format(python=sys.executable))
    python.chmod(0o755)
    return Peers(python, {"nannyml": "1"})


def test_versions_are_pinned() -> None:
    assert all("==" in requirement for requirement in REQUIREMENTS)


def test_without_pip_the_reason_and_the_way_out_are_told(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    def refuse(command: list[str]) -> str:
        raise subprocess.CalledProcessError(
            1, command, stderr="WARNING: retrying\nERROR: No matching distribution found"
        )

    monkeypatch.setattr(module, "_run", refuse)
    said: list[str] = []
    with pytest.raises(PeersUnavailableError, match=r"No matching distribution found.*with a network and pip"):
        prepare_peers(tmp_path, said.append)
    assert "evidently==0.7.23" in said[0]
    assert list(tmp_path.iterdir()) == []


def test_an_environment_that_is_there_is_not_made_again(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    def make(command: list[str]) -> str:
        if "venv" in command:
            python = Path(command[-1]) / "bin" / "python"
            python.parent.mkdir(parents=True)
            python.touch()
        return json.dumps([{"name": "evidently", "version": "0.7.23"}, {"name": "other", "version": "1"}])

    monkeypatch.setattr(module, "_run", make)
    first = prepare_peers(tmp_path, print)
    assert first.versions == {"evidently": "0.7.23"}
    monkeypatch.setattr(module, "_run", lambda command: pytest.fail("made again"))
    assert prepare_peers(tmp_path, print) == first


def test_every_folder_is_judged_in_one_process_and_read_back(tmp_path: Path, peers: Peers) -> None:
    folders = [tmp_path / "a", tmp_path / "b"]
    for folder in folders:
        folder.mkdir()
    heard: list[str] = []
    judge_windows(peers, "nannyml", folders, heard.append)
    assert heard == ["a", "b"]
    assert told_alarms(folders[0]) == {"nannyml": {4: frozenset({Alarm("drift:a")})}}
    assert seconds_taken(folders) == {"evidently": 0.0, "nannyml": 4.0}


def test_a_peer_that_fails_is_no_silent_peer(tmp_path: Path, peers: Peers) -> None:
    broken = tmp_path / "broken"
    broken.mkdir()
    with pytest.raises(PeersUnavailableError, match=r"nannyml failed on the exported windows: .*an empty column"):
        judge_windows(peers, "nannyml", [broken])
    assert told_alarms(broken) == {}


def test_each_reading_says_what_it_is() -> None:
    assert set(READINGS) == {"evidently", "evidently_columns", "nannyml"}
