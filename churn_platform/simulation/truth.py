"""What the world knows about itself and never lands: true probabilities, true uplift, the best a model could do.

What belongs here: values of truth. What does not: anything that the platform may read.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import date, timedelta
from typing import Any

import numpy as np
import numpy.typing as npt
import pandas as pd

from churn_platform.simulation.behaviour import Behaviour
from churn_platform.simulation.customers import CYCLE_DAYS, Customers
from churn_platform.simulation.draws import Floats
from churn_platform.simulation.identity import customer_ids
from churn_platform.simulation.landing import as_dates, text_of
from churn_platform.simulation.leaving import Risk
from churn_platform.simulation.levers import Levers
from churn_platform.simulation.scenario import Scenario

Columns = dict[str, npt.NDArray[Any]]


@dataclass(frozen=True, slots=True)
class DayTruth:
    """The truth of one day.

    `strength` is each effect's strength on the day, by its name. `best_auc` is the AUC that a model which knew every
    customer's true probability would have in expectation on the customers observed; NaN if fewer than two."""

    day: date
    scenario: str
    cause: str
    changed_on: date | None
    strength: Mapping[str, float]
    customers: int
    observed: int
    joined: int
    left: int
    expected_leavers: float
    best_auc: float


def best_auc(probability: Floats) -> float:
    """The expected AUC of the true probabilities themselves: no ranking does better.

    The expectation over outcomes of correctly ordered (leaver, stayer) pairs, divided by the expected number of such
    pairs; ties count half.

    Args:
        probability: (n,) each customer's true probability of leaving.

    Returns:
        a number in [0.5, 1], NaN for fewer than two customers.

    >>> best_auc(np.array([0.0, 1.0])), best_auc(np.array([0.3, 0.3]))
    (1.0, 0.5)
    """
    if len(probability) < 2:
        return float("nan")
    p, counts = np.unique(probability, return_counts=True)
    stays = (1.0 - p) * counts
    leaves = p * counts
    below = np.concatenate([[0.0], np.cumsum(stays)[:-1]])
    # within a tie, a customer is not paired with themselves
    tied = 0.5 * p * (1.0 - p) * counts * (counts - 1)
    pairs = leaves.sum() * stays.sum() - (p * (1.0 - p) * counts).sum()
    return float(((leaves * below).sum() + tied.sum()) / pairs) if pairs > 0 else float("nan")


def day_truth(
    scenario: Scenario, start_date: date, day: date, truth: Columns, *, customers: int, joined: int, left: int
) -> DayTruth:
    """The truth of `day` in a world that began on `start_date`, from the truth about the customers observed on it."""
    p = truth["leave_probability"]
    return DayTruth(
        day=day,
        scenario=scenario.name,
        cause=scenario.cause,
        changed_on=None if (k := scenario.start_day) is None else start_date + timedelta(days=k),
        strength=scenario.strength_on((day - start_date).days),
        customers=customers,
        observed=len(p),
        joined=joined,
        left=left,
        expected_leavers=float(p.sum()),
        best_auc=best_auc(p),
    )


def truth_of(c: Customers, risk: Risk, levers: Levers) -> Columns:
    """The truth about customers on their billing day, as columns of numbers.

    `uplift` is how much a contact with the ordinary offer lowers the probability of leaving within 30 days, if it is
    made on the day after the billing day: a thirtieth of the cycle is over by then."""
    tenure = ((c.observed - c.joined) // CYCLE_DAYS).astype(np.int32)
    treated = risk.treated(c, tenure, levers.added_log_odds(c, c.observed))
    return {
        "serial": c.serial,
        "observation_date": c.observed,
        "leave_probability": c.leave_probability,
        "uplift": (c.leave_probability - treated) * (1.0 - 1.0 / CYCLE_DAYS),
        "response": c.response,
    }


def truth_frame(columns: Columns, behaviour: Behaviour) -> pd.DataFrame:
    """A row per observed customer: customer_id, observation_date, leave_probability, uplift, response."""
    return pd.DataFrame(
        {
            "customer_id": customer_ids(columns["serial"]),
            "observation_date": as_dates(columns["observation_date"]),
            "leave_probability": columns["leave_probability"],
            "uplift": columns["uplift"],
            "response": text_of(columns["response"], tuple(behaviour.retention.responses)),
        }
    )
