"""Which customers meet the challenger: a salted hash, so that everybody who asks gets the same answer.

Belongs here: a customer's place between 0 and 1, and the variant that follows. Does not belong here: how large the share is (`plan`).

A customer's place depends on the rollout's salt and the customer's id, and on nothing else: not on the machine, the day, the other
customers or the weight. So the API and the daily scores agree, and as the weight grows nobody who had the challenger loses it.
"""

from __future__ import annotations

from collections.abc import Iterable
from hashlib import blake2b
from typing import Literal

import numpy as np
from numpy.typing import NDArray

Variant = Literal["champion", "challenger"]
WHOLE = 1 << 64


def place(salt: str, customer: str) -> float:
    """The customer's place in [0, 1), the same for ever: the first eight bytes of BLAKE2b over salt, a zero byte, id.

    >>> place("rollout-1", "7590-VHVEG") == place("rollout-1", "7590-VHVEG")
    True
    """
    return _number(salt, customer) / WHOLE


def variant(salt: str, customer: str, weight: float) -> Variant:
    """Who answers this customer where the challenger has the share `weight`."""
    return "challenger" if _number(salt, customer) < int(weight * WHOLE) else "champion"


def challenged(salt: str, customers: Iterable[str], weight: float) -> NDArray[np.bool_]:
    """Whom the challenger answers, (customers,): `variant` of each."""
    bound = int(weight * WHOLE)
    return np.fromiter((_number(salt, customer) < bound for customer in customers), dtype=np.bool_)


def _number(salt: str, customer: str) -> int:
    return int.from_bytes(blake2b(f"{salt}\0{customer}".encode(), digest_size=8).digest(), "big")
