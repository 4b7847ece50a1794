"""The verb `churn changed`: what is different between two days, on one page.

What belongs here: words for people, one JSON object for machines. What does not: comparing (`flows/changes`).
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from typing import Annotated, Any

import typer

from churn_platform.cli.app import NOTHING_YET, CallError, Json, app, day_of
from churn_platform.cli.terminal import answer, escape, installed

DAY = "DATE"


@app.command()
def changed(
    since: Annotated[str, typer.Option("--from", metavar=DAY, help="The earlier day, as 2026-06-01.")],
    until: Annotated[str, typer.Option("--to", metavar=DAY, help="The later day.")],
    as_json: Json = False,
) -> None:
    """What changed between two days: data, schema, features, code, dependencies, model, policy."""
    from churn_platform.flows.changes import changes_between

    first, second = day_of(since), day_of(until)
    platform = installed(None)
    if not platform.settings.warehouse.is_file():
        typer.echo("churn: nothing has run in this home yet: run `churn run` first", err=True)
        raise typer.Exit(NOTHING_YET)
    try:
        changes = changes_between(platform, first, second)
    except ValueError as error:
        raise CallError(str(error)) from error
    answer(as_json, changes, _lines)


def _lines(changes: Mapping[str, Any]) -> Iterator[str]:
    said = ", ".join(changes["changed"]) or "nothing that is recorded"
    yield f"[bold]Changed from {changes['from']} to {changes['to']}[/]: {said}"
    yield from _data(changes["data"])
    for theme in ("schema", "features", "code", "dependencies", "model", "policy"):
        yield from _theme(theme, changes[theme])


def _data(data: Mapping[str, Any]) -> Iterator[str]:
    if "unknown" in data:
        yield f"[bold]data[/]  not known: {escape(data['unknown'])}"
        return
    before, after = data["rows"]
    head = f"{len(data['moved'])} features moved between weeks of {before:,} and {after:,} customers, as {data['seen_by']} sees them"
    yield f"[bold]data[/]  {head}"
    for one in data["moved"]:
        yield (
            f"  {one['feature']}  PSI {one['psi']:.2f}, {one['influence']:.0%} of the model: {escape(one['what'])} "
            f"{one['from']:.4g} → {one['to']:.4g}"
        )
    scores = data["scores"]
    through = ", ".join(f"{one['feature']} {one['value']:+.3f}" for one in scores["through"])
    yield f"  scores  mean margin {scores['shift']:+.3f}, through {through}"


def _theme(theme: str, content: Mapping[str, Any]) -> Iterator[str]:
    if "unknown" in content:
        yield f"[bold]{theme}[/]  not known: {escape(content['unknown'])}"
    elif not content["changes"]:
        yield f"[bold]{theme}[/]  the same"
    else:
        yield f"[bold]{theme}[/]"
        for one in content["changes"]:
            yield f"  {escape(one['what'])}: {_short(one['from'])} → {_short(one['to'])}"
    for promotion in content.get("promotions", ()):
        yield f"  {promotion['at'][:16]}  {promotion['version']} became champion: {escape(promotion['reason'])}"


def _short(value: str | None) -> str:
    """A value on one line; a digest by its first twelve digits."""
    if value is None:
        return "–"
    whole = len(value) == 64 and set(value) <= set("0123456789abcdef")
    return escape(f"{value[:12]}…" if whole else value)
