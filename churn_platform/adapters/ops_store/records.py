"""What the ops store gives back: one frozen value per kind of record.

Each carries `ledger_sequence`, the entry that recorded it: cite it as evidence.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import date, datetime

from churn_platform.drift.finding import Finding
from churn_platform.governance.canonical import Json
from churn_platform.governance.registration import Registration


@dataclass(frozen=True, slots=True)
class RegisteredModel:
    """A model under its version, with what it said about itself."""

    version: str
    registration: Registration
    registered_at: datetime
    registered_by: str
    ledger_sequence: int

    @property
    def package_digest(self) -> str:
        """Which package it is."""
        return self.registration.package_digest


@dataclass(frozen=True, slots=True)
class Champion:
    """A promotion: `version` has been champion of `model_name` since `since`, after `previous` (None: the first)."""

    model_name: str
    version: str
    previous: str | None
    since: datetime
    promoted_by: str
    reason: str
    evidence: Mapping[str, Json]
    ledger_sequence: int


@dataclass(frozen=True, slots=True)
class Verdict:
    """A gate's recorded verdict on `subject`, with the digests of what it looked at."""

    gate: str
    subject: str
    verdict: str
    checks: tuple[Mapping[str, Json], ...]
    inputs: Mapping[str, Json]
    at: datetime
    actor: str
    ledger_sequence: int


@dataclass(frozen=True, slots=True)
class Decision:
    """Any other decision of the platform: its kind, what it concerns, how it came out, why, and on which evidence."""

    kind: str
    subject: str
    outcome: str
    reasons: tuple[str, ...]
    evidence: Mapping[str, Json]
    key: str | None
    at: datetime
    actor: str
    ledger_sequence: int


@dataclass(frozen=True, slots=True)
class RecordedFindings:
    """What a report saw on a day under a champion (None: there was none yet); `sequence` is its ledger entry, the evidence id."""

    sequence: int
    at: datetime
    day: date
    report: str
    champion: str | None
    findings: tuple[Finding, ...]

    @property
    def ledger_sequence(self) -> int:
        """The evidence id under the name that other records give it."""
        return self.sequence
