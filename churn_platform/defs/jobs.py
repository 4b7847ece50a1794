"""The jobs: history to learn from, a training, a day, everything, and the weekly review."""

import dagster as dg

from churn_platform.defs.assets.ingestion import schema_report
from churn_platform.defs.resources import PlatformResource

INGESTION_AND_FEATURES = dg.AssetSelection.groups("ingestion", "features")
TRAINING = dg.AssetSelection.groups("models", "release")
SCORES = dg.AssetSelection.groups("scores")
MONITORING = dg.AssetSelection.groups("monitoring")
ROLLOUT = dg.AssetSelection.groups("rollout")

history_job = dg.define_asset_job(
    "history",
    INGESTION_AND_FEATURES - dg.AssetSelection.assets(schema_report),  # findings are about live days
    description="Ingest days and compute their features, without scoring.",
)
training_job = dg.define_asset_job(
    "training",
    TRAINING,
    description="Train on the features that are there, judge, explain, register, decide on the release.",
)
day_job = dg.define_asset_job(
    "day",
    INGESTION_AND_FEATURES | SCORES | ROLLOUT | MONITORING,
    description="A day from landing to published scores and what was noticed, with the present champion.",
)
scoring_job = dg.define_asset_job(
    "scoring", SCORES | ROLLOUT, description="Score days whose features are there, and measure the rollout under way."
)
everything_job = dg.define_asset_job(
    "everything",
    INGESTION_AND_FEATURES | TRAINING | SCORES | ROLLOUT | MONITORING,
    description="The whole graph over a range of days: ingest, features, train, release, score and watch the live days.",
)


@dg.op(description="Queue the review that is due, and send it.")
def review_week(context: dg.OpExecutionContext, platform: PlatformResource) -> None:
    """One call into the flow each."""
    from churn_platform.flows import alerting

    queued = alerting.review_week(platform.open())
    context.log.info(f"{queued} review messages queued; {alerting.deliver(platform.open()).summary}")


@dg.job(name="weekly_review_job", description="The week's tickets, told where warnings are told.")
def weekly_review_job() -> None:
    """One step."""
    review_week()


@dg.op(description="Ask the retraining triggers at the weekly time, and retire what is due.")
def ask_weekly(context: dg.OpExecutionContext, platform: PlatformResource) -> None:
    """The answer is recorded; the retraining sensor starts what it says."""
    from churn_platform.flows.models import latest_day, retire_due
    from churn_platform.flows.retraining import decide_retraining

    installed = platform.open()
    decision = decide_retraining(installed, latest_day(installed))
    retired = retire_due(installed)
    context.log.info(f"{decision.outcome}: {'; '.join(decision.reasons)}; retired: {', '.join(retired) or 'nobody'}")


@dg.job(name="weekly_retraining_job", description="The weekly question whether to retrain; skipped without drift.")
def weekly_retraining_job() -> None:
    """One step."""
    ask_weekly()


JOBS = [history_job, training_job, day_job, scoring_job, everything_job]
