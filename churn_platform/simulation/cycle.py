"""One billing cycle of a batch of customers: the month that ends is billed, the month that begins is decided.

What belongs here: how use, bills, payments and mood follow from the state, and what the state becomes. What does not:
contracts and services (`plans.py`), tickets (`support.py`), raw tables and their dates of knowledge (`landing.py`),
contacts (`contacts.py`).

The story: a line of poor quality brings tickets; tickets, the more so slow ones, and surprising charges leave a bad
mood; a bad mood means less use, fewer referrals, no new contract, more tickets, and in the end leaving. Financial
stress shows in late payments. So the operational tables tell in time about what the attributes cannot know."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import numpy as np

from churn_platform.simulation.behaviour import Behaviour
from churn_platform.simulation.customers import (
    ADD_ONS,
    CYCLE_DAYS,
    DOMAINS,
    NO_INTERNET,
    YES,
    Customers,
    Ints,
)
from churn_platform.simulation.draws import Draws, Floats, Purpose
from churn_platform.simulation.leaving import Risk, leaving_day
from churn_platform.simulation.levers import Levers
from churn_platform.simulation.plans import Plans
from churn_platform.simulation.profile import Profile
from churn_platform.simulation.support import Support, Tickets

MANY_LINES = np.int8(DOMAINS["multiple_lines"].index("Yes"))
Mask = np.ndarray[tuple[Any, ...], np.dtype[np.bool_]]


@dataclass(frozen=True, slots=True)
class Cycle:
    """What happened in the month that ended, and the tickets of the month that begins.

    Arrays are (n,) unless said otherwise.
    """

    day: Ints
    tenure: Ints
    gb: Floats
    extra: Floats
    long_distance: Floats
    amount: Floats
    refund: Floats
    paid: Ints
    tickets: Tickets

    def only(self, chosen: Mask) -> Cycle:
        """The cycle of some of the customers."""
        t = self.tickets
        kept = np.flatnonzero(chosen[t.at])
        position = np.cumsum(chosen) - 1
        tickets = Tickets(
            position[t.at[kept]], t.nth[kept], t.opened[kept], t.resolved[kept], t.topic[kept], t.severity[kept]
        )
        values = {f: getattr(self, f)[chosen] for f in self.__slots__ if f != "tickets"}
        return Cycle(**values, tickets=tickets)


class Life:
    """Runs cycles."""

    def __init__(self, profile: Profile, behaviour: Behaviour, draws: Draws, levers: Levers) -> None:
        self.risk = Risk(profile, behaviour)
        self._b, self._draws, self._levers = behaviour, draws, levers
        prices = profile.price_list.prices
        by_type = {
            "Cable": prices["internet_service DSL"],
            "DSL": prices["internet_service DSL"],
            "Fiber Optic": prices["internet_service Fiber optic"],
            "None": 0.0,
        }
        self._internet_price = np.array([by_type[kind] for kind in DOMAINS["internet_type"]])
        masks = np.arange(64)
        self._add_on_price: Floats = np.sum([prices[a] * ((masks >> k) & 1) for k, a in enumerate(ADD_ONS)], axis=0)
        self._phone_price, self._lines_price = prices["phone_service"], prices["multiple_lines"]
        self._step = profile.price_list.step
        self._plans = Plans(profile, behaviour, draws, self.risk)
        self._support = Support(behaviour, draws, levers)

    def run(self, c: Customers, day: Ints) -> Cycle:
        """Bill the month that ends on `day` and decide the next one. Changes `c` in place.

        Args:
            c: (n,) customers on their billing day.
            day: (n,) the day.
        """
        tenure = ((day - c.joined) // CYCLE_DAYS).astype(np.int32)
        full = tenure > 0  # a first period shorter than a month is billed with the next
        if (tenure <= 1).any():
            first = c.static_risk == 0.0
            c.static_risk = np.where(first, self.risk.of_staying(c), c.static_risk)
        if self._levers.adopt(c, day):
            c.static_risk = self.risk.of_staying(c)
        self._charge(c, day)
        gb, extra, long_distance = self._use(c, day, full)
        refund = self._refund(c, day, full)
        amount = np.where(full, c.charges + extra + long_distance, 0.0)
        c.billed += np.where(full, c.charges, 0.0)
        self._change_mood(c, day, extra, refund)
        paid = self._pay(c, day)
        self._plans.change(c, day, tenure)
        c.total_gb += gb
        c.total_extra += extra
        c.total_long_distance += long_distance
        c.total_refunds += refund
        self._decide_leaving(c, day, tenure)
        tickets = self._support.open_tickets(c, day)
        c.observed = day
        c.next_bill = (day + CYCLE_DAYS).astype(np.int32)
        return Cycle(day, tenure, gb, extra, long_distance, amount, refund, paid, tickets)

    def _charge(self, c: Customers, day: Ints) -> None:
        price = self._internet_price[c.internet_type] + self._add_on_price[c.add_ons] + c.jitter
        price += self._phone_price * c.phone_service + self._lines_price * (c.multiple_lines == MANY_LINES)
        asked = self._levers.applied("customers.monthly_charges", price, c, day)
        c.price_factor = np.divide(asked, price, out=np.ones(len(c)), where=price > 0)
        c.charges = np.round(asked / self._step) * self._step

    def _use(self, c: Customers, day: Ints, full: Mask) -> tuple[Floats, Floats, Floats]:
        u, move = self._b.usage, self._levers.applied
        wobble = np.exp(u.noise * self._draws.normal(Purpose.USAGE, c.serial, day) + u.by_mood * c.mood)
        internet = c.internet_type != NO_INTERNET
        gb = move("account_usage.data_gb", c.gb_level * wobble, c, day)
        gb = np.round(gb * (internet & full), 1)
        over = self._draws.uniform(Purpose.OVERAGE, c.serial, day)
        chance = u.extra_charge_share * np.minimum(gb / 25.0, 2.0) * (c.unlimited_data != YES)
        extra = np.where(over < chance, u.extra_charge * np.ceil(4.0 * over / np.maximum(chance, 1e-9)), 0.0)
        extra = np.round(move("account_usage.extra_data_charges", extra, c, day), 2)
        swing = 1.0 + u.long_distance_noise * (2.0 * self._draws.uniform(Purpose.LONG_DISTANCE, c.serial, day) - 1.0)
        calls = move("account_usage.long_distance_charges", c.long_distance_level * swing, c, day)
        return gb, extra, np.round(calls * full, 2)

    def _refund(self, c: Customers, day: Ints, full: Mask) -> Floats:
        p = self._b.payments
        u = self._draws.uniform(Purpose.REFUND, c.serial, day)
        chance = np.where(c.trouble > 0, p.refund_after_ticket, p.refund_share) * full
        size = np.where(u < chance, 0.05 + 0.3 * u / np.maximum(chance, 1e-9), 0.0)
        refund = self._levers.applied("invoices.refunds", size * c.charges, c, day)
        return np.round(refund, 2)

    def _change_mood(self, c: Customers, day: Ints, extra: Floats, refund: Floats) -> None:
        m = self._b.mood
        c.mood = (
            m.memory * c.mood
            + c.trouble
            + m.per_extra_charge * np.minimum(extra / 20.0, 2.0)
            + m.per_refund * (refund > 0)
            + m.per_late_payment * c.dunned
            + m.noise * self._draws.normal(Purpose.MOOD, c.serial, day)
        )
        memory = self._b.payments.stress_memory
        shock = self._draws.normal(Purpose.STRESS, c.serial, day)
        c.stress = memory * c.stress + np.sqrt(1 - memory**2) * shock

    def _pay(self, c: Customers, day: Ints) -> Ints:
        p = self._b.payments
        manual = c.payment_method >= 2
        odds = p.late_log_odds + p.late_by_stress * c.stress + p.manual_log_odds * manual
        late = self._draws.uniform(Purpose.LATE_PAYMENT, c.serial, day) < 1.0 / (1.0 + np.exp(-odds))
        u = self._draws.uniform(Purpose.PAYMENT_DELAY, c.serial, day)
        in_time = 1 + np.floor(u * (p.due_after - 1))
        too_late = p.due_after + 1 + np.minimum(np.floor(-np.log(u) * p.late_days), 75)
        delay = self._levers.applied("invoices.days_to_pay", np.where(late, too_late, in_time), c, day)
        c.dunned = (delay > p.due_after).astype(np.int8)
        return (day + np.rint(delay)).astype(np.int32)

    def _decide_leaving(self, c: Customers, day: Ints, tenure: Ints) -> None:
        c.offer_effect = np.where(c.offer_left > 0, c.offer_effect, 0.0)
        c.offer_left = np.maximum(c.offer_left - 1, 0).astype(np.int8)
        outside = self._levers.added_log_odds(c, day)
        c.leave_probability = self.risk.probability(c, tenure, outside)
        c.leave_draw = self._draws.uniform(Purpose.LEAVING, c.serial, day)
        c.left = leaving_day(day, c.leave_draw, c.leave_probability)
