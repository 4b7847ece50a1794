"""The terminal: one progress line a step on stderr, the answer on stdout, for people or as one JSON object.

What belongs here: how progress and answers are shown. What does not: what they are (`flows/summary.py`) or say (`text.py`).
"""

from __future__ import annotations

import json
import os
import sys
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from churn_platform.adapters.platform import Platform
    from churn_platform.defs.launch import Launcher


def installed(feed: str | None) -> Platform:
    """The installation of this environment, on `feed` where one is named."""
    from churn_platform.adapters.platform import open_platform

    if feed is not None:
        os.environ["CHURN_FEED"] = feed
    return open_platform(feed)


@contextmanager
def launcher_on(feed: str | None, as_json: bool) -> Iterator[Launcher]:
    """A launcher whose steps move one progress line on stderr; silent with --json or where nobody looks."""
    platform = installed(feed)
    _ = platform.home  # refuse the wrong home before anything heavy is imported
    from churn_platform.defs.launch import STAGES, Launcher

    if as_json or not sys.stderr.isatty():
        steps: Callable[[str, str], None] | None = None
        if not as_json:

            def steps(step: str, state: str) -> None:
                if state != "started":
                    say(False, f"  {STAGES.get(step, step):<9} {step} {state}")

        yield Launcher(platform, steps)
        return
    from rich.console import Console
    from rich.progress import Progress, SpinnerColumn, TextColumn, TimeElapsedColumn

    with Progress(
        SpinnerColumn(), TextColumn("{task.description}"), TimeElapsedColumn(), console=Console(stderr=True)
    ) as progress:
        tasks: dict[str, Any] = {}

        def moved(step: str, state: str) -> None:
            if state == "started":
                tasks[step] = progress.add_task(f"{STAGES.get(step, step)}: {step}", total=1)
            elif step in tasks:
                progress.update(tasks[step], completed=1, description=f"{STAGES.get(step, step)}: {step} {state}")
                progress.stop_task(tasks[step])

        yield Launcher(platform, moved)


@contextmanager
def fold_progress(as_json: bool, total: int) -> Iterator[Callable[[int, int, float], None]]:
    """A bar for folds."""
    if as_json or not sys.stderr.isatty():
        yield lambda number, of, auc: say(as_json, f"  fold {number} of {of}: AUC {auc:.4f}")
        return
    from rich.console import Console
    from rich.progress import Progress

    with Progress(console=Console(stderr=True)) as progress:
        task = progress.add_task("cross-validating", total=total)

        def advance(number: int, of: int, auc: float) -> None:
            progress.update(task, completed=number, description=f"fold {number} of {of}: AUC {auc:.4f}")

        yield advance


def say(as_json: bool, line: str) -> None:
    """One line for people, on stderr; nothing with --json."""
    if not as_json:
        print(line, file=sys.stderr)  # noqa: T201


def answer(as_json: bool, summary: dict[str, Any], lines: Callable[[dict[str, Any]], Any]) -> None:
    """Print the summary: as one JSON object, or as text for people."""
    if as_json:
        print(json.dumps(summary, default=str))  # noqa: T201
        return
    from rich.console import Console

    console = Console(soft_wrap=False)
    for line in lines(summary):
        console.print(line)


def escape(text: str) -> str:
    """`text` as it stands, for lines in rich's markup; rich is imported when there is something to print."""
    from rich.markup import escape as escaped

    return escaped(text)
