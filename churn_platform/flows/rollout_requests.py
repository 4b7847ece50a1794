"""What the requests say of a challenger: errors and times of its own answers, and both models about the customers who asked.

What belongs here: reading the prediction log for one stage of one plan. What does not: the log's form (`adapters/prediction_log`),
the measures of a pair of answers (`both_models`), verdicts (`rollout/gates`).

Only answers count that the challenger gave within the stage: as `challenger`, or as `shadow` where it is mirrored; after the promotion
it is the champion. A record with an `error`, or without a probability inside (0, 1), is a failure. At most `NEWEST` answers are
read, the newest.
"""

from __future__ import annotations

import math
from collections.abc import Iterator
from datetime import UTC, date, datetime, timedelta
from typing import Any

import numpy as np

from churn_platform.adapters.platform import Platform
from churn_platform.flows import both_models
from churn_platform.rollout.evidence import Evidence, Measure, collected
from churn_platform.rollout.plan import Plan
from churn_platform.rollout.progress import Progress

NEWEST = 50_000
LATELY = timedelta(days=1)
Record = dict[str, Any]


def request_evidence(platform: Platform, plan: Plan, progress: Progress, now: datetime) -> Evidence:
    """The evidence of the present stage from what was asked and answered since it began; without requests, only the package's health."""
    from churn_platform.flows.rollout_evidence import newest_batch
    from churn_platform.flows.rollout_outcomes import arms_of

    two = both_models.pair(platform, plan)
    measures: list[tuple[str, Measure]] = [("healthy", Measure(both_models.healthy(two.challenger), 1, now))]
    records = list(answers_since(platform, plan.challenger, progress.entered))
    if records:
        measures += of_answers(records)
        beside = list(answers_since(platform, plan.champion, progress.entered))
        measures += slowdown(records, beside)
        measures += _of_both(platform, two, [*records, *beside])
    arms = None
    if plan.outcome_test is not None:
        batch, fresh = newest_batch(platform), platform.policies.rollout.batch.stale_after
        if batch is not None:  # outcomes come by day: a batch within its own limit is as good as now
            at = (
                now
                if batch.published_at > progress.entered and now - batch.published_at <= fresh
                else batch.published_at
            )
            arms = arms_of(platform, plan, progress, at, now)
    return collected(plan.digest, progress.stage, measures, arms)


def of_answers(records: list[Record]) -> list[tuple[str, Measure]]:
    """Share of failures, and the 99th percentile of seconds of those that succeeded; as of the newest answer."""
    at = max(_received(one) for one in records)
    bad = [_failed(one) for one in records]
    found = [("error_rate", Measure(sum(bad) / len(bad), len(bad), at))]
    seconds = [float(one["seconds"]) for one, failed in zip(records, bad, strict=True) if not failed]
    if seconds:
        found.append(("p99", Measure(float(np.quantile(seconds, 0.99)), len(seconds), at)))
    return found


def slowdown(records: list[Record], beside: list[Record]) -> list[tuple[str, Measure]]:
    """How much longer the median answer takes than the champion's of the same hours; nothing without answers of both."""
    ours, theirs = ([float(one["seconds"]) for one in some if not _failed(one)] for some in (beside, records))
    if not ours or not theirs or not (middle := float(np.median(ours))) > 0:
        return []
    at = min(max(_received(one) for one in some) for some in (records, beside))
    return [("slowdown", Measure(float(np.median(theirs)) / middle - 1, min(len(ours), len(theirs)), at))]


def answers_since(platform: Platform, version: str, since: datetime) -> Iterator[Record]:
    """What the log keeps of that model's answers and failures after `since`, the newest segment first, at most `NEWEST`.

    Raises:
        PredictionLogError: a segment was damaged; nothing may rest on it.
    """
    import orjson

    from churn_platform.adapters.prediction_log import closed_segments, read_segment

    after, told = since.timestamp(), 0
    paths = [(path.stat().st_mtime, path) for path in closed_segments(platform.settings.predictions)]
    for _, path in sorted((one for one in paths if one[0] >= after), reverse=True):
        for line in reversed(read_segment(path)):
            record = orjson.loads(line)
            if record.get("model_version") == version and float(record["received_at"]) > after:
                yield record
                told += 1
                if told >= NEWEST:
                    return


def answered_lately(platform: Platform, now: datetime) -> bool:
    """Whether the API has answered anybody within the last day."""
    from churn_platform.adapters.prediction_log import closed_segments

    newest = max((path.stat().st_mtime for path in closed_segments(platform.settings.predictions)), default=0.0)
    return bool(newest) and timedelta(0) <= now - datetime.fromtimestamp(newest, UTC) <= LATELY


def _of_both(platform: Platform, two: both_models.Pair, records: list[Record]) -> list[tuple[str, Measure]]:
    """Both models about all who asked, whoever answered them, each customer once, on the features that they were answered from last."""
    oldest_first = sorted(records, key=lambda one: float(one["received_at"]))
    named = [one for one in oldest_first if one.get("customer_id") and one.get("feature_date")]
    asked = {str(one["customer_id"]): one for one in named}
    if not asked:
        return []
    at = max(_received(one) for one in records)
    days = [date.fromisoformat(one["feature_date"]) for one in asked.values()]
    ours, theirs = two.rows(platform, min(days), max(days), set(asked))
    wanted = [asked[str(who)]["feature_date"] == day.date().isoformat() for who, day in _keys(ours)]
    ours, theirs = ours[wanted].reset_index(drop=True), theirs[wanted].reset_index(drop=True)
    if not len(ours):
        return []
    one, other = both_models.answers(two.champion, ours), both_models.answers(two.challenger, theirs)
    return both_models.compared(two, one, other, at)


def _keys(rows: Any) -> Iterator[tuple[Any, Any]]:
    import pandas as pd

    return zip(rows["customer_id"], pd.to_datetime(rows["observation_date"]), strict=True)


def _failed(record: Record) -> bool:
    probability = record.get("probability")
    if record.get("error") or not isinstance(probability, int | float):
        return True
    return not (math.isfinite(probability) and 0 < probability < 1)


def _received(record: Record) -> datetime:
    return datetime.fromtimestamp(float(record["received_at"]), UTC)
