"""The verbs of a model's life: `churn retrain`, `churn champion`, `churn models`.

What belongs here: words for people, one JSON object for machines. What does not: deciding (`flows/retraining`), answers (`flows/models`).
"""

from __future__ import annotations

import time
from collections.abc import Iterator, Mapping
from datetime import date
from typing import Annotated, Any

import typer

from churn_platform.cli.app import NOTHING_YET, CallError, Json, app, day_of
from churn_platform.cli.terminal import answer, escape, installed, launcher_on


@app.command()
def retrain(
    reason: Annotated[str, typer.Option(help="Why, for whoever reads the record later.")] = "",
    as_of: Annotated[str, typer.Option(help="Decide as on this day; default: the newest day that has landed.")] = "",
    dry: Annotated[
        bool, typer.Option("--ask", help="Ask the triggers and record the answer, without a reason of yours.")
    ] = False,
    as_json: Json = False,
) -> None:
    """Retrain for a reason of yours, which no trigger can know; or `--ask` what the triggers say. Every answer is recorded."""
    from churn_platform.flows.models import latest_day
    from churn_platform.flows.retraining import decide_retraining, pending_of
    from churn_platform.flows.summary import training_summary

    if not dry and not reason.strip():
        raise CallError(
            "a retraining by hand needs its reason: churn retrain --reason 'new price list from Monday'; or --ask the triggers"
        )
    began = time.perf_counter()
    with launcher_on(None, as_json) as launcher:
        platform = launcher.platform
        day = day_of(as_of) if as_of else latest_day(platform)
        decision = decide_retraining(platform, day, None if dry else reason)
        decided = {
            "day": day.isoformat(),
            "outcome": decision.outcome,
            "trigger": decision.trigger,
            "why": list(decision.reasons),
            "decision_entry": decision.sequence,
            "window": decision.to_dict()["window"],
        }
        if decision.retrain:
            launcher.run("training", config={"training_set": pending_of(platform, decision).config})
    trained: dict[str, Any] = {}
    if decision.retrain:
        trained = training_summary(launcher.platform, launcher.seconds_by_stage(), time.perf_counter() - began)
    answer(as_json, {"retraining": decided, **trained}, _retraining_lines)


@app.command()
def champion(
    at: Annotated[str, typer.Option(help="Who was champion at the end of this day (UTC); default: now.")] = "",
    as_json: Json = False,
) -> None:
    """Who is champion, or was on a day, since when and why; and every champion before."""
    from churn_platform.flows.models import champion_answer

    when: date | None = day_of(at) if at else None
    found = champion_answer(installed(None), when)
    answer(as_json, found, _champion_lines)
    if found["champion"] is None:
        raise typer.Exit(NOTHING_YET)


@app.command()
def models(as_json: Json = False) -> None:
    """Every model that was ever trained here: its state, what it was compared with, and what was decided."""
    from churn_platform.flows.models import models_answer

    found = models_answer(installed(None))
    answer(as_json, found, _models_lines)
    if not found["models"]:
        raise typer.Exit(NOTHING_YET)


def _retraining_lines(found: Mapping[str, Any]) -> Iterator[Any]:
    from churn_platform.cli.text import training_lines

    decided = found["retraining"]
    trigger = f" ({decided['trigger']})" if decided["trigger"] else ""
    yield f"As of {decided['day']}: [bold]{decided['outcome']}[/]{trigger}, ledger entry {decided['decision_entry']}"
    for reason in decided["why"]:
        yield f"  {escape(reason)}"
    if "decision" in found:
        yield from training_lines(found)


def _champion_lines(found: Mapping[str, Any]) -> Iterator[Any]:
    one = found["champion"]
    if one is None:
        yield f"Nobody was champion at the end of {found['at']}." if found["at"] else "There is no champion yet."
        return
    yield f"[bold]{one['version']}[/] since {_moment(one['since'])}, by {escape(one['by'])}: {escape(one['reason'])}"
    for line in reversed(found["history"]):
        until = _moment(line["until"]) if line["until"] else "now"
        after = f", after {line['previous']}" if line["previous"] else ""
        yield f"  {_moment(line['since'])} to {until}  {line['version']}{after}"


def _models_lines(found: Mapping[str, Any]) -> Iterator[Any]:
    for line in found["models"]:
        about = f" on {line['feature_set']}, as of {line['as_of']}" if line["feature_set"] else ""
        auc = f", AUC {line['auc']:.3f} on its own holdout" if line["auc"] is not None else ""
        against = f"; against {line['compared_with']}: {line['comparison']}" if line["compared_with"] else ""
        yield f"[bold]{line['version']}[/]  {line['state'].replace('_', ' ')}{about}{auc}{against}"
        for reason in line["reasons"]:
            yield f"  {escape(reason)}"


def _moment(text: str) -> str:
    return text[:16].replace("T", " ")
