"""The simulated telco on the command line: `churn world` lands its files, `churn world-profile` counts its figures anew, and `churn run`
chooses its world here.

What belongs here: options, the progress bar, and which feed a home without one runs on. What does not: landing
(`adapters/world_landing.py`), living its days through the platform's jobs (`simulate.py`).
"""

from __future__ import annotations

import sys
import time
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from datetime import date
from pathlib import Path
from typing import Annotated, Any

import typer

from churn_platform.cli.app import CallError, Json, app
from churn_platform.cli.terminal import answer, say

ScenarioOption = Annotated[str | None, typer.Option("--scenario", help="World: a scenario's name, or its YAML file.")]
CustomersOption = Annotated[int | None, typer.Option("--customers", help="World: size of the base.")]
SeedOption = Annotated[int | None, typer.Option("--seed", help="World: same seed, same bytes.")]
DaysOption = Annotated[int | None, typer.Option("--days", help="World: how many live days.")]


@app.command()
def world(
    out: Annotated[Path, typer.Option("--out", help="Folder for landing/, truth/ and world/.")],
    scenario: Annotated[str, typer.Option(help="A scenario's name, or its YAML file.")] = "calm",
    customers: Annotated[int, typer.Option(help="Size of the base.")] = 7_000,
    seed: Annotated[int, typer.Option(help="Same seed, same bytes.")] = 20260101,
    days: Annotated[int, typer.Option(min=1, help="Days after the history; the scenario's day 0 is the first.")] = 45,
    history: Annotated[
        int | None,
        typer.Option(min=0, help="Calm days before; default: as many as a home has before its first live day."),
    ] = None,
    as_json: Json = False,
) -> None:
    """Only land the files of a simulated telco, with the truth beside them. Stopped, the same call goes on."""
    from churn_platform.flows.world_files import land_world

    began = time.perf_counter()
    with _day_progress(as_json) as on_day:
        summary = land_world(out.expanduser().resolve(), scenario, customers, seed, days, history, on_day)
    answer(as_json, summary | {"seconds": round(time.perf_counter() - began, 2)}, _world_lines)


@app.command("world-profile")
def world_profile(
    data: Annotated[
        Path | None,
        typer.Option(
            help="Folder with IBM's extract, services and status tables; default: where the extract is found."
        ),
    ] = None,
    to: Annotated[Path | None, typer.Option(help="File to write; default: the package's own profile.yml.")] = None,
    rounds: Annotated[int, typer.Option(min=0, help="Rounds of balancing the joiners.")] = 8,
    as_json: Json = False,
) -> None:
    """Count the simulated telco's figures on the real extract again, and write its profile."""
    from churn_platform.flows.world_files import write_world_profile

    say(as_json, "counting the extract and balancing the joiners: about a minute")
    summary = write_world_profile(data, to, rounds)
    answer(as_json, summary, lambda found: [f"{'Unchanged' if found['unchanged'] else 'Written'}: {found['profile']}"])


def feed_to_run_on(
    feed: str | None,
    scenario: str | None,
    customers: int | None,
    seed: int | None,
    days: int | None,
    tell: Callable[[str], None],
) -> str | None:
    """The feed that `churn run` lives on, its world chosen where that is the simulated telco; None leaves it to the home.

    A new home without IBM's extract lives on the simulated telco, and `tell` hears why.

    Raises:
        CallError: a world is described, and the feed is another one.
        WorldChoiceError, ScenarioError: the described world cannot be had here.
    """
    from churn_platform.flows.world_files import choose_world, why_without_extract

    described = {"scenario": scenario, "customers": customers, "seed": seed, "live_days": days}
    asked = {name: value for name, value in described.items() if value is not None}
    if asked:
        if feed not in (None, "world"):
            raise CallError(f"--scenario, --customers, --seed and --days describe the feed `world`, not {feed!r}")
        choose_world(asked)
        return "world"
    if feed is None and (reason := why_without_extract()) is not None:
        tell(
            f"IBM's extract cannot be had ({reason}), so this home lives on the simulated telco: made up, and labelled so"
        )
        return "world"
    return feed


def _world_lines(found: Mapping[str, Any]) -> Iterator[str]:
    yield (
        f"Landed [bold]{found['days']}[/] days of {found['customers']:,} customers, {found['first_day']} to {found['last_day']}, "
        f"scenario [bold]{found['scenario']}[/]"
    )
    changed = found["changed_on"]
    yield f"Cause   {found['cause']}, from {changed}" if changed else "Cause   none: nothing changes"
    yield f"Files   {found['landing']} ({found['files_written']:,} written in this call)"
    yield f"Truth   {found['truth']}"


@contextmanager
def _day_progress(as_json: bool) -> Iterator[Callable[[date, int], None]]:
    """A bar over days on a terminal, a line a month where nobody looks, nothing with --json."""
    if as_json or not sys.stderr.isatty():
        seen = [0]

        def told(day: date, total: int) -> None:
            seen[0] += 1
            if seen[0] % 30 == 0:
                say(as_json, f"  {day}: {seen[0]} of {total} days")

        yield told
        return
    from rich.console import Console
    from rich.progress import BarColumn, MofNCompleteColumn, Progress, TextColumn, TimeRemainingColumn

    columns = (TextColumn("{task.description}"), BarColumn(), MofNCompleteColumn(), TimeRemainingColumn())
    with Progress(*columns, console=Console(stderr=True)) as progress:
        task = progress.add_task("settling", total=None)

        def moved(day: date, total: int) -> None:
            progress.update(task, total=total, advance=1, description=str(day))

        yield moved
