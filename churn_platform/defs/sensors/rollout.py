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
def rollout_tick(context: dg.SensorEvaluationContext) -> dg.SkipReason:
    """One tick; what it did is said, and what changed is in the ledger."""
    from churn_platform.adapters.ops_store import RolloutConflict
    from churn_platform.flows.rollout import tick

    try:
        done = tick(installed_platform())
    except RolloutConflict as conflict:
        return dg.SkipReason(str(conflict))
    if done is None:
        return dg.SkipReason("no rollout is under way")
    recorded, decision = done
    said = f"{recorded.rollout} of {recorded.plan.challenger}: {decision.action}, {decision.reasons[0]}"
    context.log.info(said)
    return dg.SkipReason(said)


ROLLOUT_SENSORS = [rollout_tick]
