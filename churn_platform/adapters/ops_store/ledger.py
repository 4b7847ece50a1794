"""The one way to change the ops store: a transaction that also appends its ledger entry.

What belongs here: reading and appending entries, checking the anchored head before a write, and reading back all
recorded rows for verification. What does not: what the records mean (their own modules), the rules of the chain
(`governance/ledger`).
"""

from __future__ import annotations

import logging
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from datetime import datetime
from typing import Any

import sqlalchemy as sa

from churn_platform.adapters.ops_store import tables
from churn_platform.adapters.ops_store.anchor import Anchor
from churn_platform.adapters.ops_store.database import reading, writing
from churn_platform.adapters.ops_store.errors import LedgerAlarm, OpsStoreError
from churn_platform.governance.canonical import canonical_json, plain
from churn_platform.governance.ledger import (
    EMPTY_HEAD,
    LedgerEntry,
    LedgerFinding,
    LedgerHead,
    LedgerVerification,
    RecordedRow,
    seal,
    utc_text,
    verify_chain,
    verify_rows,
)

_log = logging.getLogger(__name__)

_NOT_DETAILS = ("ledger_sequence", "at", "actor")


@dataclass(slots=True)
class Change:
    """A transaction in progress, under the writer lock. It must record something, or say that nothing had to change."""

    connection: sa.Connection
    at: datetime
    actor: str
    head: LedgerHead
    settled: bool = False

    def record(self, action: str, values: Mapping[str, object]) -> int:
        """Insert a row of the table that `action` writes, with its ledger entry; return the entry's sequence."""
        table, subject = tables.RECORDED[action]
        row = {name: plain(value) if _is_json(table.c[name]) else value for name, value in values.items()}
        entry = self.append(action, str(row[subject]), row)
        self.connection.execute(
            table.insert().values(ledger_sequence=entry.sequence, at=self.at, actor=self.actor, **row)
        )
        return entry.sequence

    def append(self, action: str, subject: str, details: Mapping[str, object]) -> LedgerEntry:
        """Append a ledger entry that writes no row of its own."""
        entry = seal(self.head, self.at, self.actor, action, subject, details)
        self.connection.execute(tables.ledger.insert().values(_row_of(entry)))
        self.head = entry.head
        self.settled = True
        return entry

    def nothing_to_do(self) -> None:
        """Say that the wanted state is there already: an idempotent call writes nothing, not even to the ledger."""
        self.settled = True


@contextmanager
def change(engine: sa.Engine, anchor: Anchor, at: datetime, actor: str) -> Iterator[Change]:
    """One change of state: all of it and its ledger entry, or none; afterwards the anchored head follows."""
    utc_text(at)  # a naive time is refused before anything is locked
    with writing(engine) as connection:
        head = _trusted_head(connection, anchor)
        work = Change(connection, at, actor, head)
        yield work
        if not work.settled:
            raise OpsStoreError(
                "a change of state left no ledger entry: it was rolled back, since what is not recorded did not happen"
            )
    try:
        anchor.advance(work.head)
    except OSError as error:
        # The change is committed and must not look failed; an anchor left behind is moved by the next opening or write.
        _log.error("The ledger's head could not be anchored in %s: %s", anchor.path, error)


def last_entries(connection: sa.Connection, limit: int) -> tuple[LedgerEntry, ...]:
    """The newest `limit` entries, oldest of them first."""
    newest = tables.ledger.select().order_by(tables.ledger.c.sequence.desc()).limit(limit)
    return tuple(reversed([_entry_of(row) for row in connection.execute(newest)]))


def entries_after(connection: sa.Connection, sequence: int) -> tuple[LedgerEntry, ...]:
    """All entries after `sequence`, in order."""
    query = tables.ledger.select().where(tables.ledger.c.sequence > sequence).order_by(tables.ledger.c.sequence)
    return tuple(_entry_of(row) for row in connection.execute(query))


StateCheck = Callable[[sa.Connection], list[LedgerFinding]]
"""Compares a mutable table with the records that it is made of."""


