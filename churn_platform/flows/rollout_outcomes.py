"""What became of the customers: realised outcomes of both models, and the arms of an A/B test.

What belongs here: joining what was scored with what has matured. What does not: estimates before labels (`both_models`), limits,
verdicts and the test (`rollout/`).

Two questions, two sets of customers. How much AUC the challenger lost is asked of outcomes that neither model's training could know,
whoever scored them: both are asked about the same customers. Whether customers leave less is asked of the arms: whom the plan's draw
gave to which model, as the published scores say.
"""

from __future__ import annotations

from collections import Counter
from datetime import date, datetime
from statistics import NormalDist
from typing import TYPE_CHECKING

import numpy as np
import pandas as pd

from churn_platform.adapters.platform import Platform
from churn_platform.rollout.evidence import Arms, Measure
from churn_platform.rollout.plan import Plan
from churn_platform.rollout.progress import Progress

if TYPE_CHECKING:
    from churn_platform.flows.both_models import Answers

SCORES = "daily_scores"
KEYS = ["customer_id", "observation_date"]
CONFIDENCE = 0.95
"""Of the interval that the standard error is read from; the error does not depend on it."""


class ArmsError(ValueError):
    """The published scores do not say who met whom; the message names the day."""


def realised_loss(
    platform: Platform,
    plan: Plan,
    ours: tuple[pd.DataFrame, Answers],
    theirs: tuple[pd.DataFrame, Answers],
    today: date,
    at: datetime,
) -> list[tuple[str, Measure]]:
    """`realised_auc_loss`: the champion's AUC minus the challenger's on outcomes that matured after the challenger's training, with
    DeLong's paired error; nothing while there are not both leavers and stayers.
    """
    from churn_platform.evaluation.auc import auc_difference
    from churn_platform.evaluation.outcomes import scored_outcomes

    trained_as_of = platform.ops.model(plan.challenger).registration.as_of
    rows = ours[0][KEYS].assign(p=ours[1].probability, q=theirs[1].probability)
    days = pd.to_datetime(rows["observation_date"]).dt.date
    known = matured(platform, days.min(), days.max(), today)
    known = known[known["matured_on"].dt.date > trained_as_of]
    judged = _keyed(rows).merge(_keyed(known), on=KEYS)
    judged = judged[np.isfinite(judged["p"]) & np.isfinite(judged["q"])]
    if judged["churned"].nunique() < 2:
        return []
    champion, challenger = (scored_outcomes(judged["churned"], judged[name]) for name in ("p", "q"))
    lost = auc_difference(champion, challenger, confidence=CONFIDENCE)
    error = (lost.high - lost.low) / (2 * NormalDist().inv_cdf(0.5 + CONFIDENCE / 2))
    return [("realised_auc_loss", Measure(lost.value, len(judged), at, error))]


def matured(platform: Platform, first: date, last: date, today: date) -> pd.DataFrame:
    """Outcomes of observations in [first, last] that are closed by `today`: customer_id, observation_date, matured_on, churned (0, 1).

    Who left and is not known to have left by `today` counts as staying, as in training.
    """
    found = platform.warehouse.outcomes(first, last)
    closed = found[found["matured_on"].dt.date <= today]
    left = closed["churned_on"].notna() & (closed["churn_known_at"] <= pd.Timestamp(today))
    labelled: pd.DataFrame = closed[[*KEYS, "matured_on"]].assign(churned=left.astype("int8"))
    return labelled


def arms_of(platform: Platform, plan: Plan, progress: Progress, at: datetime, now: datetime) -> Arms | None:
    """Who met whom since the stage began, each customer once, and what became of those whose horizon has closed; None before the first
    batch of the stage.

    Raises:
        ArmsError: a customer met both models, or a third one.
    """
    met = _met(platform, plan, progress.entered)
    if met.empty:
        return None
    days = met["observation_date"].dt.date
    known = met.merge(_keyed(matured(platform, days.min(), days.max(), now.date())), on=KEYS, how="left")
    assigned = Counter(known["version"])
    closed = known[known["churned"].notna()]
    outcomes, churned = Counter(closed["version"]), Counter(closed.loc[closed["churned"] == 1, "version"])
    one, other = plan.champion, plan.challenger
    return Arms(assigned[one], assigned[other], outcomes[one], outcomes[other], churned[one], churned[other], at)


def _met(platform: Platform, plan: Plan, entered: datetime) -> pd.DataFrame:
    """customer_id, observation_date (the first in the stage), version: whom the published scores of this plan's batches gave to whom."""
    from churn_platform.adapters.snapshots import partitions, pointer_of, read_contents

    published, found = platform.settings.published, []
    for day in partitions(published, SCORES):
        if day < entered.date().isoformat():
            continue
        pointer = pointer_of(published, SCORES, day)
        if pointer.about.get("rollout") == plan.digest and pointer.published_at > entered:
            scores = read_contents(published, pointer)[[*KEYS, "model_version"]]
            found.append(_keyed(scores.rename(columns={"model_version": "version"})))
    if not found:
        return pd.DataFrame({name: [] for name in (*KEYS, "version")})
    met = pd.concat(found).sort_values(KEYS)
    strangers = set(met["version"]) - {plan.champion, plan.challenger}
    if strangers:
        raise ArmsError(
            f"{sorted(strangers)[0]} scored customers of the test of {plan.challenger}: score those days again"
        )
    both = met.groupby("customer_id")["version"].nunique()
    if (both > 1).any():
        raise ArmsError(
            f"{int((both > 1).sum())} customers met both models: the draw was not kept, nothing can be said"
        )
    return met.drop_duplicates("customer_id", keep="first")


def _keyed(rows: pd.DataFrame) -> pd.DataFrame:
    """The rows with keys of one type, whichever file they came from."""
    return rows.assign(
        customer_id=rows["customer_id"].astype(str),
        observation_date=pd.to_datetime(rows["observation_date"]).astype("datetime64[s]"),
    )
