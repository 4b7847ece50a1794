"""Group monitoring: what was noticed on each day, after the scores. The landed files' schema is judged before them (`ingestion`)."""

from collections.abc import Iterator

import dagster as dg

from churn_platform.defs.assets.ingestion import schema_report
from churn_platform.defs.monitoring_metadata import (
    drift_metadata,
    findings_check,
    objectives_metadata,
    performance_metadata,
)
from churn_platform.defs.resources import WAREHOUSE_POOL, PlatformResource, observation_days, partition_days

GROUP = "monitoring"


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


@dg.asset(
    group_name=GROUP,
    deps=["daily_scores", "features_v1", "observation_outcomes", schema_report],
    partitions_def=observation_days(),
    backfill_policy=dg.BackfillPolicy.single_run(),
    pool=WAREHOUSE_POOL,
    kinds={"plotly"},
    check_specs=[
        dg.AssetCheckSpec(
            "performs_as_estimated",
            asset="performance_report",
            description="On the run's last day neither estimated nor realised performance decays, and they agree.",
        ),
        dg.AssetCheckSpec(
            "fair_over_time",
            asset="performance_report",
            description="On the run's last day groups of people are selected and found alike, within the policy.",
        ),
    ],
)
def performance_report(
    context: dg.AssetExecutionContext, platform: PlatformResource
) -> Iterator[dg.MaterializeResult | dg.AssetCheckResult]:  # type: ignore[type-arg]
    """Each day's performance, estimated before labels, realised after, with fairness and causes: findings, recorded, and a page."""
    from churn_platform.flows.monitoring.performance import report_performance

    report = report_performance(platform.open(), partition_days(context))
    yield dg.MaterializeResult(metadata=performance_metadata(report))
    yield findings_check(
        "performs_as_estimated", report.findings, ("estimated_decay", "performance_decay", "concept_drift")
    )
    yield findings_check("fair_over_time", report.findings, ("fairness_drift",))


@dg.asset(
    group_name=GROUP,
    deps=["daily_scores", "features_v1", schema_report],
    partitions_def=observation_days(),
    backfill_policy=dg.BackfillPolicy.single_run(),
    pool=WAREHOUSE_POOL,
    kinds={"plotly"},
    check_specs=[
        dg.AssetCheckSpec(
            "promises_kept",
            asset="slo_report",
            description="On the run's last day data are fresh, scores current, the model young enough, the error budget kept.",
        ),
        dg.AssetCheckSpec(
            "cost_as_usual",
            asset="slo_report",
            description="On the run's last day scoring and training cost what they used to.",
        ),
    ],
)
def slo_report(
    context: dg.AssetExecutionContext, platform: PlatformResource
) -> Iterator[dg.MaterializeResult | dg.AssetCheckResult]:  # type: ignore[type-arg]
    """Each day's service level objectives and costs: findings, recorded, and a page a day."""
    from churn_platform.flows.monitoring.objectives import report_objectives

    report = report_objectives(platform.open(), partition_days(context))
    yield dg.MaterializeResult(metadata=objectives_metadata(report))
    yield findings_check(
        "promises_kept",
        report.findings,
        ("data_freshness", "prediction_staleness", "retraining_cadence", "error_budget"),
    )
    yield findings_check("cost_as_usual", report.findings, ("cost_drift",))
