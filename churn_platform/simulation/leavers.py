"""What the telco writes down about a customer who left: the event, its report's delay, and why, as far as it knows.

What belongs here: churn events. What does not: who leaves and when (`leaving.py`).
"""

from __future__ import annotations

import numpy as np

from churn_platform.simulation.behaviour import Behaviour
from churn_platform.simulation.customers import Customers
from churn_platform.simulation.draws import Draws, Purpose
from churn_platform.simulation.landing import Rows
from churn_platform.simulation.levers import Levers
from churn_platform.simulation.profile import Profile


class Leavers:
    """Writes churn events; reasons come in the extract's shares, moved by what the customer went through."""

    def __init__(self, profile: Profile, behaviour: Behaviour, draws: Draws, levers: Levers) -> None:
        self.categories = tuple(profile.reasons)
        self.reasons = tuple(sorted({reason for part in profile.reasons.values() for reason in part}))
        self._shares = np.array([sum(part.values()) for part in profile.reasons.values()])
        self._within = [
            (
                np.array([self.reasons.index(reason) for reason in part], dtype=np.int8),
                np.cumsum(list(part.values()))[:-1] / sum(part.values()),
            )
            for part in profile.reasons.values()
        ]
        self._most = behaviour.reporting.churn_at_most
        self._draws, self._levers = draws, levers

    def events(self, gone: Customers) -> Rows:
        """A row per leaver.

        Troubles make attitude and dissatisfaction more likely, a higher price makes price more likely, and whom a
        scenario drove away says so."""
        uniform = self._draws.uniform
        weights = np.tile(self._shares, (len(gone), 1))
        for name in ("Attitude", "Dissatisfaction"):
            weights[:, self.categories.index(name)] *= np.exp(0.5 * np.clip(gone.mood, -2.0, 4.0))
        weights[:, self.categories.index("Price")] *= 1.0 + 10.0 * np.maximum(gone.price_factor - 1.0, 0.0)
        edges = np.cumsum(weights, axis=1) / weights.sum(axis=1, keepdims=True)
        category = (uniform(Purpose.LEAVING_REASON, gone.serial, 0)[:, None] > edges[:, :-1]).sum(axis=1)
        for name, chance in self._levers.blame(gone, gone.observed):
            driven = uniform(Purpose.LEAVING_REASON, gone.serial, 0, 2) < chance
            category = np.where(driven, self.categories.index(name), category)
        u = uniform(Purpose.LEAVING_REASON, gone.serial, 0, 1)
        reason = np.zeros(len(gone), dtype=np.int8)
        for k, (codes, within) in enumerate(self._within):
            of = category == k
            reason[of] = codes[np.searchsorted(within, u[of])]
        delay = np.floor((self._most + 1) * uniform(Purpose.CHURN_REPORT, gone.serial, 0)).astype(np.int32)
        return Rows(
            {
                "serial": gone.serial,
                "churned_on": gone.left,
                "known_at": gone.left + delay,
                "churn_category": category.astype(np.int8),
                "churn_reason": reason,
                "copies": np.ones(len(gone), dtype=np.int8),
            }
        )
