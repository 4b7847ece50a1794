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

from datetime import date, timedelta

import numpy as np
import pandas as pd

from churn_platform.contracts.tables import RAW_TABLES
from churn_platform.simulation.base import Base
from churn_platform.simulation.behaviour import Behaviour, packaged_behaviour
from churn_platform.simulation.contacts import ContactDesk, ContactReceipt, background_plan, make_contacts
from churn_platform.simulation.customers import CYCLE_DAYS, Customers
from churn_platform.simulation.landing import (
    Rows,
    Waiting,
    customer_rows,
    frame_of,
    invoice_rows,
    newest_versions,
    ticket_rows,
    usage_rows,
)
from churn_platform.simulation.opening import History
from churn_platform.simulation.profile import Profile, packaged_profile
from churn_platform.simulation.scenario import Scenario, scenario_named
from churn_platform.simulation.settling import settle
from churn_platform.simulation.truth import Columns, day_truth, truth_frame, truth_of
from churn_platform.simulation.world.parts import Parts, figures_digest
from churn_platform.simulation.world.values import (
    STATE_VERSION,
    DayLanding,
    WorldError,
    WorldState,
    refuse_another,
)

EPOCH = date(1970, 1, 1)
FIRST_DAY = date(2025, 1, 1)
FEWEST_CUSTOMERS, MOST_CUSTOMERS = 50, 5_000_000


