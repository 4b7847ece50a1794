"""What a scoring run answers with: its published days, their figures, who is most at risk.

What belongs here: values read off what was published. What does not: scoring (`scoring.py`, `scored_file.py`).
"""

from __future__ import annotations

import json
from collections.abc import Mapping
from dataclasses import dataclass
from datetime import date
from functools import cached_property
from pathlib import Path
from typing import TYPE_CHECKING

import pandas as pd

from churn_platform.contracts.predictions import BANDS
from churn_platform.flows.block_scoring import RISKIEST
from churn_platform.scoring import hold_blocks_to_contract

if TYPE_CHECKING:
    from churn_platform.adapters.snapshots import Snapshot


@dataclass(frozen=True)
class ScoredDay:
    """One published day: the folder and pointer of what was published, its figures, and how its reasons were checked.

    `gap` is the largest difference between base plus contributions and the booster's own margin, over `checked` rows: all of a
    day of up to `CHECKED` customers, evenly spaced ones of a larger day. `riskiest` are its highest scores.
    """

    day: date
    snapshot: Snapshot
    gap: float
    checked: int
    banded: Mapping[str, int]
    probability: float
    riskiest: pd.DataFrame
    published: Path

    @cached_property
    def scores(self) -> pd.DataFrame:
        """The day's scores as a reader finds them, verified; read when first asked for, since a large day is not kept in memory."""
        from churn_platform.adapters.snapshots import read_contents

        return read_contents(self.published, self.snapshot)


@dataclass(frozen=True)
class ScoredDays:
    """The days of one scoring run, and why other days were passed over."""

    version: str
    scored: tuple[ScoredDay, ...]
    passed_over: dict[str, str]
    bound: float

    @property
    def rows(self) -> int:
        """Customers scored."""
        return sum(day.snapshot.rows for day in self.scored)

    @property
    def gap(self) -> float:
        """The largest gap over all days; 0 where no day was scored."""
        return max((day.gap for day in self.scored), default=0.0)

    @property
    def checked(self) -> int:
        """Rows whose margin was compared with the booster's own."""
        return sum(day.checked for day in self.scored)

    @property
    def banded(self) -> dict[str, int]:
        """Customers by band."""
        return {band: sum(day.banded[band] for day in self.scored) for band in BANDS}

    @property
    def probability(self) -> float:
        """The mean probability."""
        return sum(day.probability * day.snapshot.rows for day in self.scored) / self.rows

    @property
    def riskiest(self) -> pd.DataFrame:
        """The highest scores of the run, at least the `RISKIEST` first."""
        return pd.concat([day.riskiest for day in self.scored], ignore_index=True)

    def hold_published_to_contract(self) -> int:
        """Read what was published, block by block, and hold it to its contract; the rows read.

        Raises:
            ScoringError: a row breaks the contract, a customer stands twice on a day, or rows are missing.
        """
        from churn_platform.adapters.snapshots import read_blocks

        for day in self.scored:
            hold_blocks_to_contract(read_blocks(day.published, day.snapshot), day.snapshot.rows)
        return self.rows


def most_at_risk(scores: pd.DataFrame, customers: int = RISKIEST) -> list[dict[str, object]]:
    """The `customers` highest scores with their reasons read from JSON, the riskiest first (ties by id)."""
    ordered = scores.sort_values(["probability", "customer_id"], ascending=[False, True], kind="stable").head(customers)
    return [
        {
            "customer_id": row["customer_id"],
            "observation_date": row["observation_date"].date().isoformat(),
            "probability": float(row["probability"]),
            "band": row["band"],
            "reasons": [reason["text"] for reason in json.loads(row["reasons"])],
        }
        for row in ordered.to_dict("records")
    ]
