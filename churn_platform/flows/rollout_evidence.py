"""What is known of a challenger: measured after a batch and kept, or read from the requests that it answers.

What belongs here: which customers are asked about, as of when, and keeping what was measured. What does not: the measures
(`both_models`), the requests (`rollout_requests`), outcomes (`rollout_outcomes`), limits and verdicts (`rollout/gates`).

A batch counts for a stage if it was published after the stage was entered, and scored by the plan. Then both models are asked about the
customers of the last billing cycle, those of that batch among them, on which neither was fitted.
"""

from __future__ import annotations

import json
from dataclasses import replace
from datetime import date, datetime, timedelta
from pathlib import Path
from typing import TYPE_CHECKING

from churn_platform.adapters.atomic_files import write_atomically
from churn_platform.adapters.platform import Platform
from churn_platform.flows import both_models
from churn_platform.flows.both_models import Pair
from churn_platform.rollout.evidence import Evidence, Measure, collected
from churn_platform.rollout.plan import Plan
from churn_platform.rollout.progress import Progress, weight_of

if TYPE_CHECKING:
    import pandas as pd

    from churn_platform.adapters.ops_store.rollouts import RecordedRollout
    from churn_platform.adapters.snapshots import Snapshot

SCORES = "daily_scores"
JUST_BEFORE = timedelta(microseconds=1)


def known(platform: Platform, plan: Plan, progress: Progress, now: datetime) -> Evidence:
    """What is known now: of a batch what was measured after it, of requests what they say now."""
    if plan.evidence == "api":
        from churn_platform.flows.rollout_requests import request_evidence

        return request_evidence(platform, plan, progress, now)
    if plan.stages[min(progress.stage, len(plan.stages) - 1)].gate == "health" and progress.phase == "staged":
        return health_evidence(platform, plan, progress, now)
    return kept(platform, plan)


def measure_open(platform: Platform) -> tuple[RecordedRollout, Evidence] | None:
    """Measure the rollout under way; None where none is."""
    recorded = platform.ops.rollout(platform.policies.governance.model)
    return None if recorded is None else (recorded, measure(platform, recorded))


def measure(platform: Platform, recorded: RecordedRollout) -> Evidence:
    """Measure a rollout's present stage after a batch, and keep it; a measurement that fails is kept as that.

    Returns:
        what was kept, which the next tick decides on.
    """
    plan, progress, now = recorded.plan, recorded.progress, platform.now()
    try:
        evidence = batch_evidence(platform, plan, progress, now)
    except Exception as error:  # nothing is known, and that is told: nothing advances on it
        evidence = Evidence(plan.digest, progress.stage, problem=f"nothing could be measured: {error}")
    content = json.dumps(evidence.to_dict(), indent=1).encode()
    folder = _folder(platform, plan)
    write_atomically(folder / f"{now:%Y-%m-%d}.json", content)
    write_atomically(folder / "latest.json", content)
    return evidence


def kept(platform: Platform, plan: Plan) -> Evidence:
    """What was measured last for this plan; evidence of nothing where nothing was, or the file is damaged."""
    path = _folder(platform, plan) / "latest.json"
    try:
        return Evidence.from_dict(json.loads(path.read_bytes()))
    except FileNotFoundError:
        problem = "nothing has been measured yet: the day's batch does it (`churn day`)"
    except (OSError, ValueError, KeyError, TypeError) as error:
        problem = f"{path} cannot be read ({error}): materialise rollout_evidence again"
    return Evidence(plan.digest, -1, problem=problem)


def health_evidence(platform: Platform, plan: Plan, progress: Progress, now: datetime) -> Evidence:
    """Whether the challenger's package is verified, loads, and answers as its booster does: known at once, without a batch."""
    challenger = both_models.package(platform, plan.package)
    return collected(plan.digest, progress.stage, [("healthy", Measure(both_models.healthy(challenger), 1, now))])


