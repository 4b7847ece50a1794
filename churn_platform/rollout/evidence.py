"""What is known about a challenger in one stage of its rollout.

Belongs here: the values, and whether one of them can be used at all. Does not belong here: limits and verdicts (`gates`), and
collecting (flows).

A measure that is missing, not a number, about nobody, too old, from before the stage or from the future is unusable, and so is
everything where the collector failed, or where the evidence is of another plan or another stage.
"""

from __future__ import annotations

import math
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from typing import Any


@dataclass(frozen=True, slots=True)
class Measure:
    """A figure, over how many rows, as of when, and its standard error (0 where it has none)."""

    value: float
    rows: int
    at: datetime
    error: float = 0.0


@dataclass(frozen=True, slots=True)
class Arms:
    """The arms of a randomised comparison: customers assigned, matured outcomes, and how many of those left; as of when."""

    champion: int
    challenger: int
    champion_outcomes: int
    challenger_outcomes: int
    champion_churned: int
    challenger_churned: int
    at: datetime


@dataclass(frozen=True, slots=True)
class Evidence:
    """All that is known of one stage of one plan. `problem` says why nothing could be read; then nothing is."""

    plan: str
    stage: int
    measures: Mapping[str, Measure] = field(default_factory=dict)
    arms: Arms | None = None
    problem: str = ""

    def to_dict(self) -> dict[str, Any]:
        """JSON-able form; a value that is no number stays told as text (`nan`), since JSON has none."""
        return {
            "plan": self.plan,
            "stage": self.stage,
            "measures": {
                name: {"value": str(one.value), "rows": one.rows, "at": one.at.isoformat(), "error": str(one.error)}
                for name, one in self.measures.items()
            },
            "arms": None
            if self.arms is None
            else {name: _told(getattr(self.arms, name)) for name in Arms.__dataclass_fields__},
            "problem": self.problem,
        }

    @classmethod
    def from_dict(cls, told: Mapping[str, Any]) -> Evidence:
        """The evidence that `to_dict` wrote.

        Raises:
            KeyError, TypeError, ValueError: it was written by nobody who knows the form.

        >>> from datetime import UTC
        >>> known = Evidence("p", 0, {"p99": Measure(0.02, 500, datetime(2026, 6, 1, tzinfo=UTC))})
        >>> Evidence.from_dict(known.to_dict()) == known
        True
        """
        measures = {
            str(name): Measure(
                float(one["value"]), int(one["rows"]), datetime.fromisoformat(one["at"]), float(one["error"])
            )
            for name, one in told["measures"].items()
        }
        arms = told["arms"]
        if arms is not None:
            arms = Arms(**{**arms, "at": datetime.fromisoformat(arms["at"])})
        return cls(str(told["plan"]), int(told["stage"]), measures, arms, str(told["problem"]))


def _told(value: Any) -> Any:
    return value.isoformat() if isinstance(value, datetime) else value


def collected(plan: str, stage: int, found: Iterable[tuple[str, Measure]], arms: Arms | None = None) -> Evidence:
    """Evidence from measures by name. A name that comes twice is evidence of a broken collector: neither is used."""
    measures: dict[str, Measure] = {}
    twice = set()
    for name, measure in found:
        if name in measures:
            twice.add(name)
        measures[name] = measure
    return Evidence(plan, stage, {name: one for name, one in measures.items() if name not in twice}, arms)


def unusable(measure: Measure | None, at_least: int, entered: datetime, now: datetime, stale_after: timedelta) -> str:
    """Why a measure says nothing; empty where it can be used.

    >>> from datetime import UTC
    >>> noon = datetime(2026, 6, 1, 12, tzinfo=UTC)
    >>> unusable(Measure(float("nan"), 900, noon), 500, noon, noon, timedelta(minutes=15))
    'it is nan'
    >>> unusable(Measure(0.001, 900, noon), 500, noon, noon, timedelta(minutes=15))
    ''
    """
    if measure is None:
        return "it is missing"
    if not math.isfinite(measure.value) or not math.isfinite(measure.error) or measure.error < 0:
        return (
            f"it is {measure.value}" if not math.isfinite(measure.value) else f"its standard error is {measure.error}"
        )
    if old := out_of_time(measure.at, entered, now, stale_after):
        return old
    if measure.rows <= 0:
        return "it is about no rows"
    if measure.rows < at_least:
        return f"it is about {measure.rows:,} rows, fewer than {at_least:,}"
    return ""


def out_of_time(at: datetime, entered: datetime, now: datetime, stale_after: timedelta) -> str:
    """Why something known as of `at` says nothing about this stage now; empty where it does."""
    if at > now:
        return f"it is as of {at.isoformat()}, which has not come yet"
    if at < entered:
        return "it is from before this stage"
    if now - at > stale_after:
        return f"it is {_minutes(now - at)} old, more than {_minutes(stale_after)}"
    return ""


def _minutes(span: timedelta) -> str:
    return f"{span.total_seconds() / 60:,.0f} minutes"
