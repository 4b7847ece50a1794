"""The rollout's clock, driven by the daemon: once a minute the rollout under way is decided on, and moved.

There is no cursor: where a rollout stands is recorded, and an event that another controller wrote first is refused.
"""

import dagster as dg

from churn_platform.defs.resources import installed_platform


@dg.sensor(
    name="rollout_tick",
    minimum_interval_seconds=60,
    default_status=dg.DefaultSensorStatus.RUNNING,
    description="Decides on the rollout under way from what is known now, and carries it out: advance, hold, roll back, complete.",
)
def rollout_tick(context: dg.SensorEvaluationContext) -> dg.SensorResult:
    """One tick; what it did is said, what changed is in the ledger, and the asset `rollout_state` shows where it stands."""
    from churn_platform.adapters.ops_store import RolloutConflict
    from churn_platform.defs.rollout_metadata import rollout_metadata
    from churn_platform.flows.rollout import tick
    from churn_platform.flows.rollout_beginning import RolloutError
    from churn_platform.flows.rollout_status import status

    platform = installed_platform()
    try:
        done = tick(platform)
    except (RolloutConflict, RolloutError) as conflict:
        return dg.SensorResult(skip_reason=str(conflict))
    if done is None:
        return dg.SensorResult(skip_reason="no rollout is under way")
    recorded, decision = done
    said = f"{recorded.rollout} of {recorded.plan.challenger}: {decision.action}, {decision.reasons[0]}"
    context.log.info(said)
    if decision.action == "hold":
        return dg.SensorResult(skip_reason=said)
    moved = dg.AssetMaterialization("rollout_state", metadata=rollout_metadata(status(platform)))
    return dg.SensorResult(skip_reason=said, asset_events=[moved])


ROLLOUT_SENSORS = [rollout_tick]
