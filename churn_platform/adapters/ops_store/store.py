"""The door of the ops store: open it, ask it, change it. Every change is one transaction with its ledger entry."""

from __future__ import annotations

import hashlib
import logging
from collections.abc import Mapping, Sequence
from datetime import date, datetime
from pathlib import Path
from typing import Self

import sqlalchemy as sa

from churn_platform.adapters.ops_store import (
    champions,
    decisions,
    deliveries,
    gate_verdicts,
    ledger,
    registrations,
    tickets,
)
from churn_platform.adapters.ops_store import findings as findings_table
from churn_platform.adapters.ops_store.anchor import Anchor
from churn_platform.adapters.ops_store.crm_batches import CrmDoor
from churn_platform.adapters.ops_store.database import (
    create_engine,
    migrate,
    parse_url,
    reading,
    schema_version,
    writing,
)
from churn_platform.adapters.ops_store.errors import OpsStoreError
from churn_platform.adapters.ops_store.records import Champion, Decision, RecordedFindings, RegisteredModel, Verdict
from churn_platform.adapters.ops_store.rollouts_door import RolloutsDoor
from churn_platform.adapters.ops_store.tickets_door import TicketsDoor
from churn_platform.drift.finding import Finding
from churn_platform.governance.ledger import LedgerEntry, LedgerVerification
from churn_platform.governance.registration import MODEL_NAME, Registration
from churn_platform.promotion import GateDecisionLike
from churn_platform.settings import load_settings

_log = logging.getLogger(__name__)


