"""How a block's field is written in the file: as a quantity, a plain value, a block, a list, or one entry per name.

What belongs here: reading the grammar off the models, in one place for the reader and the writer. What does not: YAML.
"""

from __future__ import annotations

import datetime as dt
from dataclasses import dataclass
from functools import cache
from typing import Any, Literal, get_args, get_origin

from pydantic.fields import FieldInfo

from churn_platform.policies.quantities import DURATION, DURATION_UNITS, Block, Named, Unit

Form = Literal["quantity", "plain", "block", "list", "named"]

_KINDS = {
    int: "a whole number",
    float: "a number",
    dt.timedelta: "a duration",
    dt.date: "a date like 2026-01-31",
    dt.time: "a time like 06:00",
    bool: "true or false",
    str: "text",
}
_BOUNDS = {"ge": "at least", "gt": "above", "le": "at most", "lt": "below"}


@dataclass(frozen=True)
class Shape:
    """A field's form, its Python type, its unit if a quantity, its bounds in words, its items if a list or named."""

    form: Form
    type: Any
    unit: Unit | None
    bounds: str
    item: Shape | None = None

    @property
    def items(self) -> Shape:
        """The shape of each item of a list, or of each entry of a mapping by name; TypeError for anything else."""
        if self.item is None:
            raise TypeError(f"a {self.form} has no items")
        return self.item

    @property
    def units(self) -> tuple[str, ...]:
        """The units that the file may use."""
        if self.unit is None:
            return ()
        return DURATION_UNITS if self.unit == DURATION else (self.unit.name,)

    @property
    def allowed(self) -> str:
        """What may stand there, in words."""
        if get_origin(self.type) is Literal:
            return "one of " + ", ".join(map(str, get_args(self.type)))
        return ", ".join(part for part in (_KINDS.get(self.type, "a value"), self.bounds) if part)


def shape_of(field: FieldInfo) -> Shape:
    """The shape of a model's field; TypeError for a type that a policy file has no way to write."""
    of = field.annotation
    unit = next((m for m in field.metadata if isinstance(m, Unit)), None)
    bounds = _bounds(field)
    if unit is not None:
        return Shape("quantity", of, unit, bounds)
    if isinstance(of, type) and issubclass(of, Block):
        return Shape("block", of, None, bounds)
    if get_origin(of) is tuple:
        return Shape("list", of, None, bounds, shape_of(FieldInfo.from_annotation(get_args(of)[0])))
    if get_origin(of) is Named:
        return Shape("named", of, None, bounds, shape_of(FieldInfo.from_annotation(get_args(of)[0])))
    if of in (str, bool) or get_origin(of) is Literal:
        return Shape("plain", of, None, bounds)
    raise TypeError(
        f"a policy cannot be {of!r}: give it a Unit, or make it a block, a tuple, Named, a word, a flag or a Literal"
    )


@cache
def shapes_of(block: type[Block]) -> dict[str, Shape]:
    """Every field of a block with its shape, in the order in which the block declares them."""
    return {name: shape_of(field) for name, field in block.model_fields.items()}


def needs_reason(block: type[Block]) -> bool:
    """Whether a block holds plain values, which have no reason of their own."""
    return any("plain" in (shape.form, shape.item.form if shape.item else "") for shape in shapes_of(block).values())


def _bounds(field: FieldInfo) -> str:
    words = []
    for constraint in field.metadata:
        for attribute, word in _BOUNDS.items():
            bound = getattr(constraint, attribute, None)
            if bound is not None:
                shown = f"{bound.total_seconds():g} seconds" if isinstance(bound, dt.timedelta) else str(bound)
                words.append(f"{word} {shown}")
    return " and ".join(words)
