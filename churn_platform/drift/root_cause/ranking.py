"""From evidence to causes: each declared cause gets the weight of what speaks for it less what speaks against it.

What belongs here: the score and its order. What does not: weights (declared with each cause) and evidence.

The score of a cause is the sum of weight x strength over its evidence, never below zero. `unknown` stands at a fixed score: a cause that
does not reach it is no explanation, and the honest first answer is then that none is known.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import date
from typing import Any

from churn_platform.drift.root_cause.declaration import DeclaredCause
from churn_platform.drift.root_cause.evidence import Evidence, strongest
from churn_platform.drift.root_cause.split import Split

UNKNOWN = "unknown"
UNKNOWN_SCORE = 0.25
"""A quarter of what one decisive observation weighs: less than that is noise that happens to have a name."""


@dataclass(frozen=True, slots=True)
class Cause:
    """A named cause with its score, its share of all scores, and the observations for and against it, the heaviest first."""

    name: str
    about: str
    score: float
    share: float
    speaks_for: tuple[Evidence, ...]
    speaks_against: tuple[Evidence, ...]
    remedy: str

    def to_dict(self) -> dict[str, Any]:
        """JSON-able form."""
        return {
            "name": self.name,
            "about": self.about,
            "score": round(self.score, 4),
            "share": round(self.share, 4),
            "for": [one.to_dict() for one in self.speaks_for],
            "against": [one.to_dict() for one in self.speaks_against],
            "remedy": self.remedy,
        }


@dataclass(frozen=True, slots=True)
class CauseRanking:
    """The causes on a day, the likeliest first; `splits` is how the scores' shift divides up, where scores could be compared."""

    day: date
    reference: tuple[date, date] | None
    causes: tuple[Cause, ...]
    evidence: tuple[Evidence, ...]
    splits: Mapping[str, Split]
    notes: tuple[str, ...] = ()

    @property
    def first(self) -> Cause:
        """The likeliest cause; `unknown` where nothing explains the shift."""
        return self.causes[0]

    def to_dict(self) -> dict[str, Any]:
        """JSON-able form."""
        return {
            "day": self.day.isoformat(),
            "reference": None if self.reference is None else [one.isoformat() for one in self.reference],
            "causes": [cause.to_dict() for cause in self.causes],
            "evidence": [one.to_dict() for one in self.evidence],
            "splits": {name: split.to_dict() for name, split in self.splits.items()},
            "notes": list(self.notes),
        }

    def summary(self, most: int = 3) -> list[dict[str, Any]]:
        """The first causes with one sentence each: what a finding carries as evidence."""
        return [
            {"cause": one.name, "share": round(one.share, 3), "because": [e.told for e in one.speaks_for[:3]]}
            for one in self.causes[:most]
        ]


def rank(declared: Sequence[DeclaredCause], found: Sequence[Evidence]) -> tuple[Cause, ...]:
    """All declared causes and `unknown` by score, the highest first (ties by name); causes without a score are left out."""
    best = {one.name: one for one in strongest(list(found))}
    scored = []
    for cause in declared:
        raised = {name: weight * best[name].strength for name, weight in cause.raises.items() if name in best}
        lowered = {name: weight * best[name].strength for name, weight in cause.lowers.items() if name in best}
        score = sum(raised.values()) - sum(lowered.values())
        if score > 0:
            scored.append((score, cause, [best[n] for n in _by_weight(raised)], [best[n] for n in _by_weight(lowered)]))
    total = sum(score for score, *_ in scored) + UNKNOWN_SCORE
    causes = [
        Cause(cause.name, cause.about, score, score / total, tuple(pro), tuple(con), cause.remedy)
        for score, cause, pro, con in scored
    ]
    nothing = Cause(
        UNKNOWN, "Nothing that is known explains the shift.", UNKNOWN_SCORE, UNKNOWN_SCORE / total, (), (),
        "Read the split of the shift, and `churn changed` between a day before and today.",
    )  # fmt: skip
    return tuple(sorted([*causes, nothing], key=lambda cause: (-cause.score, cause.name)))


def _by_weight(weighed: Mapping[str, float]) -> list[str]:
    return sorted(weighed, key=lambda name: (-weighed[name], name))
