"""The base: who is a customer, where they stand, who has left.

What belongs here: places of customers in the arrays, by serial. What does not: what happens to them.

A place is freed by a leaver and taken by a joiner, so the arrays stay as large as the base. What a serial's customer
did is kept for ever: the place they have (or had), and the day they left."""

from __future__ import annotations

from dataclasses import dataclass, fields
from typing import Any

import numpy as np
import numpy.typing as npt

from churn_platform.simulation.customers import NEVER, Customers, Index, Ints
from churn_platform.simulation.draws import Serials
from churn_platform.simulation.settling import Settled

Mask = npt.NDArray[np.bool_]
Arrays = dict[str, npt.NDArray[Any]]


@dataclass(slots=True)
class Base:
    """All customers, by place; `place` and `left_on` are by serial (place -1: never a customer)."""

    customers: Customers
    occupied: Mask
    place: Ints
    left_on: Ints

    @classmethod
    def of(cls, settled: Settled) -> Base:
        """The settled base."""
        place = np.full(settled.next_serial, -1, dtype=np.int32)
        place[settled.just_left.serial] = 0
        place[settled.present.serial] = np.arange(len(settled.present), dtype=np.int32)
        left_on = np.full(settled.next_serial, NEVER)
        left_on[settled.just_left.serial] = settled.just_left.left
        return cls(settled.present, np.ones(len(settled.present), dtype=bool), place, left_on)

    def __len__(self) -> int:
        return int(np.count_nonzero(self.occupied))

    @property
    def next_serial(self) -> int:
        """The next joiner's."""
        return len(self.place)

    def ever(self, serials: Serials) -> Mask:
        """(n,) whether each serial is or was a customer."""
        out: Mask = serials < np.uint64(len(self.place))
        out[out] = self.place[serials[out]] >= 0
        return out

    def has_left(self, serials: Serials) -> Mask:
        """(n,) whether each customer has left."""
        left: Mask = self.left_on[serials] != NEVER
        return left

    def at(self, serials: Serials) -> Index:
        """(n,) places of customers who are still here."""
        return self.place[serials].astype(np.intp)

    def billed(self, day: int) -> Index:
        """Places of those billed on `day` who are still here."""
        return np.flatnonzero(self.occupied & (self.customers.observed == day) & (self.customers.leave_probability > 0))

    def due(self, day: int) -> Index:
        """Places of those whose billing day is `day`."""
        return np.flatnonzero(self.occupied & (self.customers.next_bill == day))

    def let_go(self, day: int) -> Customers:
        """Free the places of those who leave on `day`, and return them."""
        places = np.flatnonzero(self.occupied & (self.customers.left <= day))
        gone = self.customers.take(places)
        self.occupied[places] = False
        self.left_on[gone.serial] = gone.left
        return gone

    def take_in(self, new: Customers) -> None:
        """Place joiners, whose serials follow on `next_serial`, where others have left, else at the end."""
        free = np.flatnonzero(~self.occupied)[: len(new)]
        fits, rest = len(free), len(new) - len(free)
        at = np.concatenate([free, np.arange(len(self.occupied), len(self.occupied) + rest)])
        self.customers.put(free, new.take(slice(0, fits)))
        self.occupied[free] = True
        if rest:
            self.customers = Customers.together([self.customers, new.take(slice(fits, None))])
            self.occupied = np.concatenate([self.occupied, np.ones(rest, dtype=bool)])
        self.place = np.concatenate([self.place, at.astype(np.int32)])
        self.left_on = np.concatenate([self.left_on, np.full(len(new), NEVER)])

    def arrays(self) -> Arrays:
        """Everything, as named arrays."""
        own = {"base.occupied": self.occupied, "base.place": self.place, "base.left_on": self.left_on}
        return own | {f"customers.{name}": values for name, values in self.customers.columns().items()}

    @classmethod
    def from_arrays(cls, arrays: Arrays) -> Base:
        """The way back, on copies."""
        customers = Customers(**{f.name: arrays[f"customers.{f.name}"].copy() for f in fields(Customers)})
        return cls(customers, *(arrays[f"base.{name}"].copy() for name in ("occupied", "place", "left_on")))
