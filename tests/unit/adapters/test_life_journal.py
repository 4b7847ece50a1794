"""The journal of a simulated life: what was recorded is there for ever, what a kill tore never was, damage is named."""

from __future__ import annotations

import os
import subprocess
import sys
from datetime import date
from pathlib import Path

import pytest

from churn_platform.adapters.life_journal import JournalError, LifeJournal, Step
from churn_platform.settings import Settings

DAY = date(2026, 6, 1)


@pytest.fixture
def settings(tmp_path: Path) -> Settings:
    return Settings(home=tmp_path, raw_dirs=())


def file_of(settings: Settings) -> Path:
    return settings.home / "simulation" / "life.jsonl"


def test_steps_come_back_in_order_with_their_facts(settings: Settings) -> None:
    journal = LifeJournal(settings)
    assert journal.steps() == ()
    steps = (Step(DAY, "job", 1.5, {"job": "day", "stages": {"score": 0.1}}), Step(DAY, "lived", 2.0))
    for step in steps:
        journal.record(step)
    assert LifeJournal(settings).steps() == steps


def test_a_torn_last_line_was_never_finished_and_is_cut_before_the_next(settings: Settings) -> None:
    journal = LifeJournal(settings)
    journal.record(Step(DAY, "job", 1.0))
    with file_of(settings).open("ab") as file:
        file.write(b'{"day": "2026-06-01", "step": "liv')
    assert [step.name for step in journal.steps()] == ["job"]
    with journal.living():
        journal.record(Step(DAY, "tickets", 1.0))
    assert [step.name for step in journal.steps()] == ["job", "tickets"]


def test_a_damaged_line_in_the_middle_is_named(settings: Settings) -> None:
    journal = LifeJournal(settings)
    for name in ("job", "lived"):
        journal.record(Step(DAY, name, 1.0))
    damaged = file_of(settings).read_bytes().replace(b'"step": "job"', b'"step" "job"')
    file_of(settings).write_bytes(damaged)
    with pytest.raises(JournalError, match="line 1"):
        journal.steps()


def test_two_lives_of_one_home_take_turns(settings: Settings) -> None:
    journal = LifeJournal(settings)
    code = (
        "import sys; from pathlib import Path; from churn_platform.adapters.life_journal import LifeJournal; "
        "from churn_platform.settings import Settings\n"
        "with LifeJournal(Settings(home=Path(sys.argv[1]), raw_dirs=())).living(): print('in', flush=True)"
    )
    with journal.living():
        other = subprocess.Popen(
            [sys.executable, "-c", code, str(settings.home)], stdout=subprocess.PIPE, text=True, env=os.environ
        )
        with pytest.raises(subprocess.TimeoutExpired):
            other.wait(timeout=2)
    assert other.communicate(timeout=30)[0] == "in\n"
