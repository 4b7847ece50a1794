"""The verb `churn simulate`: a made-up telco's days, lived through the platform's own jobs, in a home of its own.

What belongs here: choosing the home, the progress bar, running jobs for the life. What does not: the order of a day
(`flows/simulation/life.py`), what happened (`flows/simulation/account.py`), its wording (`simulate_text.py`).
"""

from __future__ import annotations

import os
import sys
import time
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from datetime import date
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from churn_platform.cli.app import CallError, Json, app
from churn_platform.cli.terminal import answer, installed, say

if TYPE_CHECKING:
    from churn_platform.adapters.world_choice import WorldChoice
    from churn_platform.defs.launch import Launcher
    from churn_platform.flows.simulation.life import JobOutcome
    from churn_platform.settings import Settings

STOPPED = 130
"""What a shell says of a program that Ctrl-C ended."""


@app.command()
def simulate(
    scenario: Annotated[str, typer.Option(help="A scenario's name, or the path of a YAML file.")] = "calm",
    days: Annotated[int, typer.Option(min=1, help="Live days to live.")] = 45,
    customers: Annotated[int, typer.Option(help="Size of the customer base.")] = 7_000,
    seed: Annotated[int, typer.Option(help="Same seed, same telco.")] = 20260101,
    home: Annotated[
        str, typer.Option(help="The life's home; default: simulations/<scenario>-<customers>-<seed> below $CHURN_HOME.")
    ] = "",
    as_json: Json = False,
) -> None:
    """Live a made-up telco's days, from landing to scores, drift, tickets and retraining; stopped, the same call goes on."""
    from churn_platform.adapters.world_choice import WorldChoice
    from churn_platform.cli.simulate_text import life_lines
    from churn_platform.flows.simulation.account import life_account
    from churn_platform.flows.simulation.life import live

    began = time.perf_counter()
    settings = _move_in(WorldChoice(scenario, customers, seed, days), home)
    platform = installed("world")
    _ = platform.home  # refuse another telco's home before anything heavy is imported
    say(as_json, f"{platform.home.note}; its home is {settings.home}")
    from churn_platform.defs.launch import Launcher

    launcher = Launcher(platform)
    try:
        with _progress(as_json, days) as tell:
            live(platform, lambda job, span=None, config=None: _run(launcher, job, span, config), days, tell)
    except KeyboardInterrupt:
        say(False, f"stopped; the same call goes on where it stopped (home: {settings.home})")
        raise typer.Exit(STOPPED) from None
    account = life_account(platform, days)
    account["seconds"]["this_call"] = round(time.perf_counter() - began, 2)
    answer(as_json, account, life_lines)


def _move_in(choice: WorldChoice, home: str) -> Settings:
    """Make the life's home this process's home, on the world of `choice`.

    Raises:
        CallError: the environment points outside the home, or the home holds another feed.
        WorldChoiceError: it holds another world. ScenarioError: there is no such scenario.
    """
    from dataclasses import replace

    from churn_platform.adapters.home import read_home
    from churn_platform.adapters.world_choice import load_scenario, read_world_choice, write_world_choice
    from churn_platform.settings import load_settings

    for variable in ("CHURN_OPS_URL", "CHURN_LANDING_DIR"):
        if os.environ.get(variable, "").strip():
            raise CallError(f"{variable} is set, and a simulated life keeps everything in its own home: unset it")
    name = load_scenario(choice.scenario).name
    chosen = Path(home).expanduser().resolve() if home else _own_home(load_settings(), choice, name)
    os.environ["CHURN_HOME"] = str(chosen)
    settings = load_settings()
    there = read_home(settings)
    if there is not None and there.feed != "world":
        raise CallError(
            f"{chosen} holds the feed {there.feed!r} ({there.note}); a simulated life needs a home of its own"
        )
    if there is not None:  # a shorter call does not make an earlier, longer life shorter
        choice = replace(choice, live_days=max(choice.live_days, read_world_choice(settings).live_days))
    write_world_choice(settings, choice)
    return settings


def _own_home(settings: Settings, choice: WorldChoice, name: str) -> Path:
    """The present home if it lives on this very world already, else one below it."""
    from churn_platform.adapters.home import read_home
    from churn_platform.adapters.world_choice import load_scenario, read_world_choice

    there = read_home(settings)
    if there is not None and there.feed == "world":
        held = read_world_choice(settings)
        same = (held.customers, held.seed) == (choice.customers, choice.seed)
        if same and load_scenario(held.scenario) == load_scenario(choice.scenario):
            return settings.home
    return settings.home / "simulations" / f"{name}-{choice.customers}-{choice.seed}"


def _run(
    launcher: Launcher,
    job: str,
    span: tuple[date, date] | None,
    config: Mapping[str, Mapping[str, str]] | None,
) -> JobOutcome:
    """Run a job; a failure is an outcome."""
    from churn_platform.defs.launch import STAGES, RunFailedError
    from churn_platform.flows.simulation.life import JobOutcome

    began = time.perf_counter()
    try:
        done = launcher.run(job, span, config)
    except RunFailedError as failed:
        return JobOutcome(time.perf_counter() - began, {}, failed.step, failed.reason)
    stages: dict[str, float] = {}
    for step, seconds in done.steps.items():
        stage = STAGES.get(step, step)
        stages[stage] = stages.get(stage, 0.0) + seconds
    whole = time.perf_counter() - began
    return JobOutcome(whole, {**stages, "orchestration": max(0.0, whole - sum(done.steps.values()))})


@contextmanager
def _progress(as_json: bool, days: int) -> Iterator[Callable[[date, str], None]]:
    """A bar over the days on a terminal; a line a week where nobody looks; nothing with --json."""
    from churn_platform.flows.simulation.life import LIVED

    lived = [0]
    if as_json or not sys.stderr.isatty():

        def line(day: date, step: str) -> None:
            lived[0] += step == LIVED
            long = step in ("history", "first_training", "training")
            if long or (step == LIVED and lived[0] % 7 == 0):
                say(as_json, f"  {day} {step.replace('_', ' ')}")

        yield line
        return
    from rich.console import Console
    from rich.progress import (
        BarColumn,
        MofNCompleteColumn,
        Progress,
        TextColumn,
        TimeElapsedColumn,
        TimeRemainingColumn,
    )

    columns = (
        TextColumn("{task.description}"),
        BarColumn(),
        MofNCompleteColumn(),
        TimeElapsedColumn(),
        TimeRemainingColumn(),
    )
    with Progress(*columns, console=Console(stderr=True)) as bar:
        task = bar.add_task("the days before", total=days)

        def moved(day: date, step: str) -> None:
            bar.update(task, advance=step == LIVED, description=f"{day} {step.replace('_', ' '):<14}")

        yield moved
