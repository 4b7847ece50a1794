"""Retraining, driven by the daemon: one sensor follows the evidence and starts what was decided, one schedule asks each week.

The sensor asks the triggers when findings were recorded since its cursor, and requests a training run for a decision that no finished
training answers yet. The decision is the record: a daemon that is killed between deciding and requesting finds the decision pending,
a run that died is requested again, at most `ATTEMPTS` times, and a run that is under way is left alone. The schedule only asks; the
sensor starts what it decides, so that one road leads to a run.
"""

import dagster as dg

from churn_platform.adapters.platform import Platform
from churn_platform.defs.jobs import training_job
from churn_platform.defs.resources import installed_platform
from churn_platform.flows.retraining import (
    PendingRetraining,
    decide_retraining,
    pending_retraining,
    retraining_finished,
)

DECISION_TAG = "churn/retraining"
ATTEMPTS = 3
"""A run that died thrice for the same decision will die a fourth time: the decision is closed as failed, and the cadence tells."""


@dg.sensor(
    name="retraining_from_findings",
    job=training_job,
    minimum_interval_seconds=30,
    default_status=dg.DefaultSensorStatus.RUNNING,
    description="Asks the retraining triggers when findings were recorded, and starts the training that was decided, once each.",
)
def retraining_from_findings(context: dg.SensorEvaluationContext) -> dg.SensorResult | dg.SkipReason:
    """Once per new evidence; once per decision."""
    platform = installed_platform()
    cursor = int(context.cursor or 0)
    pending = pending_retraining(platform)
    if pending is None:
        new = platform.ops.findings(since=cursor)
        if not new:
            return dg.SkipReason("no findings have been recorded since the last tick, and no decision is pending")
        cursor = new[-1].sequence
        decision = decide_retraining(platform, max(report.day for report in new))
        if not decision.retrain:
            return dg.SensorResult(cursor=str(cursor), skip_reason=dg.SkipReason("; ".join(decision.reasons)))
        pending = pending_retraining(platform)
    if pending is None:
        return dg.SensorResult(cursor=str(cursor), skip_reason=dg.SkipReason("the decision was carried out already"))
    request = run_of(platform, pending, context.instance)
    if isinstance(request, dg.SkipReason):
        return dg.SensorResult(cursor=str(cursor), skip_reason=request)
    return dg.SensorResult(cursor=str(cursor), run_requests=[request])


def run_of(
    platform: Platform, pending: PendingRetraining, instance: dg.DagsterInstance
) -> dg.RunRequest | dg.SkipReason:
    """The training run of a pending decision, or why none is requested now."""
    tag = {DECISION_TAG: str(pending.sequence)}
    runs = instance.get_runs(filters=dg.RunsFilter(tags=tag))
    under_way = [run for run in runs if not run.is_finished]
    if under_way:
        return dg.SkipReason(f"run {under_way[0].run_id} is training for decision {pending.sequence}")
    if len(runs) >= ATTEMPTS:
        reason = f"{len(runs)} runs ended without an answer; the last was {runs[0].run_id}"
        retraining_finished(platform, pending.sequence, "failed", (reason,), None)
        return dg.SkipReason(reason)
    limit = platform.policies.retraining.time_limit
    return dg.RunRequest(
        run_key=f"retraining-{pending.sequence}-{len(runs) + 1}",
        run_config={"ops": {"training_set": {"config": pending.config}}},
        tags={**tag, "churn/trigger": pending.trigger, "dagster/max_runtime": str(int(limit.total_seconds()))},
    )


RETRAINING_SENSORS = [retraining_from_findings]
