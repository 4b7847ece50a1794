"""Group scores: the day's scores in the CRM. Off unless one is configured, and it says so."""

from collections.abc import Iterator

import dagster as dg

from churn_platform.defs.assets.scores import daily_scores
from churn_platform.defs.resources import PlatformResource, observation_days, partition_days

GROUP = "scores"


@dg.asset(
    group_name=GROUP,
    deps=[daily_scores],
    partitions_def=observation_days(),
    backfill_policy=dg.BackfillPolicy.single_run(),
    kinds={"python"},
    check_specs=[
        dg.AssetCheckSpec(
            "crm_has_the_scores",
            asset="crm_write_back",
            description="Every batch of the run's days was taken by the CRM, where one is configured.",
        )
    ],
)
def crm_write_back(
    context: dg.AssetExecutionContext, platform: PlatformResource
) -> Iterator[dg.MaterializeResult | dg.AssetCheckResult]:  # type: ignore[type-arg]
    """Scores, decisions and reasons, sent to the CRM in batches that arrive once; what it does not take is a dead letter."""
    from churn_platform.flows.crm import write_back

    done = write_back(platform.open(), partition_days(context))
    if done.off:
        context.log.info(f"off: {done.off}")
    state = f"off: {done.off}" if done.off else "on"
    counts = {"rows": done.rows, "batches": len(done.delivered), "dead_letters": len(done.dead)}
    yield dg.MaterializeResult(metadata={"state": state, **counts})
    yield dg.AssetCheckResult(
        check_name="crm_has_the_scores",
        passed=not done.dead,
        severity=dg.AssetCheckSeverity.WARN,
        metadata={"reason": done.dead[0].detail if done.dead else state},
    )
