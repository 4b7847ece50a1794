"""The customers as columns of numbers, and how a joiner gets their attributes.

What belongs here: the state of each customer (attributes as codes into the contract's domains, hidden traits, what a
life has added up to) and drawing joiners from the profile. What does not: how a month changes it (`cycle.py`)."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, fields
from typing import Any

import numpy as np
import numpy.typing as npt

from churn_platform.contracts.tables import CUSTOMERS
from churn_platform.simulation.behaviour import Behaviour
from churn_platform.simulation.draws import Draws, Floats, Purpose, Serials
from churn_platform.simulation.profile import ConditionalTable, Profile

Codes = npt.NDArray[np.int8]
Ints = npt.NDArray[np.int32]
Index = npt.NDArray[np.intp]

NEVER = np.int32(2**31 - 1)
CYCLE_DAYS = 30

ADD_ONS = ("online_security", "online_backup", "device_protection", "tech_support", "streaming_tv", "streaming_movies")
#: attribute -> its values; a code is a position here
DOMAINS: dict[str, tuple[str, ...]] = {
    name: CUSTOMERS.column(name).domain
    for name in (
        "gender", "senior_citizen", "partner", "dependents", "phone_service", "multiple_lines", "internet_type",
        *ADD_ONS, "contract", "paperless_billing", "payment_method", "unlimited_data",
    )
} | {"number_of_referrals": tuple(str(n) for n in range(12))}  # fmt: skip
NO_INTERNET = np.int8(DOMAINS["internet_type"].index("None"))
FIBER = np.int8(DOMAINS["internet_type"].index("Fiber Optic"))
YES = np.int8(1)

#: redirects some joiners' attribute to another value: (attribute, codes, serials, days joined) -> codes
Redirect = Callable[[str, Codes, Serials, Ints], Codes]


@dataclass(slots=True)
class Customers:
    """n customers, one array per field. Days count from 1970-01-01, money in USD."""

    serial: Serials
    joined: Ints
    observed: Ints  #: last billing day, or the day before the first one's cycle
    next_bill: Ints
    contacted: Ints  #: day of the last contact as treatment, or 0
    left: Ints  #: the day they leave, as decided so far; NEVER if they stay through this cycle
    gender: Codes
    senior_citizen: Codes
    partner: Codes
    dependents: Codes
    phone_service: Codes
    multiple_lines: Codes
    internet_type: Codes
    contract: Codes
    contract_left: npt.NDArray[np.int16]  #: cycles to the end of the term, 0 month-to-month
    paperless_billing: Codes
    payment_method: Codes
    unlimited_data: Codes
    add_ons: npt.NDArray[np.uint8]  #: bit k set: has ADD_ONS[k]
    referrals: Codes
    referral_appetite: Codes
    response: Codes  #: how they take a contact: position in behaviour.retention.responses
    jitter: Floats  #: of the monthly charges, USD
    price_factor: Floats  #: what scenarios made of their price
    charges: Floats
    billed: Floats
    gb_level: Floats
    long_distance_level: Floats
    cltv_level: Floats
    quality: Floats  #: of their line and luck, higher is worse
    mood: Floats  #: dissatisfaction
    trouble: Floats  #: what this cycle's tickets will add to it
    stress: Floats  #: financial
    dunned: Codes  #: 1 if the last invoice was not paid in time
    static_risk: Floats  #: log odds from attributes that stay
    offer_effect: Floats  #: log odds from the last offer
    offer_left: Codes  #: cycles it still works
    leave_draw: Floats  #: uniform; they leave within the cycle if it is below the probability
    leave_probability: Floats
    total_gb: Floats
    total_extra: Floats
    total_long_distance: Floats
    total_refunds: Floats

    def __len__(self) -> int:
        return len(self.serial)

    def take(self, index: Any) -> Customers:
        """The customers at `index`: a mask, positions (a copy), or a slice (a view)."""
        if isinstance(index, np.ndarray) and index.dtype == np.bool_:
            index = np.flatnonzero(index)
        if isinstance(index, slice):
            return Customers(**{field.name: getattr(self, field.name)[index] for field in fields(self)})
        return Customers(**{field.name: getattr(self, field.name).take(index) for field in fields(self)})

    def put(self, index: Index, others: Customers) -> None:
        """Overwrite the customers at `index`."""
        for field in fields(self):
            getattr(self, field.name)[index] = getattr(others, field.name)

    def columns(self) -> dict[str, npt.NDArray[Any]]:
        """The arrays, by field."""
        return {field.name: getattr(self, field.name) for field in fields(self)}

    @staticmethod
    def together(parts: list[Customers]) -> Customers:
        """All customers of `parts` (at least one), in order."""
        return Customers(
            **{f.name: np.concatenate([getattr(part, f.name) for part in parts]) for f in fields(Customers)}
        )


@dataclass(frozen=True, slots=True)
class _Table:
    """A conditional table compiled to codes: row = mixed radix of the parents' codes, columns cumulative shares."""

    attribute: str
    parents: tuple[str, ...]
    cumulative: Floats