class OpsStore(TicketsDoor, RolloutsDoor, CrmDoor):
    """One open ops store. Threads may share it; a process opens its own (not across a fork). Use as a context manager,
    or `close` it.
    """

    def __init__(self, engine: sa.Engine, anchor: Anchor) -> None:
        self._engine = engine
        self._anchor = anchor

    @classmethod
    def open(cls, where: str | Path, anchor: Path | None = None) -> Self:
        """Open the store at a path (SQLite) or URL (`postgresql+psycopg://…`), creating and migrating it as needed.

        `anchor` is the file that holds the ledger's head: beside the SQLite file by default, in `$CHURN_HOME/ops` for
        PostgreSQL. A ledger that does not match it is logged and refuses writes, while reads go on; `verify_ledger`
        says what is wrong.
        """
        url = parse_url(where)
        place = Anchor(anchor or _default_anchor(url))
        engine = create_engine(url)
        try:
            with reading(engine) as connection:
                fresh = schema_version(connection) is None
            if fresh:
                place.create()  # before the tables: tables without an anchor must always mean that the anchor was lost
            migrate(engine)
            store = cls(engine, place)
            problem = ledger.catch_up(engine, place)
        except BaseException:
            engine.dispose()
            raise
        if problem is not None:
            _log.error(
                "The ops store %s opened for reading only: %s", url.render_as_string(hide_password=True), problem
            )
        return store

    def close(self) -> None:
        """Give the connections back."""
        self._engine.dispose()

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        self.close()

    def register_model(self, registration: Registration, *, actor: str, at: datetime) -> RegisteredModel:
        """Register a model under the next version (`churn-1`, `churn-2`, …); the same package again returns the version
        it has.
        """
        with ledger.change(self._engine, self._anchor, at, actor) as change:
            return registrations.register(change, registration)

    def model(self, version: str) -> RegisteredModel:
        """The registered model of that version; UnknownModel if there is none."""
        with reading(self._engine) as connection:
            return registrations.by_version(connection, version)

    def models(self) -> tuple[RegisteredModel, ...]:
        """Every registered model, in order of registration."""
        with reading(self._engine) as connection:
            return registrations.in_order(connection)

    def champion(self, model_name: str = MODEL_NAME) -> Champion | None:
        """The present champion; None before the first promotion."""
        with reading(self._engine) as connection:
            return champions.current(connection, model_name)

    def champion_at(self, when: date | datetime, model_name: str = MODEL_NAME) -> Champion | None:
        """Who was champion then; a plain date means the end of that day in UTC."""
        with reading(self._engine) as connection:
            return champions.at(connection, model_name, when)

    def champion_history(self, model_name: str = MODEL_NAME) -> tuple[Champion, ...]:
        """Every promotion, the first one first."""
        with reading(self._engine) as connection:
            return champions.history(connection, model_name)

    def promote(
        self,
        version: str,
        expected: str | None,
        reason: str,
        evidence: Mapping[str, object],
        *,
        actor: str,
        at: datetime,
    ) -> Champion:
        """Make `version` champion if the champion still is `expected` (None: there is none yet); PromotionConflict
        otherwise.
        """
        with ledger.change(self._engine, self._anchor, at, actor) as change:
            return champions.promote(change, version, expected, reason, evidence)

    def record_verdict(
        self, subject: str, decision: GateDecisionLike, inputs: Mapping[str, object], *, actor: str, at: datetime
    ) -> Verdict:
        """Record a gate's decision on `subject` (a model version, a date) with the digests of what it looked at."""
        with ledger.change(self._engine, self._anchor, at, actor) as change:
            return gate_verdicts.record(change, subject, decision, inputs)

    def verdicts(self, subject: str) -> tuple[Verdict, ...]:
        """Every verdict on `subject`, oldest first: the last of a gate is the one that counts."""
        with reading(self._engine) as connection:
            return gate_verdicts.on(connection, subject)

    def record_decision(
        self,
        kind: str,
        subject: str,
        outcome: str,
        reasons: Sequence[str],
        evidence: Mapping[str, object],
        *,
        actor: str,
        at: datetime,
        key: str | None = None,
    ) -> Decision:
        """Record any other decision; with an idempotency `key`, once."""
        with ledger.change(self._engine, self._anchor, at, actor) as change:
            return decisions.record(change, kind, subject, outcome, reasons, evidence, key)

    def decisions(self, kind: str | None = None, subject: str | None = None, limit: int = 100) -> tuple[Decision, ...]:
        """The newest decisions of a kind, about a subject, or all; oldest of them first."""
        with reading(self._engine) as connection:
            return decisions.matching(connection, kind, subject, limit)

    def record_findings(
        self,
        day: date,
        report: str,
        champion: str | None,
        findings: Sequence[Finding],
        *,
        actor: str,
        at: datetime,
    ) -> RecordedFindings:
        """Record what a report (`schema`, `drift`, `performance`, `slo`) saw on a day; again with other content, it supersedes."""
        with ledger.change(self._engine, self._anchor, at, actor) as change:
            return findings_table.record(change, day, report, champion, findings)

    def findings(
        self, since: int = 0, day: date | None = None, report: str | None = None, first_day: date | None = None
    ) -> tuple[RecordedFindings, ...]:
        """The findings that count (the newest of each day, report and champion) recorded after entry `since`, oldest first."""
        with reading(self._engine) as connection:
            return findings_table.matching(connection, since, day, report, first_day)

    def findings_since_when(self) -> datetime | None:
        """When findings were recorded for the first time; None if they never were."""
        with reading(self._engine) as connection:
            return findings_table.first_recorded(connection)

    def ledger(self, limit: int = 100) -> tuple[LedgerEntry, ...]:
        """The newest `limit` ledger entries, oldest of them first."""
        with reading(self._engine) as connection:
            return ledger.last_entries(connection, limit)

    def verify_ledger(self) -> LedgerVerification:
        """Verify the whole chain, its anchored head, and every recorded row against the entry that recorded it."""
        return ledger.verify(self._engine, self._anchor, (tickets.state_findings, deliveries.state_findings))

    def accept_ledger(self, reason: str, *, actor: str, at: datetime) -> LedgerEntry:
        """Anchor the ledger as it stands, after a person has looked: the way out after restoring a backup or moving to
        a new machine.

        What was found is written into the ledger with the reason. A chain that is broken in itself cannot be accepted:
        restore it.
        """
        if not reason.strip():
            raise OpsStoreError("the ledger was not accepted: say why it ends elsewhere than its anchored head")
        with writing(self._engine) as connection:
            entry = ledger.accept(connection, self._anchor, reason, actor, at)
        self._anchor.accept(entry.head)
        return entry


def _default_anchor(url: sa.URL) -> Path:
    if url.get_backend_name() == "sqlite":
        return Path(f"{url.database}.head.json")
    # One anchor per database, told apart without its password.
    name = hashlib.sha256(url.render_as_string(hide_password=True).encode()).hexdigest()[:12]
    return load_settings().ops / f"{url.database}-{name}.head.json"
