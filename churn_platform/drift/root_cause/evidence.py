"""Evidence: one observation about the data that speaks for some causes and against others.

What belongs here: the value, and how an observation becomes a strength in [0, 1]. What does not: which causes it speaks for (declared
in `causes/*.yml`).
"""

from __future__ import annotations

import math
from dataclasses import dataclass
from typing import Any

CERTAIN_FROM, CERTAIN_AT = 2.5, 5.0
"""Standard errors below which an observation is chance, and from which it is certain. Some forty signals are looked at together, so
that 2.5 is passed by chance in one look of three, and 5 in none of thousands."""


@dataclass(frozen=True, slots=True)
class Evidence:
    """An observation: `name` is what causes refer to, `subject` what it was seen on, `strength` how much it says, in [0, 1].

    `effect` is its size in its own unit and `told` the sentence for people.
    """

    name: str
    subject: str
    strength: float
    effect: float
    told: str

    def to_dict(self) -> dict[str, Any]:
        """JSON-able form."""
        return {
            "name": self.name,
            "subject": self.subject,
            "strength": round(self.strength, 4),
            "effect": self.effect,
            "told": self.told,
        }


def strength_of(effect: float, full: float, distance: float = math.inf) -> float:
    """How much an observation says: its size as a share of `full`, times how certain it is that it is not chance.

    Args:
        effect: its size; a sign other than that of `full` says nothing.
        full: the size from which it could not say more.
        distance: its distance from the reference, in standard errors; infinite for what does not happen by chance.

    >>> strength_of(0.05, 0.1), strength_of(0.05, 0.1, distance=1.0), strength_of(-0.2, 0.1)
    (0.5, 0.0, 0.0)
    """
    if not math.isfinite(effect):
        return 0.0
    size = min(1.0, max(0.0, effect / full))
    certainty = min(1.0, max(0.0, (abs(distance) - CERTAIN_FROM) / (CERTAIN_AT - CERTAIN_FROM)))
    return float(size * certainty)


def strongest(found: list[Evidence]) -> list[Evidence]:
    """One piece of evidence per name, the strongest, in the order of strength; what says nothing is left out."""
    best: dict[str, Evidence] = {}
    for one in found:
        if one.strength > 0 and (one.name not in best or one.strength > best[one.name].strength):
            best[one.name] = one
    return sorted(best.values(), key=lambda one: (-one.strength, one.name))
