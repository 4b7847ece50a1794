"""The main verbs: `churn run`, `day`, `train`, `score`, `status`, `report`, `setup`.

What belongs here: words and progress for people, one JSON object for machines, exit codes. What does not: any work (jobs and flows).
The outermost door: it drives the same Dagster jobs that the UI and the schedule run.
"""

from __future__ import annotations

import sys
import time
from datetime import date
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from churn_platform.cli.app import NOTHING_YET, CallError, Feed, Json, NotReleasedError, app, day_of
from churn_platform.cli.terminal import answer, fold_progress, installed, launcher_on, say
from churn_platform.cli.world import CustomersOption, DaysOption, ScenarioOption, SeedOption, feed_to_run_on

if TYPE_CHECKING:
    from churn_platform.adapters.platform import Platform
    from churn_platform.defs.launch import Launcher


@app.command()
def run(
    feed: Feed = None,
    scenario: ScenarioOption = None,
    customers: CustomersOption = None,
    seed: SeedOption = None,
    days: DaysOption = None,
    as_json: Json = False,
) -> None:
    """The main job: ingest, features, train, evaluate, explain, release, and score the live days."""
    from churn_platform.cli.text import main_job_lines
    from churn_platform.flows.summary import main_job_summary, refusal_of_the_first_model

    began = time.perf_counter()
    feed = feed_to_run_on(feed, scenario, customers, seed, days, lambda line: say(as_json, line))
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

    chosen = day_of(when)
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
        day_of(as_of)
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
    when: Annotated[str, typer.Argument(metavar="DATE", help="observation date, as 2026-06-01")],
    features: Annotated[
        str, typer.Option(metavar="FILE", help="Score these feature rows instead: Parquet, as the champion's table.")
    ] = "",
    as_json: Json = False,
) -> None:
    """Score a day whose features are there, and publish it; running again changes nothing."""
    chosen = day_of(when)
    if features:
        from churn_platform.cli.score_file import score_features

        score_features(Path(features), chosen, as_json)
        return
    from churn_platform.cli.text import day_lines
    from churn_platform.flows.summary import day_summary

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
    from churn_platform.adapters.dbt_manifest import prepare_manifest
    from churn_platform.defs.instance import prepare_dagster_home

    platform = installed(None)
    prepare_manifest(platform.settings)
    platform.registry.prepare()
    platform.ops.close()
    prepare_dagster_home(platform.settings)
    print(f"ready: state lives in {platform.settings.home}", file=sys.stderr)  # noqa: T201


def _prepare_features(launcher: Launcher) -> None:
    """Ingest the history first if this home has no features yet."""
    platform = launcher.platform
    if not platform.warehouse.has_features():
        launcher.run("history", (platform.calendar.first_day, platform.calendar.training_as_of))


def _known_day(platform: Platform, chosen: date) -> None:
    calendar = platform.calendar
    if not calendar.first_day <= chosen <= calendar.last_day:
        raise CallError(f"{chosen} is not a day of the feed: its days are {calendar.first_day} to {calendar.last_day}")
