"""Group scores: what the scoring API answers from, published beside the daily scores."""

import dagster as dg

from churn_platform.defs.resources import PlatformResource, observation_days, partition_days

GROUP = "scores"


@dg.asset(
    group_name=GROUP,
    deps=[dg.AssetKey("features_v1"), dg.AssetKey("features_v2")],
    partitions_def=observation_days(),
    backfill_policy=dg.BackfillPolicy.single_run(),
    kinds={"parquet"},
)
def served_features(context: dg.AssetExecutionContext, platform: PlatformResource) -> dg.MaterializeResult:  # type: ignore[type-arg]
    """Each observed customer's features of the day, published for the scoring API; and the routing it follows, written again."""
    from churn_platform.flows.routing import publish_routing
    from churn_platform.flows.served_features import publish_features

    installed = platform.open()
    published = publish_features(installed, partition_days(context))
    routing = publish_routing(installed)
    return dg.MaterializeResult(
        metadata={
            "rows": published.rows,
            "days_without_rows": [day.isoformat() for day in published.empty],
            "champion": routing.champion.version if routing.champion else "none",
        }
    )
