"""Support: the tickets that a month brings, and the trouble that they leave behind.

What belongs here: how many tickets a customer opens, when, about what, and how long they take. What does not: what trouble does to a
mood (`cycle.py`), tickets as rows (`landing.py`)."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from churn_platform.simulation.behaviour import Behaviour
from churn_platform.simulation.customers import CYCLE_DAYS, DOMAINS, Codes, Customers, Index, Ints
from churn_platform.simulation.draws import Draws, Purpose
from churn_platform.simulation.levers import Levers

MOST_TICKETS = 3
TOPICS = ("billing", "contract", "other", "service", "technical")
SEVERITIES = ("high", "low", "medium")


@dataclass(frozen=True, slots=True)
class Tickets:
    """m tickets of a cycle; `at` is the customer's position in the batch."""

    at: Index
    nth: Codes
    opened: Ints
    resolved: Ints
    topic: Codes
    severity: Codes


class Support:
    """Opens tickets."""

    def __init__(self, behaviour: Behaviour, draws: Draws, levers: Levers) -> None:
        self._b, self._draws, self._levers = behaviour, draws, levers
        support = behaviour.support
        self._by_internet = support.tickets_per_cycle * np.array(
            [support.internet_factor[kind] for kind in DOMAINS["internet_type"]]
        )
        self._topic_edges = np.cumsum([support.topics[topic] for topic in TOPICS])[:-1]
        self._severity_edges = np.cumsum([support.severities[severity] for severity in SEVERITIES])[:-1]
        self._severity_weight = np.array([support.severity_weight[severity] for severity in SEVERITIES])
        self._resolve_days = np.array([support.days_to_resolve[severity] for severity in SEVERITIES])

    def open_tickets(self, c: Customers, day: Ints) -> Tickets:
        """The tickets of the month that begins on `day`; their trouble is noted on `c`, in place."""
        s, uniform, move = self._b.support, self._draws.uniform, self._levers.applied
        rate = self._by_internet[c.internet_type] * np.exp(
            s.by_quality * c.quality + s.by_mood * np.clip(c.mood, -2.0, 4.0)
        )
        rate = np.minimum(move("support_tickets.per_cycle", rate, c, day), 3.0)
        u = uniform(Purpose.TICKETS, c.serial, day)
        term = np.exp(-rate)
        below = term.copy()
        parts, trouble = [], np.zeros(len(c))
        for nth in range(MOST_TICKETS):
            at = np.flatnonzero(u > below)
            term = term * rate / (nth + 1)
            below = below + term
            who, since = c.serial[at], day[at]
            opened = since + 1 + np.floor(uniform(Purpose.TICKET_DAY, who, since, nth) * CYCLE_DAYS).astype(np.int32)
            topic = np.searchsorted(self._topic_edges, uniform(Purpose.TICKET_TOPIC, who, since, nth)).astype(np.int8)
            severity = np.searchsorted(self._severity_edges, uniform(Purpose.TICKET_SEVERITY, who, since, nth)).astype(
                np.int8
            )
            wait = self._resolve_days[severity] * -np.log(uniform(Purpose.TICKET_DURATION, who, since, nth))
            if self._levers.moves("support_tickets.days_to_resolve"):
                wait = move("support_tickets.days_to_resolve", wait, c.take(at), opened)
            wait = np.clip(np.ceil(wait), 1, 120)
            parts.append(
                Tickets(
                    at, np.full(len(at), nth, dtype=np.int8), opened, (opened + wait).astype(np.int32), topic, severity
                )
            )
            weight = self._severity_weight[severity]
            slow = np.minimum(np.maximum(wait - 3.0, 0.0) / 7.0, 3.0)
            trouble[at] += weight * (self._b.mood.per_ticket + self._b.mood.per_slow_week * slow)
        c.trouble = trouble
        return Tickets(
            *(
                np.concatenate([getattr(part, f) for part in parts])
                for f in ("at", "nth", "opened", "resolved", "topic", "severity")
            )
        )
