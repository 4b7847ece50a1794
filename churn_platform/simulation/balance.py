"""Finding the mix of joiners that keeps the base as the extract shows it.

What belongs here: adjusting the profile's tables of joiners until the settled base has the extract's mix. What does
not: counting the extract (`profile_from_extract.py`).

Kinds of customers who leave fast must join fast. The first guess, joiners as leavers in the extract, is right only if
the world's hazards were the extract's. So the base is settled, compared, and each share among joiners multiplied by
wanted / found, as in iterative proportional fitting (Deming and Stephan, Annals of Mathematical Statistics 11, 1940);
four or five rounds suffice."""

from __future__ import annotations

from datetime import date

import numpy as np
import pandas as pd

from churn_platform.simulation.behaviour import Behaviour
from churn_platform.simulation.customers import CYCLE_DAYS, Customers, Joiners
from churn_platform.simulation.cycle import Cycle, Life
from churn_platform.simulation.draws import Draws
from churn_platform.simulation.landing import Rows, customer_rows, frame_of
from churn_platform.simulation.levers import Levers
from churn_platform.simulation.profile import ConditionalTable, Profile
from churn_platform.simulation.profile_from_extract import conditional_table
from churn_platform.simulation.scenario import scenario_named
from churn_platform.simulation.settling import settle

START = (date(2025, 1, 1) - date(1970, 1, 1)).days
#: a table's share never falls to nothing, and moves by a factor of three at most: counts of rare kinds are noisy
LEAST, STEP = 1e-4, 3.0
MORE_JOINERS = 1.4


def settled_base(profile: Profile, behaviour: Behaviour, customers: int, seed: int = 0) -> pd.DataFrame:
    """A month's `customers` rows of a settled base: what the telco looks like with this profile."""
    # more lives than needed: far from balance, a base may settle below its size, and its mix does not depend on how many join
    pace = behaviour.base.model_copy(update={"monthly_turnover": MORE_JOINERS * behaviour.base.monthly_turnover})
    behaviour = behaviour.model_copy(update={"base": pace})
    draws = Draws(seed)
    life = Life(profile, behaviour, draws, Levers(scenario_named("calm"), START, draws))
    parts: list[Rows] = []

    def record(c: Customers, cycle: Cycle) -> None:
        parts.append(customer_rows(c, cycle, profile).where(cycle.day >= START - CYCLE_DAYS))

    since = START - CYCLE_DAYS
    settle(customers, START, Joiners(profile, behaviour, draws), life, behaviour, draws, record, since)
    return frame_of("customers", Rows.together(parts), {})


def balanced(profile: Profile, behaviour: Behaviour, customers: int = 20_000, rounds: int = 5) -> Profile:
    """The profile with joiners such that the settled base has the mix of `profile.stock`.

    Args:
        customers: size of the base that is settled and compared, in each round.
    """
    for _ in range(rounds):
        base = settled_base(profile, behaviour, customers)
        base["number_of_referrals"] = base["number_of_referrals"].astype("str")
        wanted = {table.attribute: table for table in profile.stock}
        joiners = tuple(
            _moved(table, wanted[table.attribute], base) if table.attribute in wanted else table
            for table in profile.joiners
        )
        profile = profile.model_copy(update={"joiners": joiners})
    return profile


def _moved(joiners: ConditionalTable, wanted: ConditionalTable, base: pd.DataFrame) -> ConditionalTable:
    found = conditional_table(base, joiners.attribute, joiners.given, np.ones(len(base)))
    shares = {}
    for key, row in joiners.shares.items():
        moved = {}
        for value, share in row.items():
            ratio = max(wanted.shares.get(key, {}).get(value, 0.0), LEAST) / max(
                found.shares.get(key, {}).get(value, 0.0), LEAST
            )
            moved[value] = max(share, LEAST) * float(np.clip(ratio, 1.0 / STEP, STEP))
        total = sum(moved.values())
        shares[key] = {value: round(share / total, 4) for value, share in moved.items()}
    return joiners.model_copy(update={"shares": shares})
