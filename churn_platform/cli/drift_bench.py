"""`churn drift-bench`: how soon planted changes are noticed, and how often nothing is, beside Evidently's and NannyML's defaults.

What belongs here: the call, progress, words. What does not: any of the work (`flows/drift_bench/`).
"""

from __future__ import annotations

import sys
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Annotated, Any

import typer

from churn_platform.cli.app import CallError, Json, app
from churn_platform.cli.terminal import answer, installed, say


@app.command("drift-bench")
def drift_bench(
    scenario: Annotated[
        list[str] | None,
        typer.Option("--scenario", metavar="NAME|FILE", help="A packaged scenario or a YAML file; may be repeated."),
    ] = None,
    seeds: Annotated[int, typer.Option(min=1, help="Lives of each scenario.")] = 5,
    customers: Annotated[int, typer.Option(min=50, help="Customers of each world.")] = 7_000,
    calm_days: Annotated[int, typer.Option(min=1, help="Live days of the calm lives.")] = 365,
    after_days: Annotated[int, typer.Option(min=1, help="Days watched from the day of a change on.")] = 60,
    peers: Annotated[bool, typer.Option("--peers/--no-peers", help="Show the same windows to the peers.")] = True,
    processes: Annotated[int, typer.Option(min=1, help="Lives lived at a time.")] = 2,
    folder: Annotated[
        str, typer.Option(help="Where lives, results and the peers' environment are kept; default: below the home.")
    ] = "",
    as_json: Json = False,
) -> None:
    """Plant changes, live them, and count: false alarms, changes noticed, days until then, the cause named first."""
    from churn_platform.adapters.code import code_digest
    from churn_platform.cli.drift_bench_life import live_in_a_process
    from churn_platform.flows.drift_bench.board import run_board
    from churn_platform.flows.drift_bench.cases import BenchError, BenchSize, plan
    from churn_platform.flows.drift_bench.results import BenchFolder
    from churn_platform.simulation.scenario import ScenarioError

    platform = installed(None)
    try:
        plans = plan(BenchSize(seeds, customers, calm_days, after_days), scenario or ())
        with _progress(as_json) as moved:
            board = run_board(
                plans,
                BenchFolder(Path(folder).expanduser().resolve() if folder else platform.settings.home / "drift_bench"),
                code=code_digest(),
                policy=platform.policies.digest,
                gap=platform.policies.alerts.same_incident_within.days,
                declared=platform.policies.drift.false_discovery_rate,
                live_task=live_in_a_process,
                with_peers=peers,
                processes=processes,
                say=lambda line: say(as_json, line),
                on_progress=moved,
            )
    except (BenchError, ScenarioError) as error:
        raise CallError(str(error)) from error
    answer(as_json, {**_asked(plans[0], seeds, customers, calm_days, after_days), **board}, _lines)


def _asked(plan: Any, seeds: int, customers: int, calm_days: int, after_days: int) -> dict[str, Any]:
    return {
        "scenarios": [case.name for case in plan.cases if case.change_day is not None],
        "seeds": seeds,
        "customers": customers,
        "calm_days": calm_days,
        "after_days": after_days,
    }


@contextmanager
def _progress(as_json: bool) -> Iterator[Callable[[str, int, int], None]]:
    """One bar over all days to be lived; a line per life where nobody looks at a terminal."""
    if as_json or not sys.stderr.isatty():
        told: set[str] = set()

        def line(name: str, done: int, total: int) -> None:
            if name not in told:
                told.add(name)
                say(as_json, f"  living {name} ({done} of {total} days)")

        yield line
        return
    from rich.console import Console
    from rich.progress import BarColumn, MofNCompleteColumn, Progress, TextColumn, TimeRemainingColumn

    columns = (TextColumn("{task.description}"), BarColumn(), MofNCompleteColumn(), TimeRemainingColumn())
    with Progress(*columns, console=Console(stderr=True)) as progress:
        bar = progress.add_task("days", total=None)

        def moved(name: str, done: int, total: int) -> None:
            progress.update(bar, description=name, completed=done, total=total)

        yield moved


