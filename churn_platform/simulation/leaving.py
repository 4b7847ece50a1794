"""The probability of leaving, with and without a contact, and the day on which it happens.

What belongs here: log odds from attributes, tenure, mood, stress, price and offers; how one uniform draw becomes a
leaving day. What does not: how mood and the rest come about (`cycle.py`).

On each billing day a customer's probability of leaving within the 30 days of the cycle is settled: it is the truth
that the platform tries to estimate. One uniform draw U decides: below the probability p they leave, U / p of the way
through the cycle. The same U decides under treatment, so treatment effects are those of one and the same customer,
not of two."""

from __future__ import annotations

import numpy as np

from churn_platform.simulation.behaviour import Behaviour
from churn_platform.simulation.customers import ADD_ONS, CYCLE_DAYS, DOMAINS, NEVER, Customers, Ints
from churn_platform.simulation.draws import Floats
from churn_platform.simulation.profile import Profile

STAYING = (
    "internet_type", "senior_citizen", "partner", "dependents", "paperless_billing", "multiple_lines", "unlimited_data",
)  # fmt: skip

PEOPLE = ("senior_citizen", "partner", "dependents")


class Risk:
    """Log odds of leaving, compiled to tables of codes."""

    def __init__(self, profile: Profile, behaviour: Behaviour) -> None:
        scale = behaviour.leaving.attributes
        scales = dict.fromkeys(PEOPLE, behaviour.leaving.people)
        self._of = {
            name: scales.get(name, scale) * np.array([profile.leaving[name].get(value, 0.0) for value in DOMAINS[name]])
            for name in (*STAYING, "payment_method")
        }
        by_contract = [profile.leaving["contract"][value] for value in DOMAINS["contract"]]
        self._of_contract = behaviour.leaving.contract * np.array(by_contract)
        referrals = profile.leaving["number_of_referrals"]
        self._of_referrals = behaviour.leaving.referrals * np.array(
            [referrals["none"], referrals["one"], *[referrals["several"]] * 10]
        )
        masks = np.arange(64)
        self._of_add_ons: Floats = scale * np.sum(
            [profile.leaving[name]["Yes"] * ((masks >> k) & 1) for k, name in enumerate(ADD_ONS)], axis=0
        )
        months = np.arange(1201)
        by_tenure = np.interp(months, list(profile.leaving_by_tenure), list(profile.leaving_by_tenure.values()))
        self._of_tenure = behaviour.leaving.tenure * by_tenure
        b = behaviour.leaving
        self._moving = np.interp(months, [b.old_from_months, b.old_at_months], [b.moving, b.moving_when_old])
        self._behaviour = behaviour
        self._effects = np.array([r.log_odds for r in behaviour.retention.responses.values()])

    def of_staying(self, customers: Customers) -> Floats:
        """(n,) log odds from the attributes that stay."""
        out = np.zeros(len(customers))
        for name in STAYING:
            out += self._of[name][getattr(customers, name)]
        return out

    def probability(self, c: Customers, tenure: Ints, outside: Floats | float) -> Floats:
        """(n,) probability of leaving within the cycle, uncontacted.

        `outside` is what scenarios add to the log odds.
        """
        return self._leaves(self._log_odds(c, tenure, outside), tenure)

    def treated(self, c: Customers, tenure: Ints, outside: Floats | float, strength: Floats | float = 1.0) -> Floats:
        """(n,) the probability had they been contacted on the billing day; `strength` 1 is the ordinary offer."""
        return self._leaves(self._log_odds(c, tenure, outside) + strength * self._effects[c.response], tenure)

    def _log_odds(self, c: Customers, tenure: Ints, outside: Floats | float) -> Floats:
        b = self._behaviour.leaving
        odds = c.static_risk + b.intercept
        odds += self._of_contract[c.contract]
        odds += self._of["payment_method"][c.payment_method]
        odds += self._of_add_ons[c.add_ons]
        odds += self._of_referrals[c.referrals]
        odds += self._of_tenure[np.minimum(tenure, 1200)]
        odds += b.mood * c.mood
        odds += b.stress * c.stress
        odds += b.price_rise * (c.price_factor - 1.0)
        odds += c.offer_effect
        odds += outside
        return odds

    def _leaves(self, odds: Floats, tenure: Ints) -> Floats:
        # moving away comes on top, whatever the telco does
        decided = np.minimum(1.0 / (1.0 + np.exp(-odds)), self._behaviour.leaving.highest)
        out: Floats = 1.0 - (1.0 - decided) * (1.0 - self._moving[np.minimum(tenure, 1200)])
        return out


def leaving_day(
    day: Ints, draw: Floats, probability: Floats, treated: Floats | None = None, contacted: Ints | None = None
) -> Ints:
    """The day on which each customer leaves in the cycle that starts on `day`, or NEVER.

    Uncontacted, the mass p is spread evenly over days 1 to 30. A contact e days into the cycle spreads what is left
    of it by the treated probability q instead: they leave if U < p e/30 + q (30 - e)/30.

    >>> leaving_day(np.array([100, 100]), np.array([0.2, 0.1]), np.array([0.1, 0.2])).tolist() == [NEVER, 116]
    True
    """
    before, at = probability, np.zeros(len(draw))
    if treated is not None and contacted is not None:
        elapsed = (contacted - day) / CYCLE_DAYS
        at = probability * elapsed
        before = at + treated * (1.0 - elapsed)
        share = elapsed + (1.0 - elapsed) * (draw - at) / np.maximum(before - at, 1e-12)
        share = np.where(draw < at, draw / np.maximum(probability, 1e-12), share)
    else:
        share = draw / np.maximum(probability, 1e-12)
    offset = 1 + np.minimum((share * CYCLE_DAYS), CYCLE_DAYS - 1)
    return np.where(draw < before, day + np.where(draw < before, offset, 0).astype(np.int32), NEVER).astype(np.int32)
