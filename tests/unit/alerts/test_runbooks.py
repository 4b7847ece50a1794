"""Runbooks are held to their word: one for each signal, whole, naming only commands and policies that exist."""

from __future__ import annotations

import re
from pathlib import Path

import click
import pytest
from alert_evidence import POLICIES
from typer.main import get_command

import churn_platform.cli  # noqa: F401 (registers every verb)
from churn_platform.alerts.signals import SIGNAL_TABLE
from churn_platform.cli.app import app
from churn_platform.drift.finding import SIGNALS, Signal
from churn_platform.policies.document import BLOCKS

ROOT = Path(__file__).parents[3]
SECTIONS = ["Symptom", "Diagnosis", "Steps", "Verification"]


def wrong_commands(text: str) -> list[str]:
    """Commands in code spans that the command line does not have, or has without that option."""
    wrong = []
    for span in re.findall(r"`(churn [^`]*)`", text):
        command: object = get_command(app)
        words = span.split()[1:]
        while words and isinstance(command, click.Group | _typer_group()):
            command = command.commands.get(words.pop(0))
        options = [name for one in getattr(command, "params", []) for name in one.opts]
        if command is None or [word for word in words if word.startswith("--") and word not in options]:
            wrong.append(span)
    return wrong


def _typer_group() -> type:
    return type(get_command(app))


def wrong_policies(text: str) -> list[str]:
    """Dotted names in code spans that begin with a policy block and lead nowhere."""
    named = [span for span in re.findall(r"`([a-z_]+\.[a-z_.]+)`", text) if span.split(".")[0] in BLOCKS]
    wrong = []
    for path in named:
        try:
            POLICIES.value(path)
        except LookupError:
            wrong.append(path)
        except ValueError:
            wrong.append(path)
    return wrong


@pytest.mark.parametrize("signal", SIGNALS)
def test_every_signal_has_a_whole_runbook_that_names_only_what_exists(signal: Signal) -> None:
    text = (ROOT / SIGNAL_TABLE[signal].runbook).read_text()
    assert re.findall(r"^## (.+)$", text, flags=re.MULTILINE) == SECTIONS
    for section in text.split("\n## ")[1:]:
        assert len(section.split("\n", 1)[1].split()) > 8, section
    assert "`churn ticket show N`" in text
    assert wrong_commands(text) == []
    assert wrong_policies(text) == []


def test_a_command_a_flag_and_a_policy_that_do_not_exist_would_be_seen() -> None:
    text = (
        "`churn tickets --open`, `churn ticket mend N`, `churn ticket ack N --loud`, `drift.data.psi`, `drift.data.psy`"
    )
    assert wrong_commands(text) == ["churn ticket mend N", "churn ticket ack N --loud"]
    assert wrong_policies(text) == ["drift.data.psy"]


def test_there_is_no_runbook_for_a_signal_that_does_not_exist() -> None:
    pages = {path.stem for path in (ROOT / "docs/runbooks").glob("*.md")} - {"README"}
    assert pages == set(SIGNALS)


def test_every_threshold_of_a_signal_is_a_policy_value() -> None:
    for entry in SIGNAL_TABLE.values():
        assert entry.thresholds
        for path in entry.thresholds:
            POLICIES.value(path)


def test_every_signal_pages_only_by_a_word_that_policy_knows() -> None:
    from typing import get_args

    from churn_platform.alerts.signals import PageWord

    for word in POLICIES.alerts.page_on:
        assert word in get_args(PageWord)
        assert any(entry.page_word == word for entry in SIGNAL_TABLE.values())
