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
    [0.521, 0.467, 0.765]
    >>> draws.uniform(Purpose.LEAVING, serials[2:], 20_000).round(3).tolist()
    [0.765]
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
_MASK = (1 << 64) - 1


@unique
class Purpose(IntEnum):
    """What a draw is for. A number is never reused, so that adding a purpose leaves every world as it was."""

    JOINER = 1  # and the 40 numbers after it, one per attribute
    USAGE = 50
    OVERAGE = 51
    LONG_DISTANCE = 52
    LONG_DISTANCE_LEVEL = 53
    REFUND = 54
    LATE_PAYMENT = 55
    PAYMENT_DELAY = 56
    CONTRACT = 57
    SERVICES = 58
    PAYMENT_METHOD = 59
    REFERRAL = 60
    STRESS = 61
    MOOD = 62
    LEAVING = 63
    LEAVING_REASON = 64
    CHURN_REPORT = 65
    TICKETS = 66
    TICKET_DAY = 70  # and one number per ticket of the cycle, as for the next ones
    TICKET_TOPIC = 80
    TICKET_SEVERITY = 90
    TICKET_DURATION = 100
    CONTACT_SELECTION = 110
    CONTACT_ARM = 111
    CONTACT_OFFER = 112
    CONTACT_ACCEPTED = 113
    CONTACT_REPORT = 114
    ADOPTION = 120  # and one number per effect of a scenario, as for the next ones
    BLANKS = 160
    DUPLICATES = 200
    JOINER_MIX = 240
    OPENING = 300


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

    def uniform(self, purpose: int, serials: Serials, day: Days | int, nth: int = 0) -> Floats:
        """One number in (0, 1) per customer.

        Args:
            purpose: a `Purpose`, plus an offset where it says so.
            serials: (n,) customer serials.
            day: the day, one for all or (n,) one each.
            nth: for several draws of one purpose.

        Returns:
            (n,) uniform in the open interval (0, 1), 53 bits.
        """
        key = _mix(
            np.array(
                [(self.seed * 0x2545F4914F6CDD1D + (int(purpose) + nth + 1) * 0xA24BAED4963EE407) & _MASK],
                dtype=np.uint64,
            )
        )
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

    def normal(self, purpose: int, serials: Serials, day: Days | int, nth: int = 0) -> Floats:
        """One standard normal number per customer; arguments as for `uniform`."""
        from scipy.special import ndtri

        out: Floats = ndtri(self.uniform(purpose, serials, day, nth))
        return out
