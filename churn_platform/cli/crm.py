"""The verbs of the write-back: `churn crm status`, `churn crm resend`.

What belongs here: words for people, one JSON object for machines. What does not: sending (`flows/crm`).
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from typing import Annotated, Any

import typer

from churn_platform.cli.app import FAILED, CallError, Json, app
from churn_platform.cli.terminal import answer, escape, installed

crm_app = typer.Typer(no_args_is_help=True, help="Scores on their way to the CRM.")
app.add_typer(crm_app, name="crm")


@crm_app.command("status")
def crm_status(as_json: Json = False) -> None:
    """Whether a CRM is configured, what it has, and every batch that it did not take, with the reason."""
    from churn_platform.adapters.crm import CrmError
    from churn_platform.flows.crm import crm_status as status

    try:
        found = status(installed(None))
    except CrmError as error:
        raise CallError(str(error)) from error
    answer(as_json, found, _lines)
    if found["dead_letters"]:
        raise typer.Exit(FAILED)


@crm_app.command()
def resend(
    by: Annotated[str, typer.Option("--by", help="Who you are: it is recorded.")],
    why: Annotated[str, typer.Option("--why", help="Why, for whoever reads the record later.")],
    key: Annotated[str, typer.Option(help="Only this batch; default: all dead letters.")] = "",
    as_json: Json = False,
) -> None:
    """Send the dead letters again. A batch that arrived after all is known to the CRM by its key."""
    from churn_platform.adapters.crm import CrmError
    from churn_platform.flows import crm

    platform = installed(None)
    try:
        done = crm.resend(platform, by, why, key)
    except (crm.CrmResendError, CrmError) as error:
        raise CallError(str(error)) from error
    told = {"delivered": len(done.delivered), "rows": done.rows, "dead": len(done.dead)}
    answer(as_json, told, lambda found: iter([f"{found['delivered']} batches delivered, {found['dead']} not"]))
    if done.dead:
        raise typer.Exit(FAILED)


def _lines(found: Mapping[str, Any]) -> Iterator[str]:
    yield f"CRM       {found['crm'] or 'off: ' + found['off']}"
    counts = ", ".join(f"{count:,} {state}" for state, count in found["batches"].items())
    yield f"Batches   {counts}; {found['rows_delivered']:,} scores arrived, the newest of {found['newest_day_delivered'] or 'no day'}"
    for one in found["dead_letters"]:
        yield f"  [bold red]{one['key']}[/]  {one['day']}, {one['rows']} scores, {one['attempts']} attempts: {escape(one['reason'])}"
