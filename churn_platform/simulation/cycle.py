"""One billing cycle of a batch of customers: the month that ends is billed, the month that begins is decided.

What belongs here: how use, bills, payments, mood, contracts and tickets follow from the state, and what the state
becomes. What does not: raw tables and their dates of knowledge (`landing.py`), contacts (`contacts.py`).

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
    FIBER,
    NO_INTERNET,
    YES,
    Codes,
    Customers,
    Index,
    Ints,
)
from churn_platform.simulation.draws import Draws, Floats, Purpose
from churn_platform.simulation.leaving import Risk, leaving_day
from churn_platform.simulation.levers import Levers
from churn_platform.simulation.profile import Profile

MOST_TICKETS = 3
NO = np.int8(0)
MANY_LINES = np.int8(DOMAINS["multiple_lines"].index("Yes"))
Mask = np.ndarray[tuple[Any, ...], np.dtype[np.bool_]]
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
        speed = behaviour.loyalty.uptake_speed
        monthly = {name: speed * -np.log((1 - old) / (1 - new)) / 60 for name, (new, old) in profile.uptake.items()}
        self._uptake_edges = np.cumsum([0.0, *(monthly[name] for name in ADD_ONS)])
        self._automatic, self._second_line = monthly["automatic_payment"], monthly["multiple_lines"]
        upgrade = behaviour.loyalty.fibre_upgrade
        self._upgrade = np.array([upgrade.get(kind, 0.0) for kind in DOMAINS["internet_type"]])
        table = next(table for table in profile.joiners if table.attribute == "unlimited_data")
        self._unlimited = table.shares["Fiber Optic"]["Yes"]
        contracts = behaviour.contracts.by_internet
        self._sign_by_internet = np.array([contracts[kind] for kind in DOMAINS["internet_type"]])
        committed = [ADD_ONS.index(name) for name in ("online_security", "tech_support")]
        bits = np.sum([(masks >> k) & 1 for k in committed], axis=0)
        self._sign_by_add_ons: Floats = behaviour.contracts.with_security_or_support**bits
        support = behaviour.support
        self._tickets_by_internet = support.tickets_per_cycle * np.array(
            [support.internet_factor[kind] for kind in DOMAINS["internet_type"]]
        )
        self._topic_edges = np.cumsum([support.topics[topic] for topic in TOPICS])[:-1]
        self._severity_edges = np.cumsum([support.severities[severity] for severity in SEVERITIES])[:-1]
        self._severity_weight = np.array([support.severity_weight[severity] for severity in SEVERITIES])
        self._resolve_days = np.array([support.days_to_resolve[severity] for severity in SEVERITIES])

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
        self._change_plans(c, day, tenure)
        c.total_gb += gb
        c.total_extra += extra
        c.total_long_distance += long_distance
        c.total_refunds += refund
        self._decide_leaving(c, day, tenure)
        tickets = self._open_tickets(c, day)
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

    def _change_plans(self, c: Customers, day: Ints, tenure: Ints) -> None:
        b, uniform = self._b, self._draws.uniform
        good = np.exp(b.contracts.by_mood * np.clip(c.mood, -2.0, 4.0))
        u = uniform(Purpose.CONTRACT, c.serial, day)
        terms = b.contracts
        grown = terms.at_first + (1.0 - terms.at_first) * np.minimum(tenure / terms.in_full_after, 1.0)
        chance = self._sign_by_internet[c.internet_type] * self._sign_by_add_ons[c.add_ons] * good * grown
        one, two = terms.sign_one_year * chance, terms.sign_two_year * chance
        free = c.contract == 0
        signed = np.where(u < one, 1, np.where(u < one + two, 2, 0))
        ending = ~free & (c.contract_left <= 1)
        up = terms.renew + terms.upgrade
        renewed = np.select([u < terms.renew, u < up, u < up + terms.downgrade], [c.contract, 2, c.contract - 1], 0)
        contract = np.where(free, signed, np.where(ending, renewed, c.contract)).astype(np.int8)
        fresh = (free & (signed > 0)) | ending
        c.contract_left = np.where(fresh, 12 * contract, np.maximum(c.contract_left - 1, 0)).astype(np.int16)
        c.contract = contract

        u = uniform(Purpose.SERVICES, c.serial, day)
        k = np.searchsorted(self._uptake_edges, u, side="right") - 1
        takes = (k < len(ADD_ONS)) & (c.internet_type != NO_INTERNET)
        c.add_ons = np.where(takes, c.add_ons | (1 << np.minimum(k, 7)).astype(np.uint8), c.add_ons).astype(np.uint8)

        # the same draw from its other end: few take an add-on and a line in one month
        takes = (u > 1.0 - self._second_line) & (c.multiple_lines == NO)
        upgrade = self._upgrade[c.internet_type]
        v = uniform(Purpose.UPGRADE, c.serial, day)
        upgrades = v < upgrade
        if takes.any() or upgrades.any():
            c.multiple_lines = np.where(takes, MANY_LINES, c.multiple_lines).astype(np.int8)
            self._upgrade_to_fibre(c, upgrades, v / np.maximum(upgrade, 1e-12))
            c.static_risk = self.risk.of_staying(c)

        u = uniform(Purpose.PAYMENT_METHOD, c.serial, day)
        switch = (c.payment_method >= 2) & (u < self._automatic)
        c.payment_method = np.where(switch, (u < 0.5 * self._automatic).astype(np.int8), c.payment_method).astype(
            np.int8
        )

        u = uniform(Purpose.REFERRAL, c.serial, day)
        happy = np.exp(b.loyalty.referral_by_mood * np.clip(c.mood, -2.0, 4.0))
        refers = (c.referrals < c.referral_appetite) & (u < b.loyalty.referral * happy)
        c.referrals = (c.referrals + refers).astype(np.int8)

    def _upgrade_to_fibre(self, c: Customers, who: Mask, lot: Floats) -> None:
        """Fibre comes with a phone line; who had no internet before takes unlimited data as often as joiners do."""
        c.unlimited_data = np.where(
            who & (c.internet_type == NO_INTERNET), lot < self._unlimited, c.unlimited_data
        ).astype(np.int8)
        c.internet_type = np.where(who, FIBER, c.internet_type).astype(np.int8)
        c.multiple_lines = np.where(who & (c.phone_service == NO), NO, c.multiple_lines).astype(np.int8)
        c.phone_service = np.where(who, YES, c.phone_service).astype(np.int8)

    def _decide_leaving(self, c: Customers, day: Ints, tenure: Ints) -> None:
        c.offer_effect = np.where(c.offer_left > 0, c.offer_effect, 0.0)
        c.offer_left = np.maximum(c.offer_left - 1, 0).astype(np.int8)
        outside = self._levers.added_log_odds(c, day)
        c.leave_probability = self.risk.probability(c, tenure, outside)
        c.leave_draw = self._draws.uniform(Purpose.LEAVING, c.serial, day)
        c.left = leaving_day(day, c.leave_draw, c.leave_probability)

    def _open_tickets(self, c: Customers, day: Ints) -> Tickets:
        s, uniform, move = self._b.support, self._draws.uniform, self._levers.applied
        rate = self._tickets_by_internet[c.internet_type] * np.exp(
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
