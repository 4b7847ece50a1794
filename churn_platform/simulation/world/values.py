"""What a world answers with: a day's landing, a receipt for a contact list, its state at rest.

What belongs here: frozen values and the world's error. What does not: living (`world.py`).
"""

from __future__ import annotations

from dataclasses import dataclass
from datetime import date
from typing import Any

import numpy.typing as npt
import pandas as pd

from churn_platform.simulation.truth import DayTruth


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


@dataclass(frozen=True, slots=True)
class ContactReceipt:
    """What became of a contact list: how many will be contacted, and how many had left already."""

    planned: int
    had_left: int
