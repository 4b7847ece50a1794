"""Group rollout: what the day's batch has shown of the challenger under way, and where its rollout stands.

The sensor `rollout_tick` decides from the evidence and reports the state that follows. Where no rollout is under way neither is made.
"""

from collections.abc import Iterator

import dagster as dg

from churn_platform.defs.assets.scores import daily_scores
from churn_platform.defs.resources import WAREHOUSE_POOL, PlatformResource, observation_days

GROUP = "rollout"


@dg.asset(
    group_name=GROUP,
    deps=[daily_scores, "features_v1", "features_v2", "observation_outcomes"],
    partitions_def=observation_days(),
    backfill_policy=dg.BackfillPolicy.single_run(),
    pool=WAREHOUSE_POOL,
    kinds={"python"},
    output_required=False,
)
def rollout_evidence(context: dg.AssetExecutionContext, platform: PlatformResource) -> Iterator[dg.MaterializeResult]:  # type: ignore[type-arg]
    """Both models on the customers of the newest batch and the billing cycle before it: what the next tick decides on."""
    from churn_platform.defs.rollout_metadata import evidence_metadata
    from churn_platform.flows.rollout_evidence import measure_open

    measured = measure_open(platform.open())
    if measured is None:
        context.log.info("no rollout is under way")
        return
    yield dg.MaterializeResult(metadata=evidence_metadata(*measured))


@dg.asset(group_name=GROUP, deps=[rollout_evidence], kinds={"python"}, output_required=False)
def rollout_state(context: dg.AssetExecutionContext, platform: PlatformResource) -> Iterator[dg.MaterializeResult]:  # type: ignore[type-arg]
    """Plan, stage, share of the customers, and what the next tick would do; the sensor reports it again when it moves."""
    from churn_platform.defs.rollout_metadata import rollout_metadata
    from churn_platform.flows.rollout_status import status

    found = status(platform.open())
    if found["rollout"] is None:
        context.log.info("no rollout was ever started")
        return
    yield dg.MaterializeResult(metadata=rollout_metadata(found))
