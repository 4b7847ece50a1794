"""What a gate says: checks with observed value, bound and reason, and the verdict that follows from them.

What belongs here: the values, the rule from checks to verdict, and the shield that turns anything unexpected into a
failed check. What does not: any particular check (`data`, `performance`, `deployment`).

The rule: a gate passes only where it has checks and all of them pass. A missing figure, a NaN, an exception or no check
at all is a fail; a check that had too little to go on is inconclusive, and unless another one fails so is the gate.
Neither opens it.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass
from typing import Any, Literal

from churn_platform.evaluation.record import from_record, to_record

Verdict = Literal["pass", "fail", "inconclusive"]


@dataclass(frozen=True, slots=True)
class GateCheck:
    """One question a gate asks: what was observed (None where nothing was), the bound, the verdict, and the reason in
    words."""

    name: str
    verdict: Verdict
    observed: float | None
    bound: float | None
    reason: str


@dataclass(frozen=True, slots=True)
class GateDecision:
    """A gate's verdict with all its checks, in the order asked."""

    gate: str
    verdict: Verdict
    checks: tuple[GateCheck, ...]

    @property
    def passed(self) -> bool:
        """Whether the gate opens."""
        return self.verdict == "pass"

    @property
    def reasons(self) -> tuple[str, ...]:
        """Why the gate does not open, one sentence a check; empty where it does."""
        return tuple(f"{check.name}: {check.reason}" for check in self.checks if check.verdict != "pass")

    def to_dict(self) -> dict[str, Any]:
        """JSON form; `from_dict` reads it back to an equal value."""
        return to_record(self)

    @classmethod
    def from_dict(cls, data: Any) -> GateDecision:
        """Read the form that `to_dict` wrote; the verdict is worked out anew, so that an edited record cannot open the
        gate."""
        recorded = from_record(cls, data)
        return decide(recorded.gate, recorded.checks)


def decide(gate: str, checks: Iterable[GateCheck]) -> GateDecision:
    """The decision that follows from `checks`.

    >>> decide("data", []).verdict
    'fail'
    """
    asked = tuple(checks)
    if not asked:
        asked = (failed("checks", f"the {gate} gate ran no check; a gate that asks nothing does not open"),)
    verdicts = {check.verdict for check in asked}
    verdict: Verdict = "fail"
    if verdicts == {"pass"}:
        verdict = "pass"
    elif verdicts <= {"pass", "inconclusive"}:
        verdict = "inconclusive"
    return GateDecision(gate, verdict, asked)


Question = tuple[str, Callable[[], GateCheck | Sequence[GateCheck]]]
"""A check's name, and what answers it."""


def ask(questions: Iterable[Question]) -> tuple[GateCheck, ...]:
    """Ask each named question; one that raises, or answers with nothing, becomes a failed check of its name."""
    checks: list[GateCheck] = []
    for name, question in questions:
        try:
            answer = question()
        except (
            Exception
        ) as error:  # whatever goes wrong in a check must close the gate, not end the run without a record
            checks.append(failed(name, f"could not be checked: {type(error).__name__}: {error}"))
            continue
        answers = [answer] if isinstance(answer, GateCheck) else list(answer)
        checks.extend(answers or [failed(name, "had nothing to check")])
    return tuple(checks)


def at_least(name: str, observed: object, bound: float, what: str) -> GateCheck:
    """Pass where `observed` is a finite number >= `bound`.

    >>> at_least("auc", 0.85, 0.8, "ROC AUC").reason
    'ROC AUC is 0.85, at least 0.8 as required'
    >>> at_least("auc", float("nan"), 0.8, "ROC AUC").verdict
    'fail'
    """
    return _compare(name, observed, bound, what, "at least", lambda value: value >= bound)


def at_most(name: str, observed: object, bound: float, what: str) -> GateCheck:
    """Pass where `observed` is a finite number <= `bound`."""
    return _compare(name, observed, bound, what, "at most", lambda value: value <= bound)


def holds(name: str, condition: object, yes: str, no: str) -> GateCheck:
    """Pass where `condition` is True, and nothing but True."""
    return GateCheck(name, "pass", 1.0, 1.0, yes) if condition is True else GateCheck(name, "fail", 0.0, 1.0, no)


def failed(name: str, reason: str, bound: float | None = None) -> GateCheck:
    """A failed check without an observation."""
    return GateCheck(name, "fail", None, bound, reason)


def _compare(
    name: str, observed: object, bound: float, what: str, rule: str, within: Callable[[float], bool]
) -> GateCheck:
    value = _number(observed)
    if value is None:
        return failed(
            name, f"{what} is missing or no finite number ({observed!r}); {rule} {bound:g} is required", bound
        )
    if not math.isfinite(bound):
        return failed(name, f"the bound for {what} is {bound!r}, which bounds nothing; mend the policy")
    if within(value):
        return GateCheck(name, "pass", value, float(bound), f"{what} is {value:.4g}, {rule} {bound:g} as required")
    return GateCheck(name, "fail", value, float(bound), f"{what} is {value:.4g}; {rule} {bound:g} is required")


def _number(observed: object) -> float | None:
    if isinstance(observed, (bool, str)):  # True is no measurement, and a figure that became text is a broken record
        return None
    try:
        value = float(observed)  # type: ignore[arg-type]  # numpy scalars are numbers too; what is none is caught below
    except (TypeError, ValueError):
        return None
    return value if math.isfinite(value) else None
