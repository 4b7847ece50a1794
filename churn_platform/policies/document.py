"""The whole policy file as one frozen value: its blocks, its reasons, its digest, and a way to any value by its path.

What belongs here: what is done with all blocks together. What does not: one block's fields, the rules, or YAML.
"""

from __future__ import annotations

import datetime as dt
import hashlib
import json
import re
from collections.abc import Iterator, Mapping
from typing import Any

from pydantic import Field

from churn_platform.policies.alerting import AlertsPolicy
from churn_platform.policies.between import contradictions_between
from churn_platform.policies.business import GovernancePolicy, KpisPolicy, ReviewPolicy
from churn_platform.policies.errors import UnknownPolicyPathError
from churn_platform.policies.gating import GatesPolicy
from churn_platform.policies.learning import EvaluationPolicy, LabelPolicy, ReplayPolicy, ScoringPolicy, TrainingPolicy
from churn_platform.policies.monitoring import DriftPolicy, RetrainingPolicy, SloPolicy
from churn_platform.policies.quantities import DURATION, Block, Contradiction, Named
from churn_platform.policies.releasing import (
    BatchPolicy,
    ChampionChallengerPolicy,
    CrmPolicy,
    RolloutPolicy,
    ServingPolicy,
)
from churn_platform.policies.shape import Shape, shapes_of

REASONS = "reasons"


class Policies(Block):
    """How much is too much, for everything the platform decides: frozen all the way down, a reason for each value."""

    replay: ReplayPolicy
    label: LabelPolicy
    training: TrainingPolicy
    evaluation: EvaluationPolicy
    gates: GatesPolicy
    scoring: ScoringPolicy
    batch: BatchPolicy
    crm: CrmPolicy
    drift: DriftPolicy
    alerts: AlertsPolicy
    retraining: RetrainingPolicy
    champion_challenger: ChampionChallengerPolicy
    rollout: RolloutPolicy
    serving: ServingPolicy
    slo: SloPolicy
    kpis: KpisPolicy
    governance: GovernancePolicy
    review: ReviewPolicy
    reasons: Named[str] = Field(repr=False)

    def contradictions(self) -> Iterator[Contradiction]:
        """Values of different blocks that cannot both hold."""
        yield from contradictions_between({name: getattr(self, name) for name in BLOCKS})

    @property
    def digest(self) -> str:
        """Sha256, in hex, of every value with its unit: what a decision records to say under which policy it was taken.

        Reasons, comments, order and spelling (24 hours or 1 day, 0.2 or 0.20) do not change it; a value does.
        """
        text = json.dumps(self.as_dict(), sort_keys=True, separators=(",", ":"), ensure_ascii=False, allow_nan=False)
        return hashlib.sha256(text.encode()).hexdigest()

    def reason(self, path: str) -> str:
        """Why the value at a dotted path is what it is; a plain value, or a block, answers with its block's reason.

        UnknownPolicyPathError if there is no such path, or if it is a block of values that carry their own reasons.
        """
        self.value(path)
        at = path
        while at:
            if at in self.reasons:
                return self.reasons[at]
            at = at.rpartition("[")[0] if at.endswith("]") else at.rpartition(".")[0]
        raise UnknownPolicyPathError(f"{path} is a block of values that carry their own reasons: ask for one of them")

    def value(self, path: str) -> Any:
        """The value or block at a dotted path like `rollout.canary.steps[0].weight`; UnknownPolicyPathError if none."""
        found: Any = self
        for part in _parts(path):
            found = _step(found, part, path)
        return found

    def as_dict(self, *, reasons: bool = False) -> dict[str, Any]:
        """The policies as JSON-able values, each quantity with its unit (durations in seconds).

        With `reasons`, written as JSON, it is itself a policy file: `policies_from_text` reads back the same digest.
        """
        return {
            name: _written(getattr(self, name), SHAPES[name], name, self.reasons if reasons else None)
            for name in BLOCKS
        }

    def changed(self, path: str, value: Any, reason: str) -> Policies:
        """A copy with one value changed, for an experiment or a test: it passes the same checks, has its own digest.

        `value` is plain Python: a number, a timedelta, a date. ValueError (pydantic's, with the rule) if it is refused.
        """
        if not reason.strip():
            raise ValueError(f"{path} cannot be changed without a reason")
        if any(
            isinstance(part, Block | Named) for part in (self.value(path), *(value if isinstance(value, tuple) else ()))
        ):
            raise ValueError(f"{path} is more than one value, each with its own reason: change them one by one")
        changed: Policies = _with(self, _parts(path), value, path)
        return changed.model_copy(update={REASONS: Named({**self.reasons, path: reason.strip()})})


SHAPES = {name: shape for name, shape in shapes_of(Policies).items() if name != REASONS}
BLOCKS = tuple(SHAPES)


def _parts(path: str) -> list[str | int]:
    if not re.fullmatch(r"\w+(\.\w+|\[\d+\])*", path):
        raise UnknownPolicyPathError(f"{path!r} is no path: write one like rollout.canary.steps[0].weight")
    return [int(part) if part.isdecimal() else part for part in re.findall(r"\w+", path)]


def _step(inside: Any, part: str | int, path: str) -> Any:
    if isinstance(inside, tuple) and isinstance(part, int) and part < len(inside):
        return inside[part]
    if isinstance(inside, Named) and part in inside:
        return inside[str(part)]
    if isinstance(inside, Policies) and part == REASONS:
        raise UnknownPolicyPathError("the reasons are no policy: ask for the reason of one")
    if isinstance(inside, Block) and part in shapes_of(type(inside)):
        return getattr(inside, str(part))
    raise UnknownPolicyPathError(f"there is no policy {path!r}: nothing is called {part!r} there")


def _with(inside: Any, parts: list[str | int], value: Any, path: str) -> Any:
    """`inside` with the value at the end of `parts` replaced, every block on the way validated again."""
    if not parts:
        return value
    part, *rest = parts
    new = _with(_step(inside, part, path), rest, value, path)
    if isinstance(inside, tuple):
        return tuple(new if i == part else item for i, item in enumerate(inside))
    if isinstance(inside, Named):
        return Named({**inside, str(part): new})
    return type(inside).model_validate(
        {**{name: getattr(inside, name) for name in type(inside).model_fields}, part: new}
    )


def _written(value: Any, shape: Shape, path: str, reasons: Mapping[str, str] | None) -> Any:
    if shape.form == "quantity":
        written = {"value": _jsonable(value), "unit": "seconds" if shape.unit == DURATION else shape.units[0]}
        return written if reasons is None else {**written, "reason": reasons[path]}
    if shape.form == "block":
        inner = {n: _written(getattr(value, n), s, f"{path}.{n}", reasons) for n, s in shapes_of(shape.type).items()}
        return {"reason": reasons[path], **inner} if reasons is not None and path in reasons else inner
    if shape.form == "list":
        return [_written(item, shape.items, f"{path}[{i}]", reasons) for i, item in enumerate(value)]
    if shape.form == "named":
        return {name: _written(item, shape.items, f"{path}.{name}", reasons) for name, item in value.items()}
    return value


def _jsonable(value: Any) -> Any:
    if isinstance(value, dt.timedelta):
        seconds = value.total_seconds()
        return int(seconds) if seconds.is_integer() else seconds
    return value.isoformat() if isinstance(value, dt.date | dt.time) else value
