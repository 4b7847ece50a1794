"""The journal of a simulated life: one line for each step that was finished, so that a killed life goes on where it stood.

What belongs here: `$CHURN_HOME/simulation/life.jsonl`, appended and read back. What does not: what a step is (`flows/simulation`), and
anything that a store already records: findings, tickets, decisions and releases are read from there.
"""

from __future__ import annotations

import json
import os
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass, field
from datetime import date
from typing import Any

from churn_platform.adapters.file_lock import exclusive
from churn_platform.settings import Settings


class JournalError(ValueError):
    """The journal is damaged; the message names the line."""


@dataclass(frozen=True, slots=True)
class Step:
    """One finished step of a life: on which day, what, how long it took in seconds, and what is worth keeping of it."""

    day: date
    name: str
    seconds: float
    facts: Mapping[str, Any] = field(default_factory=dict)


class LifeJournal:
    """The journal of one home."""

    def __init__(self, settings: Settings) -> None:
        self._folder = settings.home / "simulation"
        self._path = self._folder / "life.jsonl"

    @contextmanager
    def living(self) -> Iterator[None]:
        """Whoever lives this home's life does it alone; another waits for its turn, and then goes on."""
        self._folder.mkdir(parents=True, exist_ok=True)
        with exclusive(self._folder / ".lock"):
            self._cut_torn_line()
            yield

    def record(self, step: Step) -> None:
        """Append a step; once this returns, the step is done for ever."""
        self._folder.mkdir(parents=True, exist_ok=True)
        line = {"day": step.day.isoformat(), "step": step.name, "seconds": round(step.seconds, 4), **step.facts}
        with self._path.open("ab") as file:
            file.write(json.dumps(line).encode() + b"\n")
            file.flush()
            os.fsync(file.fileno())

    def steps(self) -> tuple[Step, ...]:
        """Every finished step, oldest first; a last line that a killed writer left torn was never finished.

        Raises:
            JournalError: a line in the middle cannot be read.
        """
        if not self._path.is_file():
            return ()
        *lines, _torn = self._path.read_bytes().split(b"\n")
        return tuple(self._read(number, line) for number, line in enumerate(lines, 1))

    def _read(self, number: int, line: bytes) -> Step:
        try:
            content = json.loads(line)
            day, name = date.fromisoformat(content.pop("day")), str(content.pop("step"))
            return Step(day, name, float(content.pop("seconds")), content)
        except (ValueError, KeyError, TypeError, AttributeError) as error:
            raise JournalError(
                f"{self._path} is damaged in line {number} ({error}): restore it, or live the life again in another home"
            ) from error

    def _cut_torn_line(self) -> None:
        if not self._path.is_file():
            return
        content = self._path.read_bytes()
        whole = content.rfind(b"\n") + 1
        if whole < len(content):
            os.truncate(self._path, whole)
