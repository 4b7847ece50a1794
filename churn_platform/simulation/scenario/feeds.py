"""Effects on feeds: life goes on as it was, only the files change.

What belongs here: late, renamed, dropped, retyped, blank and doubled data, and changed units. What does not: what
changes for customers (`life.py`)."""

from __future__ import annotations

from typing import Annotated, Literal

import numpy as np
from pydantic import Field, field_validator, model_validator

from churn_platform.contracts.tables import RAW_TABLES, Column
from churn_platform.simulation.customers import Ints
from churn_platform.simulation.scenario.effect import Day, Effect, Positive, Share, one_of


def _reachable(table: str) -> tuple[str, ...]:
    return tuple(c.name for c in RAW_TABLES[table].columns if c.kind != "id" and c.name != "known_at")


class _OnTable(Effect):
    """An effect on one table's feed."""

    table: str

    @field_validator("table")
    @classmethod
    def _known_table(cls, table: str) -> str:
        return one_of("table", table, tuple(RAW_TABLES))


class _OnColumn(_OnTable):
    """An effect on one column of a feed; ids and known_at are out of reach."""

    column: str

    @model_validator(mode="after")
    def _known_column(self) -> _OnColumn:
        one_of(f"column of {self.table}", self.column, _reachable(self.table))
        return self

    @property
    def contract(self) -> Column:
        """The column in the contract."""
        return RAW_TABLES[self.table].column(self.column)


class _OnSchema(_OnColumn):
    """A change of a file's shape: it is there or not, for every row."""

    @model_validator(mode="after")
    def _all_or_nothing(self) -> _OnSchema:
        if self.segment or self.ramp_days or self.strength != 1.0:
            raise ValueError(
                "a file has one shape: segment, ramp_days and strength have no meaning here, leave them out"
            )
        return self


class Delay(_OnTable):
    """Rows land `days` (or `hours`, in whole days) later, or are held until `until_day`.

    Nothing overtakes: later rows wait for earlier ones.
    """

    effect: Literal["delay"]
    days: Annotated[int, Field(gt=0)] | None = None
    hours: Annotated[int, Field(gt=0, multiple_of=24)] | None = None
    until_day: Day | None = None

    @model_validator(mode="after")
    def _one_way(self) -> Delay:
        if sum(way is not None for way in (self.days, self.hours, self.until_day)) != 1:
            raise ValueError("give exactly one of days, hours, until_day")
        if self.until_day is not None and self.until_day <= self.start_day:
            raise ValueError(f"until_day {self.until_day} must be after start_day {self.start_day}")
        if self.segment:
            raise ValueError("a feed is late as a whole: leave segment out")
        return self

    def landing_day(self, known: Ints) -> Ints:
        """When rows that would be known on `known` land, both counted from the world's first day.

        >>> late = Delay(effect="delay", table="customers", start_day=10, end_day=12, days=2)
        >>> late.landing_day(np.array([9, 10, 11, 12, 13, 14], dtype=np.int32)).tolist()
        [9, 12, 13, 13, 13, 14]
        """
        if self.until_day is not None:
            out = np.where(known >= self.start_day, np.maximum(known, self.until_day), known)
            return out.astype(np.int32)
        days = self.days if self.days is not None else (self.hours or 0) // 24
        late = known + np.rint(days * self.strength_on(known)).astype(np.int32)
        if self.end_day is not None:
            last = self.end_day - 1 + int(np.rint(days * self.strength_on(self.end_day - 1)))
            late = np.where(known >= self.end_day, np.maximum(known, last), late)
        return late.astype(np.int32)


class Rename(_OnSchema):
    """A column is called otherwise."""

    effect: Literal["rename"]
    to: Annotated[str, Field(min_length=1)]


class Drop(_OnSchema):
    """A column is gone."""

    effect: Literal["drop"]


class Retype(_OnSchema):
    """A column is written otherwise: as text, as text with a decimal comma, or as whole numbers."""

    effect: Literal["retype"]
    to: Literal["text", "decimal_comma", "whole_number"]

    @model_validator(mode="after")
    def _numbers_for_number_formats(self) -> Retype:
        if self.to != "text" and self.contract.kind not in ("number", "integer"):
            raise ValueError(f"{self.column} is a {self.contract.kind}: only text can be made of it")
        return self


class ChangeUnit(_OnColumn):
    """A number is written in another unit: multiplied by `factor`."""

    effect: Literal["change_unit"]
    factor: Positive

    @model_validator(mode="after")
    def _a_number(self) -> ChangeUnit:
        if self.contract.kind != "number":
            raise ValueError(f"{self.column} is a {self.contract.kind}: only a number has a unit")
        return self


class Blank(_OnColumn):
    """A share of the rows has no value."""

    effect: Literal["blank"]
    share: Share


class Duplicate(_OnTable):
    """A share of the rows stands twice in its file."""

    effect: Literal["duplicate"]
    share: Share
