"""The verbs of a rollout: `churn rollout start|status|tick|advance|hold|resume|rollback|promote`.

What belongs here: words for people, one JSON object for machines. What does not: deciding (`rollout/decision`), acting (`flows/rollout`).
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from typing import TYPE_CHECKING, Annotated, Any, get_args

import typer

from churn_platform.cli.app import FAILED, NOTHING_YET, CallError, Json, app
from churn_platform.cli.terminal import answer, escape, installed

if TYPE_CHECKING:
    from churn_platform.adapters.platform import Platform

rollout_app = typer.Typer(no_args_is_help=True, help="Bring a model to the customers step by step, and back.")
app.add_typer(rollout_app, name="rollout")

By = Annotated[str, typer.Option("--by", help="Who you are: it is recorded.")]
Why = Annotated[str, typer.Option("--why", help="Why, for whoever reads the record later.")]


@rollout_app.command()
def start(
    version: Annotated[str, typer.Argument(metavar="VERSION", help="the model to roll out, as churn-2")],
    by: By,
    why: Why,
    strategy: Annotated[
        str, typer.Option("--strategy", help="canary, shadow, blue_green or ab_test; default: its risk tier's.")
    ] = "",
    as_json: Json = False,
) -> None:
    """Freeze a plan for a registered model and begin with its first stage."""
    from churn_platform.flows import rollout
    from churn_platform.rollout.plan import Strategy

    if strategy and strategy not in get_args(Strategy):
        raise CallError(f"{strategy!r} is no strategy: choose of {', '.join(get_args(Strategy))}")
    platform = installed(None)
    with _said_plainly():
        rollout.start(platform, version, by, why, strategy or None)  # type: ignore[arg-type]
    _answer(platform, as_json)


@rollout_app.command()
def status(as_json: Json = False) -> None:
    """Which stage, since when, what is known, and what the next tick would do."""
    _answer(installed(None), as_json)


@rollout_app.command()
def tick(as_json: Json = False) -> None:
    """Decide from what is known now, and carry it out: what the daemon does."""
    from churn_platform.flows import rollout

    platform = installed(None)
    with _said_plainly():
        done = rollout.tick(platform)
    _answer(platform, as_json)
    if done is not None and done[1].action == "rollback":
        raise typer.Exit(FAILED)


@rollout_app.command()
def advance(by: By, why: Why, as_json: Json = False) -> None:
    """Answer for what is not known and go to the next stage; refused where a check failed."""
    _act("advance", by, why, as_json)


@rollout_app.command()
def promote(by: By, why: Why, as_json: Json = False) -> None:
    """Make the challenger champion now, past the stages that are left; refused where a check failed."""
    _act("promote", by, why, as_json)


@rollout_app.command()
def hold(by: By, why: Why, as_json: Json = False) -> None:
    """Stop the advance; guardrails and the hold budget go on."""
    _act("hold", by, why, as_json)


@rollout_app.command()
def resume(by: By, why: Why, as_json: Json = False) -> None:
    """Let a held rollout go on."""
    _act("hold", by, why, as_json, resume=True)


@rollout_app.command()
def rollback(by: By, why: Why, as_json: Json = False) -> None:
    """Take the challenger back now; after the promotion the champion before comes back with its whole package."""
    _act("rollback", by, why, as_json)


def _act(verb: str, by: str, why: str, as_json: bool, **more: bool) -> None:
    from churn_platform.flows import rollout

    platform = installed(None)
    with _said_plainly():
        getattr(rollout, verb)(platform, by, why, **more)
    _answer(platform, as_json)


@contextmanager
def _said_plainly() -> Iterator[None]:
    """What cannot be done is a wrong call, said in one line."""
    from churn_platform.adapters.ops_store import OpsStoreError
    from churn_platform.adapters.packages import PackageError
    from churn_platform.flows.rollout_beginning import RolloutError
    from churn_platform.rollout.plan import PlanError
    from churn_platform.rollout.progress import ProgressError

    try:
        yield
    except (OpsStoreError, PackageError, RolloutError, PlanError, ProgressError) as error:
        raise CallError(str(error)) from error


def _answer(platform: Platform, as_json: bool) -> None:
    from churn_platform.flows.rollout_status import status

    found = status(platform)
    answer(as_json, found, _lines)
    if found["rollout"] is None:
        raise typer.Exit(NOTHING_YET)


_COLOURS = {"pass": "green", "fail": "bold red", "inconclusive": "yellow"}


def _lines(found: Mapping[str, Any]) -> Iterator[str]:
    if found["rollout"] is None:
        yield "No rollout has been started. churn rollout start VERSION begins one."
        return
    yield (
        f"[bold]{found['rollout']}[/]  {found['challenger']} to succeed {found['champion']} by {found['strategy']}: "
        f"{found['phase'].replace('_', ' ')}, {found['weight']:.0%} of the customers"
    )
    stage = found["stage"]
    if stage is not None:
        place = f"stage {stage['number']} of {stage['of']}" if stage["number"] <= stage["of"] else "after the promotion"
        yield f"Stage     {stage['name']} ({place}), since {_minute(stage['entered'])}, at least until {_minute(stage['lasts_until'])}"
    if found["held"]:
        yield f"Held      since {_minute(found['held'])}"
    if found["asked"]:
        yield f"Asked     a person is to decide, since {_minute(found['asked'])}"
    if found["next"] is not None:
        yield f"Next      {found['next']['action']}: {escape(found['next']['reasons'][0])}"
        for check in found["next"]["checks"]:
            yield f"  [{_COLOURS[check['verdict']]}]{check['verdict']:<12}[/] {check['name']:<16} {escape(check['reason'])}"
    for number, event in enumerate(found["events"]):
        head = "History" if number == 0 else ""
        why = escape("; ".join(event["reasons"]))
        yield f"{head:<10}{_minute(event['at'])} {event['kind'].replace('_', ' ')} by {escape(event['by'])}: {why}"


def _minute(moment: str) -> str:
    return moment[:16].replace("T", " ")
