"""What answers are made of at one moment: the routing, the models it names, the customers' features.

What belongs here: the value. What does not: keeping it fresh (`following.py`), answering (`answers.py`).

A request takes the present `State` once and uses nothing else, so no answer mixes two versions. A state is replaced by one assignment.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import TYPE_CHECKING

from churn_platform.contracts.routing import Routing, ServedModel

if TYPE_CHECKING:
    from churn_platform.serving.features import ServedFeatures
    from churn_platform.serving.model import OnlineModel


@dataclass(frozen=True)
class State:
    """One moment. `problems` says what could not be followed: the answers are then from the last good state, and say so."""

    routing: Routing
    models: Mapping[str, OnlineModel]
    features: Mapping[str, ServedFeatures]
    problems: tuple[str, ...] = ()

    def model(self, served: ServedModel | None) -> OnlineModel | None:
        """The loaded model of that package."""
        return None if served is None else self.models.get(served.digest)

    @property
    def ready(self) -> bool:
        """Whether a request can be answered: the champion is loaded, or the kill switch has an answer of its own."""
        return self.model(self.routing.champion) is not None or self.routing.kill is not None
