"""A scenario: a name, a true cause, and effects.

What belongs here: the closed model of the whole. What does not: reading it from YAML (`reading.py`).
"""

from __future__ import annotations

from typing import Annotated, Literal

from pydantic import Field, model_validator

from churn_platform.simulation.scenario.effect import Closed
from churn_platform.simulation.scenario.feeds import Blank, ChangeUnit, Delay, Drop, Duplicate, Rename, Retype
from churn_platform.simulation.scenario.life import AddHazard, Adopt, MixOfJoiners, Scale, Shift

AnyEffect = Annotated[
    Shift | Scale | AddHazard | Adopt | MixOfJoiners | Delay | Rename | Drop | Retype | ChangeUnit | Blank | Duplicate,
    Field(discriminator="effect"),
]


class Scenario(Closed):
    """A named scenario. `changes` says what a perfect monitor would report; `cause` is the true cause's name."""

    name: Annotated[str, Field(pattern=r"^[a-z][a-z0-9_]*$")]
    about: str
    cause: str
    changes: tuple[Literal["concept", "data", "feed", "label", "schema"], ...] = ()
    effects: tuple[AnyEffect, ...] = ()

    @model_validator(mode="after")
    def _names_once(self) -> Scenario:
        names = [self.name_of(k) for k in range(len(self.effects))]
        for name in names:
            if names.count(name) > 1:
                raise ValueError(f"two effects are called {name!r}; give each a name of its own")
        return self

    def name_of(self, k: int) -> str:
        """The name of effect k: its own, or its number and kind."""
        return self.effects[k].name or f"{k + 1}_{self.effects[k].effect}"

    @property
    def start_day(self) -> int | None:
        """The day of the first change, counted from the world's first; None if nothing ever changes."""
        return min((effect.start_day for effect in self.effects), default=None)

    def strength_on(self, day: int) -> dict[str, float]:
        """Each effect's strength on a day counted from the world's first, by the effect's name."""
        return {self.name_of(k): float(effect.strength_on(day)) for k, effect in enumerate(self.effects)}

    def starting(self, day: int) -> Scenario:
        """The same scenario with its first change on `day`, everything else moved along."""
        return self if self.start_day is None else self.later(day - self.start_day)

    def later(self, days: int) -> Scenario:
        """The same scenario, everything `days` later: what a feed does whose scenario starts on its first live day."""
        moved = [
            effect.model_copy(
                update={
                    name: value + days
                    for name in ("start_day", "end_day", "until_day")
                    if (value := getattr(effect, name, None)) is not None
                }
            )
            for effect in self.effects
        ]
        return self.model_copy(update={"effects": tuple(moved)})
