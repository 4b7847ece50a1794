"""Group scores: every observed customer of a live day with probability, band, decile, decision and reasons, published as a snapshot."""

from collections.abc import Iterator

import dagster as dg

from churn_platform.defs import metadata as told
from churn_platform.defs.assets.release import champion
from churn_platform.defs.resources import PlatformResource, installed_platform, observation_days, partition_days

GROUP = "scores"


@dg.asset(
    group_name=GROUP,
    deps=[dg.AssetKey("features_v1"), dg.AssetKey("features_v2"), champion],
    partitions_def=observation_days(),
    backfill_policy=dg.BackfillPolicy.single_run(),
    kinds={"parquet"},
    freshness_policy=dg.FreshnessPolicy.time_window(fail_window=installed_platform().policies.slo.prediction_staleness),
    check_specs=[
        dg.AssetCheckSpec(
            "reasons_sum_to_the_margin",
            asset="daily_scores",
            blocking=True,
            description="Base plus contributions is the booster's own margin, within gates.evaluation.max_contribution_gap, for all "
            "customers of a day of up to 8,192 and as many of a larger day.",
        ),
        dg.AssetCheckSpec(
            "scores_meet_their_contract",
            asset="daily_scores",
            blocking=True,
            description="Each customer once a day, probability inside (0, 1), a band, a decision and reasons.",
        ),
    ],
)
def daily_scores(
    context: dg.AssetExecutionContext, platform: PlatformResource
) -> Iterator[dg.MaterializeResult | dg.AssetCheckResult]:  # type: ignore[type-arg]
    """The champion's scores of the observation dates, with exact reasons for every row. Running again changes nothing."""
    from churn_platform.flows.scoring import score_days

    installed = platform.open()
    done = score_days(installed, partition_days(context))
    for day, reason in done.passed_over.items():
        context.log.info(f"{day} was not scored: {reason}")
    yield dg.MaterializeResult(metadata=told.score_metadata(installed, done))
    gap, bound = done.gap, done.bound
    yield dg.AssetCheckResult(
        check_name="reasons_sum_to_the_margin",
        passed=gap <= bound,
        metadata={"gap": gap, "bound": bound, "rows": done.checked},
    )
    rows = done.hold_published_to_contract()
    yield dg.AssetCheckResult(check_name="scores_meet_their_contract", passed=True, metadata={"rows": rows})
