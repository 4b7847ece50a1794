"""The world: day by day, what happens, what lands of it, and what is true.

What belongs here: putting the parts together in the order of a day. What does not: how a month of life goes
(`cycle.py`), what a scenario is (`scenario.py`), files and clocks.

A day: contacts are made, those who leave today leave, joiners join, customers whose billing day it is are billed and
observed, and everything known by the evening lands. Billing comes every 30 days, so that "leaves within 30 days" is
exactly one cycle, and its true probability exact.

    >>> world = World(customers=300, seed=1)
    >>> opening, first = world.opening(), world.day(world.next_date)
    >>> first.tables["customers"].columns[:3].tolist()
    ['customer_id', 'observation_date', 'next_observation_date']
    >>> len(first.truth) == len(first.tables["customers"])
    True
"""

from __future__ import annotations

from dataclasses import dataclass
from datetime import date, timedelta
from typing import Any

import numpy as np
import pandas as pd

from churn_platform.contracts.tables import RAW_TABLES
from churn_platform.simulation.behaviour import Behaviour, packaged_behaviour
from churn_platform.simulation.contacts import (
    ContactListError,
    ContactPlan,
    background_plan,
    make_contacts,
    plan_from_list,
)
from churn_platform.simulation.customers import CYCLE_DAYS, NEVER, Customers, Ints, Joiners
from churn_platform.simulation.cycle import Life
from churn_platform.simulation.draws import Draws
from churn_platform.simulation.feed import Feeds
from churn_platform.simulation.identity import customer_ids, serials_of
from churn_platform.simulation.landing import (
    Rows,
    Waiting,
    as_dates,
    customer_rows,
    frame_of,
    invoice_rows,
    newest_versions,
    no_rows,
    text_of,
    ticket_rows,
    usage_rows,
)
from churn_platform.simulation.leavers import Leavers
from churn_platform.simulation.levers import Levers
from churn_platform.simulation.opening import History
from churn_platform.simulation.profile import Profile, packaged_profile
from churn_platform.simulation.scenario import Scenario, scenario_named
from churn_platform.simulation.settling import Settled, settle
from churn_platform.simulation.truth import DayTruth, best_auc

EPOCH = date(1970, 1, 1)
FIRST_DAY = date(2025, 1, 1)
MOST_CUSTOMERS = 5_000_000


class WorldError(ValueError):
    """The world was asked for what it cannot do; the message says what it can."""


@dataclass(frozen=True, slots=True)
class DayLanding:
    """What a telco lands on one day, and the truth beside it.

    `tables`: each raw table's rows known on that day, in the contract's columns (possibly none). `truth`: a row per
    observed customer: customer_id, observation_date, leave_probability (within 30 days, uncontacted), uplift (how
    much a contact on the next day with the ordinary offer lowers it), response."""

    day: date
    tables: dict[str, pd.DataFrame]
    truth: pd.DataFrame
    summary: DayTruth


@dataclass(frozen=True, slots=True)
class ContactReceipt:
    """What became of a contact list: how many will be contacted, and how many had left already."""

    planned: int
    had_left: int


