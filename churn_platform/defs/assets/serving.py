"""Group scores: what the scoring API answers from, published beside the daily scores, and what it has answered."""

from collections.abc import Iterator

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


@dg.asset(
    group_name=GROUP,
    deps=[served_features, dg.AssetKey("champion")],
    kinds={"parquet"},
    check_specs=[
        dg.AssetCheckSpec(
            "each_prediction_once",
            asset="prediction_log",
            description="Every record of the log's closed segments is published once; no segment is damaged.",
        )
    ],
)
def prediction_log(platform: PlatformResource) -> Iterator[dg.MaterializeResult | dg.AssetCheckResult]:  # type: ignore[type-arg]
    """What the scoring API answered, one row a prediction, by the hour; shadow answers and failures among them."""
    from churn_platform.flows.predictions import take_predictions

    taken = take_predictions(platform.open())
    yield dg.MaterializeResult(
        metadata={
            "segments": taken.segments,
            "received": taken.received,
            "new": taken.new,
            "repeated": taken.repeated,
            "failures": taken.failures,
            "by_variant": dict(taken.by_variant),
            "hours": list(taken.partitions),
        }
    )
    yield dg.AssetCheckResult(
        check_name="each_prediction_once",
        passed=taken.accounted,
        description="; ".join(taken.damaged) or None,
        metadata={"received": taken.received, "new": taken.new, "repeated": taken.repeated},
    )
