"""Contacts and offers: whom a contact keeps, whom it drives away, on whom it is wasted.

What belongs here: what a contact does to a customer's leaving, and the rows it leaves behind. What does not: choosing
whom to contact; that is the platform's (or the small random programme's in `world.py`)."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import numpy as np
import numpy.typing as npt
import pandas as pd

from churn_platform.contracts.tables import RETENTION_CONTACTS
from churn_platform.simulation.base import Base
from churn_platform.simulation.behaviour import Behaviour
from churn_platform.simulation.customers import CYCLE_DAYS, Codes, Customers, Index, Ints
from churn_platform.simulation.draws import Draws, Floats, Purpose, Serials
from churn_platform.simulation.identity import serials_of
from churn_platform.simulation.landing import Rows
from churn_platform.simulation.leaving import Risk, leaving_day
from churn_platform.simulation.levers import Levers

CHANNELS = RETENTION_CONTACTS.column("channel").domain
ARMS = RETENTION_CONTACTS.column("arm").domain
TREATMENT = np.int8(ARMS.index("treatment"))
CALL = np.int8(CHANNELS.index("call"))


class ContactListError(ValueError):
    """A contact list that the telco cannot work off; the message says which rows and why."""


@dataclass(frozen=True, slots=True)
class ContactPlan:
    """Contacts for the next day, as codes: positions in the channels, arms and offers."""

    serial: Serials
    channel: Codes
    arm: Codes
    offer: Codes

    def only(self, chosen: npt.NDArray[np.bool_]) -> ContactPlan:
        """Some of the contacts."""
        return ContactPlan(*(values[chosen] for values in self.columns().values()))

    def columns(self) -> dict[str, npt.NDArray[Any]]:
        """The arrays, by name."""
        return {"serial": self.serial, "channel": self.channel, "arm": self.arm, "offer": self.offer}


@dataclass(frozen=True, slots=True)
class ContactReceipt:
    """What became of a contact list: how many will be contacted, and how many had left already."""

    planned: int
    had_left: int


class ContactDesk:
    """Where contact lists wait for the next day."""

    def __init__(self, plans: list[ContactPlan] | None = None) -> None:
        self._plans = plans or []

    def take_list(self, contacts: pd.DataFrame, base: Base, behaviour: Behaviour) -> ContactReceipt:
        """Plan the contacts of a list with those who are still customers; see `plan_from_list`.

        Raises:
            ContactListError: also where somebody on the list was never a customer. UnknownCustomerError: a text that is no id.
        """
        serials = serials_of(contacts["customer_id"])
        known = base.ever(serials)
        if not known.all():
            raise ContactListError(
                f"{int((~known).sum())} of {len(known)} customers on the list were never customers here, "
                f"the first is {contacts['customer_id'][~known].iloc[0]!r}"
            )
        plan = plan_from_list(contacts, serials, behaviour, already=self.planned())
        plan = plan.only(~base.has_left(serials))
        self._plans.append(plan)
        return ContactReceipt(planned=len(plan.serial), had_left=len(serials) - len(plan.serial))

    def planned(self) -> Serials:
        """Serials on all waiting lists."""
        return np.concatenate([np.zeros(0, dtype=np.uint64), *(plan.serial for plan in self._plans)])

    def hand_over(self) -> list[ContactPlan]:
        """The waiting lists; from now on there are none."""
        plans, self._plans = self._plans, []
        return plans

    def arrays(self) -> dict[str, npt.NDArray[Any]]:
        """Everything, as arrays named `plan.<number>.<column>`."""
        return {
            f"plan.{k}.{name}": values for k, plan in enumerate(self._plans) for name, values in plan.columns().items()
        }

    @classmethod
    def from_arrays(cls, arrays: dict[str, npt.NDArray[Any]]) -> ContactDesk:
        """The way back, on copies."""
        count = len({name.split(".")[1] for name in arrays if name.startswith("plan.")})
        names = ("serial", "channel", "arm", "offer")
        return cls([ContactPlan(*(arrays[f"plan.{k}.{name}"].copy() for name in names)) for k in range(count)])


def plan_from_list(contacts: pd.DataFrame, serials: Serials, behaviour: Behaviour, already: Serials) -> ContactPlan:
    """A contact list as codes.

    Args:
        contacts: columns customer_id and, optionally, channel (default call), arm (default treatment), offer (default
            as in the behaviour; blank for the control arm).
        serials: (n,) the customers' serials.
        behaviour: which offers there are.
        already: serials of those on another list for the same day.

    Raises:
        ContactListError: a customer stands twice, or a channel, arm or offer is unknown.
    """
    _, first = np.unique(serials, return_index=True)
    twice = np.isin(serials, already)
    twice[np.setdiff1d(np.arange(len(serials)), first)] = True
    if twice.any():
        raise ContactListError(
            f"customer {contacts['customer_id'][twice].iloc[0]!r} stands twice on the contact lists of one day; "
            "list each customer once a day"
        )
    offers = tuple(behaviour.retention.offers)
    arm = _codes(contacts, "arm", ARMS, "treatment")
    offer = _codes(contacts, "offer", offers, behaviour.retention.default_offer)
    channel = _codes(contacts, "channel", CHANNELS, "call")
    return ContactPlan(serials, channel, arm, np.where(arm == TREATMENT, offer, -1).astype(np.int8))


def _codes(contacts: pd.DataFrame, name: str, domain: tuple[str, ...], default: str) -> Codes:
    if name not in contacts:
        return np.full(len(contacts), domain.index(default), dtype=np.int8)
    values = contacts[name].astype("object").where(contacts[name].notna(), default)
    codes = values.map({value: k for k, value in enumerate(domain)})
    if codes.isna().any():
        wrong = values[codes.isna()].iloc[0]
        raise ContactListError(f"{name} {wrong!r} is unknown to the telco; it knows {', '.join(domain)}")
    return codes.astype("int8").to_numpy().astype(np.int8)


def make_contacts(
    c: Customers, at: Index, plan: ContactPlan, day: int, risk: Risk, levers: Levers, behaviour: Behaviour, draws: Draws
) -> tuple[Rows, Rows]:
    """Contact the customers at positions `at` (aligned with `plan`) on `day`, before anybody leaves that day. Changes
    `c` in place.

    A second contact within a cycle changes nothing more. Nobody who has not had a first bill is swayed: they have not
    decided anything yet.

    Returns:
        the contacts as known on the day, and their later versions with the answer to e-mails and messages.
    """
    r = behaviour.retention
    responses = list(r.responses.values())
    strength = np.array([offer.strength for offer in r.offers.values()])[plan.offer]
    treated = plan.arm == TREATMENT
    sways = treated & (c.contacted[at] <= c.observed[at]) & (c.leave_probability[at] > 0) & (c.left[at] > day)
    if sways.any():
        who = at[sways]
        part = c.take(who)
        tenure = ((part.observed - part.joined) // CYCLE_DAYS).astype(np.int32)
        q = risk.treated(part, tenure, levers.added_log_odds(part, part.observed), strength[sways])
        c.left[who] = leaving_day(
            part.observed, part.leave_draw, part.leave_probability, q, np.full(len(who), day, dtype=np.int32)
        )
        c.contacted[who] = day
        c.offer_effect[who] = strength[sways] * np.array([x.log_odds for x in responses])[part.response]
        c.offer_left[who] = r.lasts_cycles
    likely: Floats = np.array([x.accepts for x in responses])[c.response[at]]
    accepts = draws.uniform(Purpose.CONTACT_ACCEPTED, plan.serial, day) < likely
    answered = 1 + np.floor(3 * draws.uniform(Purpose.CONTACT_REPORT, plan.serial, day)).astype(np.int32)
    channel_cost = np.array([r.channel_cost[name] for name in CHANNELS])[plan.channel] * treated
    offer_cost = np.array([offer.cost for offer in r.offers.values()])[plan.offer] * (accepts & treated)
    at_once = plan.channel == CALL
    days: Ints = np.full(len(at), day, dtype=np.int32)
    first = {
        "serial": plan.serial,
        "contacted_on": days,
        "known_at": days,
        "channel": plan.channel,
        "arm": plan.arm,
        "offer": plan.offer,
        "accepted": np.where(treated & at_once, accepts, -1).astype(np.int8),
        "cost": np.round(channel_cost + offer_cost * at_once, 2),
        "copies": np.ones(len(at), dtype=np.int8),
    }
    later = first | {
        "known_at": days + answered,
        "accepted": accepts.astype(np.int8),
        "cost": np.round(channel_cost + offer_cost, 2),
    }
    return Rows(first), Rows(later).where(treated & ~at_once)


def background_plan(
    c: Customers, candidates: Index, listed: Serials, day: int, behaviour: Behaviour, draws: Draws
) -> ContactPlan:
    """The small random programme: each candidate who is not listed already with a fixed chance, some of them as
    control.

    At least one contact a day, as long as there is anybody: uplift can only be learned from contacts made at random.
    Each customer's lot is their own, so a scenario that drives others away does not move it.

    Args:
        c: the base.
        candidates: positions of the customers billed yesterday.
        listed: serials on today's contact lists.
        day: today.
        behaviour: the programme's figures.
        draws: the world's.
    """
    r = behaviour.retention
    candidates = candidates[~np.isin(c.serial[candidates], listed)]
    lot = draws.uniform(Purpose.CONTACT_SELECTION, c.serial[candidates], day)
    chosen = lot < r.background_share
    if len(lot) and not chosen.any():
        chosen = lot == lot.min()
    serial = c.serial[candidates[chosen]]
    treated = draws.uniform(Purpose.CONTACT_ARM, serial, day) < r.background_treated
    arm = np.where(treated, TREATMENT, ARMS.index("control")).astype(np.int8)
    offer = np.floor(len(r.offers) * draws.uniform(Purpose.CONTACT_OFFER, serial, day)).astype(np.int8)
    channel = np.floor(len(CHANNELS) * draws.uniform(Purpose.CONTACT_OFFER, serial, day, 1)).astype(np.int8)
    return ContactPlan(serial, channel, arm, np.where(treated, offer, -1).astype(np.int8))