def batch_evidence(platform: Platform, plan: Plan, progress: Progress, now: datetime) -> Evidence:
    """The evidence of the present stage after the newest batch; without one, only the package's health."""
    from churn_platform.flows.rollout_outcomes import arms_of, realised_loss

    two = both_models.pair(platform, plan)
    measures: list[tuple[str, Measure]] = [("healthy", Measure(both_models.healthy(two.challenger), 1, now))]
    batch = newest_batch(platform)
    if batch is None:
        return collected(plan.digest, progress.stage, measures)
    if problem := _not_by_plan(batch, plan, progress):
        return Evidence(plan.digest, progress.stage, problem=problem)
    at = batch.published_at
    if at <= progress.entered:
        at = min(at, progress.entered - JUST_BEFORE)  # the batch was made before the stage: it says nothing of it
    last = date.fromisoformat(batch.partition)
    ours, theirs = _recent(platform, two, last)
    if len(ours):
        champion, challenger = both_models.answers(two.champion, ours), both_models.answers(two.challenger, theirs)
        measures += both_models.served(challenger, at) + both_models.compared(two, champion, challenger, at)
        measures += realised_loss(platform, plan, (ours, champion), (theirs, challenger), last, at)
    if batch.about.get("challenger_failed"):
        measures = [(name, replace(one, value=1.0) if name == "error_rate" else one) for name, one in measures]
    arms = arms_of(platform, plan, progress, at, now) if plan.outcome_test is not None else None
    return collected(plan.digest, progress.stage, measures, arms)


def vindicated_shift(platform: Platform, two: Pair, as_of: date) -> float:
    """How far the challenger's scores differ from the champion's where outcomes have already judged both: on the days behind
    its fitting whose outcomes training knew. 0 where there are none.

    A successor of a world that changed scores differently, and was found to be right; what a rollout watches for is *another* difference.
    """
    last = as_of - platform.policies.label.horizon
    if last < two.unseen_from:
        return 0.0
    ours, theirs = two.rows(platform, two.unseen_from, last)
    if len(ours) < platform.policies.rollout.batch.min_requests:
        return 0.0
    one, other = both_models.answers(two.champion, ours, 0), both_models.answers(two.challenger, theirs, 0)
    if both_models.failed(one).any() or both_models.failed(other).any():
        return 0.0
    return both_models.score_shift(two.champion, one.probability, other.probability)


def newest_batch(platform: Platform) -> Snapshot | None:
    """The pointer of the newest day of published scores; None before the first."""
    from churn_platform.adapters.snapshots import NothingPublishedError, latest

    try:
        return latest(platform.settings.published, SCORES)
    except NothingPublishedError:
        return None


def _not_by_plan(batch: Snapshot, plan: Plan, progress: Progress) -> str:
    """Why a batch that was published in this stage was not made by its plan; empty where it was, or is older than the stage."""
    if batch.published_at <= progress.entered or progress.phase != "staged" or weight_of(plan, progress) == 0:
        return ""
    if batch.about.get("rollout") == plan.digest:
        return ""
    return f"the scores of {batch.partition} were not made by this plan: score the day again (`churn score {batch.partition}`)"


def _recent(platform: Platform, two: Pair, last: date) -> tuple[pd.DataFrame, pd.DataFrame]:
    """The rows of both models from `last` back, over at most a window and `max_rows` customers."""
    policy = platform.policies.rollout.batch
    ours, theirs = two.rows(platform, last, last)
    if not len(ours):
        return ours, theirs
    days = min(policy.window.days, max(1, policy.max_rows // len(ours)))
    first = max(last - timedelta(days=days - 1), two.unseen_from)
    return (ours, theirs) if first >= last else two.rows(platform, first, last)


def _folder(platform: Platform, plan: Plan) -> Path:
    home: Path = platform.settings.home
    return home / "rollouts" / plan.digest[:16]