class World:
    """A telco with `customers` customers on the eve of `start_date`.

    Args:
        customers: size of the base, 50 or more.
        seed: same seed, same bytes.
        start_date: the first day; the eve's books come from `opening`.
        scenario: what changes; by default nothing ever does.
        profile: figures of the extract; by default the package's.
        behaviour: how lives go; by default the package's.
        background_contacts: whether the small random contact programme runs.

    Raises:
        WorldError: too few or too many customers.
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
        if not FEWEST_CUSTOMERS <= customers <= MOST_CUSTOMERS:
            raise WorldError(f"a world has {FEWEST_CUSTOMERS} to {MOST_CUSTOMERS:,} customers, not {customers:,}")
        self.size, self.seed, self.start_date = customers, seed, start_date
        self.scenario = scenario or scenario_named("calm")
        self.background_contacts = background_contacts
        self._compose(profile or packaged_profile(), behaviour or packaged_behaviour())
        self._day = self._start - 1
        self._owed = 0.0
        self._desk = ContactDesk()
        self._opening_truth: Columns | None = None
        self._waiting = Waiting()
        self._open()

    @property
    def next_date(self) -> date:
        """The day that `day` will live next."""
        return EPOCH + timedelta(days=self._day + 1)

    @property
    def customers(self) -> int:
        """How many customers there are by the evening of the last day lived."""
        return len(self._base)

    def opening(self) -> DayLanding:
        """The eve's files: the telco's books up to the day before `start_date`. Once, before the first day.

        Raises:
            WorldError: it has been had, or the first day has been lived.
        """
        if self._opening_truth is None:
            raise WorldError(
                f"the opening comes once and before {self.start_date}; this world stands before {self.next_date}"
            )
        truth, self._opening_truth = self._opening_truth, None
        return self._land(truth, joined=0, left=0)

    def day(self, today: date) -> DayLanding:
        """Live one day. If the opening was not asked for, the first day's files hold it too.

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
            ContactListError: unknown customers, channels, arms or offers, or a customer twice for one day.
            UnknownCustomerError: a text that is no id.
        """
        return self._desk.take_list(contacts, self._base, self.behaviour)

    def state(self) -> WorldState:
        """Everything needed to live on later. Between days, and once the opening has been had.

        Raises:
            WorldError: the opening has not been had yet.
        """
        if self._opening_truth is not None:
            raise WorldError("have the opening first: it is not part of the state")
        meta = {
            "version": STATE_VERSION,
            "size": self.size,
            "seed": self.seed,
            "start_date": self.start_date.isoformat(),
            "background_contacts": self.background_contacts,
            "scenario": self.scenario.model_dump(mode="json"),
            "figures": figures_digest(self.profile, self.behaviour),
            "day": self._day,
            "owed": self._owed,
        }
        arrays = self._base.arrays() | self._waiting.arrays() | self._desk.arrays()
        return WorldState(meta, {name: values.copy() for name, values in sorted(arrays.items())})

    @classmethod
    def restore(cls, state: WorldState, profile: Profile | None = None, behaviour: Behaviour | None = None) -> World:
        """The world as it was when `state` was taken; it lives on bit for bit.

        Raises:
            WorldError: the state is of another version, or its world had another profile or behaviour.
        """
        profile, behaviour = profile or packaged_profile(), behaviour or packaged_behaviour()
        meta = state.meta
        refuse_another(meta, figures_digest(profile, behaviour))
        world = cls.__new__(cls)
        world.size, world.seed = meta["size"], meta["seed"]
        world.start_date = date.fromisoformat(meta["start_date"])
        world.scenario = Scenario.model_validate(meta["scenario"])
        world.background_contacts = meta["background_contacts"]
        world._compose(profile, behaviour)
        world._day, world._owed, world._opening_truth = meta["day"], meta["owed"], None
        world._base = Base.from_arrays(state.arrays)
        world._waiting = Waiting.from_arrays(state.arrays)
        world._desk = ContactDesk.from_arrays(state.arrays)
        return world

    def _compose(self, profile: Profile, behaviour: Behaviour) -> None:
        """Everything that follows from the arguments and has no state."""
        self.profile, self.behaviour = profile, behaviour
        self._start = (self.start_date - EPOCH).days
        self._parts = Parts.of(self.scenario, self._start, self.seed, profile, behaviour)

    def _open(self) -> None:
        """Settle the base, and put the telco's books up to the eve where `opening` lands them from."""
        b = self.behaviour
        history = History(self._start, self.profile, b.payments.due_after, b.reporting.payment)
        settled = settle(
            self.size,
            self._start,
            self._parts.joiners,
            self._parts.life,
            b,
            self._parts.draws,
            history.record,
            history.since,
        )
        self._base = Base.of(settled)
        observed = Customers.together([settled.present, settled.just_left])
        position = np.zeros(settled.next_serial, dtype=np.int32)
        position[observed.serial] = np.arange(len(observed), dtype=np.int32)
        for table, rows in history.rows(settled.present, settled.just_left, settled.next_serial):
            ahead = rows.columns["known_at"] >= self._start
            self._waiting.add(table, rows.where(~ahead))
            rows = rows.where(ahead)
            self._wait(table, rows, observed.take(position[rows.columns["serial"]]))
        self._wait("churn_events", self._parts.leavers.events(settled.just_left), settled.just_left)
        billed = observed.take(observed.observed > observed.joined)
        self._opening_truth = truth_of(billed, self._parts.life.risk, self._parts.levers)

    def _contact(self) -> None:
        listed = self._desk.planned()
        plans = self._desk.hand_over()
        c = self._base.customers
        if self.background_contacts:
            billed = self._base.billed(self._day - 1)
            plans.append(background_plan(c, billed, listed, self._day, self.behaviour, self._parts.draws))
        for plan in plans:
            at = self._base.at(plan.serial)
            first, later = make_contacts(
                c, at, plan, self._day, self._parts.life.risk, self._parts.levers, self.behaviour, self._parts.draws
            )
            whose = c.take(at)
            self._wait("retention_contacts", first, whose)
            self._wait("retention_contacts", later, whose.take(np.isin(plan.serial, later.columns["serial"])))

    def _leave(self) -> int:
        gone = self._base.let_go(self._day)
        self._wait("churn_events", self._parts.leavers.events(gone), gone)
        return len(gone)

    def _join(self) -> int:
        b = self.behaviour.base
        # sales keep the calm world's pace and steer a little towards the wanted size: a wave of leavers remains
        steer = b.steering_per_month * (self.size - len(self._base)) / self.size / b.monthly_turnover
        steer = float(np.clip(steer, -b.steering_at_most, b.steering_at_most))
        self._owed += self.size * b.monthly_turnover / CYCLE_DAYS * (1.0 + steer)
        count = int(self._owed)
        self._owed -= count
        serials = self._base.next_serial + np.arange(count, dtype=np.uint64)
        today = np.full(count, self._day, dtype=np.int32)
        self._base.take_in(self._parts.joiners.join(serials, today, self._parts.levers.redirect))
        return count

    def _bill(self) -> Columns:
        b = self.behaviour
        at = self._base.due(self._day)
        c = self._base.customers.take(at)
        cycle = self._parts.life.run(c, np.full(len(at), self._day, dtype=np.int32))
        self._base.customers.put(at, c)
        self._wait("customers", customer_rows(c, cycle, self.profile), c)
        full = c.take(cycle.tenure > 0)
        self._wait("account_usage", usage_rows(c, cycle), full)
        for rows in invoice_rows(c, cycle, b.payments.due_after, b.reporting.payment):
            self._wait("invoices", rows, full)
        for rows in ticket_rows(c, cycle):
            self._wait("support_tickets", rows, c.take(cycle.tickets.at))
        return truth_of(c, self._parts.life.risk, self._parts.levers)

    def _wait(self, table: str, rows: Rows, customers: Customers) -> None:
        self._waiting.add(
            table, self._parts.feeds.changed(table, rows, customers) if self._parts.feeds.touches(table) else rows
        )

    def _land(self, truth: Columns, joined: int, left: int) -> DayLanding:
        tables = {}
        for table in RAW_TABLES:
            rows = self._waiting.due(table, self._day)
            if table == "support_tickets":  # who has left does not call any more
                rows = rows.where(rows.columns["opened_on"] < self._base.left_on[rows.columns["serial"]])
            if self._parts.feeds.touches(table):
                rows = newest_versions(table, rows)
            tables[table] = self._parts.feeds.reshaped(table, frame_of(table, rows, self._parts.texts), self._day)
        today = EPOCH + timedelta(days=self._day)
        summary = day_truth(
            self.scenario, self.start_date, today, truth, customers=len(self._base), joined=joined, left=left
        )
        return DayLanding(today, tables, truth_frame(truth, self.behaviour), summary)
