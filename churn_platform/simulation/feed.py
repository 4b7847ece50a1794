"""Carrying out effects on feeds: what a scenario does to rows and files before they land.

What belongs here: late, changed and reshaped rows. What does not: how effects are written (`scenario`), what happens
to customers (`levers.py`)."""

from __future__ import annotations

import numpy as np
import pandas as pd

from churn_platform.simulation.customers import NEVER, Customers
from churn_platform.simulation.draws import Draws, Purpose
from churn_platform.simulation.landing import Array, Rows
from churn_platform.simulation.levers import in_segment
from churn_platform.simulation.scenario import Scenario
from churn_platform.simulation.scenario.feeds import Blank, ChangeUnit, Delay, Drop, Duplicate, Rename, Retype


class Feeds:
    """What a scenario does to feeds."""

    def __init__(self, scenario: Scenario, first_day: int, draws: Draws) -> None:
        self._first, self._draws = first_day, draws
        effects = list(enumerate(scenario.effects))
        self._delays = [e for _, e in effects if isinstance(e, Delay)]
        self._on_rows = [(k, e) for k, e in effects if isinstance(e, ChangeUnit | Blank | Duplicate)]
        self._on_files = [e for _, e in effects if isinstance(e, Rename | Drop | Retype)]
        self._touched = {e.table for e in self._delays} | {e.table for _, e in self._on_rows}

    def touches(self, table: str) -> bool:
        """Whether rows of `table` may ever change."""
        return table in self._touched

    def changed(self, table: str, rows: Rows, customers: Customers) -> Rows:
        """The rows as they will land: delayed first, then changed as of the file they land in."""
        columns = dict(rows.columns)
        for delay in self._delays:
            if delay.table == table:
                columns["known_at"] = delay.landing_day(columns["known_at"] - np.int32(self._first)) + np.int32(
                    self._first
                )
        known = columns["known_at"]
        for k, effect in self._on_rows:
            if effect.table != table or not len(known) or int(known.max()) < self._first + effect.start_day:
                continue
            strength = effect.strength_on(known - np.int32(self._first)) * in_segment(effect, customers, known)
            if isinstance(effect, ChangeUnit):
                columns[effect.column] = columns[effect.column] * (1.0 + (effect.factor - 1.0) * strength)
            elif isinstance(effect, Blank):
                hit = self._draws.uniform(Purpose.BLANKS, columns["serial"], known, k) < effect.share * strength
                columns[effect.column] = np.where(
                    hit, _blank(columns[effect.column], effect.contract.kind), columns[effect.column]
                )
            else:
                hit = self._draws.uniform(Purpose.DUPLICATES, columns["serial"], known, k) < effect.share * strength
                columns["copies"] = (columns["copies"] + hit).astype(np.int8)
        return Rows(columns)

    def reshaped(self, table: str, frame: pd.DataFrame, day: int) -> pd.DataFrame:
        """The frame as the file of `day` is written."""
        for effect in self._on_files:
            if effect.table != table or effect.strength_on(day - self._first) == 0.0:
                continue
            if isinstance(effect, Rename):
                frame = frame.rename(columns={effect.column: effect.to})
            elif isinstance(effect, Drop):
                frame = frame.drop(columns=effect.column)
            elif effect.to == "whole_number":
                frame = frame.assign(**{effect.column: frame[effect.column].astype("float64").round().astype("Int64")})
            else:
                text = frame[effect.column].astype("str")
                if effect.to == "decimal_comma":
                    text = text.str.replace(".", ",", regex=False)
                frame = frame.assign(**{effect.column: text})
        return frame


def _blank(values: Array, kind: str) -> Array:
    blank = {"number": np.nan, "date": NEVER}.get(kind, -1)
    return np.full(len(values), blank, dtype=values.dtype)
