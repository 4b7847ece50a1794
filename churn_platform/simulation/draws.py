"""Random draws that are a pure function of (seed, purpose, customer, day).

What belongs here: turning keys into uniform and normal numbers. What does not: what a draw decides.

A world must answer "what if": the same customers, on the same days, with and without a scenario. A generator that is
consumed in order cannot do that, since one more draw anywhere shifts every draw after it. Here nothing is consumed:
each draw hashes its own key (SplitMix64's finalizer, Steele, Lea and Flood, "Fast splittable pseudorandom number
generators", OOPSLA 2014), so a scenario moves only what it says, the order and size of batches do not matter, and
there is no generator state to save.

    >>> draws = Draws(seed=7)
    >>> serials = np.array([1, 2, 3], dtype=np.uint64)
    >>> draws.uniform(Purpose.LEAVING, serials, 20_000).round(3).tolist()
    [0.914, 0.239, 0.785]
    >>> draws.uniform(Purpose.LEAVING, serials[2:], 20_000).round(3).tolist()
    [0.785]
"""

from __future__ import annotations

from dataclasses import dataclass
from enum import IntEnum, unique

import numpy as np
import numpy.typing as npt

Floats = npt.NDArray[np.float64]
Serials = npt.NDArray[np.uint64]
Days = npt.NDArray[np.int32]

_CUSTOMER_STEP = np.uint64(0x9E3779B97F4A7C15)
_DAY_STEP = np.uint64(0xD1B54A32D192ED03)
_STREAM_STEP, _SEED_STEP = 0xA24BAED4963EE407, 0x2545F4914F6CDD1D
_MASK = (1 << 64) - 1


@unique
class Purpose(IntEnum):
    """What a draw is for. A number is never reused, so that adding a purpose leaves every world as it was."""

    JOINER = 1
    USAGE = 2
    OVERAGE = 3
    LONG_DISTANCE = 4
    REFUND = 5
    LATE_PAYMENT = 6
    PAYMENT_DELAY = 7
    CONTRACT = 8
    SERVICES = 9
    PAYMENT_METHOD = 10
    REFERRAL = 11
    STRESS = 12
    MOOD = 13
    LEAVING = 14
    LEAVING_REASON = 15
    CHURN_REPORT = 16
    TICKETS = 17
    TICKET_DAY = 18
    TICKET_TOPIC = 19
    TICKET_SEVERITY = 20
    TICKET_DURATION = 21
    CONTACT_SELECTION = 22
    CONTACT_ARM = 23
    CONTACT_OFFER = 24
    CONTACT_ACCEPTED = 25
    CONTACT_REPORT = 26
    ADOPTION = 27
    BLANKS = 28
    DUPLICATES = 29
    JOINER_MIX = 30
    OPENING = 31
    UPGRADE = 32
    AGEING = 33


#: no purpose is drawn for more often than this, for one customer on one day
_MOST_DRAWS = 1_000


def _mix(x: npt.NDArray[np.uint64]) -> npt.NDArray[np.uint64]:
    """SplitMix64's finalizer, in place."""
    x ^= x >> np.uint64(30)
    x *= np.uint64(0xBF58476D1CE4E5B9)
    x ^= x >> np.uint64(27)
    x *= np.uint64(0x94D049BB133111EB)
    x ^= x >> np.uint64(31)
    return x


@dataclass(frozen=True, slots=True)
class Draws:
    """The draws of one world. Same seed, same draws, on any batch and in any order."""

    seed: int

    def uniform(self, purpose: Purpose, serials: Serials, day: Days | int, nth: int = 0) -> Floats:
        """One number in (0, 1) per customer.

        Args:
            purpose: what the draw is for.
            serials: (n,) customer serials.
            day: the day, one for all or (n,) one each.
            nth: for several draws of one purpose, below 1,000.

        Returns:
            (n,) uniform in the open interval (0, 1), 53 bits.
        """
        stream = (int(purpose) * _MOST_DRAWS + nth + 1) * _STREAM_STEP + self.seed * _SEED_STEP
        key = _mix(np.array([stream & _MASK], dtype=np.uint64))
        x = serials * _CUSTOMER_STEP
        if isinstance(day, np.ndarray):
            x += day.astype(np.uint64) * _DAY_STEP
        else:
            key = key + np.uint64((int(day) * int(_DAY_STEP)) & _MASK)
        x += key
        _mix(x)
        x >>= np.uint64(11)
        out = x.astype(np.float64)
        out += 0.5
        out *= 2.0**-53
        return out

    def normal(self, purpose: Purpose, serials: Serials, day: Days | int, nth: int = 0) -> Floats:
        """One standard normal number per customer; arguments as for `uniform`."""
        from scipy.special import ndtri

        out: Floats = ndtri(self.uniform(purpose, serials, day, nth))
        return out
