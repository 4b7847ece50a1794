"""Plans: contracts, services, payment methods and referrals change with the months, and people grow older.

What belongs here: what customers change about their plan and themselves. What does not: what it costs and does (`cycle.py`), campaigns
that make them change it (`levers.py`)."""

from __future__ import annotations

from typing import Any

import numpy as np

from churn_platform.simulation.behaviour import Behaviour
from churn_platform.simulation.customers import ADD_ONS, DOMAINS, FIBER, NO_INTERNET, YES, Customers, Ints
from churn_platform.simulation.draws import Draws, Floats, Purpose
from churn_platform.simulation.leaving import Risk
from churn_platform.simulation.profile import Profile

NO = np.int8(0)
MANY_LINES = np.int8(DOMAINS["multiple_lines"].index("Yes"))
Mask = np.ndarray[tuple[Any, ...], np.dtype[np.bool_]]


class Plans:
    """Changes plans."""

    def __init__(self, profile: Profile, behaviour: Behaviour, draws: Draws, risk: Risk) -> None:
        self._b, self._draws, self._risk = behaviour, draws, risk
        speed = behaviour.loyalty.uptake_speed
        monthly = {name: speed * -np.log((1 - old) / (1 - new)) / 60 for name, (new, old) in profile.uptake.items()}
        self._uptake_edges = np.cumsum([0.0, *(monthly[name] for name in ADD_ONS)])
        self._automatic, self._second_line = monthly["automatic_payment"], monthly["multiple_lines"]
        upgrade = behaviour.loyalty.fibre_upgrade
        self._upgrade = np.array([upgrade.get(kind, 0.0) for kind in DOMAINS["internet_type"]])
        table = next(table for table in profile.joiners if table.attribute == "unlimited_data")
        self._unlimited = table.shares["Fiber Optic"]["Yes"]
        self._turn_senior = behaviour.people.turn_senior
        dependents = next(table for table in profile.stock if table.attribute == "dependents").shares
        self._dependents_of_seniors = np.array(
            [
                dependents[f"{partner} | Yes"]["Yes"] / dependents[f"{partner} | No"]["Yes"]
                for partner in DOMAINS["partner"]
            ]
        )
        contracts = behaviour.contracts.by_internet
        self._sign_by_internet = np.array([contracts[kind] for kind in DOMAINS["internet_type"]])
        masks = np.arange(64)
        committed = [ADD_ONS.index(name) for name in ("online_security", "tech_support")]
        bits = np.sum([(masks >> k) & 1 for k in committed], axis=0)
        self._sign_by_add_ons: Floats = behaviour.contracts.with_security_or_support**bits

    def change(self, c: Customers, day: Ints, tenure: Ints) -> None:
        """A month's changes, in place."""
        self._contracts(c, day, tenure)
        self._services(c, day)
        self._payment_and_referrals(c, day)

    def _contracts(self, c: Customers, day: Ints, tenure: Ints) -> None:
        terms = self._b.contracts
        good = np.exp(terms.by_mood * np.clip(c.mood, -2.0, 4.0))
        u = self._draws.uniform(Purpose.CONTRACT, c.serial, day)
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

    def _services(self, c: Customers, day: Ints) -> None:
        uniform = self._draws.uniform
        u = uniform(Purpose.SERVICES, c.serial, day)
        k = np.searchsorted(self._uptake_edges, u, side="right") - 1
        takes = (k < len(ADD_ONS)) & (c.internet_type != NO_INTERNET)
        c.add_ons = np.where(takes, c.add_ons | (1 << np.minimum(k, 7)).astype(np.uint8), c.add_ons).astype(np.uint8)

        # the same draw from its other end: few take an add-on and a line in one month
        takes = (u > 1.0 - self._second_line) & (c.multiple_lines == NO)
        upgrade = self._upgrade[c.internet_type]
        v = uniform(Purpose.UPGRADE, c.serial, day)
        upgrades = v < upgrade
        w = uniform(Purpose.AGEING, c.serial, day)
        ages = (c.senior_citizen == NO) & (w < self._turn_senior)
        if takes.any() or upgrades.any() or ages.any():
            self._grow_old(c, ages, w / max(self._turn_senior, 1e-12))
            c.multiple_lines = np.where(takes, MANY_LINES, c.multiple_lines).astype(np.int8)
            self._upgrade_to_fibre(c, upgrades, v / np.maximum(upgrade, 1e-12))
            c.static_risk = self._risk.of_staying(c)

    def _payment_and_referrals(self, c: Customers, day: Ints) -> None:
        b, uniform = self._b, self._draws.uniform
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

    def _grow_old(self, c: Customers, who: Mask, lot: Floats) -> None:
        """As many of the new seniors keep dependents as seniors have in the extract."""
        c.senior_citizen = np.where(who, YES, c.senior_citizen).astype(np.int8)
        c.dependents = np.where(who & (lot >= self._dependents_of_seniors[c.partner]), NO, c.dependents).astype(np.int8)
