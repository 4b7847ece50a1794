"""Running dbt inside this process, with its manifest parsed once per version of the project.

What belongs here: one `dbt build` over a range of observation dates, its events as plain dicts. What does not: the manifest
(`dbt_manifest`), turning events into Dagster's (`defs/`).

Why in-process with a preloaded manifest: measured 1.3-1.7 s a build against 5.5-6 s as a subprocess and 9.6-12.6 s through
dagster-dbt's resource; a change of `--vars` would otherwise cost a parse of 1.5-2 s each day.
"""

from __future__ import annotations

import json
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass
from datetime import date
from pathlib import Path
from typing import TYPE_CHECKING, Any

from churn_platform.adapters.dbt_manifest import DbtError, invoke, manifest_object, prepare_manifest
from churn_platform.settings import Settings

if TYPE_CHECKING:
    import duckdb


#: dbt's names of the events that say how a node ended
RESULT_EVENTS = {"LogModelResult", "LogTestResult"}


@dataclass(frozen=True, slots=True)
class NodeResult:
    """How one dbt node ended: `status` is dbt's word (success, pass, fail, error, skipped, warn)."""

    unique_id: str
    status: str
    message: str
    failures: int | None
    seconds: float


@dataclass(frozen=True, slots=True)
class DbtPlan:
    """What a build will leave as it is: the views that stand already as this version of the project makes them (unique ids)."""

    unchanged: tuple[str, ...]


@dataclass(frozen=True, slots=True)
class DbtBuild:
    """One finished build."""

    nodes: tuple[NodeResult, ...]
    failed: tuple[NodeResult, ...]
    error: str | None

    def raise_on_failure(self) -> None:
        """Raise DbtError if any node failed, naming each with dbt's message."""
        if self.error is not None or self.failed:
            told = "; ".join(f"{node.unique_id}: {node.message.strip()}" for node in self.failed)
            raise DbtError(f"dbt build failed: {told or self.error}")


@contextmanager
def _kept_open(warehouse: Path, first: date, last: date) -> Iterator[duckdb.DuckDBPyConnection]:
    """Hold the warehouse open meanwhile, and tell dbt's sessions whom the build of first..last is about.

    dbt opens and closes the file for each node, and the last to close checkpoints it. DuckDB shares a file's instance inside a
    process, so that dbt's own connections then cost nothing (measured: a day's 43 nodes 2.5 s without, 1.8 s with).
    """
    import duckdb

    from churn_platform.adapters.dbt_scope import about, customers_of

    warehouse.parent.mkdir(parents=True, exist_ok=True)
    connection = duckdb.connect(str(warehouse))
    try:
        with about(str(warehouse), customers_of(connection, first, last)):
            yield connection
    finally:
        connection.close()


def _views_of(manifest: Any, select: str | None) -> dict[str, str]:
    """The views of a selection of folders: unique id -> name."""
    folders = set((select or "").split())
    return {
        node.unique_id: node.name
        for node in manifest.nodes.values()
        if node.resource_type == "model"
        and node.config.materialized == "view"
        and (not folders or folders & set(node.fqn))
    }


def _standing(connection: duckdb.DuckDBPyConnection, views: Mapping[str, str], version: str) -> bool:
    """Whether all of `views` stand in the warehouse as this version of the project makes them."""
    connection.execute("CREATE SCHEMA IF NOT EXISTS raw")
    connection.execute(
        "CREATE TABLE IF NOT EXISTS raw.built_views (view_name VARCHAR PRIMARY KEY, version VARCHAR NOT NULL)"
    )
    found = connection.execute(
        "SELECT view_name FROM duckdb_views() JOIN raw.built_views USING (view_name) WHERE schema_name = 'main' AND version = ?",
        [version],
    )
    return set(views.values()) <= {row[0] for row in found.fetchall()}


def _stands_now(connection: duckdb.DuckDBPyConnection, views: Mapping[str, str], version: str) -> None:
    connection.executemany(
        "INSERT OR REPLACE INTO raw.built_views VALUES (?, ?)", [[name, version] for name in sorted(views.values())]
    )


def build(
    settings: Settings,
    first: date,
    last: date,
    *,
    select: str | None = None,
    horizon_days: int = 30,
    expect_observations: bool = True,
    on_plan: Callable[[DbtPlan], None] | None = None,
    on_event: Callable[[dict[str, Any]], None] | None = None,
) -> DbtBuild:
    """Build models and run their data tests for the observation dates first..last.

    Args:
        settings: where the project and the warehouse are.
        first, last: inclusive range of observation_date.
        select: folders of models, separated by blanks; None builds everything.
        horizon_days: the label horizon.
        expect_observations: whether zero observations in the range are an error.
        on_plan: called before dbt runs.
        on_event: called with dbt's event of each finished node as a dict, while dbt runs.

    Returns:
        DbtBuild; failures are in it, not raised.
    """
    from dbt_common.events.functions import msg_to_dict

    from churn_platform.adapters.dbt_scope import LONGEST_DAYS

    def forward(message: Any) -> None:
        # some 40 events a node, of which one says how it ended: only that is worth turning into a dict
        if on_event is not None and message.info.name in RESULT_EVENTS:
            on_event(msg_to_dict(message))

    settings.dbt_runs.mkdir(parents=True, exist_ok=True)
    variables = json.dumps(
        {
            "from_date": first.isoformat(),
            "to_date": last.isoformat(),
            "label_horizon_days": horizon_days,
            "expect_observations": expect_observations,
        }
    )
    arguments = [
        "build",
        "--vars",
        variables,
        "--no-write-json",
        "--exclude-resource-type",
        "unit_test",
        "--no-partial-parse",
    ]
    if (last - first).days < LONGEST_DAYS:
        # a few days' nodes are mostly dbt's own Python, for which two threads contend (measured: 1.23 s of processor time, 0.97 s by one)
        arguments += ["--threads", "1"]
    folder = prepare_manifest(settings)
    manifest = manifest_object(folder)
    views, version = _views_of(manifest, select), f"{folder.name} {horizon_days}"
    with _kept_open(settings.warehouse, first, last) as connection:
        # a view is code: it is made when the code changes, not each day; its tests run each day all the same
        stand = _standing(connection, views, version)
        if on_plan is not None:
            on_plan(DbtPlan(tuple(sorted(views)) if stand and select is not None else ()))
        if select is not None:
            kinds = (",config.materialized:incremental", ",resource_type:test") if stand else ("",)
            arguments += ["--select", *(f"{part}{kind}" for part in select.split() for kind in kinds)]
        result = invoke(
            arguments, settings, settings.dbt_runs, warehouse=settings.warehouse, manifest=manifest, callbacks=[forward]
        )
        nodes = tuple(
            NodeResult(run.node.unique_id, str(run.status), run.message or "", run.failures, run.execution_time)
            for run in getattr(result.result, "results", ()) or ()
        )
        if not stand and {node.unique_id for node in nodes if node.status == "success"} >= set(views):
            _stands_now(connection, views, version)
    failed = tuple(node for node in nodes if node.status in {"error", "fail", "runtime error"})
    error = str(result.exception) if result.exception is not None else None
    if error is None and not nodes:
        error = f"nothing matched the selection {select!r}"
    return DbtBuild(nodes, failed, error)
