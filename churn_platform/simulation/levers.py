"""Carrying out effects on life: what a scenario does to customers.

What belongs here: the levers of a scenario, as the cycle asks for them. What does not: how effects are written
(`scenario`), feeds (`feed.py`).

Where an effect does not reach (before its start, outside its segment) values stay bit for bit: its strength there is
exactly 0."""

from __future__ import annotations

from typing import Any

import numpy as np
import numpy.typing as npt

from churn_platform.contracts.tables import CUSTOMERS
from churn_platform.simulation.customers import (
    ADD_ONS,
    CYCLE_DAYS,
    DOMAINS,
    FIBER,
    NO_INTERNET,
    Codes,
    Customers,
    Ints,
)
from churn_platform.simulation.draws import Draws, Floats, Purpose, Serials
from churn_platform.simulation.scenario import Scenario
from churn_platform.simulation.scenario.effect import Effect, Range
from churn_platform.simulation.scenario.life import AddHazard, Adopt, MixOfJoiners, Scale, Shift

Array = npt.NDArray[Any]
Mask = npt.NDArray[np.bool_]


class Levers:
    """What a scenario does to lives."""

    def __init__(self, scenario: Scenario, first_day: int, draws: Draws) -> None:
        self._first, self._draws = first_day, draws
        effects = list(enumerate(scenario.effects))
        self._moves = [e for _, e in effects if isinstance(e, Shift | Scale)]
        self._hazards = [e for _, e in effects if isinstance(e, AddHazard)]
        self._adoptions = [(k, e) for k, e in effects if isinstance(e, Adopt)]
        self._mixes = [(k, e) for k, e in effects if isinstance(e, MixOfJoiners)]

    def moves(self, quantity: str) -> bool:
        """Whether any effect ever moves `quantity`."""
        return any(effect.column == quantity for effect in self._moves)

    def applied(self, quantity: str, values: Floats, customers: Customers, day: Ints) -> Floats:
        """`values` after every shift and scale of `quantity`, in the scenario's order."""
        for effect in self._moves:
            if effect.column == quantity and (strength := self._strength(effect, customers, day)) is not None:
                if isinstance(effect, Scale):
                    values = values * (1.0 + (effect.by - 1.0) * strength)
                else:
                    values = np.maximum(values + effect.by * strength, 0.0)
        return values

    def added_log_odds(self, customers: Customers, day: Ints) -> Floats | float:
        """The sum of all added hazards, as log odds."""
        total: Floats | float = 0.0
        for effect in self._hazards:
            if (strength := self._strength(effect, customers, day)) is not None:
                total = total + np.log(effect.odds) * strength
        return total

    def blame(self, customers: Customers, day: Ints) -> list[tuple[str, Floats]]:
        """For each hazard with a churn category, the chance that a leaver left on its account: 1 - 1/odds."""
        out = []
        for effect in self._hazards:
            strength = self._strength(effect, customers, day)
            if effect.category is not None and strength is not None:
                out.append((effect.category, np.maximum(1.0 - np.exp(-np.log(effect.odds) * strength), 0.0)))
        return out

    def adopt(self, customers: Customers, day: Ints) -> bool:
        """Switch the adopters, in place."""
        changed = False
        for k, effect in self._adoptions:
            strength = self._strength(effect, customers, day)
            if strength is not None:
                u = self._draws.uniform(Purpose.ADOPTION, customers.serial, day, k)
                who = u < effect.share_per_month * strength
                _set(customers, effect.column, effect.value, who)
                changed = True
        return changed

    def redirect(self, attribute: str, codes: Codes, serials: Serials, days: Ints) -> Codes:
        """Joiners' codes of an attribute, some of them redirected."""
        for k, effect in self._mixes:
            if effect.column == attribute:
                strength = effect.strength_on(days - np.int32(self._first))
                u = self._draws.uniform(Purpose.JOINER_MIX, serials, 0, k)
                codes = np.where(u < effect.share * strength, DOMAINS[attribute].index(effect.value), codes).astype(
                    np.int8
                )
        return codes

    def _strength(self, effect: Effect, customers: Customers, day: Ints) -> Floats | None:
        """(n,) strength per customer; None if the effect reaches none of these days."""
        if not len(day) or int(day.max()) < self._first + effect.start_day:
            return None
        strength = effect.strength_on(day - np.int32(self._first))
        return strength * in_segment(effect, customers, day)


def in_segment(effect: Effect, customers: Customers, day: Ints) -> Mask:
    """(n,) whether each customer is in the effect's segment on `day`."""
    inside = np.ones(len(customers), dtype=bool)
    for column, wanted in effect.segment.items():
        if isinstance(wanted, Range):
            values = _number(customers, column, day)
            inside &= (values >= wanted.at_least) & (values <= wanted.at_most)
        else:
            domain = CUSTOMERS.column(column).domain
            inside &= np.isin(_category(customers, column), [domain.index(value) for value in wanted])
    return inside


def _number(c: Customers, column: str, day: Ints) -> Array:
    if column == "tenure_months":
        return (day - c.joined) // CYCLE_DAYS
    return c.charges if column == "monthly_charges" else c.referrals


def _category(c: Customers, column: str) -> Array:
    if column in ADD_ONS:
        has = (c.add_ons >> np.uint8(ADD_ONS.index(column))) & np.uint8(1)
        return np.where(c.internet_type == NO_INTERNET, 1, 2 * has)
    if column == "internet_service":
        return np.where(c.internet_type == NO_INTERNET, 2, np.where(c.internet_type == FIBER, 1, 0))
    values: Codes = getattr(c, column)
    return values


def _set(c: Customers, column: str, value: str, who: Mask) -> None:
    internet = c.internet_type != NO_INTERNET
    if column in ADD_ONS:
        bit = np.uint8(1 << ADD_ONS.index(column))
        with_it = c.add_ons | bit if value == "Yes" else c.add_ons & ~bit
        c.add_ons = np.where(who & internet, with_it, c.add_ons).astype(np.uint8)
        return
    code = np.int8(CUSTOMERS.column(column).domain.index(value))
    if column == "unlimited_data":
        who = who & internet
    setattr(c, column, np.where(who, code, getattr(c, column)).astype(np.int8))
    if column == "internet_type":
        c.add_ons = np.where(c.internet_type == NO_INTERNET, np.uint8(0), c.add_ons).astype(np.uint8)
        c.unlimited_data = np.where(c.internet_type == NO_INTERNET, np.int8(0), c.unlimited_data).astype(np.int8)
    if column == "contract":
        c.contract_left = np.where(who, 12 * code, c.contract_left).astype(np.int16)
