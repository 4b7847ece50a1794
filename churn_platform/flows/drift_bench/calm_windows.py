"""How often a calm window of so many rows looks drifted: windows drawn from a calm life's own rows, judged as the platform judges.

What belongs here: drawing, and handing the windows to the detectors. What does not: the detectors (`drift/`).

Each window is n distinct feature rows of the calm life with their published scores, all of its live days together, so that nothing but
chance moves it. A window counts as a false alarm if any finding violates (warning or critical), whether or not it would act: acting takes
k of the last n windows, which is told beside it.
"""

from __future__ import annotations

from dataclasses import dataclass
from datetime import date, timedelta
from typing import TYPE_CHECKING, Any

import numpy as np
import pandas as pd

from churn_platform.drift.context import DriftContext
from churn_platform.drift.data import data_drift
from churn_platform.drift.feature import correlation_sums, feature_drift
from churn_platform.drift.measures import measure
from churn_platform.drift.panel import FEATURES, SCORE, watched_features, watched_scores
from churn_platform.drift.prediction import prediction_drift
from churn_platform.drift.tally import tally
from churn_platform.flows.monitoring import inputs

if TYPE_CHECKING:
    from churn_platform.adapters.platform import Platform

SIZES = (50, 100, 250, 500, 1000)
#: windows of each size and seed: over five seeds a rate of 5 % is then known to 0.7 points (one standard error)
WINDOWS = 200
EPOCH = date(2000, 1, 1)


@dataclass(frozen=True, slots=True)
class CalmWindows:
    """Windows of one size: how many were drawn, could be judged, looked drifted, and would have acted."""

    rows: int
    drawn: int
    judged: int
    violating: int
    acting: int

    def to_dict(self) -> dict[str, int]:
        """JSON-able form."""
        return {
            "rows": self.rows,
            "drawn": self.drawn,
            "judged": self.judged,
            "violating": self.violating,
            "acting": self.acting,
        }


def judge_calm_windows(platform: Platform, first: date, last: date, seed: int) -> list[CalmWindows]:
    """Draw and judge windows of every size from the scored rows observed in [first, last]."""
    champion = inputs.monitored_champion(platform)
    scores = inputs.published_scores(platform, first, last, champion.digest)
    rows = inputs.feature_rows(platform, first, last).merge(
        scores[["customer_id", "observation_date", SCORE, "band"]], on=["customer_id", "observation_date"], how="inner"
    )
    rng = np.random.default_rng([seed, len(rows)])
    return [_judge(platform, champion, rows, size, rng) for size in SIZES if size <= len(rows)]


def _judge(
    platform: Platform, champion: inputs.MonitoredChampion, rows: pd.DataFrame, size: int, rng: np.random.Generator
) -> CalmWindows:
    policy = platform.policies.drift
    memory = policy.persistence.windows - 1
    drawn = WINDOWS + memory
    at = np.concatenate([rng.choice(len(rows), size, replace=False) for _ in range(drawn)])
    # every window is a day of its own, and a window is one day long
    days = np.datetime64(EPOCH, "D") + np.repeat(np.arange(drawn), size)
    sample = rows.take(at).reset_index(drop=True).assign(observation_date=days.astype("datetime64[s]"))
    watched = watched_features(sample, FEATURES, platform.policies.drift.newcomers)
    watched[SCORE] = watched_scores(days, sample[SCORE].to_numpy(dtype=np.float64))
    last = EPOCH + timedelta(drawn - 1)
    window = policy.window.model_copy(update={"length": timedelta(1), "longest": timedelta(1)})
    names = champion.baseline.correlated
    sums = None
    if names and all(name in watched for name in names):
        values = np.stack([watched[name].values for name in names], axis=1)
        sums = correlation_sums(
            values - np.nan_to_num(np.nanmean(values, axis=0)), np.repeat(np.arange(drawn), size), drawn
        )
    nobody = np.full(len(sample), np.datetime64("NaT", "s"))
    context = DriftContext(
        days=tuple(EPOCH + timedelta(n) for n in range(memory, drawn)),
        baseline=champion.baseline,
        tallies=tally(watched, champion.baseline.columns, EPOCH, last),
        scored=sample[["customer_id", "observation_date", SCORE, "band"]].assign(
            churned_on=nobody, churn_known_at=nobody
        ),
        influence=champion.influence,
        holdout=champion.holdout,
        horizon_days=platform.policies.label.horizon.days,
        policy=policy.model_copy(update={"window": window}),
        correlation_sums=sums,
    )
    measured = measure(context.tallies, context.baseline, context.positions(context.with_memory()), window)
    found: dict[date, list[Any]] = {day: [] for day in context.days}
    for detector in (data_drift, feature_drift, prediction_drift):
        for day, findings in detector(context, measured).items():
            found[day] += findings
    return CalmWindows(
        size,
        len(found),
        sum(any(one.severity != "insufficient_data" for one in there) for there in found.values()),
        sum(any(one.violates for one in there) for there in found.values()),
        sum(any(one.acts for one in there) for there in found.values()),
    )


def rates(drawn: list[list[dict[str, int]]], declared: float) -> list[dict[str, Any]]:
    """False alarm rates by size, over the windows of all seeds, beside the declared level.

    >>> rates([[{"rows": 250, "drawn": 200, "judged": 200, "violating": 4, "acting": 0}]], 0.05)
    [{'rows': 250, 'drawn': 200, 'judged_share': 1.0, 'false_alarm_rate': 0.02, 'acting_rate': 0.0, 'declared': 0.05, 'within': True}]
    """
    out = []
    for rows in sorted({one["rows"] for there in drawn for one in there}):
        mine = [one for there in drawn for one in there if one["rows"] == rows]
        total = sum(one["drawn"] for one in mine)
        share = {key: sum(one[key] for one in mine) / total for key in ("judged", "violating", "acting")}
        out.append(
            {
                "rows": rows,
                "drawn": total,
                "judged_share": share["judged"],
                "false_alarm_rate": share["violating"],
                "acting_rate": share["acting"],
                "declared": declared,
                "within": share["violating"] <= declared,
            }
        )
    return out
