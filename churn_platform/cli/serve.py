"""`churn serve` and `churn kill`: the scoring API, and the switch that stops it."""

from __future__ import annotations

import sys
from typing import Annotated

import typer

from churn_platform.cli.app import Json, app
from churn_platform.cli.terminal import answer, installed


@app.command()
def serve(
    port: Annotated[int, typer.Option(help="Port.")] = 8080,
    host: Annotated[str, typer.Option(help="Address; beyond loopback only with tokens.")] = "127.0.0.1",
) -> None:
    """Serve predictions with reasons over HTTP, on this home's champion and published features."""
    from churn_platform.serving.run import serve as start

    print(f"scoring API: http://{host}:{port}/v1/churn/predict, described at /openapi.json", file=sys.stderr)  # noqa: T201
    start(installed(None), host, port)


@app.command()
def kill(
    by: Annotated[str, typer.Option(help="Who throws or lifts the switch.")],
    why: Annotated[str, typer.Option(help="Why: it goes into the ledger.")],
    mode: Annotated[
        str, typer.Option(help="stop: no scores; fallback: the documented rule; lift: as before.")
    ] = "stop",
    as_json: Json = False,
) -> None:
    """The kill switch: stop the scores, or fall back to the documented rule, within a second; or lift it."""
    from churn_platform.cli.app import CallError
    from churn_platform.flows.routing import KillSwitchError, lift_kill_switch, throw_kill_switch

    platform = installed(None)
    try:
        if mode == "lift":
            routing = lift_kill_switch(platform, by, why)
        elif mode == "stop":
            routing = throw_kill_switch(platform, "stop", by, why)
        elif mode == "fallback":
            routing = throw_kill_switch(platform, "fallback", by, why)
        else:
            raise CallError(f"there is no mode {mode!r}: stop, fallback or lift")
    except KillSwitchError as error:
        raise CallError(str(error)) from error
    answer(as_json, routing.to_dict(), lambda told: [f"kill switch: {told['kill'] or 'lifted'}"])
