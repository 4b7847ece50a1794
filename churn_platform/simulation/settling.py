"""The base on the day before the world starts: many years of lives, lived fast.

What belongs here: bringing the base into its steady state. What does not: a month of life itself (`cycle.py`).

Customers join evenly over the past twelve years and live every month of it, so that those still there have the mix of
tenures, contracts, moods and bills that the world keeps. Lives are independent, so it is done in blocks that fit a
processor's cache."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

import numpy as np

from churn_platform.simulation.behaviour import Behaviour
from churn_platform.simulation.customers import CYCLE_DAYS, Customers, Joiners
from churn_platform.simulation.cycle import Cycle, Life
from churn_platform.simulation.draws import Draws, Purpose
from churn_platform.simulation.growing import Growing

BLOCK = 8_000

#: receives each batch of recent cycles: customers after the cycle, the cycle
Record = Callable[[Customers, Cycle], None]


@dataclass(frozen=True, slots=True)
class Settled:
    """The base on the eve of the start, and the next free serial.

    `present` holds exactly as many customers as wanted. `just_left` are those last billed in the 30 days before the
    start who left before it."""

    present: Customers
    just_left: Customers
    next_serial: int


def settle(
    customers: int,
    start: int,
    joiners: Joiners,
    life: Life,
    behaviour: Behaviour,
    draws: Draws,
    record: Record,
    since: int,
) -> Settled:
    """Live the past of `customers` customers up to the day before `start`.

    Args:
        customers: how many are present on the day `start`.
        start: first day of the world.
        record: called with every batch of cycles on or after the day `since`.
    """
    monthly = customers * behaviour.base.monthly_turnover
    # enough to thin out, never to fill up: 5 % and six standard deviations of a Poisson count more than needed
    inflow = 1.05 * monthly + 6.0 * np.sqrt(customers) * behaviour.base.monthly_turnover
    span = behaviour.base.oldest_months * CYCLE_DAYS
    total = int(np.ceil(inflow * behaviour.base.oldest_months))
    block = int(BLOCK / behaviour.base.monthly_turnover)
    present, gone = Growing(), Growing()
    for first in range(0, total, block):
        serials = np.arange(first, min(first + block, total), dtype=np.uint64)
        # serials are spread over the years by a stride, so that each block holds every age
        joined = start - 1 - (serials * np.uint64(7919) % np.uint64(span)).astype(np.int32)
        alive = joiners.join(serials, joined.astype(np.int32))
        due = alive.next_bill < start
        here, had_left, recent = [alive.take(~due)], [], []
        alive = alive.take(due)
        while len(alive):
            cycle = life.run(alive, alive.next_bill)
            if (of_interest := cycle.day >= since).any():
                recent.append((alive.take(of_interest), cycle.only(of_interest)))
            left, due = alive.left < start, alive.next_bill < start
            here.append(alive.take(~left & ~due))
            had_left.append(alive.take(left & ~due))
            alive = alive.take(~left & due)
        # nobody asks for the history of those who left long ago
        kept = np.zeros(len(serials), dtype=bool)
        for parts, collected in ((here, present), (had_left, gone)):
            for part in parts:
                kept[part.serial - np.uint64(first)] = True
                collected.append(part.columns())
        for c, cycle in recent:
            wanted = kept[c.serial - np.uint64(first)]
            record(c.take(wanted), cycle.only(wanted))
    everyone = Customers(**present.columns())
    if len(everyone) < customers:
        raise ValueError(
            f"the base settled at {len(everyone)} customers where {customers} were wanted: "
            "behaviour.base.monthly_turnover is too low"
        )
    chance = draws.uniform(Purpose.OPENING, everyone.serial, 0)
    cut = np.partition(chance, customers - 1)[customers - 1]
    just_left = Customers(**gone.columns())
    return Settled(
        everyone.take(chance <= cut),
        just_left.take(draws.uniform(Purpose.OPENING, just_left.serial, 0) <= cut),
        total,
    )
