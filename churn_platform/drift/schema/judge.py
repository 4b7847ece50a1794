"""What today's files say: a feed is late, a schema has drifted, or all is as usual. The same day, and without waiting for a second one.

What belongs here: the rules, one function each. A rule that needs no statistics (a column is gone) fires at once; one that does (fewer rows
than usual) fires at the policy's `false_alarm`. So these findings act on the day on which they are made.
"""

from __future__ import annotations

import math
from collections.abc import Iterator, Mapping, Sequence
from datetime import date
from typing import TYPE_CHECKING

from churn_platform.contracts.tables import KNOWN_AT, RAW_TABLES, Table
from churn_platform.drift.finding import Finding, Severity, Signal, Window
from churn_platform.drift.schema.facts import ColumnFacts, FileFacts
from churn_platform.drift.schema.usual import UsualTable

if TYPE_CHECKING:
    from churn_platform.policies.monitoring import SchemaDriftPolicy

ASK_OWNER = "Ask the source's owner for the file as agreed, land it again, and run the day again: nothing else has to be repaired."
NOTHING = "Nothing to do."
WHOLE = 0.05
"""A column with fewer fractional numbers than this is one of whole numbers."""


def schema_findings(
    day: date,
    files: Mapping[str, FileFacts],
    usual: Mapping[str, UsualTable],
    volumes: Mapping[str, Sequence[tuple[int, float]]],
    expects_customers: bool,
    policy: SchemaDriftPolicy,
) -> tuple[Finding, ...]:
    """The findings of one day's landed files; at least one for each table that has ever landed.

    Args:
        day: the landing day.
        files: facts by table; a table without a file is absent.
        usual: what is usual, by table; empty where nothing has been learned from yet.
        volumes: (rows that landed, rows to be expected) by table, of the last days, the newest last.
        expects_customers: whether the calendar expects customers today.
        policy: block `drift.schema_contract`.
    """
    found: list[Finding] = []
    for name, table in RAW_TABLES.items():
        facts, known = files.get(name), usual.get(name)
        wanted = expects_customers if name == "customers" else False
        # usage and bills come with customers, departures of those observed before
        judged = volumes.get(name, ()) if expects_customers or name == "churn_events" else ()
        of_table = [*_late(day, name, facts, known, judged, wanted, policy)]
        if facts is not None:
            of_table += _shape(day, table, facts, known, policy)
            of_table += _values(day, table, facts, known, policy)
        if not of_table and (facts is not None or known is not None):
            rows = 0 if facts is None else facts.rows
            of_table = [_finding("schema_drift", name, "ok", "problems", 0.0, 0.0, day, rows, "as usual", NOTHING)]
        found += of_table
    if not found:
        why = "no file has ever landed"
        found = [
            _finding("schema_drift", "landing", "insufficient_data", "problems", None, None, day, 0, why, ASK_OWNER)
        ]
    return tuple(found)


def _late(
    day: date,
    table: str,
    facts: FileFacts | None,
    usual: UsualTable | None,
    volumes: Sequence[tuple[int, float]],
    wanted: bool,
    policy: SchemaDriftPolicy,
) -> Iterator[Finding]:
    rows = 0 if facts is None else facts.rows
    severity: Severity = "critical" if table == "customers" else "warning"
    fewest = min(usual.fewest, 1.0) if usual is not None else 1.0
    what = "no file has landed" if facts is None else f"the file has {rows} rows"
    if facts is not None and facts.error:
        return
    if wanted and rows == 0:
        yield _finding(
            "feed_late",
            table,
            severity,
            "rows",
            0.0,
            1.0,
            day,
            rows,
            f"{what}, though customers are expected",
            ASK_OWNER,
        )
        return
    for days in range(1, len(volumes) + 1) if usual is not None else ():
        landed = sum(count for count, _ in volumes[-days:])
        expected = sum(one for _, one in volumes[-days:])
        short = rows <= 0.5 * volumes[-1][1] and landed <= 0.5 * expected * fewest
        if expected > 0 and short and _at_most(landed, expected) < _level(days, len(volumes), policy.false_alarm):
            over = "" if days == 1 else f" in {days} days {landed} landed;"
            said = f"{what};{over} {expected:.0f} were to be expected"
            yield _finding(
                "feed_late", table, severity, "rows", float(rows), round(expected, 1), day, rows, said, ASK_OWNER
            )
            return
    if facts is None or usual is None or facts.newest is None or facts.rows < policy.min_rows:
        return
    age = (day - facts.newest).days
    if age > usual.oldest_newest:
        late = age - usual.oldest_newest
        said = (
            f"its newest row is {age} days old, usually {usual.oldest_newest} at most: the feed is late by {late} days"
        )
        yield _finding(
            "feed_late",
            table,
            "warning",
            "age_days",
            float(age),
            float(usual.oldest_newest),
            day,
            rows,
            said,
            ASK_OWNER,
        )


