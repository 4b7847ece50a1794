"""Evidence from support and from those who left: slower answers, more tickets, more leavers, and why they say they left.

What belongs here: tickets and departures. What does not: whether the model saw the leavers coming (`estimation/`).
"""

from __future__ import annotations

import numpy as np

from churn_platform.drift.root_cause.evidence import Evidence, strength_of
from churn_platform.drift.root_cause.raw import RawSignals
from churn_platform.drift.root_cause.signals import Floats, Periods, rate_changes, strongest_change

SLOWER = 0.15
"""Fall of the share of tickets resolved in time at which it speaks fully."""
MORE = 0.25
"""Rise of tickets per observed customer, relative, at which it speaks fully."""
LEAVERS = 0.2
"""Rise of leavers per customer, relative, at which it speaks fully."""
TICKET_WINDOWS = (7, 14, 28)
LEAVER_WINDOWS = (14, 28, 56)
CATEGORIES = {
    "Competitor": "leavers_to_competitor",
    "Price": "leavers_over_price",
    "Dissatisfaction": "leavers_dissatisfied",
    "Attitude": "leavers_dissatisfied",
}


def service_evidence(raw: RawSignals, periods: Periods) -> list[Evidence]:
    """All that tickets and departures say on the day."""
    base = _base(raw, periods)
    return [*_tickets(raw, periods, base), *_leavers(raw, periods, base)]


def _base(raw: RawSignals, periods: Periods) -> Floats:
    """Customers a day: those observed in the cycle that ends on it, so that a missing file does not shrink it at once."""
    pairs = raw.pairs
    observed = periods.series(pairs["day"], pairs["pairs"])
    cycle = 30
    total = np.concatenate([[0.0], np.cumsum(observed)])
    places = np.arange(periods.days)
    out: Floats = total[places + 1] - total[np.maximum(places + 1 - cycle, 0)]
    # before a whole cycle has been seen twice, nobody has a row before
    start = min(periods.days, int(np.argmax(out > 0)) + cycle)
    out[:start] = out[start] if start < periods.days else out[-1]
    # customers whose rows are refused or late are still there: no base loses a tenth of its customers in a few days
    out[:] = np.maximum(out, 0.9 * out[periods.in_reference].mean())
    return out


def _tickets(raw: RawSignals, periods: Periods, base: Floats) -> list[Evidence]:
    tickets = raw.tickets
    opened = periods.series(tickets["day"], tickets["opened"])
    found = []
    for days in (2, 4, 7):
        resolved = periods.series(tickets["day"], tickets[f"within_{days}"])
        late = opened - resolved
        changes = rate_changes(late, opened, periods, TICKET_WINDOWS, delay=days)
        change, strength = strongest_change(changes, SLOWER)
        if strength > 0:
            told = f"{change.now:.0%} of the tickets of {change.days} days took more than {days} days, usually {change.before:.0%}"
            found.append(
                Evidence("tickets_slower", f"support_tickets.days_to_resolve>{days}", strength, change.change, told)
            )
    found += _rise("tickets_more", "support_tickets", "tickets", opened, base, periods, MORE, TICKET_WINDOWS)
    return found


def _leavers(raw: RawSignals, periods: Periods, base: Floats) -> list[Evidence]:
    departures = raw.departures
    everybody = periods.series(departures["day"], departures["rows"])
    found = _rise("leavers_more", "churn_events", "leavers", everybody, base, periods, LEAVERS, LEAVER_WINDOWS, delay=2)
    reference = periods.in_reference
    usual = everybody[reference].sum() / max(1.0, base[reference].sum())
    for category, name in CATEGORIES.items():
        rows = departures[departures["category"] == category]
        hits = periods.series(rows["day"], rows["rows"])
        changes = rate_changes(hits, base, periods, LEAVER_WINDOWS, delay=2)
        # in units of all leavers: a category is told from the others by how much it adds to the whole
        change, strength = strongest_change(changes, LEAVERS * usual)
        if strength > 0:
            times = change.now / max(change.before, 1e-12)
            told = f"leavers who say {category}: {times:.1f} times as many as usual over {change.days} days"
            found.append(Evidence(name, f"churn_events.{category}", strength, change.change / usual, told))
    return found


def _rise(
    name: str, subject: str, what: str, hits: Floats, base: Floats, periods: Periods, full: float,
    windows: tuple[int, ...], delay: int = 0,
) -> list[Evidence]:  # fmt: skip
    changes = rate_changes(hits, base, periods, windows, delay=delay)
    best = None
    for change in changes:
        relative = change.change / change.before if change.before > 0 else 0.0
        strength = strength_of(relative, full, change.distance)
        if strength > 0 and (best is None or strength > best.strength):
            told = f"{what}: {relative:+.0%} per customer over {change.days} days"
            best = Evidence(name, subject, strength, relative, told)
    return [best] if best else []
