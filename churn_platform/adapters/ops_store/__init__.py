"""The ops store: the platform's control state (who is champion, what was decided on which evidence) and its ledger.

One transactional database, SQLite (WAL) by default and PostgreSQL in production, reached through SQLAlchemy Core. What
belongs here: tables, the writer lock, records, the compare-and-swap. What does not: rows of data (published snapshots)
and any judgement (the rooms decide; this records). How it is laid out: `store` is the door; `tables` the schema;
`database` connections and the writer lock; `ledger` the one way to change anything; `anchor` the ledger's head outside
the database; one file per kind of record beside them. The schema changes only through `adapters/migrations`.

To add a kind of record: a table in `tables.RECORDED` with its migration, and a module like `decisions` that writes
through `Change.record`.
"""

from churn_platform.adapters.ops_store.errors import (
    DecisionConflict,
    LedgerAlarm,
    OpsStoreError,
    OpsStoreUnavailable,
    PromotionConflict,
    RegistrationConflict,
    RolloutConflict,
    SchemaMismatch,
    TicketConflict,
    UnknownModel,
    UnknownTicket,
)
from churn_platform.adapters.ops_store.records import Champion, Decision, RecordedFindings, RegisteredModel, Verdict
from churn_platform.adapters.ops_store.store import OpsStore

__all__ = [
    "Champion",
    "Decision",
    "DecisionConflict",
    "LedgerAlarm",
    "OpsStore",
    "OpsStoreError",
    "OpsStoreUnavailable",
    "PromotionConflict",
    "RecordedFindings",
    "RegisteredModel",
    "RegistrationConflict",
    "RolloutConflict",
    "SchemaMismatch",
    "TicketConflict",
    "UnknownModel",
    "UnknownTicket",
    "Verdict",
]
