"""Group features: the dbt project, from the raw tables to the feature tables as known on each observation date."""

from collections.abc import Iterator, Mapping, Sequence
from datetime import date
from queue import SimpleQueue
from threading import Thread
from typing import Any

import dagster as dg
from dagster_dbt import DagsterDbtTranslator, DagsterDbtTranslatorSettings, dbt_assets
from dagster_dbt.core.dbt_cli_event import DbtCoreCliEventMessage

from churn_platform.adapters import dbt
from churn_platform.adapters.platform import Platform
from churn_platform.defs.resources import (
    WAREHOUSE_POOL,
    PlatformResource,
    installed_platform,
    observation_days,
    partition_days,
)

MANIFEST = dbt.prepare_manifest(installed_platform().settings) / "manifest.json"


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
    events: SimpleQueue[dict[str, Any] | dbt.DbtBuild | BaseException] = SimpleQueue()

    def work() -> None:
        try:
            build = dbt.build(
                installed.settings,
                min(days),
                max(days),
                select=select,
                horizon_days=installed.policies.label.horizon.days,
                expect_observations=any(installed.calendar.expects_customers(day) for day in days),
                on_event=events.put,
            )
            events.put(build)
        except BaseException as error:  # handed over to the step, which raises it
            events.put(error)

    thread = Thread(target=work, name="dbt build")
    thread.start()
    while True:
        event = events.get()
        if isinstance(event, dbt.DbtBuild):
            thread.join()
            event.raise_on_failure()
            return
        if isinstance(event, BaseException):
            raise event
        message = DbtCoreCliEventMessage(raw_event=event, event_history_metadata={})
        yield from message.to_default_asset_events(
            manifest=MANIFEST, dagster_dbt_translator=TRANSLATOR, context=context
        )