def _level(days: int, of: int, false_alarm: float) -> float:
    """The chance of a false alarm that a look over `days` days may take, together `false_alarm` over all looks.

    Half of it is today's, since a feed that stops should be noticed on the day: with 11 rows expected none has the chance 1.7e-5, which
    an even share over thirty looks would let pass.

    >>> _level(1, 1, 1e-4), _level(1, 5, 1e-4)
    (0.0001, 5e-05)
    >>> round(_level(1, 30, 1e-4) + 29 * _level(7, 30, 1e-4), 12)
    0.0001
    """
    if of == 1:
        return false_alarm
    return false_alarm / 2 if days == 1 else false_alarm / 2 / (of - 1)


def _shape(
    day: date, table: Table, facts: FileFacts, usual: UsualTable | None, policy: SchemaDriftPolicy
) -> Iterator[Finding]:
    if facts.error:
        yield _finding(
            "schema_drift", table.name, policy.breaking, "unreadable_files", 1.0, 0.0, day, 0,
            f"the file cannot be read: {facts.error}", ASK_OWNER,
        )  # fmt: skip
        return
    contract = {column.name for column in table.columns}
    had = set(usual.columns) if usual is not None else set()
    gone = sorted(
        column.name
        for column in table.columns
        if column.name not in facts.columns
        and (column.name in had or (not column.nullable and column.name != KNOWN_AT.name))
    )
    new = sorted(name for name in facts.columns if name not in contract and name not in had)
    for name in gone:
        alike = _renamed(name, new)
        said = f"the column is gone{f'; {alike} is new: it was probably renamed' if alike else ''}"
        yield _column_finding(day, table, name, policy.breaking, "missing_columns", 1.0, 0.0, facts, said,
                              {"renamed_to": alike} if alike else {})  # fmt: skip
    renamed = {_renamed(name, new) for name in gone}
    for name in new:
        if name not in renamed:
            yield _column_finding(day, table, name, policy.additive, "unexpected_columns", 1.0, 0.0, facts,
                                  "the column is new: no contract knows it", {})  # fmt: skip


def _values(
    day: date, table: Table, facts: FileFacts, usual: UsualTable | None, policy: SchemaDriftPolicy
) -> Iterator[Finding]:
    if facts.rows == 0:
        return
    if facts.repeated > policy.missing_share_change:
        said = f"{facts.repeated:.0%} of the rows stand there more than once"
        yield _finding("schema_drift", table.name, policy.additive, "repeated_share", facts.repeated,
                       policy.missing_share_change, day, facts.rows, said, ASK_OWNER)  # fmt: skip
    for column in table.columns:
        now = facts.columns.get(column.name)
        if now is None:
            continue
        for value, what in ((now.unreadable, "unreadable_share"), (now.unknown, "unknown_share")):
            if value > 0:
                kind = (
                    f"cannot be read as a {column.kind}"
                    if what == "unreadable_share"
                    else "are not in the contract's domain"
                )
                said = f"{value:.0%} of the values {kind}, such as {now.example!r}"
                severity = policy.breaking if value > policy.missing_share_change else policy.additive
                yield _column_finding(
                    day, table, column.name, severity, what, value, 0.0, facts, said, {"example": now.example}
                )
        # what cannot be read has been told: its type, fractions and scale are the same event
        if usual is not None and column.name in usual.columns and not now.unreadable:
            yield from _against_usual(day, table, column.name, now, facts, usual, policy)