class Joiners:
    """Draws joiners from the profile's tables, in their order."""

    def __init__(self, profile: Profile, behaviour: Behaviour, draws: Draws) -> None:
        self._tables = [_compile(table) for table in profile.joiners]
        self._profile, self._behaviour, self._draws = profile, behaviour, draws
        self._responses = np.cumsum([r.share for r in behaviour.retention.responses.values()])
        deciles = profile.usage_gb
        # who comes without internet has habits too: they show after an upgrade
        self._gb = [np.array(deciles.get(kind, deciles["Fiber Optic"])) for kind in DOMAINS["internet_type"]]

    def join(self, serials: Serials, days: Ints, redirect: Redirect | None = None) -> Customers:
        """New customers, with tenure 0 on `days`. Their charges and risks are set at their first bill.

        Args:
            serials: (n,).
            days: (n,) day on which each joins.
        """
        n, uniform = len(serials), self._draws.uniform
        codes: dict[str, Codes] = {}
        for k, table in enumerate(self._tables):
            row = np.zeros(n, dtype=np.intp)
            for parent in table.parents:
                row = row * len(DOMAINS[parent]) + codes[parent]
            u = uniform(Purpose.JOINER, serials, 0, k)
            drawn = (u[:, None] > table.cumulative[row]).sum(axis=1).astype(np.int8)
            codes[table.attribute] = drawn if redirect is None else redirect(table.attribute, drawn, serials, days)
        trait = [uniform(Purpose.JOINER, serials, 0, 30 + k) for k in range(9)]
        zeros = [np.zeros(n) for _ in range(16)]
        gb_level = np.zeros(n)
        for kind, deciles in enumerate(self._gb):
            of_kind = codes["internet_type"] == kind
            gb_level[of_kind] = np.interp(trait[0][of_kind], np.linspace(0, 1, 11), deciles)
        phone = codes["phone_service"] == YES
        long_distance = np.interp(trait[1], np.linspace(0, 1, 11), self._profile.long_distance) * phone
        short = trait[2] < self._behaviour.base.short_first_period
        add_ons = np.zeros(n, dtype=np.uint8)
        for k, name in enumerate(ADD_ONS):
            add_ons |= (codes[name] == DOMAINS[name].index("Yes")).astype(np.uint8) << np.uint8(k)
        contract = codes["contract"]
        return Customers(
            serial=serials,
            joined=days,
            observed=days,
            next_bill=(days + np.where(short, CYCLE_DAYS // 2, CYCLE_DAYS)).astype(np.int32),
            contacted=np.zeros(n, dtype=np.int32),
            left=np.full(n, NEVER),
            gender=codes["gender"],
            senior_citizen=codes["senior_citizen"],
            partner=codes["partner"],
            dependents=codes["dependents"],
            phone_service=codes["phone_service"],
            multiple_lines=codes["multiple_lines"],
            internet_type=codes["internet_type"],
            contract=contract,
            contract_left=(12 * contract).astype(np.int16),
            paperless_billing=codes["paperless_billing"],
            payment_method=codes["payment_method"],
            unlimited_data=codes["unlimited_data"],
            add_ons=add_ons,
            referrals=np.zeros(n, dtype=np.int8),
            referral_appetite=codes["number_of_referrals"],
            response=np.searchsorted(self._responses, trait[3]).clip(max=len(self._responses) - 1).astype(np.int8),
            jitter=_normal(trait[4]) * self._profile.price_list.residual_sd,
            price_factor=np.ones(n),
            charges=zeros[0],
            billed=zeros[1],
            gb_level=gb_level,
            long_distance_level=long_distance,
            cltv_level=_normal(trait[5]),
            quality=_normal(trait[6]),
            mood=zeros[2],
            trouble=zeros[3],
            stress=_normal(trait[7]),
            dunned=np.zeros(n, dtype=np.int8),
            static_risk=zeros[4],
            offer_effect=zeros[5],
            offer_left=np.zeros(n, dtype=np.int8),
            leave_draw=zeros[6],
            leave_probability=zeros[7],
            total_gb=zeros[9],
            total_extra=zeros[10],
            total_long_distance=zeros[11],
            total_refunds=zeros[12],
        )


def _normal(u: Floats) -> Floats:
    from scipy.special import ndtri

    out: Floats = ndtri(u)
    return out


def _compile(table: ConditionalTable) -> _Table:
    values = DOMAINS[table.attribute]
    sizes = [len(DOMAINS[parent]) for parent in table.given]
    shares = np.zeros((int(np.prod(sizes, initial=1)), len(values)))
    shares[:, 0] = 1.0  # combinations that the extract never shows are never drawn
    for key, row in table.shares.items():
        at = 0
        for parent, size, value in zip(table.given, sizes, key.split(" | ") if table.given else [], strict=True):
            at = at * size + DOMAINS[parent].index(value)
        shares[at] = [row.get(value, 0.0) for value in values]
    cumulative = np.cumsum(shares, axis=1) / shares.sum(axis=1, keepdims=True)
    return _Table(table.attribute, table.given, cumulative[:, :-1])