def verify(engine: sa.Engine, anchor: Anchor, states: Sequence[StateCheck] = ()) -> LedgerVerification:
    """Verify chain, anchored head, every recorded row and mutable state; a head left behind by a killed process is moved
    along the valid chain.
    """
    # The head is read before the table: read after it, a writer that committed in between would look like a cut tail.
    head = anchor.read()
    with reading(engine) as connection:
        entries = entries_after(connection, 0)
        chain = verify_chain(entries, head)
        actions = {action: table.name for action, (table, _) in tables.RECORDED.items()}
        findings = (
            *chain.findings,
            *verify_rows(entries, _recorded_rows(connection), actions),
            *_champion_findings(connection),
            *(finding for check in states for finding in check(connection)),
        )
    if findings:
        return LedgerVerification("fail", chain.head, chain.unanchored, findings)
    anchor.advance(chain.head)
    return chain


def catch_up(engine: sa.Engine, anchor: Anchor) -> str | None:
    """Move the anchored head over entries whose writer was killed before it could; the reason if ledger and anchor do
    not agree.
    """
    try:
        with reading(engine) as connection:
            head = _trusted_head(connection, anchor)
    except LedgerAlarm as alarm:
        return str(alarm)
    anchor.advance(head)
    return None


def accept(connection: sa.Connection, anchor: Anchor, reason: str, actor: str, at: datetime) -> LedgerEntry:
    """Append the entry that accepts the ledger as it stands; LedgerAlarm if the chain is broken in itself, whatever the
    anchor says.
    """
    entries = entries_after(connection, 0)
    found = verify_chain(entries, anchor.read())
    end = entries[-1].head if entries else EMPTY_HEAD
    chain = verify_chain(entries, end)
    if chain.verdict == "fail":
        raise LedgerAlarm(f"the ledger cannot be accepted, since it is broken in itself: {chain.findings[0].reason}")
    work = Change(connection, at, actor, end)
    details = {"reason": reason, "found": [finding.reason for finding in found.findings]}
    return work.append("ledger.accepted", f"entry {end.sequence}", details)


def _trusted_head(connection: sa.Connection, anchor: Anchor) -> LedgerHead:
    """The head to append to, if the table agrees with the anchor; LedgerAlarm otherwise."""
    anchored = anchor.read()  # before the table, as in `verify`
    last = last_entries(connection, 1)
    head = last[0].head if last else EMPTY_HEAD
    if head == anchored:
        return head
    if anchored is not None and head.sequence > anchored.sequence:
        since = verify_chain(entries_after(connection, anchored.sequence), anchored, after=anchored)
    else:
        since = verify_chain((), anchored, after=head)
    if since.verdict == "fail":
        raise LedgerAlarm(f"nothing was written: {since.findings[0].reason} The anchored head is {anchor.path}.")
    return since.head


def _recorded_rows(connection: sa.Connection) -> Iterator[RecordedRow]:
    for table, subject in tables.RECORDED.values():
        for row in connection.execute(table.select()).mappings():
            details = canonical_json(plain({name: value for name, value in row.items() if name not in _NOT_DETAILS}))
            yield RecordedRow(
                table.name, row["ledger_sequence"], utc_text(row["at"]), row["actor"], str(row[subject]), details
            )


def _champion_findings(connection: sa.Connection) -> list[LedgerFinding]:
    """The current champion of each model name must be the last promotion that the history holds, and the other way
    round.
    """
    history = tables.champion_history
    in_order = connection.execute(history.select().order_by(history.c.ledger_sequence))
    expected = {row.model_name: (row.version, row.ledger_sequence) for row in in_order}  # the last one stays
    current = {row.model_name: (row.version, row.promotion) for row in connection.execute(tables.champion.select())}
    findings: list[LedgerFinding] = []
    for name in sorted({*expected, *current}):
        should, is_now = expected.get(name, ("nobody", 0)), current.get(name, ("nobody", 0))
        if should != is_now:
            reason = f"the champion of {name} is {is_now[0]}, but the last recorded promotion is of {should[0]}"
            way_out = "Promote the right one through the platform, so that it is recorded."
            findings.append(LedgerFinding("state_differs", should[1], f"{reason}. {way_out}"))
    return findings


def _is_json(column: sa.Column[Any]) -> bool:
    return isinstance(column.type, tables.CanonicalJson)


def _row_of(entry: LedgerEntry) -> dict[str, object]:
    return {
        "sequence": entry.sequence,
        "at": entry.at,
        "actor": entry.actor,
        "action": entry.action,
        "subject": entry.subject,
        "details": entry.details_json,
        "previous": entry.previous,
        "digest": entry.digest,
    }


def _entry_of(row: sa.Row[Any]) -> LedgerEntry:
    return LedgerEntry(row.sequence, row.at, row.actor, row.action, row.subject, row.details, row.previous, row.digest)
