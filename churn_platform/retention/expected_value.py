"""What a contact list is worth: the expected retained value under the contact budget, with known outcomes.

What belongs here: the money of one contact, and of the first contacts of a list. What does not: comparing two models
(`evaluation/comparison`), and what contacts really kept (an experiment measures that).

A contact costs its agent's time and the offer, whoever is called: an offer to somebody who would have stayed is money lost. Of those
who would have left, the policy's `save_rate` stay and pay on. Who is not called costs nothing and brings nothing, so a list that misses
every leaver only has costs: it can never be worth more than nothing.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np
from numpy.typing import ArrayLike, NDArray

if TYPE_CHECKING:
    from churn_platform.policies.releasing import BusinessValuePolicy

Floats = NDArray[np.float64]
DAYS_PER_BILL = 365.0 / 12.0


class RetainedValueError(ValueError):
    """The money of a list cannot be worked out from what was given; the message says which rows and what to do."""


def customer_values(lifetime_value: ArrayLike, monthly_charges: ArrayLike, policy: BusinessValuePolicy) -> Floats:
    """What each customer is worth if kept, in USD, shape (rows,): the lifetime value where it is known, else the bills of
    `value_horizon`.

    Raises RetainedValueError for a customer of whom neither is known, and for a negative value.

    >>> from churn_platform.policies import load_policies
    >>> policy = load_policies().champion_challenger.business
    >>> customer_values([np.nan, 4200.0], [50.0, 80.0], policy).round(2).tolist()
    [600.0, 4200.0]
    """
    known = np.asarray(lifetime_value, dtype=np.float64)
    bills = np.asarray(monthly_charges, dtype=np.float64) * (policy.value_horizon.days / DAYS_PER_BILL)
    values = np.where(np.isnan(known), bills, known)
    wrong = ~(values >= 0.0) | np.isinf(values)
    if wrong.any():
        raise RetainedValueError(
            f"{int(wrong.sum())} of {len(values)} customers have neither a lifetime value nor a bill of at least 0 USD, the first "
            f"in row {int(wrong.argmax())}: complete `customers.cltv` or `monthly_charges`"
        )
    return values


def contact_gains(churned: ArrayLike, values: ArrayLike, policy: BusinessValuePolicy) -> Floats:
    """What contacting each customer brings in expectation, in USD, shape (rows,); negative for who would have stayed.

    >>> from churn_platform.policies import load_policies
    >>> policy = load_policies().champion_challenger.business
    >>> contact_gains([True, False], [1000.0, 1000.0], policy).tolist()
    [245.0, -55.0]
    """
    leaves = np.asarray(churned, dtype=bool)
    kept = policy.save_rate * np.asarray(values, dtype=np.float64)
    return np.where(leaves, kept, 0.0) - (policy.contact_cost + policy.offer_cost)


def retained_value(probability: ArrayLike, gains: ArrayLike, share: float) -> float:
    """USD that the first `share` of the list (by probability) brings per 1,000 customers of the base.

    Rows of equal probability at the end of the budget are shared out in proportion, which is the mean over all orders.

    Args:
        probability: (rows,) in [0, 1].
        gains: (rows,) USD, from `contact_gains`.
        share: of the rows that are contacted, in (0, 1].

    >>> retained_value([0.9, 0.8, 0.2, 0.1], [245.0, -55.0, 245.0, -55.0], 0.5)
    47500.0
    """
    score = np.asarray(probability, dtype=np.float64)
    gain = np.asarray(gains, dtype=np.float64)
    if score.shape != gain.shape or not len(score) or not (np.isfinite(score).all() and np.isfinite(gain).all()):
        raise RetainedValueError("a list needs one finite probability and one finite gain per customer, and a customer")
    return float(listed_gains(score, gain, np.ones((1, len(score))), share)[0])


def listed_gains(probability: Floats, gains: Floats, weights: Floats, share: float) -> Floats:
    """`retained_value` for many weightings of the same rows at once: `weights` (samples, rows), result (samples,)."""
    falling, place = np.unique(-probability, return_inverse=True)
    order = np.argsort(place, kind="stable")
    starts = np.searchsorted(place[order], np.arange(len(falling)))
    sorted_weights = weights[:, order]
    rows = np.add.reduceat(sorted_weights, starts, axis=1)
    amounts = np.add.reduceat(sorted_weights * gains[order], starts, axis=1)
    total = rows.sum(axis=1, keepdims=True)
    before = np.cumsum(rows, axis=1) - rows
    room = np.clip(share * total - before, 0.0, rows)
    part = np.divide(room, rows, out=np.zeros_like(rows), where=rows > 0)
    return np.asarray((part * amounts).sum(axis=1) / total[:, 0] * 1000.0)
