"""Recorded findings: what each report of a day saw. Tickets, retraining triggers and root cause read these and nothing else.

One record, and one ledger entry, per (day, report, champion). The newest record of the three counts: a report that is made
again with the same content adds nothing, one that comes out otherwise is recorded anew and supersedes the one before.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from datetime import date, datetime
from typing import Any

import sqlalchemy as sa

from churn_platform.adapters.ops_store.errors import OpsStoreError
from churn_platform.adapters.ops_store.ledger import Change
from churn_platform.adapters.ops_store.records import RecordedFindings
from churn_platform.adapters.ops_store.tables import findings as table
from churn_platform.drift.finding import Finding
from churn_platform.governance.canonical import plain

REPORTS = ("schema", "drift", "performance", "slo", "release", "rollout", "crm")


def record(
    change: Change, day: date, report: str, champion: str | None, findings: Sequence[Finding]
) -> RecordedFindings:
    """Record what `report` saw on `day` under `champion`; equal content returns the record that is there.

    OpsStoreError for a report that nobody reads, and for a report without findings: one that looked at nothing must say so
    with `insufficient_data`, or its silence would look like health.
    """
    if report not in REPORTS:
        raise OpsStoreError(f"there is no report {report!r}: findings come from {', '.join(REPORTS)}")
    if not findings:
        raise OpsStoreError(
            f"the {report} report of {day} has no findings: record what could not be judged as insufficient_data"
        )
    content = plain([finding.to_dict() for finding in findings], f"the {report} report of {day}")
    present = _newest(change.connection, day, report, champion)
    if present is not None and present.findings == content:
        change.nothing_to_do()
        return _recorded(present)
    values = {"day": day, "report": report, "champion": champion, "findings": content}
    sequence = change.record("findings.recorded", values)
    return _recorded(change.connection.execute(table.select().where(table.c.ledger_sequence == sequence)).one())


def matching(
    connection: sa.Connection,
    since: int = 0,
    day: date | None = None,
    report: str | None = None,
    first_day: date | None = None,
) -> tuple[RecordedFindings, ...]:
    """The records that count, recorded after entry `since`, oldest first; of one day, of one report, from a day on, or all."""
    newer = table.alias("newer")
    superseded = sa.exists().where(
        newer.c.day == table.c.day,
        newer.c.report == table.c.report,
        sa.func.coalesce(newer.c.champion, "") == sa.func.coalesce(table.c.champion, ""),
        newer.c.ledger_sequence > table.c.ledger_sequence,
    )
    query = table.select().where(table.c.ledger_sequence > since, ~superseded)
    if day is not None:
        query = query.where(table.c.day == day)
    if first_day is not None:
        query = query.where(table.c.day >= first_day)
    if report is not None:
        query = query.where(table.c.report == report)
    return _all(connection.execute(query.order_by(table.c.ledger_sequence)))


def first_recorded(connection: sa.Connection) -> datetime | None:
    """When findings were recorded for the first time; None if they never were."""
    row = connection.execute(sa.select(table.c.at).order_by(table.c.ledger_sequence).limit(1)).one_or_none()
    return None if row is None else row.at


def _newest(connection: sa.Connection, day: date, report: str, champion: str | None) -> sa.Row[Any] | None:
    query = table.select().where(
        table.c.day == day, table.c.report == report, table.c.champion.is_not_distinct_from(champion)
    )
    return connection.execute(query.order_by(table.c.ledger_sequence.desc()).limit(1)).one_or_none()


def _all(rows: Iterable[sa.Row[Any]]) -> tuple[RecordedFindings, ...]:
    return tuple(_recorded(row) for row in rows)


def _recorded(row: sa.Row[Any]) -> RecordedFindings:
    findings = tuple(Finding.from_dict(content) for content in row.findings)
    return RecordedFindings(row.ledger_sequence, row.at, row.day, row.report, row.champion, findings)
