"""The command line: `churn run`, `day`, `train`, `score`, `status`, `report`, `dev`, `setup`.

What belongs here: words and progress for people, one JSON object for machines, exit codes. What does not: any work (jobs and flows).
The outermost door: it drives the same Dagster jobs that the UI and the schedule run.

Exit codes: 0 all well; 1 a run or a check failed; 2 the call or the home is wrong; 3 nothing has been done yet that could be shown.
"""

from __future__ import annotations

import os
import signal
import subprocess
import sys
import time
from datetime import date
from typing import TYPE_CHECKING, Annotated

import typer

from churn_platform.cli.terminal import answer, fold_progress, installed, launcher_on, say

if TYPE_CHECKING:
    from churn_platform.adapters.platform import Platform
    from churn_platform.defs.launch import Launcher

FAILED, WRONG_CALL, NOTHING_YET = 1, 2, 3

app = typer.Typer(
    name="churn",
    help="A telco's churn model, kept healthy: from raw data to daily scores with reasons.",
    no_args_is_help=True,
    add_completion=False,
    pretty_exceptions_enable=False,
)

Json = Annotated[bool, typer.Option("--json", help="One JSON object on stdout, nothing else.")]
Feed = Annotated[
    str | None, typer.Option("--feed", help="ibm, world or landing; default: what this home holds, else ibm.")
]


class CallError(ValueError):
    """The call names something that is not there; the message says what there is."""


class NotReleasedError(RuntimeError):
    """The first model did not pass its gates; the message carries the gate's reasons."""


def main() -> None:
    """Entry point: turns every expected error into one line on stderr and an exit code."""
    os.environ.setdefault("DO_NOT_TRACK", "true")
    os.environ.setdefault("MLFLOW_DISABLE_TELEMETRY", "true")
    try:
        app()
    except Exception as error:
        code = _exit_code(error)
        if code is None:
            raise
        print(f"churn: {error}", file=sys.stderr)  # noqa: T201 (the command line's own word)
        sys.exit(code)


def _exit_code(error: Exception) -> int | None:
    """The exit code of an error that a person can do something about; None for a bug, which keeps its traceback."""
    from churn_platform.adapters.extract import ExtractNotFoundError
    from churn_platform.adapters.feed_source import FeedError
    from churn_platform.adapters.home import HomeError
    from churn_platform.adapters.landing_zone import LandingError
    from churn_platform.adapters.warehouse import WarehouseError
    from churn_platform.feeds.calendar import CalendarError
    from churn_platform.feeds.ibm import ExtractError
    from churn_platform.policies import PolicyError
    from churn_platform.settings import SettingsError

    of_the_call = CallError | FeedError | HomeError | PolicyError | SettingsError
    of_the_data = LandingError | CalendarError | ExtractError | ExtractNotFoundError
    if isinstance(error, of_the_call | of_the_data):
        return WRONG_CALL
    if isinstance(error, WarehouseError | NotReleasedError):
        return FAILED
    launch = sys.modules.get("churn_platform.defs.launch")
    if launch is not None and isinstance(error, launch.RunFailedError):
        return FAILED
    return None


@app.command()
def run(feed: Feed = None, as_json: Json = False) -> None:
    """The main job: ingest, features, train, evaluate, explain, release, and score the live days."""
    from churn_platform.cli.text import main_job_lines
    from churn_platform.flows.summary import main_job_summary, refusal_of_the_first_model

    began = time.perf_counter()
    with launcher_on(feed, as_json) as launcher:
        platform = launcher.platform
        say(as_json, f"feed {platform.home.feed}: {platform.home.note}")
        calendar = platform.calendar
        if calendar.quiet_days:
            first_quiet = min(calendar.quiet_days)
            say(
                as_json,
                f"{len(calendar.quiet_days)} days have no customers file, the first is {first_quiet}: nobody is expected on them",
            )
        history_end = min(calendar.training_as_of, calendar.last_day)
        launcher.run("history", (calendar.first_day, history_end))
        launcher.run("training")
        refused = refusal_of_the_first_model(platform)
        if refused is not None:
            raise NotReleasedError(f"no model was released, so nothing is scored; {refused}")
        launcher.run("day", (calendar.live_from, calendar.live_end))
    summary = main_job_summary(platform, launcher.seconds_by_stage(), time.perf_counter() - began)
    answer(as_json, summary, main_job_lines)


@app.command()
def day(
    when: Annotated[str, typer.Argument(metavar="DATE", help="observation date, as 2026-06-01")], as_json: Json = False
) -> None:
    """One day from landing to published scores, with the present champion."""
    from churn_platform.cli.text import day_lines
    from churn_platform.flows.summary import day_summary

    chosen = _date(when)
    began = time.perf_counter()
    with launcher_on(None, as_json) as launcher:
        _known_day(launcher.platform, chosen)
        expects = (
            launcher.platform.calendar.expects_customers(chosen) and chosen >= launcher.platform.calendar.live_from
        )
        launcher.run("day" if expects else "history", (chosen, chosen))
    summary = day_summary(launcher.platform, chosen, launcher.seconds_by_stage(), time.perf_counter() - began)
    answer(as_json, summary, day_lines)


