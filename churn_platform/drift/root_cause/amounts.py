"""Evidence from numbers with a unit, like for like: the same customer, one row against the row before.

What belongs here: jumps by one factor, prices that moved for customers whose plan did not, use that grew. What does not: plans that
changed (`customers.py`).

Comparing a customer with themselves takes the mix of customers away: a base that grew richer moves no customer's price.
"""

from __future__ import annotations

import math

import numpy as np
import pandas as pd

from churn_platform.drift.root_cause.evidence import Evidence, strength_of
from churn_platform.drift.root_cause.raw import RawSignals
from churn_platform.drift.root_cause.signals import (
    NO_CHANGE,
    WINDOWS,
    Periods,
    RateChange,
    rate_changes,
    strongest_change,
)

JUMPED = 0.2
"""Share of customers whose number jumps at once, beyond the usual, at which it speaks fully."""
JUMP_WINDOWS = (1, 3, 7, 28, 112)
REPRICED = 0.1
"""Share of customers with another price for the same plan, beyond the usual, at which it speaks fully."""
PRICE = 0.01
"""Change of prices per customer and cycle, like for like, at which it speaks fully: one per cent over the whole base."""
PRICE_SPREAD = 0.08
"""Standard deviation of one customer's log ratio when plans stay, first parts of months included (simulated, 0.06 to 0.08)."""
USE = 0.05
"""Change of use per customer and month at which it speaks fully."""
USE_SPREAD = 0.4
"""Where the ratio's cut lies: no customer's part can be larger."""
SAME_FACTOR = 0.5
"""A factor is one and the same where the quartiles of the jumps lie within this share of its logarithm."""


def amount_evidence(raw: RawSignals, periods: Periods) -> list[Evidence]:
    """All that amounts say on the day."""
    return [*_jumps(raw, periods), *_prices(raw, periods), *_use(raw, periods)]


def _jumps(raw: RawSignals, periods: Periods) -> list[Evidence]:
    found = []
    for (table, column), rows in raw.amounts.groupby(["table_name", "column_name"]):
        pairs = periods.series(rows["day"], rows["pairs"])
        jumped = periods.series(rows["day"], rows["jumped"])
        change, strength = strongest_change(rate_changes(jumped, pairs, periods, JUMP_WINDOWS), JUMPED)
        if strength <= 0:
            continue
        since = pd.Timestamp(periods.day) - pd.Timedelta(days=change.days)
        recent = rows[(pd.to_datetime(rows["day"]) > since) & (rows["jumped"] > 0)]
        factor, same = _common_factor(recent)
        told = (
            f"{table}.{column}: {change.now:.0%} of the customers' numbers jumped within {change.days} days, "
            f"about {factor:.4g} times what they were"
        )
        name = "numbers_rescaled" if same else "numbers_jumped"
        found.append(Evidence(name, f"{table}.{column}", strength, factor, told))
    return found


def _common_factor(rows: pd.DataFrame) -> tuple[float, bool]:
    """The middle factor of the jumps, and whether most share it."""
    weights = rows["jumped"].to_numpy(dtype=np.float64)
    low, middle, high = (
        float(np.average(np.log(rows[name].to_numpy(dtype=np.float64)), weights=weights))
        for name in ("factor_low", "factor", "factor_high")
    )
    return math.exp(middle), high - low <= SAME_FACTOR * abs(middle)


def _prices(raw: RawSignals, periods: Periods) -> list[Evidence]:
    """Prices of customers whose services and terms stayed, and whether bills agree with the listed charges."""
    pairs = raw.pairs
    alike, price = periods.series(pairs["day"], pairs["alike"]), periods.series(pairs["day"], pairs["price"])
    changes = rate_changes(price, alike, periods, WINDOWS, spread=PRICE_SPREAD)
    up, up_strength = strongest_change(changes, PRICE)
    down, down_strength = strongest_change(changes, -PRICE)
    moved, strength = (up, up_strength) if up_strength >= down_strength else (down, down_strength)
    repriced, repriced_strength = strongest_change(
        rate_changes(periods.series(pairs["day"], pairs["repriced"]), alike, periods), REPRICED
    )
    found = []
    if strength > 0:
        told = f"customers who kept their plan are charged {moved.change:+.1%} per cycle more than usual over {moved.days} days"
        found.append(Evidence("prices_moved", "customers.monthly_charges", strength, moved.change, told))
        found += _bills(raw, periods, moved, strength)
    if repriced_strength > 0:
        told = (
            f"{repriced.now:.0%} of the customers who kept their plan got another price, usually {repriced.before:.0%}"
        )
        found.append(Evidence("many_repriced", "customers.monthly_charges", repriced_strength, repriced.change, told))
    return found


def _bills(raw: RawSignals, periods: Periods, moved: RateChange, strength: float) -> list[Evidence]:
    """Bills must follow listed charges; where they do not over the same days, the listed number is written otherwise."""
    bills = _moved(raw, periods, "invoices", "amount", moved.days)
    if bills is NO_CHANGE:
        return []
    followed = bills.change / moved.change if moved.change else 0.0
    told = f"bills of the same days moved by {bills.change:+.1%}"
    if followed >= 0.5:
        return [Evidence("bills_follow", "invoices.amount", strength, bills.change, told)]
    return [
        Evidence("bills_disagree", "invoices.amount", strength_of(1.0 - followed, 1.0) * strength, bills.change, told)
    ]


def _use(raw: RawSignals, periods: Periods) -> list[Evidence]:
    rows = _of(raw, "account_usage", "data_gb")
    pairs = periods.series(rows["day"], rows["pairs"])
    moved = periods.series(rows["day"], rows["moved"])
    changes = rate_changes(moved, pairs, periods, WINDOWS, spread=USE_SPREAD)
    found = []
    for full, name, word in ((USE, "use_grew", "more"), (-USE, "use_fell", "less")):
        change, strength = strongest_change(changes, full)
        if strength > 0:
            told = f"customers use {abs(change.change):.0%} {word} data per month than usual over {change.days} days"
            found.append(Evidence(name, "account_usage.data_gb", strength, change.change, told))
    return found


def _moved(raw: RawSignals, periods: Periods, table: str, column: str, days: int) -> RateChange:
    rows = _of(raw, table, column)
    if rows.empty:
        return NO_CHANGE
    pairs = periods.series(rows["day"], rows["pairs"])
    moved = periods.series(rows["day"], rows["moved"])
    found = rate_changes(moved, pairs, periods, (days,), spread=USE_SPREAD)
    return found[0] if found else NO_CHANGE


def _of(raw: RawSignals, table: str, column: str) -> pd.DataFrame:
    return raw.amounts[(raw.amounts["table_name"] == table) & (raw.amounts["column_name"] == column)]
