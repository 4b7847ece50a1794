"""Group monitoring: what was noticed on each day. The schema of the landed files before anything reads them; drift after the scores."""

from collections.abc import Iterator

import dagster as dg

from churn_platform.defs.assets.ingestion import landed_files
from churn_platform.defs.monitoring_metadata import drift_metadata, findings_check, schema_metadata
from churn_platform.defs.resources import WAREHOUSE_POOL, PlatformResource, observation_days, partition_days

GROUP = "monitoring"


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


@dg.asset(
    group_name=GROUP,
    deps=["daily_scores", "features_v2", "observation_outcomes", schema_report],
    partitions_def=observation_days(),
    backfill_policy=dg.BackfillPolicy.single_run(),
    pool=WAREHOUSE_POOL,
    kinds={"plotly"},
    check_specs=[
        dg.AssetCheckSpec(
            "inputs_as_in_training",
            asset="drift_report",
            description="No data or feature drift acts on the run's last day.",
        ),
        dg.AssetCheckSpec(
            "scores_as_in_training", asset="drift_report", description="No prediction drift acts on the run's last day."
        ),
        dg.AssetCheckSpec(
            "outcomes_as_scored",
            asset="drift_report",
            description="No label or concept drift acts on the run's last day.",
        ),
    ],
)
def drift_report(
    context: dg.AssetExecutionContext, platform: PlatformResource
) -> Iterator[dg.MaterializeResult | dg.AssetCheckResult]:  # type: ignore[type-arg]
    """Each day's window of features, scores and outcomes against the champion's training window: findings, recorded, and a page a day."""
    from churn_platform.flows.monitoring.drift import report_drift

    report = report_drift(platform.open(), partition_days(context))
    yield dg.MaterializeResult(metadata=drift_metadata(report))
    yield findings_check("inputs_as_in_training", report.findings, ("data_drift", "feature_drift"))
    yield findings_check("scores_as_in_training", report.findings, ("prediction_drift",))
    yield findings_check("outcomes_as_scored", report.findings, ("label_drift", "concept_drift"))
