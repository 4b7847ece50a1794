"""What a scenario does to the feeds, on the way from what happened to what lands.

What belongs here: the protocol, and the feeds of a calm world. What does not: the effects themselves (`effects.py`).
"""

from __future__ import annotations

from typing import Protocol

import pandas as pd

from churn_platform.simulation.customers import Customers
from churn_platform.simulation.landing import Rows


class Feeds(Protocol):
    """What happens to rows before they land."""

    def touches(self, table: str) -> bool:
        """Whether anything may ever happen to the rows of `table`."""

    def changed(self, table: str, rows: Rows, customers: Customers) -> Rows:
        """The rows as they will land; `customers` stand beside them, row by row."""

    def reshaped(self, table: str, frame: pd.DataFrame, day: int) -> pd.DataFrame:
        """The frame as its file of `day` is written: columns may be renamed, dropped, retyped."""


class Untouched:
    """The calm world's feeds."""

    def touches(self, table: str) -> bool:
        """No table."""
        return False

    def changed(self, table: str, rows: Rows, customers: Customers) -> Rows:
        """The rows themselves."""
        return rows

    def reshaped(self, table: str, frame: pd.DataFrame, day: int) -> pd.DataFrame:
        """The frame itself."""
        return frame
