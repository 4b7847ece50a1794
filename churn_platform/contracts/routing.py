"""The routing: which model answers whom, as the scoring API reads it from one small file.

What belongs here: the value and its file form. What does not: deciding it (`rollout/`, `promotion.py`), writing it
(`flows/routing.py`) and following it (`serving/routing.py`). The ops store is the truth; the file mirrors it, so that the API needs no
database to answer.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any, Literal, cast, get_args

FORMAT = 1
FILE = "routing.json"
KillMode = Literal["stop", "fallback"]


class RoutingError(ValueError):
    """The routing cannot be read; whoever follows it keeps the last good one."""


@dataclass(frozen=True, slots=True)
class ServedModel:
    """A registered model and its package."""

    version: str
    digest: str


@dataclass(frozen=True, slots=True)
class Kill:
    """The kill switch, thrown: `stop` answers nothing, `fallback` answers by the documented rule. Who, why, when."""

    mode: KillMode
    by: str
    why: str
    at: str


@dataclass(frozen=True, slots=True)
class Split:
    """A rollout's share: customers below `weight` on the plan's own hash meet the challenger.

    `mirrored`: it answers that share beside the champion, unseen, and nobody meets it.
    """

    plan: str
    strategy: str
    salt: str
    weight: float
    mirrored: bool


@dataclass(frozen=True, slots=True)
class Routing:
    """Who answers. `sequence` is the ledger entry that made it so; `challenger` and `split` stand or fall together.

    `blue` and `green` are the two colours of a blue-green release, the model before and the new one: the champion is one of them, and
    the switch from one to the other is one line of this file.
    """

    sequence: int
    champion: ServedModel | None
    challenger: ServedModel | None = None
    split: Split | None = None
    blue: ServedModel | None = None
    green: ServedModel | None = None
    kill: Kill | None = None

    def __post_init__(self) -> None:
        if (self.challenger is None) != (self.split is None):
            raise RoutingError("a challenger without a split, or a split without a challenger, routes nobody")
        if self.split is not None and not 0.0 <= self.split.weight <= 1.0:
            raise RoutingError(f"the challenger's weight is {self.split.weight}: it is a share from 0 to 1")

    @property
    def models(self) -> tuple[ServedModel, ...]:
        """Every model that must be loaded, each once, the champion first."""
        named = (self.champion, self.challenger, self.blue, self.green)
        return tuple(dict.fromkeys(model for model in named if model is not None))

    def to_dict(self) -> dict[str, Any]:
        """JSON-able form."""
        parts = {
            name: None if part is None else {field: getattr(part, field) for field in type(part).__dataclass_fields__}
            for name, part in (
                ("champion", self.champion),
                ("challenger", self.challenger),
                ("split", self.split),
                ("blue", self.blue),
                ("green", self.green),
                ("kill", self.kill),
            )
        }
        return {"format": FORMAT, "sequence": self.sequence, **parts}

    @classmethod
    def from_dict(cls, content: Mapping[str, Any]) -> Routing:
        """Read `to_dict`'s form.

        Raises:
            RoutingError: another format, a missing key, or words that it does not know.

        >>> routing = Routing(7, ServedModel("churn-1", "ab" * 32))
        >>> Routing.from_dict(routing.to_dict()) == routing
        True
        """
        try:
            if content["format"] != FORMAT:
                raise RoutingError(f"the routing has format {content['format']!r}, this version reads {FORMAT}")
            kill = content["kill"]
            if kill is not None and kill["mode"] not in get_args(KillMode):
                raise RoutingError(f"the kill switch says {kill['mode']!r}: it stops or falls back")
            return cls(
                sequence=int(content["sequence"]),
                champion=_model(content["champion"]),
                challenger=_model(content["challenger"]),
                split=None if content["split"] is None else Split(**content["split"]),
                blue=_model(content["blue"]),
                green=_model(content["green"]),
                kill=None if kill is None else Kill(**kill),
            )
        except (KeyError, TypeError, ValueError) as error:
            if isinstance(error, RoutingError):
                raise
            raise RoutingError(f"the routing cannot be read: {error!r}") from error


def _model(content: Mapping[str, str] | None) -> ServedModel | None:
    return None if content is None else ServedModel(**cast("dict[str, str]", dict(content)))
