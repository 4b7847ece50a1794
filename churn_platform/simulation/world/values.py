"""What a world answers with: a day's landing, its state at rest.

What belongs here: frozen values and the world's error. What does not: living (`world.py`).
"""

from __future__ import annotations

from dataclasses import dataclass
from datetime import date
from typing import Any

import numpy.typing as npt
import pandas as pd

from churn_platform.simulation.truth import DayTruth

#: of the saved state: raised when its meaning changes
STATE_VERSION = 1


class WorldError(ValueError):
    """The world was asked for what it cannot do; the message says what it can."""


@dataclass(frozen=True, slots=True)
class DayLanding:
    """What a telco lands on one day, and the truth beside it.

    `tables`: each raw table's rows known on that day, in the contract's columns (possibly none). `truth`: a row per
    observed customer: customer_id, observation_date, leave_probability (within 30 days, uncontacted), uplift (how
    much a contact on the next day with the ordinary offer lowers it), response."""

    day: date
    tables: dict[str, pd.DataFrame]
    truth: pd.DataFrame
    summary: DayTruth

    def landed(self) -> dict[str, pd.DataFrame]:
        """The tables that have rows, each with `landed_on`, the date of its file: as a landing zone takes them."""
        today = pd.Timestamp(self.day)
        return {
            name: frame.assign(landed_on=pd.Series(today, index=frame.index).astype("datetime64[s]"))
            for name, frame in self.tables.items()
            if len(frame)
        }


@dataclass(frozen=True, slots=True)
class WorldState:
    """A world at rest between two days: `meta` fits JSON, `arrays` fit npz (numbers only, no objects)."""

    meta: dict[str, Any]
    arrays: dict[str, npt.NDArray[Any]]


def refuse_another(meta: dict[str, Any], figures: str) -> None:
    """Whether a state can be lived on by this code with these figures.

    Raises:
        WorldError: it is of another version, or its world had another profile or behaviour.
    """
    if meta["version"] != STATE_VERSION:
        raise WorldError(f"the state is of version {meta['version']}, this code reads {STATE_VERSION}; start anew")
    if meta["figures"] != figures:
        raise WorldError(
            "the state is of a world with another profile or behaviour: give it the same, or start anew "
            f"(state {meta['figures'][:12]}, here {figures[:12]})"
        )
