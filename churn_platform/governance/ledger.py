"""The ledger: an append-only, hash-chained list of who did what to what, and the check that nothing in it was changed.

What belongs here: an entry, how it is sealed to the one before it, and verification of a chain against its anchored
head and of recorded rows against their entries, all as values. What does not: where entries are stored
(`adapters/ops_store`) and who may act (approvals).

Each entry carries the digest of the entry before it, so that an edit, a removal or a reordering breaks the chain. A
chain alone cannot see a cut tail (what remains is a valid chain), nor a chain rewritten from the start: therefore its
head (last sequence and digest) is anchored outside the table, and verification takes that head too. The construction is
Haber and Stornetta's (How to time-stamp a digital document, Journal of Cryptology 3, 1991).
"""

from __future__ import annotations

import json
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from datetime import UTC, datetime
from typing import Literal

from churn_platform.governance.canonical import Json, canonical_json, digest_of, plain

FORMAT = 1
GENESIS = "0" * 64

FindingKind = Literal[
    "edited",
    "broken_link",
    "missing_entry",
    "repeated",
    "reordered",
    "cut_tail",
    "head_missing",
    "head_differs",
    "row_edited",
    "row_missing",
    "row_unrecorded",
    "state_differs",
]


class LedgerError(ValueError):
    """An entry cannot be written as asked: blank actor, naive time, details that are not JSON."""


@dataclass(frozen=True, slots=True)
class LedgerHead:
    """Where a ledger ends: the last entry's sequence (0 for an empty ledger) and digest."""

    sequence: int
    digest: str


EMPTY_HEAD = LedgerHead(0, GENESIS)


@dataclass(frozen=True, slots=True)
class LedgerEntry:
    """One act. `at` is UTC ISO text, `details_json` canonical JSON, `previous` the digest of the entry before it."""

    sequence: int
    at: str
    actor: str
    action: str
    subject: str
    details_json: str
    previous: str
    digest: str

    @property
    def details(self) -> Json:
        """The details as values."""
        value: Json = json.loads(self.details_json)
        return value

    @property
    def head(self) -> LedgerHead:
        """The ledger's head if this is its last entry."""
        return LedgerHead(self.sequence, self.digest)

    def expected_digest(self) -> str:
        """What the digest must be for these contents."""
        return digest_of(
            {
                "format": FORMAT,
                "sequence": self.sequence,
                "at": self.at,
                "actor": self.actor,
                "action": self.action,
                "subject": self.subject,
                "details": self.details_json,
                "previous": self.previous,
            }
        )


@dataclass(frozen=True, slots=True)
class RecordedRow:
    """A row of state as it stands now, in the form in which its ledger entry recorded it."""

    table: str
    sequence: int
    at: str
    actor: str
    subject: str
    details_json: str


@dataclass(frozen=True, slots=True)
class LedgerFinding:
    """One thing that is wrong: its kind, the entry it concerns, and a sentence with the way out."""

    kind: FindingKind
    sequence: int
    reason: str


@dataclass(frozen=True, slots=True)
class LedgerVerification:
    """What a verification found. `unanchored` counts valid entries after the anchored head: a process died before it
    moved the head.
    """

    verdict: Literal["pass", "fail"]
    head: LedgerHead
    unanchored: int
    findings: tuple[LedgerFinding, ...] = field(default=())

    @property
    def summary(self) -> str:
        """One sentence for a person."""
        if self.verdict == "pass":
            return f"The ledger is whole: {self.head.sequence} entries, each sealed to the one before it."
        more = f" (and {len(self.findings) - 1} more)" if len(self.findings) > 1 else ""
        return f"The ledger has been changed: {self.findings[0].reason}{more}"


def utc_text(at: datetime) -> str:
    """UTC ISO text of fixed width, so that text order is time order; LedgerError for a time without a zone.

    >>> utc_text(datetime(2026, 5, 1, 6, tzinfo=UTC))
    '2026-05-01T06:00:00.000000+00:00'
    """
    if at.tzinfo is None or at.utcoffset() is None:
        raise LedgerError(
            f"the time {at.isoformat()} has no zone: pass an aware datetime, such as datetime(..., tzinfo=UTC)"
        )
    return at.astimezone(UTC).isoformat(timespec="microseconds")


def seal(
    after: LedgerHead, at: datetime, actor: str, action: str, subject: str, details: Mapping[str, object]
) -> LedgerEntry:
    """The entry that follows `after`; LedgerError if a word is blank or holds control characters.

    >>> entry = seal(EMPTY_HEAD, datetime(2026, 5, 1, tzinfo=UTC), "ada", "model.registered", "churn-1", {})
    >>> entry.sequence, entry.previous == GENESIS, verify_chain([entry], entry.head).verdict
    (1, True, 'pass')
    """
    for name, word in (("actor", actor), ("action", action), ("subject", subject)):
        if not word.strip():
            raise LedgerError(f"the {name} of a ledger entry is blank: every act names who did what to what")
        if not word.isprintable():
            raise LedgerError(f"the {name} of a ledger entry, {word!r}, holds control characters: use printable text")
    unsealed = LedgerEntry(
        after.sequence + 1, utc_text(at), actor, action, subject, canonical_json(plain(details)), after.digest, ""
    )
    return LedgerEntry(
        unsealed.sequence,
        unsealed.at,
        actor,
        action,
        subject,
        unsealed.details_json,
        unsealed.previous,
        unsealed.expected_digest(),
    )