@app.command()
def train(
    feature_set: Annotated[str, typer.Option(help="v1 or v2; default: the policy's.")] = "",
    as_of: Annotated[str, typer.Option(help="Train as on this day; default: the calendar's training day.")] = "",
    cv: Annotated[
        bool, typer.Option("--cv", help="Cross-validate the whole recipe over all rows; releases nothing.")
    ] = False,
    folds: Annotated[int, typer.Option(min=2, help="Folds of --cv.")] = 5,
    seed: Annotated[int, typer.Option(help="Seed that deals the folds of --cv.")] = 0,
    as_json: Json = False,
) -> None:
    """Train, judge, explain, register and decide on the release; or `--cv`: measure the recipe."""
    from churn_platform.cli.text import cross_validation_lines, training_lines
    from churn_platform.flows.summary import cross_validation_summary, training_summary

    if as_of:
        _date(as_of)
    began = time.perf_counter()
    with launcher_on(None, as_json) as launcher:
        platform = launcher.platform
        _prepare_features(launcher)
        if cv:
            with fold_progress(as_json, folds) as advance:
                result = cross_validation_summary(platform, feature_set, folds, seed, advance)
        else:
            launcher.run("training", config={"training_set": {"feature_set": feature_set, "as_of": as_of}})
    if cv:
        answer(as_json, result, cross_validation_lines)
        return
    answer(
        as_json, training_summary(platform, launcher.seconds_by_stage(), time.perf_counter() - began), training_lines
    )


@app.command()
def score(
    when: Annotated[str, typer.Argument(metavar="DATE", help="observation date, as 2026-06-01")], as_json: Json = False
) -> None:
    """Score a day whose features are there, and publish it; running again changes nothing."""
    from churn_platform.cli.text import day_lines
    from churn_platform.flows.summary import day_summary

    chosen = _date(when)
    began = time.perf_counter()
    with launcher_on(None, as_json) as launcher:
        _known_day(launcher.platform, chosen)
        launcher.run("scoring", (chosen, chosen))
    summary = day_summary(launcher.platform, chosen, launcher.seconds_by_stage(), time.perf_counter() - began)
    answer(as_json, summary, day_lines)


@app.command()
def status(as_json: Json = False) -> None:
    """What this home holds: feed, champion, published days, ledger."""
    from churn_platform.cli.text import status_lines
    from churn_platform.flows.summary import status_summary

    platform = installed(None)
    summary = status_summary(platform)
    answer(as_json, summary, status_lines)
    if summary["feed"] is None:
        raise typer.Exit(NOTHING_YET)


@app.command()
def report(as_json: Json = False) -> None:
    """Where the champion's evaluation report is."""
    from churn_platform.cli.text import report_lines
    from churn_platform.flows.summary import report_summary

    summary = report_summary(installed(None))
    answer(as_json, summary, report_lines)
    if summary["report"] is None:
        raise typer.Exit(NOTHING_YET)


@app.command()
def setup() -> None:
    """Prepare this checkout and home: parse the dbt project, create the databases."""
    from churn_platform.adapters.dbt import prepare_manifest
    from churn_platform.defs.instance import prepare_dagster_home

    platform = installed(None)
    prepare_manifest(platform.settings)
    platform.registry.prepare()
    platform.ops.close()
    prepare_dagster_home(platform.settings)
    print(f"ready: state lives in {platform.settings.home}", file=sys.stderr)  # noqa: T201


@app.command()
def dev(port: Annotated[int, typer.Option(help="Port of the Dagster UI on loopback.")] = 3000) -> None:
    """Start the Dagster UI and daemon on loopback, on this home."""
    from churn_platform.adapters.dbt import prepare_manifest
    from churn_platform.defs.event_log import BATCH_SIZE
    from churn_platform.defs.instance import prepare_dagster_home

    platform = installed(None)
    prepare_manifest(platform.settings)
    home = prepare_dagster_home(platform.settings)
    workspace = platform.settings.project_root / "workspace.yaml"
    # named one by one: `dg dev` wants another project layout than this workspace, and the rest must stay visible
    ignored = ["ignore:Function `dev_command` is superseded", "ignore:Parameter `backfill_policy`"]
    environment = {
        **os.environ,
        "DAGSTER_HOME": str(home),
        "CHURN_HOME": str(platform.settings.home),
        "DAGSTER_EVENT_BATCH_SIZE": str(BATCH_SIZE),
        "PYTHONWARNINGS": ",".join([*filter(None, [os.environ.get("PYTHONWARNINGS")]), *ignored]),
    }
    print(f"Dagster UI: http://127.0.0.1:{port}/asset-groups (Ctrl-C ends it)", file=sys.stderr)  # noqa: T201
    dagster = os.path.join(os.path.dirname(sys.executable), "dagster")
    arguments = [dagster, "dev", "-w", str(workspace), "-h", "127.0.0.1", "-p", str(port)]
    process = subprocess.Popen(arguments, env=environment, cwd=platform.settings.project_root)  # noqa: S603 (our own environment's dagster)
    for signal_number in (signal.SIGINT, signal.SIGTERM):
        # Dagster stops its five processes on SIGINT only
        signal.signal(signal_number, lambda *_: process.send_signal(signal.SIGINT))
    raise typer.Exit(process.wait())


def _prepare_features(launcher: Launcher) -> None:
    """Ingest the history first if this home has no features yet."""
    platform = launcher.platform
    if not platform.warehouse.has_features():
        launcher.run("history", (platform.calendar.first_day, platform.calendar.training_as_of))


def _known_day(platform: Platform, chosen: date) -> None:
    calendar = platform.calendar
    if not calendar.first_day <= chosen <= calendar.last_day:
        raise CallError(f"{chosen} is not a day of the feed: its days are {calendar.first_day} to {calendar.last_day}")


def _date(text: str) -> date:
    try:
        return date.fromisoformat(text)
    except ValueError:
        raise CallError(f"{text!r} is not a date: write it as 2026-06-01") from None
