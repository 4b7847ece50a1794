"""Which findings are one incident: strands, read from each finding alone, so that it does not matter in which order they come.

What belongs here: the strand of a finding, and which findings of some evidence it takes. What does not: what happens to tickets, and
that strands of one cause become one ticket (`consideration`).

Findings of one strand are always one incident. Features move together (a price rise moves charges, bills and totals), so all data
and feature drift is one strand; all ways to see that the model got worse are one; all late tables are one, since a feed is late as a
whole. What is told apart is what is mended apart: the contract of each table, the fairness of each attribute.
"""

from __future__ import annotations

from collections.abc import Collection, Iterable, Iterator, Sequence
from dataclasses import dataclass
from datetime import date, datetime
from typing import Protocol

from churn_platform.alerts.signals import SIGNAL_TABLE
from churn_platform.drift.finding import Finding, Signal


class Evidence(Protocol):
    """A report's findings as they were recorded: `sequence` is the evidence id, `findings` in recorded order."""

    @property
    def sequence(self) -> int: ...  # noqa: D102
    @property
    def at(self) -> datetime: ...  # noqa: D102
    @property
    def day(self) -> date: ...  # noqa: D102
    @property
    def report(self) -> str: ...  # noqa: D102
    @property
    def findings(self) -> tuple[Finding, ...]: ...  # noqa: D102


@dataclass(frozen=True, slots=True)
class Firing:
    """One acting finding, by its place: the `index`-th of the record `evidence`, on `day`."""

    evidence: int
    index: int
    day: date
    finding: Finding


def strand_of(finding: Finding) -> str:
    """Family, and what is mended apart within it.

    >>> from datetime import date
    >>> from churn_platform.drift.finding import Window
    >>> window = Window(date(2026, 6, 1), date(2026, 6, 7), 400)
    >>> moved = Finding("feature_drift", "tenure_months", "warning", "psi", 0.18, 0.15, window, "moved", "look")
    >>> strand_of(moved)
    'data'
    >>> broken = Finding("schema_drift", "customers.contract", "critical", "domain", 1, 0, window, "unknown word", "ask")
    >>> strand_of(broken)
    'schema:customers'
    """
    return strand(finding.signal, finding.subject)


def strand(signal: Signal, subject: str) -> str:
    """The strand of what a signal says about a subject."""
    family = SIGNAL_TABLE[signal].family
    if family == "schema":
        return f"{family}:{subject.split('.')[0]}"
    if family == "fairness":
        return f"{family}:{subject.split('=')[0]}"
    return family


def firings(evidence: Iterable[Evidence]) -> Iterator[Firing]:
    """Every acting finding, each once."""
    for record in evidence:
        for index, finding in enumerate(record.findings):
            if finding.acts:
                yield Firing(record.sequence, index, record.day, finding)


def newest(evidence: Iterable[Evidence]) -> dict[date, tuple[Evidence, ...]]:
    """Evidence by day, in order of days; within a day in order of recording."""
    days: dict[date, list[Evidence]] = {}
    for record in sorted(evidence, key=lambda record: (record.day, record.sequence)):
        days.setdefault(record.day, []).append(record)
    return {day: tuple(records) for day, records in days.items()}


def findings_of(strands: Collection[str], records: Sequence[Evidence]) -> Iterator[Finding]:
    """What some evidence says about these strands, acting or not."""
    for record in records:
        yield from (finding for finding in record.findings if strand_of(finding) in strands)
