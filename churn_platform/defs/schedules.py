"""The policy's schedules: the day is ingested and scored, the week is reviewed."""

from datetime import date

import dagster as dg

from churn_platform.defs.jobs import day_job, weekly_retraining_job, weekly_review_job
from churn_platform.defs.resources import installed_platform, observation_days

_AT = installed_platform().policies.batch.at


@dg.schedule(
    job=day_job,
    cron_schedule=f"{_AT.minute} {_AT.hour} * * *",
    execution_timezone="UTC",
    name="daily_batch",
    description="Ingest and score the day, at the policy's time (batch.at).",
)
def daily_batch(context: dg.ScheduleEvaluationContext) -> dg.RunRequest | dg.SkipReason:
    """One run per day; a day that the feed does not have is skipped with its reason."""
    day = context.scheduled_execution_time.date()
    return run_for(day)


def run_for(day: date) -> dg.RunRequest | dg.SkipReason:
    """The run of `day`, or why there is none."""
    keys = observation_days().get_partition_keys()
    if day.isoformat() in keys:
        timeout = installed_platform().policies.batch.timeout
        tags = {"dagster/max_runtime": str(int(timeout.total_seconds()))}
        return dg.RunRequest(run_key=day.isoformat(), partition_key=day.isoformat(), tags=tags)
    return dg.SkipReason(
        f"the feed {installed_platform().feed_name!r} has no day {day}: its days are {keys[0]} to {keys[-1]}"
    )


_REVIEW = installed_platform().policies.alerts.weekly_review


@dg.schedule(
    job=weekly_review_job,
    cron_schedule=f"{_REVIEW.at.minute} {_REVIEW.at.hour} * * {_REVIEW.weekday[:3]}",
    execution_timezone="UTC",
    name="weekly_review",
    default_status=dg.DefaultScheduleStatus.RUNNING,
    description="The week's tickets, at the policy's time (alerts.weekly_review).",
)
def weekly_review(context: dg.ScheduleEvaluationContext) -> dg.RunRequest:
    """One review a week; a week that has been reviewed is not reviewed again."""
    return dg.RunRequest(run_key=context.scheduled_execution_time.date().isoformat())


_RETRAINING = installed_platform().policies.retraining.scheduled


@dg.schedule(
    job=weekly_retraining_job,
    cron_schedule=f"{_RETRAINING.at.minute} {_RETRAINING.at.hour} * * {_RETRAINING.weekday[:3]}",
    execution_timezone="UTC",
    name="weekly_retraining",
    default_status=dg.DefaultScheduleStatus.RUNNING,
    description="Asks whether to retrain, at the policy's time (retraining.scheduled); without drift the answer is no, and recorded.",
)
def weekly_retraining(context: dg.ScheduleEvaluationContext) -> dg.RunRequest:
    """One question a week; the sensor starts what it decides."""
    return dg.RunRequest(run_key=f"weekly-retraining-{context.scheduled_execution_time.date().isoformat()}")


SCHEDULES = [daily_batch, weekly_review, weekly_retraining]