class World:
    """A telco with `customers` customers on the eve of `start_date`.

    Args:
        customers: size of the base, 50 or more.
        seed: same seed, same bytes.
        start_date: the first day; the eve's books come from `opening`.
        scenario: what changes; by default nothing ever does.
        profile, behaviour: figures; by default those of the package.
        background_contacts: whether the small random contact programme runs.
    """

    def __init__(
        self,
        *,
        customers: int = 7_000,
        seed: int = 0,
        start_date: date = FIRST_DAY,
        scenario: Scenario | None = None,
        profile: Profile | None = None,
        behaviour: Behaviour | None = None,
        background_contacts: bool = True,
    ) -> None:
        if not 50 <= customers <= MOST_CUSTOMERS:
            raise WorldError(f"a world has 50 to {MOST_CUSTOMERS:,} customers, not {customers:,}")
        self.size, self.seed, self.start_date = customers, seed, start_date
        self.profile = profile or packaged_profile()
        self.behaviour = behaviour or packaged_behaviour()
        self.background_contacts = background_contacts
        self._start = (start_date - EPOCH).days
        self._draws = Draws(seed)
        self.scenario = scenario or scenario_named("calm")
        self._levers = Levers(self.scenario, self._start, self._draws)
        self._feeds = Feeds(self.scenario, self._start, self._draws)
        self._life = Life(self.profile, self.behaviour, self._draws, self._levers)
        self._joiners = Joiners(self.profile, self.behaviour, self._draws)
        self._leavers = Leavers(self.profile, self.behaviour, self._draws, self._levers)
        self._texts = {
            "churn_category": self._leavers.categories,
            "churn_reason": self._leavers.reasons,
            "offer": tuple(self.behaviour.retention.offers),
        }
        self._waiting = Waiting()
        self._day = self._start - 1
        self._owed = 0.0
        self._plans: list[ContactPlan] = []
        self._opening_truth: dict[str, Any] | None = None
        self._settle()

    @property
    def next_date(self) -> date:
        """The day that `day` will live next."""
        return EPOCH + timedelta(days=self._day + 1)

    @property
    def customers(self) -> int:
        """How many customers there are by the evening of the last day lived."""
        return int(self._occupied.sum())

    def opening(self) -> DayLanding:
        """The eve's files: the telco's books up to the day before `start_date`. Once, before the first day.

        Raises:
            WorldError: the first day has been lived.
        """
        if self._day != self._start - 1 or self._opening_truth is None:
            raise WorldError(
                f"the opening comes once and before {self.start_date}; this world stands before {self.next_date}"
            )
        truth, self._opening_truth = self._opening_truth, None
        return self._land(truth, joined=0, left=0)

    def day(self, today: date) -> DayLanding:
        """Live one day.

        Raises:
            WorldError: `today` is not the next day.
        """
        if today != self.next_date:
            raise WorldError(f"the next day of this world is {self.next_date}, not {today}; days are lived one by one")
        self._opening_truth = None
        self._day += 1
        self._contact()
        left = self._leave()
        joined = self._join()
        truth = self._bill()
        return self._land(truth, joined, left)

    def contact(self, contacts: pd.DataFrame) -> ContactReceipt:
        """Hand over a contact list; it is worked off on the next day.

        Args:
            contacts: a row a customer: customer_id and, optionally, channel, arm, offer.

        Raises:
            ContactListError: unknown customers, channels, arms or offers, or a customer twice.
        """
        serials = serials_of(contacts["customer_id"])
        known = serials < np.uint64(len(self._slot))
        known[known] = self._slot[serials[known]] >= 0
        if not known.all():
            raise ContactListError(
                f"{int((~known).sum())} of {len(known)} customers on the list were never customers here, "
                f"the first is {contacts['customer_id'][~known].iloc[0]!r}"
            )
        plan = plan_from_list(contacts, serials, self.behaviour)
        here = self._left_on[serials] == NEVER
        self._plans.append(ContactPlan(plan.serial[here], plan.channel[here], plan.arm[here], plan.offer[here]))
        return ContactReceipt(planned=int(here.sum()), had_left=int((~here).sum()))

    def _settle(self) -> None:
        b = self.behaviour
        history = History(self._start, self.profile, b.payments.due_after, b.reporting.payment)
        settled: Settled = settle(
            self.size, self._start, self._joiners, self._life, b, self._draws, history.record, history.since
        )
        self._customers = settled.present
        self._occupied = np.ones(len(settled.present), dtype=bool)
        self._next_serial = settled.next_serial
        self._slot = np.full(settled.next_serial, -1, dtype=np.int32)  # by serial; -1 was never a customer
        self._slot[settled.present.serial] = np.arange(len(settled.present), dtype=np.int32)
        self._slot[settled.just_left.serial] = 0
        self._left_on = np.full(settled.next_serial, NEVER)  # by serial
        self._left_on[settled.just_left.serial] = settled.just_left.left
        observed = Customers.together([settled.present, settled.just_left])
        position = np.zeros(settled.next_serial, dtype=np.int32)
        position[observed.serial] = np.arange(len(observed), dtype=np.int32)
        for table, rows in history.rows(settled.present, settled.just_left, settled.next_serial).items():
            ahead = rows.columns["known_at"] >= self._start
            self._waiting.add(table, rows.where(~ahead))
            ahead_rows = rows.where(ahead)
            self._wait(table, ahead_rows, observed.take(position[ahead_rows.columns["serial"]]))
        self._wait("churn_events", self._leavers.events(settled.just_left), settled.just_left)
        self._opening_truth = self._truth_of(observed.take(observed.observed > observed.joined))

    def _contact(self) -> None:
        plans, self._plans = self._plans, []
        if self.background_contacts:
            c = self._customers
            billed = np.flatnonzero(self._occupied & (c.observed == self._day - 1) & (c.leave_probability > 0))
            listed = np.concatenate([np.zeros(0, dtype=np.uint64), *(plan.serial for plan in plans)])
            plans.append(background_plan(c, billed, listed, self._day, self.behaviour, self._draws))
        for plan in plans:
            at = self._slot[plan.serial].astype(np.intp)
            first, later = make_contacts(
                self._customers, at, plan, self._day, self._life.risk, self._levers, self.behaviour, self._draws
            )
            whose = self._customers.take(at)
            self._wait("retention_contacts", first, whose)
            for_later = np.isin(plan.serial, later.columns["serial"])
            self._wait("retention_contacts", later, whose.take(for_later))

    def _leave(self) -> int:
        leaving = np.flatnonzero(self._occupied & (self._customers.left <= self._day))
        gone = self._customers.take(leaving)
        self._occupied[leaving] = False
        self._left_on[gone.serial] = gone.left
        self._wait("churn_events", self._leavers.events(gone), gone)
        return len(leaving)

    def _join(self) -> int:
        b = self.behaviour.base
        # sales keep the calm world's pace and steer a little towards the wanted size: a wave of leavers remains
        missing = (self.size - self.customers) / self.size
        steer = float(
            np.clip(b.steering_per_month * missing / b.monthly_turnover, -b.steering_at_most, b.steering_at_most)
        )
        self._owed += self.size * b.monthly_turnover / CYCLE_DAYS * (1.0 + steer)
        count = int(self._owed)
        self._owed -= count
        serials = np.arange(self._next_serial, self._next_serial + count, dtype=np.uint64)
        self._next_serial += count
        new = self._joiners.join(serials, np.full(count, self._day, dtype=np.int32), self._levers.redirect)
        self._slot = np.concatenate([self._slot, self._place(new)])
        self._left_on = np.concatenate([self._left_on, np.full(count, NEVER)])
        return count

    def _place(self, new: Customers) -> Ints:
        """Put joiners where others have left, else at the end; their positions."""
        free = np.flatnonzero(~self._occupied)[: len(new)]
        fits = len(free)
        self._customers.put(free, new.take(slice(0, fits)))
        self._occupied[free] = True
        at = np.concatenate([free, np.arange(len(self._occupied), len(self._occupied) + len(new) - fits)])
        if fits < len(new):
            self._customers = Customers.together([self._customers, new.take(slice(fits, None))])
            self._occupied = np.concatenate([self._occupied, np.ones(len(new) - fits, dtype=bool)])
        return at.astype(np.int32)

    def _bill(self) -> dict[str, Any]:
        b = self.behaviour
        at = np.flatnonzero(self._occupied & (self._customers.next_bill == self._day))
        c = self._customers.take(at)
        cycle = self._life.run(c, np.full(len(at), self._day, dtype=np.int32))
        self._customers.put(at, c)
        self._wait("customers", customer_rows(c, cycle, self.profile), c)
        full = c.take(cycle.tenure > 0)
        self._wait("account_usage", usage_rows(c, cycle), full)
        for rows in invoice_rows(c, cycle, b.payments.due_after, b.reporting.payment):
            self._wait("invoices", rows, full)
        for rows in ticket_rows(c, cycle):
            self._wait("support_tickets", rows, c.take(cycle.tickets.at))
        return self._truth_of(c)

    def _wait(self, table: str, rows: Rows, customers: Customers) -> None:
        self._waiting.add(table, self._feeds.changed(table, rows, customers) if self._feeds.touches(table) else rows)

    def _truth_of(self, c: Customers) -> dict[str, Any]:
        tenure = ((c.observed - c.joined) // CYCLE_DAYS).astype(np.int32)
        treated = self._life.risk.treated(c, tenure, self._levers.added_log_odds(c, c.observed))
        # contacted on the day after the billing day: a thirtieth of the cycle is over
        uplift = (c.leave_probability - treated) * (1.0 - 1.0 / CYCLE_DAYS)
        return {
            "serial": c.serial,
            "observation_date": c.observed,
            "leave_probability": c.leave_probability,
            "uplift": uplift,
            "response": c.response,
        }

    def _land(self, truth: dict[str, Any], joined: int, left: int) -> DayLanding:
        tables = {}
        for table in RAW_TABLES:
            rows = self._waiting.due(table, self._day)
            if rows is None:
                rows = no_rows(table)
            elif table == "support_tickets":
                rows = rows.where(rows.columns["opened_on"] < self._left_on[rows.columns["serial"]])
            if self._feeds.touches(table):
                rows = newest_versions(table, rows)
            tables[table] = self._feeds.reshaped(table, frame_of(table, rows, self._texts), self._day)
        today = EPOCH + timedelta(days=self._day)
        p = truth["leave_probability"]
        changed = self.scenario.start_day
        summary = DayTruth(
            day=today,
            scenario=self.scenario.name,
            cause=self.scenario.cause,
            changed_on=None if changed is None else self.start_date + timedelta(days=changed),
            strength=self._strength_today(),
            customers=self.customers,
            observed=len(p),
            joined=joined,
            left=left,
            expected_leavers=float(p.sum()),
            best_auc=best_auc(p),
        )
        frame = pd.DataFrame(
            {
                "customer_id": customer_ids(truth["serial"]),
                "observation_date": as_dates(truth["observation_date"]),
                "leave_probability": p,
                "uplift": truth["uplift"],
                "response": text_of(truth["response"], tuple(self.behaviour.retention.responses)),
            }
        )
        return DayLanding(today, tables, frame, summary)

    def _strength_today(self) -> dict[str, float]:
        day = self._day - self._start
        effects = self.scenario.effects
        return {self.scenario.name_of(k): float(effects[k].strength_on(day)) for k in range(len(effects))}
