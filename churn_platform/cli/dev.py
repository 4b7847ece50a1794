"""`churn dev`: the Dagster UI and daemon on loopback, on this home, until Ctrl-C or SIGTERM.

What belongs here: starting Dagster's processes and ending them. What does not: what they show (`definitions.py`, `defs/`).
"""

from __future__ import annotations

import os
import signal
import subprocess
import sys
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Annotated

import typer

from churn_platform.cli.app import app
from churn_platform.cli.terminal import installed


@app.command()
def dev(port: Annotated[int, typer.Option(help="Port of the Dagster UI on loopback.")] = 3000) -> None:
    """Start the Dagster UI and daemon on loopback, on this home."""
    from churn_platform.adapters.dbt_manifest import prepare_manifest
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
    raise typer.Exit(until_told_to_end(arguments, environment, platform.settings.project_root))


def until_told_to_end(arguments: Sequence[str], environment: Mapping[str, str], folder: Path) -> int:
    """Run a program that ends on SIGINT only, as Dagster's five processes do; SIGTERM ends it as well. Its exit code.

    The handlers stand before the program starts: what is handled here is at its default there, also where a shell that put this into the
    background has it ignore SIGINT. Dagster would have inherited that, and gone on for ever.
    """
    running: list[subprocess.Popen[bytes]] = []
    told: list[int] = []

    def end(number: int, _: object) -> None:
        told.append(number)
        for process in running:
            process.send_signal(signal.SIGINT)

    for number in (signal.SIGINT, signal.SIGTERM):
        signal.signal(number, end)
    process = subprocess.Popen(arguments, env=dict(environment), cwd=folder)  # noqa: S603 (our own environment's dagster)
    running.append(process)
    if told:  # while it was being started
        process.send_signal(signal.SIGINT)
    return process.wait()
