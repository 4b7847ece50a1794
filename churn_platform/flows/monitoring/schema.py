"""The schema report of days: look at the landed files before anything reads them, judge them against the usual ones, record it.

What belongs here: reading the files' facts once and keeping them. What does not: the rules (`drift/schema`).
"""

from __future__ import annotations

import json
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from datetime import date, timedelta
from functools import lru_cache
from pathlib import Path

from churn_platform.adapters.atomic_files import write_atomically
from churn_platform.adapters.landing_zone import LandedFile, LandingError, landed_files, read_file
from churn_platform.adapters.platform import ACTOR, Platform
from churn_platform.contracts.tables import RAW_TABLES
from churn_platform.drift.finding import Finding
from churn_platform.drift.schema import FileFacts, UsualTable, file_facts, schema_findings, unreadable_file, usual_table
from churn_platform.flows.monitoring.causes import explained_by_files

REPORT = "schema"
RUN = 7
"""Days over which too few rows add up: a small feed is missed after a few days."""
MONTH = 30
"""Days of customers on which the rows of today depend: a billing cycle."""


@dataclass(frozen=True)
class SchemaReport:
    """The findings of each judged day, and why other days were passed over."""

    findings: dict[date, tuple[Finding, ...]]
    passed_over: dict[str, str]


def report_schema(platform: Platform, days: Sequence[date]) -> SchemaReport:
    """Judge the landed files of `days` and record what was found; history days are what the others are compared with."""
    live_from = platform.calendar.live_from
    passed_over = {day.isoformat(): "history: later days are compared with it" for day in days if day < live_from}
    judged = judge_files(platform, [day for day in days if day >= live_from])
    found = {day: explained_by_files(findings) for day, findings in judged.items()}
    for day, findings in found.items():
        platform.ops.record_findings(day, REPORT, None, findings, actor=ACTOR, at=platform.now())
    return SchemaReport(found, passed_over)


def judge_files(platform: Platform, days: Sequence[date]) -> dict[date, tuple[Finding, ...]]:
    """The findings of the landed files of `days`; nothing is recorded."""
    if not days:
        return {}
    calendar = platform.calendar
    reference = [day for day in calendar.days if day <= calendar.history_end and day < days[0]]
    axis = [days[0] - timedelta(n) for n in range(MONTH + RUN, 0, -1)] + [
        days[0] + timedelta(n) for n in range((days[-1] - days[0]).days + 1)
    ]
    facts = facts_of(platform, {*reference, *axis})
    customers = CustomersADay({day: file.rows for (table, day), file in facts.items() if table == "customers"})
    usual = {name: one for name in RAW_TABLES if (one := _usual(name, facts, customers, reference)) is not None}
    policy = platform.policies.drift.schema_contract
    return {
        day: schema_findings(
            day,
            {table: facts[table, day] for table in RAW_TABLES if (table, day) in facts},
            usual,
            {name: _volumes(name, one, facts, customers, day) for name, one in usual.items()},
            calendar.expects_customers(day),
            policy,
        )
        for day in days
    }


def late_days(platform: Platform, first: date, last: date) -> dict[str, frozenset[date]]:
    """The days in [first, last] on which a table's feed was late or its schema broken, by table."""
    days = [first + timedelta(n) for n in range((last - first).days + 1)]
    late: dict[str, set[date]] = {}
    for day, findings in judge_files(platform, days).items():
        for finding in findings:
            breaks = finding.signal == "feed_late" or (
                finding.signal == "schema_drift" and finding.severity == "critical"
            )
            if finding.violates and breaks:
                late.setdefault(finding.subject.split(".")[0], set()).add(day)
    return {table: frozenset(when) for table, when in late.items()}


class CustomersADay:
    """Customers that landed on each day, as running sums: every table's volume of every judged day asks for the month before it.

    >>> CustomersADay({date(2026, 1, 1): 300, date(2026, 1, 3): 600}).over_the_month_before(date(2026, 1, 3))
    10.0
    """

    def __init__(self, rows: Mapping[date, int]) -> None:
        self._first = min(rows, default=date.min)
        length = (max(rows) - self._first).days + 1 if rows else 0
        self._sums = [0]
        for n in range(length):
            self._sums.append(self._sums[-1] + rows.get(self._first + timedelta(n), 0))

    def between(self, first: date, last: date) -> int:
        """Customers of first..last."""
        places = ((first - self._first).days, (last - self._first).days + 1)
        start, stop = (min(max(place, 0), len(self._sums) - 1) for place in places)
        return self._sums[stop] - self._sums[start]

    def over_the_month_before(self, day: date) -> float:
        """Customers a day over the month before `day`."""
        return self.between(day - timedelta(MONTH), day - timedelta(1)) / MONTH


def _usual(
    table: str, facts: Mapping[tuple[str, date], FileFacts], customers: CustomersADay, reference: Sequence[date]
) -> UsualTable | None:
    files = [facts[table, day] for day in reference if (table, day) in facts]
    total = sum(customers.between(day, day) for day in reference)
    rows = sum(file.rows for file in files)
    ratio = rows / total if total else 0.0
    settled = reference[MONTH:]
    expected = [
        (facts[table, day].rows if (table, day) in facts else 0) / (ratio * recent)
        for day in settled
        if ratio and (recent := customers.over_the_month_before(day))
    ]
    return usual_table(table, files, total, expected)


def _volumes(
    table: str, usual: UsualTable, facts: Mapping[tuple[str, date], FileFacts], customers: CustomersADay, day: date
) -> list[tuple[int, float]]:
    """(rows landed, rows to be expected) of the last days, the newest last."""
    days = [day - timedelta(n) for n in range(RUN - 1, -1, -1)]
    return [
        (
            facts[table, one].rows if (table, one) in facts else 0,
            usual.per_customer * customers.over_the_month_before(one),
        )
        for one in days
    ]


def facts_of(platform: Platform, days: Iterable[date]) -> dict[tuple[str, date], FileFacts]:
    """The facts of every landed file of `days`, by table and day; a file is read once and again when it has changed."""
    found = {}
    for landed in landed_files(platform.settings.landing, set(days)):
        found[landed.table, landed.day] = _facts(platform.settings.home / "monitoring" / "files", landed)
    return found


def _facts(root: Path, landed: LandedFile) -> FileFacts:
    stat = landed.path.stat()
    return _facts_of_version(root, landed, stat.st_size, stat.st_mtime_ns)


@lru_cache(maxsize=16_384)
def _facts_of_version(root: Path, landed: LandedFile, size: int, written: int) -> FileFacts:
    """The facts of a file as it was written then: each day looks at the files of half a year again."""
    identity = [landed.path.name, size, written]
    kept = root / landed.table / f"{landed.day}.json"
    try:
        content = json.loads(kept.read_bytes())
        if content["file"] == identity:
            return FileFacts.from_dict(content["facts"])
    except (OSError, ValueError, KeyError, TypeError, AttributeError):
        pass  # not kept yet, or damaged: read the file again
    try:
        facts = file_facts(RAW_TABLES[landed.table], landed.day, read_file(landed))
    except LandingError as error:
        facts = unreadable_file(landed.table, landed.day, str(error))
    write_atomically(kept, json.dumps({"file": identity, "facts": facts.to_dict()}).encode(), durable=False)
    return facts