def verify_chain(
    entries: Iterable[LedgerEntry], head: LedgerHead | None, after: LedgerHead = EMPTY_HEAD
) -> LedgerVerification:
    """Check that `entries`, in stored order, are an unbroken chain from `after` through the anchored `head`.

    `head` None means that the anchor is gone, which is a finding even on an empty ledger. Valid entries beyond the head
    are counted as `unanchored`, not as a finding: the head is moved after the commit, so a killed process leaves it
    behind.
    """
    findings: list[LedgerFinding] = []
    last = after
    digest_at_head = after.digest if head is not None and head.sequence == after.sequence else None
    for entry in entries:
        findings.extend(_against_previous(entry, last))
        if entry.digest != entry.expected_digest():
            findings.append(
                _finding(
                    "edited", entry.sequence, f"entry {entry.sequence} ({entry.action}) does not match its own digest"
                )
            )
        if head is not None and entry.sequence == head.sequence:
            digest_at_head = entry.digest
        last = entry.head
    if head is None:
        findings.append(
            _finding("head_missing", last.sequence, "the anchored head of the ledger is missing or unreadable")
        )
    elif last.sequence < head.sequence:
        reason = (
            f"the ledger ends at entry {last.sequence}, but its anchored head says {head.sequence}: the tail was cut"
        )
        findings.append(_finding("cut_tail", head.sequence, reason))
    elif digest_at_head != head.digest:
        reason = f"entry {head.sequence} is not the one that was anchored as the head: the ledger was rewritten"
        findings.append(_finding("head_differs", head.sequence, reason))
    unanchored = 0 if head is None else max(0, last.sequence - head.sequence)
    return LedgerVerification("fail" if findings else "pass", last, unanchored, tuple(findings))


def verify_rows(
    entries: Iterable[LedgerEntry], rows: Iterable[RecordedRow], actions: Mapping[str, str]
) -> tuple[LedgerFinding, ...]:
    """Compare rows of state with the entries that recorded them; `actions` maps an action to the table whose row it
    wrote.

    Findings, in order of sequence: a row that differs from its entry, a row without an entry, an entry whose row is
    gone. None found is an empty tuple, and means that state and ledger agree.
    """
    recorded = {entry.sequence: entry for entry in entries if entry.action in actions}
    findings: list[LedgerFinding] = []
    seen: set[tuple[str, int]] = set()
    for row in rows:
        seen.add((row.table, row.sequence))
        entry = recorded.get(row.sequence)
        if entry is None or actions[entry.action] != row.table:
            reason = f"table {row.table} holds {row.subject!r} without the ledger entry that would have recorded it"
            findings.append(_finding("row_unrecorded", row.sequence, reason))
        elif (row.at, row.actor, row.subject, row.details_json) != (
            entry.at,
            entry.actor,
            entry.subject,
            entry.details_json,
        ):
            reason = f"table {row.table} holds {row.subject!r} otherwise than ledger entry {entry.sequence} recorded it"
            findings.append(_finding("row_edited", row.sequence, reason))
    for sequence, entry in recorded.items():
        if (actions[entry.action], sequence) not in seen:
            table = actions[entry.action]
            reason = f"ledger entry {sequence} recorded {entry.subject!r} in table {table}, but the row is gone"
            findings.append(_finding("row_missing", sequence, reason))
    return tuple(sorted(findings, key=lambda finding: (finding.sequence, finding.kind)))


def _against_previous(entry: LedgerEntry, last: LedgerHead) -> list[LedgerFinding]:
    if entry.sequence == last.sequence + 1:
        if entry.previous == last.digest:
            return []
        return [_finding("broken_link", entry.sequence, f"entry {entry.sequence} is not sealed to the entry before it")]
    if entry.sequence > last.sequence + 1:
        gone = (
            f"{last.sequence + 1}"
            if entry.sequence == last.sequence + 2
            else f"{last.sequence + 1} to {entry.sequence - 1}"
        )
        return [
            _finding(
                "missing_entry",
                entry.sequence,
                f"the ledger goes from entry {last.sequence} to {entry.sequence}: {gone} is missing",
            )
        ]
    if entry.sequence == last.sequence:
        return [_finding("repeated", entry.sequence, f"entry {entry.sequence} is there twice")]
    return [_finding("reordered", entry.sequence, f"entry {entry.sequence} stands after entry {last.sequence}")]


def _finding(kind: FindingKind, sequence: int, reason: str) -> LedgerFinding:
    return LedgerFinding(kind, sequence, f"{reason}. {_WAY_OUT}")


_WAY_OUT = (
    "Nothing more is written until a person has compared it with a backup and restored it, "
    "or accepted it with a recorded reason."
)
