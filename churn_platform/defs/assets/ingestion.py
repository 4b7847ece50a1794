"""Group ingestion: the feed lands the day's files, their schema is judged, and every row passes the gate into the raw tables or into
quarantine."""

from collections.abc import Iterator

import dagster as dg

from churn_platform.contracts.tables import RAW_TABLES
from churn_platform.defs.ingestion_metadata import file_metadata, quarantine_metadata, raw_metadata
from churn_platform.defs.monitoring_metadata import findings_check, schema_metadata
from churn_platform.defs.resources import (
    WAREHOUSE_POOL,
    PlatformResource,
    installed_platform,
    observation_days,
    partition_days,
)

GROUP = "ingestion"
FRESH = dg.FreshnessPolicy.time_window(fail_window=installed_platform().policies.slo.data_freshness)
QUARANTINE = dg.AssetKey(["raw", "quarantine"])


@dg.asset(
    group_name=GROUP,
    partitions_def=observation_days(),
    backfill_policy=dg.BackfillPolicy.single_run(),
    kinds={"parquet"},
)
def landed_files(context: dg.AssetExecutionContext, platform: PlatformResource) -> dg.MaterializeResult:  # type: ignore[type-arg]
    """The day's files in the landing folder, one per raw table: written by the replay, or dropped by you."""
    installed = platform.open()
    days = partition_days(context)
    written = installed.feed.land(days)
    return dg.MaterializeResult(metadata=file_metadata(installed, days, written))


@dg.asset(
    group_name=GROUP,
    deps=[landed_files],
    partitions_def=observation_days(),
    backfill_policy=dg.BackfillPolicy.single_run(),
    kinds={"python"},
    check_specs=[
        dg.AssetCheckSpec(
            "feeds_on_time", asset="schema_report", description="No feed is late or missing on the run's days."
        ),
        dg.AssetCheckSpec(
            "schema_as_agreed", asset="schema_report", description="No file's schema has drifted on the run's days."
        ),
    ],
)
def schema_report(
    context: dg.AssetExecutionContext, platform: PlatformResource
) -> Iterator[dg.MaterializeResult | dg.AssetCheckResult]:  # type: ignore[type-arg]
    """The landed files against those before: late, missing, renamed, retyped, in another unit. Judged before any table is built."""
    from churn_platform.flows.monitoring.schema import report_schema

    report = report_schema(platform.open(), partition_days(context))
    yield dg.MaterializeResult(metadata=schema_metadata(report))
    yield findings_check("feeds_on_time", report.findings, ("feed_late",))
    yield findings_check("schema_as_agreed", report.findings, ("schema_drift",))


@dg.multi_asset(
    specs=[
        *(
            dg.AssetSpec(
                ["raw", table.name],
                deps=[landed_files, schema_report],
                group_name=GROUP,
                description=table.about,
                kinds={"duckdb"},
                # every feed lands customers each day; the other tables it may not have at all
                freshness_policy=FRESH if table.name == "customers" else None,
            )
            for table in RAW_TABLES.values()
        ),
        dg.AssetSpec(
            QUARANTINE,
            deps=[landed_files, schema_report],
            group_name=GROUP,
            kinds={"duckdb"},
            description="Rows that broke a contract: raw content, the rule, the file's digest. received = accepted + quarantined.",
        ),
    ],
    check_specs=[
        dg.AssetCheckSpec(
            "customers_have_landed",
            asset=dg.AssetKey(["raw", "customers"]),
            blocking=True,
            description="A day on which the calendar expects customers has at least one accepted row: zero is an error.",
        ),
        dg.AssetCheckSpec(
            "every_row_is_accounted_for",
            asset=QUARANTINE,
            blocking=True,
            description="received = accepted + quarantined, counted in the warehouse against the landed files.",
        ),
        dg.AssetCheckSpec(
            "quarantined_share",
            asset=QUARANTINE,
            blocking=True,
            description="The share of quarantined rows is within the policy (gates.data.max_quarantined_share).",
        ),
    ],
    name="raw_tables",
    partitions_def=observation_days(),
    backfill_policy=dg.BackfillPolicy.single_run(),
    pool=WAREHOUSE_POOL,
)
def raw_tables(
    context: dg.AssetExecutionContext, platform: PlatformResource
) -> Iterator[dg.MaterializeResult | dg.AssetCheckResult]:  # type: ignore[type-arg]
    """Judge the landed rows by their contracts and replace the days in the warehouse, in one transaction."""
    from churn_platform.adapters.landing_zone import read_landed
    from churn_platform.feeds.account import ingestion_account
    from churn_platform.feeds.quarantine import screen

    installed = platform.open()
    days = partition_days(context)
    screened = [screen(RAW_TABLES[name], rows) for name, rows in read_landed(installed.settings.landing, days).items()]
    installed.warehouse.replace_days(days, screened)
    for part in screened:
        yield dg.MaterializeResult(asset_key=["raw", part.table], metadata=raw_metadata(part))
    yield dg.MaterializeResult(asset_key=QUARANTINE, metadata=quarantine_metadata(screened))
    account = ingestion_account(
        screened,
        stored=installed.warehouse.stored_rows(days),
        expected=[day for day in days if installed.calendar.expects_customers(day)],
        max_quarantined_share=installed.policies.gates.data.max_quarantined_share,
    )
    for finding in account:
        yield dg.AssetCheckResult(
            asset_key=["raw", finding.table],
            check_name=finding.check,
            passed=finding.passed,
            description=finding.reason,
            metadata=dict(finding.figures),
        )
