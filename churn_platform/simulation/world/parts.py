"""What a world is made of beside its state: everything that follows from its arguments.

What belongs here: composing the parts of one world. What does not: living (`world.py`).
"""

from __future__ import annotations

from dataclasses import dataclass
from hashlib import sha256

from churn_platform.simulation.behaviour import Behaviour, packaged_behaviour
from churn_platform.simulation.customers import Joiners
from churn_platform.simulation.cycle import Life
from churn_platform.simulation.draws import Draws
from churn_platform.simulation.feed import Feeds
from churn_platform.simulation.leavers import Leavers
from churn_platform.simulation.levers import Levers
from churn_platform.simulation.profile import Profile, packaged_profile
from churn_platform.simulation.scenario import Scenario


@dataclass(frozen=True, slots=True)
class Parts:
    """The parts of one world; `texts` are the words of free-text columns, by column."""

    profile: Profile
    behaviour: Behaviour
    draws: Draws
    levers: Levers
    feeds: Feeds
    life: Life
    joiners: Joiners
    leavers: Leavers
    texts: dict[str, tuple[str, ...]]

    @classmethod
    def of(cls, scenario: Scenario, start: int, seed: int, profile: Profile, behaviour: Behaviour) -> Parts:
        """The parts of a world that starts on the day `start` (since 1970-01-01)."""
        draws = Draws(seed)
        levers = Levers(scenario, start, draws)
        leavers = Leavers(profile, behaviour, draws, levers)
        return cls(
            profile,
            behaviour,
            draws,
            levers,
            Feeds(scenario, start, draws),
            Life(profile, behaviour, draws, levers),
            Joiners(profile, behaviour, draws),
            leavers,
            {
                "churn_category": leavers.categories,
                "churn_reason": leavers.reasons,
                "offer": tuple(behaviour.retention.offers),
            },
        )


def figures_digest(profile: Profile | None = None, behaviour: Behaviour | None = None) -> str:
    """Hex sha256 of the figures that lives follow; by default the package's."""
    profile, behaviour = profile or packaged_profile(), behaviour or packaged_behaviour()
    return sha256(f"{profile.model_dump_json()}{behaviour.model_dump_json()}".encode()).hexdigest()