def _lines(board: dict[str, Any]) -> Iterator[Any]:
    """The scoreboard as tables."""
    from rich.table import Table

    yield (
        f"{len(board['scenarios'])} scenarios × {board['seeds']} seeds and {board['seeds']} calm lives of {board['calm_days']} days, "
        f"{board['customers']:,} customers each; every change watched for {board['after_days']} days"
    )
    monitors = {"this platform": board["platform"], **board["peers"]}
    table = Table(title=None)
    table.add_column("")
    for name in monitors:
        table.add_column(name, justify="right")
    for key, words, shown in _ROWS:
        table.add_row(words, *(_figure(line[key], shown) for line in monitors.values()))
    yield table
    if board["peers_missing"]:
        yield f"The peers' figures are missing: {board['peers_missing']}"
    yield _by_scenario(board)
    yield _calm_windows(board)
    for seed, reason in board["worlds_without_a_champion"].items():
        yield f"World {seed} was left out: its first model did not pass the gates ({reason})"
    for seed, alarms in board["false_alarms"].items():
        if alarms:
            told = "; ".join(
                f"{row['subject']} ({row['critical_episodes']} critical, {row['days']} days)" for row in alarms[:6]
            )
            yield f"False alarms of calm life {seed}: {told}"
    runtime = board["runtime"]
    yield f"{runtime['seconds']:.0f} s, of which living {runtime['seconds_living']:.0f} s with {runtime['processes']} processes"


_ROWS = (
    ("false_critical_per_calm_year", "false critical alarms per calm year", ".1f"),
    ("false_alarms_per_calm_year", "false alarms per calm year, all levels", ".1f"),
    ("alarm_days_per_calm_year", "days with an alarm per calm year", ".0f"),
    ("detected_share", "planted changes noticed", ".0%"),
    ("median_days_to_detection", "median days to detection", ".1f"),
    ("worst_days_to_detection", "worst days to detection (unnoticed: all watched)", ".0f"),
    ("same_day_share", "feed and schema changes noticed on the same day", ".0%"),
    ("cause_first_share", "right cause named first", ".0%"),
)


def _by_scenario(board: dict[str, Any]) -> Any:
    """One row per scenario: days to detection by seed, by what, the cause named."""
    from rich.table import Table

    table = Table(title="days to detection by scenario, one figure a seed")
    monitors = [name for name in ("platform", *board["peers"]) if all(name in change for change in board["changes"])]
    for column in ("scenario", *monitors, "noticed by", "cause named first"):
        table.add_column(column)
    for name in board["scenarios"]:
        changes = [change for change in board["changes"] if change["scenario"] == name]
        days = [
            " ".join("–" if change[m]["days"] is None else str(change[m]["days"]) for change in changes)
            for m in monitors
        ]
        subjects = dict.fromkeys(subject for change in changes for subject in change["platform"]["subjects"])
        causes = dict.fromkeys(change["platform"]["cause"] or "none" for change in changes)
        table.add_row(name, *days, ", ".join(list(subjects)[:4]), ", ".join(causes))
    return table


def _calm_windows(board: dict[str, Any]) -> Any:
    """False alarm rates of calm windows by their rows."""
    from rich.table import Table

    table = Table(title="calm windows drawn from the calm lives' own rows")
    for column in ("rows", "windows", "enough rows to judge", "false alarms", "of which would act", "declared"):
        table.add_column(column, justify="right")
    for row in board["calm_windows"]:
        shares = (row["judged_share"], row["false_alarm_rate"], row["acting_rate"], row["declared"])
        table.add_row(f"{row['rows']:,}", f"{row['drawn']:,}", *(f"{share:.1%}" for share in shares))
    return table


def _figure(value: float | None, shown: str) -> str:
    return "not known" if value is None else format(value, shown)
