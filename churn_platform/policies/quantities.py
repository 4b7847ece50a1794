"""What a policy is made of: a quantity with a unit, a plain word, a closed frozen block, and a frozen mapping by name.

What belongs here: the grammar of the blocks. What does not: any block, any number, YAML.

A field of a block is one of
- a **quantity**, `Annotated[float, Unit("psi"), Field(ge=0)]`: in the file a mapping of value, unit and reason;
- a **plain** value, `Word`, a `Literal`, `bool` or a tuple of words: written as it is, under the reason of its block;
- a nested **block**, a tuple of blocks, or `Named[...]`: one value or block per name.
"""

from __future__ import annotations

import datetime as dt
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from typing import Annotated, Any, Generic, TypeVar, get_args

from pydantic import BaseModel, ConfigDict, Field, GetCoreSchemaHandler, model_validator
from pydantic_core import CoreSchema, PydanticCustomError, core_schema

V = TypeVar("V")

DURATION_UNITS = ("milliseconds", "seconds", "minutes", "hours", "days")


@dataclass(frozen=True, slots=True)
class Unit:
    """Marks a field as a quantity in this unit. A `timedelta` takes any of DURATION_UNITS instead."""

    name: str


DURATION = Unit("duration")


@dataclass(frozen=True, slots=True)
class Contradiction:
    """Two values that cannot both hold: `at` is the path, within the block, of the one to look at first."""

    at: str
    wrong: str
    way_out: str


class Block(BaseModel):
    """A frozen, closed group of policies. A subclass adds fields, and rules between them in `contradictions`."""

    model_config = ConfigDict(
        strict=True,
        frozen=True,
        extra="forbid",
        allow_inf_nan=False,
        arbitrary_types_allowed=False,
        validate_default=True,
    )

    def contradictions(self) -> Iterator[Contradiction]:
        """Yield every pair of values within this block that cannot both hold."""
        yield from ()

    @model_validator(mode="after")
    def _hold_together(self) -> Block:
        found = tuple(self.contradictions())
        if found:
            text = " ".join(f"{c.at}: {c.wrong} {c.way_out}" for c in found)
            raise PydanticCustomError("contradictions", "{text}", {"text": text, "found": found})
        return self


class Named(Mapping[str, V], Generic[V]):
    """A frozen, hashable mapping from a name to a value, in sorted order.

    >>> limits = Named({"senior_citizen": 0.35, "gender": 0.15})
    >>> limits["gender"], list(limits)
    (0.15, ['gender', 'senior_citizen'])
    """

    __slots__ = ("_items",)
    _items: tuple[tuple[str, V], ...]

    def __init__(self, items: Mapping[str, V]) -> None:
        object.__setattr__(self, "_items", tuple(sorted(items.items())))

    def __getitem__(self, name: str) -> V:
        for key, value in self._items:
            if key == name:
                return value
        raise KeyError(f"{name!r} is not among {', '.join(self)}")

    def __iter__(self) -> Iterator[str]:
        return (key for key, _ in self._items)

    def __len__(self) -> int:
        return len(self._items)

    def __hash__(self) -> int:
        return hash(self._items)

    def __repr__(self) -> str:
        return f"Named({dict(self._items)!r})"

    def __setattr__(self, name: str, value: object) -> None:
        raise AttributeError(f"a policy is frozen: {name!r} cannot be set")

    def __reduce__(self) -> tuple[type[Named[V]], tuple[dict[str, V]]]:
        return type(self), (dict(self._items),)

    @classmethod
    def __get_pydantic_core_schema__(cls, source: Any, handler: GetCoreSchemaHandler) -> CoreSchema:
        (of,) = get_args(source)
        mapping = core_schema.dict_schema(
            core_schema.str_schema(min_length=1), handler.generate_schema(of), min_length=1
        )
        return core_schema.chain_schema(
            [
                core_schema.no_info_plain_validator_function(
                    lambda given: dict(given) if isinstance(given, Named) else given
                ),
                mapping,
                core_schema.no_info_plain_validator_function(cls),
            ]
        )


Word = Annotated[str, Field(min_length=1)]
Share = Annotated[float, Unit("share"), Field(ge=0, le=1)]
Probability = Annotated[float, Unit("probability"), Field(gt=0, lt=1)]
Relative = Annotated[float, Unit("relative"), Field(ge=0)]
Money = Annotated[float, Unit("USD"), Field(ge=0)]
Seed = Annotated[int, Unit("seed"), Field(ge=0, lt=2**32)]
Span = Annotated[dt.timedelta, DURATION, Field(gt=dt.timedelta(0))]
SpanOrNone = Annotated[dt.timedelta, DURATION, Field(ge=dt.timedelta(0))]
Day = Annotated[dt.date, Unit("date")]
TimeOfDay = Annotated[dt.time, Unit("UTC")]
