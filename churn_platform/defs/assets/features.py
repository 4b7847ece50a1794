"""Group features: the dbt project, from the raw tables to the feature tables as known on each observation date."""

from collections.abc import Iterator, Mapping, Sequence
from datetime import date
from queue import SimpleQueue
from threading import Thread
from typing import Any

import dagster as dg
from dagster_dbt import DagsterDbtTranslator, DagsterDbtTranslatorSettings, dbt_assets
from dagster_dbt.core.dbt_cli_event import DbtCoreCliEventMessage
from dagster_dbt.dbt_manifest import validate_manifest

from churn_platform.adapters import dbt
from churn_platform.adapters.dbt_manifest import prepare_manifest
from churn_platform.adapters.platform import Platform
from churn_platform.defs.resources import (
    WAREHOUSE_POOL,
    PlatformResource,
    installed_platform,
    observation_days,
    partition_days,
)

MANIFEST = prepare_manifest(installed_platform().settings) / "manifest.json"


class FeatureTranslator(DagsterDbtTranslator):
    """dbt nodes as assets of the group features; a raw source is the ingestion asset of the same name."""

    def get_group_name(self, dbt_resource_props: Mapping[str, Any]) -> str | None:
        """All models stand in one group."""
        return "features" if dbt_resource_props["resource_type"] == "model" else "ingestion"


# With source tests as checks the dbt step would not wait for a blocking Python check on the raw asset (measured).
TRANSLATOR = FeatureTranslator(DagsterDbtTranslatorSettings(enable_source_tests_as_checks=False))


STAGING = "staging"
POINT_IN_TIME = "intermediate marts"


@dbt_assets(
    manifest=MANIFEST, dagster_dbt_translator=TRANSLATOR, select=STAGING, pool=WAREHOUSE_POOL, name="staging_views"
)
def staging_views(context: dg.AssetExecutionContext, platform: PlatformResource) -> Iterator[Any]:
    """Staging: cleaned and versioned views of the raw tables; no rows of their own, so no partitions."""
    installed = platform.open()
    yield from _dbt_events(context, installed, installed.calendar.days, STAGING)


@dbt_assets(
    manifest=MANIFEST,
    dagster_dbt_translator=TRANSLATOR,
    select=POINT_IN_TIME,
    partitions_def=observation_days(),
    backfill_policy=dg.BackfillPolicy.single_run(),
    pool=WAREHOUSE_POOL,
    name="feature_tables",
)
def feature_tables(context: dg.AssetExecutionContext, platform: PlatformResource) -> Iterator[Any]:
    """`dbt build` over the run's observation dates; its tests are this asset's checks, and a failed one stops the run."""
    yield from _dbt_events(context, platform.open(), partition_days(context), POINT_IN_TIME)


def _dbt_events(
    context: dg.AssetExecutionContext, installed: Platform, days: Sequence[date], select: str
) -> Iterator[Any]:
    """Run dbt in a thread and yield its events as Dagster's while they come; a failed node fails the step."""
    events: SimpleQueue[dict[str, Any] | dbt.DbtPlan | dbt.DbtBuild | BaseException] = SimpleQueue()

    def work() -> None:
        try:
            build = dbt.build(
                installed.settings,
                min(days),
                max(days),
                select=select,
                horizon_days=installed.policies.label.horizon.days,
                expect_observations=any(installed.calendar.expects_customers(day) for day in days),
                on_plan=events.put,
                on_event=events.put,
            )
            events.put(build)
        except BaseException as error:  # handed over to the step, which raises it
            events.put(error)

    thread = Thread(target=work, name="dbt build")
    thread.start()
    standing = StandingViews(())
    while True:
        event = events.get()
        if isinstance(event, dbt.DbtPlan):
            standing = StandingViews(event.unchanged)
            continue
        if isinstance(event, dbt.DbtBuild):
            thread.join()
            event.raise_on_failure()
            yield from standing.rest()
            return
        if isinstance(event, BaseException):
            raise event
        yield from standing.before(event["data"]["node_info"]["unique_id"])
        message = DbtCoreCliEventMessage(raw_event=event, event_history_metadata={})
        yield from message.to_default_asset_events(
            manifest=MANIFEST, dagster_dbt_translator=TRANSLATOR, context=context
        )


class StandingViews:
    """The views of a build that stand already as this version of the project makes them: told as they are, in the graph's order."""

    def __init__(self, unchanged: Sequence[str]) -> None:
        self._manifest: Mapping[str, Any] = validate_manifest(MANIFEST)
        self._untold = set(unchanged)

    def before(self, node: str) -> Iterator[Any]:
        """Those that `node` is built from: Dagster wants an asset after its dependencies."""
        for parent in self._manifest["parent_map"].get(node, ()):
            if parent.startswith("model."):
                yield from self.before(parent)
                yield from self._tell(parent)

    def rest(self) -> Iterator[Any]:
        """Those that nothing was built from."""
        for node in sorted(self._untold):
            yield from self.before(node)
            yield from self._tell(node)

    def _tell(self, node: str) -> Iterator[Any]:
        if node in self._untold:
            self._untold.discard(node)
            key = TRANSLATOR.get_asset_spec(self._manifest, node, None).key
            yield dg.Output(None, output_name=key.to_python_identifier(), metadata={"made": "before, by the same code"})
