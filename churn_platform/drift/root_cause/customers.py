"""Evidence from who customers are and what they hold: new services, other terms, another mix of joiners.

What belongs here: changes of customers' own plans, and of who joins. What does not: prices (`amounts.py`) and leaving (`leavers.py`).
"""

from __future__ import annotations

import numpy as np

from churn_platform.drift.root_cause.evidence import Evidence
from churn_platform.drift.root_cause.raw import SERVICES, TERMS, RawSignals
from churn_platform.drift.root_cause.signals import Periods, rate_changes, strongest_change

TAKEN_UP = 0.03
"""Share of customers who take up a service in a cycle, beyond the usual, at which it speaks fully."""
JOINED = 0.12
"""Change of a value's share among joiners at which it speaks fully."""
JOINER_WINDOWS = (14, 28, 56)
CLEARLY_BETTER = 3.84
"""Chi-squared with one degree of freedom at 95 %: by so much a jump must fit better than a ramp before it is called one. The first
joiners of a ramp look like a small jump; a jump of twelve points shows itself in three weeks of 88 joiners."""
EVIDENCE_OF = {**dict.fromkeys(SERVICES, "joiners_services"), **dict.fromkeys(TERMS, "joiners_profile")}


def customer_evidence(raw: RawSignals, periods: Periods) -> list[Evidence]:
    """All that plans and joiners say on the day."""
    return [*_taken_up(raw, periods), *_joiners(raw, periods)]


def _taken_up(raw: RawSignals, periods: Periods) -> list[Evidence]:
    pairs = raw.pairs
    of = periods.series(pairs["day"], pairs["pairs"])
    found = []
    for columns, name in ((SERVICES, "services_taken_up"), (TERMS, "terms_changed")):
        for column in columns:
            hits = periods.series(pairs["day"], pairs[column])
            change, strength = strongest_change(rate_changes(hits, of, periods), TAKEN_UP)
            if strength > 0:
                told = f"{column}: {change.now:.1%} of the customers changed it within a cycle, usually {change.before:.1%}"
                found.append(Evidence(name, f"customers.{column}", strength, change.change, told))
    return found


def _joiners(raw: RawSignals, periods: Periods) -> list[Evidence]:
    """Which values became more frequent among joiners, and whether they did so at once."""
    joiners = raw.joiners
    found = []
    for attribute, rows in joiners.groupby("attribute"):
        total = periods.series(rows["day"], rows["rows"])
        # the first cycle of the series shows everybody for the first time, not only joiners
        total[: periods.in_reference.start + 31] = 0.0
        for value, of_value in rows.groupby("value"):
            hits = periods.series(of_value["day"], of_value["rows"])
            hits[: periods.in_reference.start + 31] = 0.0
            change, strength = strongest_change(rate_changes(hits, total, periods, JOINER_WINDOWS), JOINED)
            if strength <= 0:
                continue
            name = EVIDENCE_OF.get(str(attribute), "joiners_profile")
            told = f"{change.now:.0%} of the joiners of {change.days} days have {attribute} {value}, usually {change.before:.0%}"
            subject = f"customers.{attribute}={value}"
            found.append(Evidence(name, subject, strength, change.change, told))
            found.append(_pace(hits, total, periods, strength, subject))
    return found


def _pace(hits: np.ndarray, total: np.ndarray, periods: Periods, strength: float, subject: str) -> Evidence:
    """Whether the joiners' mix changed at once or little by little: the best of both shapes since the reference.

    A jump must fit clearly better, since a mix that has begun to move is a ramp until it has stayed where it went.
    """
    start = periods.in_reference.stop
    weeks = max(1, (periods.days - start) // 7)
    cut = periods.days - weeks * 7
    sizes = np.maximum(total[cut:].reshape(weeks, 7).sum(axis=1), 1.0)
    shares = hits[cut:].reshape(weeks, 7).sum(axis=1) / sizes
    before = hits[periods.in_reference].sum() / max(1.0, total[periods.in_reference].sum())
    sudden, gradual = np.inf, np.inf
    for at in range(weeks):
        after = np.arange(weeks) >= at
        level = np.average(shares[after], weights=sizes[after])
        sudden = min(sudden, _misfit(shares, sizes, np.where(after, level, before)))
        slope_time = np.maximum(np.arange(weeks) - at + 1.0, 0.0)
        slope = float(np.sum(sizes * slope_time * (shares - before)) / max(np.sum(sizes * slope_time**2), 1e-9))
        gradual = min(gradual, _misfit(shares, sizes, before + slope * slope_time))
    share = float(np.average(shares, weights=sizes))
    slow = (gradual - sudden) <= CLEARLY_BETTER * max(share * (1.0 - share), 1.0 / float(sizes.sum()))
    told = "the mix of joiners changes " + ("little by little" if slow else "at once")
    return Evidence("joiners_gradual" if slow else "joiners_sudden", subject, strength, float(slow), told)


def _misfit(shares: np.ndarray, sizes: np.ndarray, fitted: np.ndarray) -> float:
    return float(np.sum(sizes * (shares - fitted) ** 2))
