"""What a ticket is made of: its members (one per signal and subject that fired) and the cause, once one is named.

What belongs here: these two values and how two of them become one, whatever their order. What does not: the ticket's states.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass, replace
from datetime import date
from typing import Any

from churn_platform.alerts.signals import rank
from churn_platform.drift.finding import Finding, Severity, Signal

UNKNOWN = "unknown"
"""What the ranking of causes says where none explains the shift."""


@dataclass(frozen=True, slots=True)
class Member:
    """A signal on a subject, as it was seen worst on its newest day; `severity` is the worst of all days."""

    signal: Signal
    subject: str
    severity: Severity
    statistic: str
    value: float | None
    threshold: float | None
    reason: str
    remedy: str
    influence: float
    first_day: date
    last_day: date

    @classmethod
    def of(cls, finding: Finding, day: date) -> Member:
        """The member that one finding makes."""
        return cls(
            finding.signal,
            finding.subject,
            finding.severity,
            finding.statistic,
            finding.value,
            finding.threshold,
            finding.reason,
            finding.remedy,
            finding.influence,
            day,
            day,
        )

    @property
    def weight(self) -> tuple[float, int, float, str]:
        """What ranks members of one severity: influence on the model, then how lately, then how far."""
        return (self.influence, self.last_day.toordinal(), _number(self.value), self.subject)

    def to_dict(self) -> dict[str, Any]:
        """JSON-able form."""
        content = {name: getattr(self, name) for name in self.__slots__}
        return content | {"first_day": self.first_day.isoformat(), "last_day": self.last_day.isoformat()}

    @classmethod
    def from_dict(cls, content: Mapping[str, Any]) -> Member:
        """Read `to_dict`'s form; "NaN" and "Infinity" are numbers again."""
        values = dict(content)
        for name in ("value", "threshold"):
            values[name] = None if values[name] is None else float(values[name])
        for name in ("first_day", "last_day"):
            values[name] = date.fromisoformat(values[name])
        return cls(**values)


@dataclass(frozen=True, slots=True)
class Cause:
    """What is most likely behind it: its name, its share among all that speaks for any cause, the day that says so, and why."""

    name: str
    share: float
    day: date
    because: tuple[str, ...] = ()

    def to_dict(self) -> dict[str, Any]:
        """JSON-able form."""
        return {"name": self.name, "share": self.share, "day": self.day.isoformat(), "because": list(self.because)}

    @classmethod
    def from_dict(cls, content: Mapping[str, Any]) -> Cause:
        """Read `to_dict`'s form."""
        day = date.fromisoformat(content["day"])
        return cls(str(content["name"]), float(content["share"]), day, tuple(content["because"]))


def join(members: Iterable[Member], others: Iterable[Member]) -> tuple[Member, ...]:
    """All members, one per signal and subject, sorted: the same whatever the order in which they came.

    >>> def seen(day, severity): return Member("data_drift", "contract", severity, "psi", .3, .2, "", "", 0., day, day)
    >>> early, late = seen(date(2026, 6, 1), "critical"), seen(date(2026, 6, 3), "warning")
    >>> (both,) = join([early], [late])
    >>> both.severity, both.first_day.day, both.last_day.day, both == join([late], [early])[0]
    ('critical', 1, 3, True)
    """
    joined: dict[tuple[Signal, str], Member] = {}
    for one in (*members, *others):
        key = (one.signal, one.subject)
        joined[key] = one if key not in joined else _one_of(joined[key], one)
    return tuple(joined[key] for key in sorted(joined))


def _one_of(a: Member, b: Member) -> Member:
    shown = max(a, b, key=lambda one: (one.last_day, rank(one.severity), _number(one.value), one.reason, one.remedy))
    worst = max(a.severity, b.severity, key=rank)
    return replace(shown, severity=worst, first_day=min(a.first_day, b.first_day))


def likeliest(causes: Iterable[Cause]) -> Cause | None:
    """The newest named cause; of one day that which explains most."""
    return max(causes, key=lambda one: (one.day, one.share, one.name), default=None)


def cause_in(finding: Finding, day: date) -> Cause | None:
    """The likeliest cause that a finding's evidence names under `causes` (`CauseRanking.summary`); None if it is unknown.

    >>> from churn_platform.drift.finding import Window
    >>> day = date(2026, 6, 1)
    >>> told = {"causes": [{"cause": "crm_lag", "share": 0.7, "because": ["customers is 48 hours late"]}]}
    >>> late = Finding("feed_late", "customers", "critical", "age_hours", 48, 36, Window(day, day, 0), "", "", True, evidence=told)
    >>> cause_in(late, day)
    Cause(name='crm_lag', share=0.7, day=datetime.date(2026, 6, 1), because=('customers is 48 hours late',))
    """
    causes = finding.evidence.get("causes")
    first = causes[0] if isinstance(causes, list | tuple) and causes else None
    name = first.get("cause") if isinstance(first, Mapping) else None
    if first is None or name is None or name == UNKNOWN:
        return None
    return Cause(str(name), float(first.get("share") or 0.0), day, tuple(map(str, first.get("because") or ())))


def _number(value: float | None) -> float:
    return float("-inf") if value is None or value != value else value