def _against_usual(
    day: date, table: Table, name: str, now: ColumnFacts, facts: FileFacts, usual: UsualTable, policy: SchemaDriftPolicy
) -> Iterator[Finding]:
    was = usual.columns[name]
    numeric = {"integer", "number"}
    if (
        now.written != "blank"
        and was.written
        and now.written not in was.written
        and not (now.written in numeric and was.written & numeric)
    ):
        said = f"written as {now.written}, usually as {' or '.join(sorted(was.written))}"
        severity = policy.breaking if now.unreadable else policy.additive
        yield _column_finding(day, table, name, severity, "retyped", 1.0, 0.0, facts, said, {"written": now.written})
    if facts.rows < policy.min_rows:
        return
    if was.fractional > 0.5 and now.fractional < WHOLE:
        said = f"only whole numbers; usually {was.fractional:.0%} have a fraction: precision was lost"
        yield _column_finding(
            day, table, name, policy.additive, "fractional_share", now.fractional, WHOLE, facts, said, {}
        )
    more = now.missing - was.missing
    spread = math.sqrt(max(was.missing * (1 - was.missing), 1 / facts.rows) / facts.rows)
    if more > policy.missing_share_change and more > 6 * spread:
        said = f"{now.missing:.0%} of the values are missing, usually {was.missing:.0%} at most"
        yield _column_finding(day, table, name, policy.additive, "missing_share", now.missing,
                              was.missing + policy.missing_share_change, facts, said, {})  # fmt: skip
    if now.median and was.median and now.positive >= policy.min_rows:
        times = now.median / was.median
        if max(times, 1 / times) >= policy.scale_change:
            unit = _unit(times)
            said = f"the median is {now.median:,.4g}, usually {was.median:,.4g}: {times:,.4g} times{unit}"
            yield _column_finding(day, table, name, policy.breaking, "scale", times, policy.scale_change, facts, said,
                                  {"times": times})  # fmt: skip


def _unit(times: float) -> str:
    """The change of unit that a ratio looks like; blank where none is near."""
    large = max(times, 1 / times)
    known = {
        8: "bits for bytes",
        60: "seconds for minutes",
        100: "cents for dollars",
        1000: "thousandths",
        1024: "megabytes for gigabytes",
    }
    nearest = min(known, key=lambda factor: abs(math.log(large / factor)))
    return f", as in {known[nearest]}" if abs(math.log(large / nearest)) < 0.35 else ""


def _renamed(name: str, new: Sequence[str]) -> str:
    """Which new column a missing one has probably become: the one with most of its words, the only new one otherwise."""
    words = set(name.split("_"))
    best = max(new, key=lambda other: len(words & set(other.split("_"))), default="")
    return best if best and (words & set(best.split("_")) or len(new) == 1) else ""


def _at_most(rows: int, expected: float) -> float:
    """Poisson's chance of at most `rows` where `expected` are.

    >>> round(_at_most(0, 3.0), 4)
    0.0498
    """
    logs = [-expected + k * math.log(expected) - math.lgamma(k + 1) for k in range(rows + 1)]
    top = max(logs)
    return min(1.0, math.exp(top) * sum(math.exp(log - top) for log in logs))


def _column_finding(
    day: date, table: Table, name: str, severity: Severity, statistic: str, value: float, threshold: float,
    facts: FileFacts, said: str, evidence: Mapping[str, object],
) -> Finding:  # fmt: skip
    subject = f"{table.name}.{name}"
    return _finding(
        "schema_drift", subject, severity, statistic, value, threshold, day, facts.rows, said, ASK_OWNER, evidence
    )


def _finding(
    signal: Signal, subject: str, severity: Severity, statistic: str, value: float | None, threshold: float | None,
    day: date, rows: int, said: str, remedy: str, evidence: Mapping[str, object] | None = None,
) -> Finding:  # fmt: skip
    return Finding(
        signal, subject, severity, statistic, value, threshold, Window(day, day, rows), f"{subject}: {said}", remedy,
        acts=severity in ("warning", "critical"), evidence=dict(evidence or {}),
    )  # fmt: skip
