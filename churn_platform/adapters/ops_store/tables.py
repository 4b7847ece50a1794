"""The schema of the ops store, as of the newest migration; a test holds that migrations and this file agree.

Each record's key is the sequence of the ledger entry that recorded it, so that every row can be walked back to who
wrote it, and can be compared with what the ledger says was written. Rows of `RECORDED` are never updated or deleted
(triggers refuse it). Three tables are mutable: `champion` holds nothing that `champion_history` does not, `tickets` nothing
that `ticket_events` do not, and `delivery_states` says who is sending what just now.
"""

from __future__ import annotations

import json
from datetime import datetime
from typing import Any

import sqlalchemy as sa
from sqlalchemy.types import TypeDecorator

from churn_platform.governance.canonical import canonical_json
from churn_platform.governance.ledger import utc_text

SCHEMA_VERSION = "0004"
VERSION_TABLE = "ops_store_version"


class CanonicalJson(TypeDecorator[Any]):
    """A JSON value as canonical text: the same bytes in every database, so that digests hold."""

    impl = sa.Text
    cache_ok = True

    def process_bind_param(self, value: object, dialect: object) -> str:
        """Value to text."""
        return canonical_json(value)

    def process_result_value(self, value: str | None, dialect: object) -> object:
        """Text to value."""
        return None if value is None else json.loads(value)


class UtcTime(TypeDecorator[datetime]):
    """An aware time as UTC ISO text of fixed width: text order is time order, the same in every database."""

    impl = sa.Text
    cache_ok = True

    def process_bind_param(self, value: datetime | None, dialect: object) -> str | None:
        """Time to text."""
        return None if value is None else utc_text(value)

    def process_result_value(self, value: str | None, dialect: object) -> datetime | None:
        """Text to time."""
        return None if value is None else datetime.fromisoformat(value)


metadata = sa.MetaData(
    naming_convention={
        "pk": "pk_%(table_name)s",
        "fk": "fk_%(table_name)s_%(column_0_name)s",
        "uq": "uq_%(table_name)s_%(column_0_name)s",
        "ix": "ix_%(table_name)s_%(column_0_name)s",
    }
)

ledger = sa.Table(
    "ledger",
    metadata,
    sa.Column("sequence", sa.BigInteger, primary_key=True, autoincrement=False),
    sa.Column("at", sa.Text, nullable=False),
    sa.Column("actor", sa.Text, nullable=False),
    sa.Column("action", sa.Text, nullable=False),
    sa.Column("subject", sa.Text, nullable=False),
    sa.Column("details", sa.Text, nullable=False),
    sa.Column("previous", sa.Text, nullable=False),
    sa.Column("digest", sa.Text, nullable=False),
)


def _recorded(name: str, *columns: sa.schema.SchemaItem) -> sa.Table:
    """A table of records: the ledger entry's sequence as key, when and by whom, and what."""
    return sa.Table(
        name,
        metadata,
        sa.Column("ledger_sequence", sa.ForeignKey("ledger.sequence"), primary_key=True, autoincrement=False),
        sa.Column("at", UtcTime, nullable=False),
        sa.Column("actor", sa.Text, nullable=False),
        *columns,
    )


models = _recorded(
    "models",
    sa.Column("version", sa.Text, nullable=False, unique=True),
    sa.Column("number", sa.Integer, nullable=False, unique=True),
    sa.Column("model_name", sa.Text, nullable=False),
    sa.Column("package_digest", sa.Text, nullable=False, unique=True),
    sa.Column("feature_set", sa.Text, nullable=False),
    sa.Column("training_data_digest", sa.Text, nullable=False),
    sa.Column("policy_digest", sa.Text, nullable=False),
    sa.Column("code_revision", sa.Text, nullable=False),
    sa.Column("code_digest", sa.Text, nullable=False),
    sa.Column("business_owner", sa.Text, nullable=False),
    sa.Column("ml_owner", sa.Text, nullable=False),
    sa.Column("risk_tier", sa.Text, nullable=False),
    sa.Column("as_of", sa.Date, nullable=False),
    sa.Column("feed", sa.Text, nullable=False),
    sa.Column("simulated", sa.Boolean, nullable=False),
    sa.Column("metrics", CanonicalJson, nullable=False),
)

champion_history = _recorded(
    "champion_history",
    sa.Column("model_name", sa.Text, nullable=False, index=True),
    sa.Column("version", sa.ForeignKey("models.version"), nullable=False),
    sa.Column("previous", sa.ForeignKey("models.version"), nullable=True),
    sa.Column("reason", sa.Text, nullable=False),
    sa.Column("evidence", CanonicalJson, nullable=False),
)

champion = sa.Table(
    "champion",
    metadata,
    sa.Column("model_name", sa.Text, primary_key=True),
    sa.Column("version", sa.ForeignKey("models.version"), nullable=False),
    sa.Column("promotion", sa.ForeignKey("champion_history.ledger_sequence"), nullable=False),
)

verdicts = _recorded(
    "verdicts",
    sa.Column("subject", sa.Text, nullable=False, index=True),
    sa.Column("gate", sa.Text, nullable=False),
    sa.Column("verdict", sa.Text, nullable=False),
    sa.Column("checks", CanonicalJson, nullable=False),
    sa.Column("inputs", CanonicalJson, nullable=False),
)

decisions = _recorded(
    "decisions",
    sa.Column("kind", sa.Text, nullable=False),
    sa.Column("subject", sa.Text, nullable=False, index=True),
    sa.Column("outcome", sa.Text, nullable=False),
    sa.Column("reasons", CanonicalJson, nullable=False),
    sa.Column("evidence", CanonicalJson, nullable=False),
    sa.Column("key", sa.Text, nullable=True, unique=True),
)

findings = _recorded(
    "findings",
    sa.Column("day", sa.Date, nullable=False, index=True),
    sa.Column("report", sa.Text, nullable=False),
    sa.Column("champion", sa.Text, nullable=True),
    sa.Column("findings", CanonicalJson, nullable=False),
)

considered = _recorded(
    "considered",
    sa.Column("through", sa.BigInteger, nullable=False, unique=True),
    sa.Column("evidence", CanonicalJson, nullable=False),
)

ticket_events = _recorded(
    "ticket_events",
    sa.Column("ticket", sa.Text, nullable=False, index=True),
    sa.Column("kind", sa.Text, nullable=False),
    sa.Column("details", CanonicalJson, nullable=False),
)

tickets = sa.Table(
    "tickets",
    metadata,
    sa.Column("ticket", sa.Text, primary_key=True),
    sa.Column("number", sa.Integer, nullable=False, unique=True),
    sa.Column("incident", sa.Text, nullable=False),
    sa.Column("state", sa.Text, nullable=False),
    sa.Column("content", CanonicalJson, nullable=False),
    sa.Column("event", sa.ForeignKey("ticket_events.ledger_sequence"), nullable=False),
)
sa.Index(
    "ix_tickets_unresolved_incident",
    tickets.c.incident,
    unique=True,
    # PostgreSQL's has the same condition, from its migration; to name it here would import that dialect everywhere: 40 ms (measured)
    sqlite_where=tickets.c.state != "resolved",
)

deliveries = _recorded(
    "deliveries",
    sa.Column("key", sa.Text, nullable=False, unique=True),
    sa.Column("ticket", sa.Text, nullable=True, index=True),
    sa.Column("kind", sa.Text, nullable=False),
    sa.Column("channel", sa.Text, nullable=False),
    sa.Column("message", CanonicalJson, nullable=False),
)

delivery_outcomes = _recorded(
    "delivery_outcomes",
    sa.Column("delivery", sa.ForeignKey("deliveries.key"), nullable=False, index=True),
    sa.Column("outcome", sa.Text, nullable=False),
    sa.Column("attempt", sa.Integer, nullable=False),
    sa.Column("detail", sa.Text, nullable=False),
)

delivery_states = sa.Table(
    "delivery_states",
    metadata,
    sa.Column("delivery", sa.ForeignKey("deliveries.key"), primary_key=True),
    sa.Column("state", sa.Text, nullable=False, index=True),
    sa.Column("attempts", sa.Integer, nullable=False),
    sa.Column("next_attempt", UtcTime, nullable=False),
    sa.Column("claim", sa.Text, nullable=True),
    sa.Column("claimed_until", UtcTime, nullable=True),
)

rollouts = _recorded(
    "rollouts",
    sa.Column("rollout", sa.Text, nullable=False, unique=True),
    sa.Column("number", sa.Integer, nullable=False, unique=True),
    sa.Column("model_name", sa.Text, nullable=False, index=True),
    sa.Column("plan", CanonicalJson, nullable=False),
    sa.Column("digest", sa.Text, nullable=False),
)

rollout_events = _recorded(
    "rollout_events",
    sa.Column("rollout", sa.ForeignKey("rollouts.rollout"), nullable=False),
    sa.Column("position", sa.Integer, nullable=False),
    sa.Column("kind", sa.Text, nullable=False),
    sa.Column("reasons", CanonicalJson, nullable=False),
    sa.Column("checks", CanonicalJson, nullable=False),
    sa.UniqueConstraint("rollout", "position"),
)

crm_batches = sa.Table(
    "crm_batches",
    metadata,
    sa.Column("key", sa.Text, primary_key=True),
    sa.Column("day", sa.Text, nullable=False, index=True),
    sa.Column("snapshot", sa.Text, nullable=False),
    sa.Column("sequence", sa.Integer, nullable=False),
    sa.Column("number", sa.Integer, nullable=False),
    sa.Column("first_row", sa.Integer, nullable=False),
    sa.Column("rows", sa.Integer, nullable=False),
    sa.Column("state", sa.Text, nullable=False, index=True),
    sa.Column("attempts", sa.Integer, nullable=False),
    sa.Column("detail", sa.Text, nullable=False),
    sa.Column("changed_at", UtcTime, nullable=False),
)
"""How far each batch of scores has come on its way to the CRM. What was sent lies in the published snapshot, which never changes."""

RECORDED: dict[str, tuple[sa.Table, str]] = {
    "model.registered": (models, "version"),
    "champion.promoted": (champion_history, "version"),
    "verdict.recorded": (verdicts, "subject"),
    "decision.recorded": (decisions, "subject"),
    "findings.recorded": (findings, "day"),
    "findings.considered": (considered, "through"),
    "ticket.changed": (ticket_events, "ticket"),
    "delivery.queued": (deliveries, "key"),
    "delivery.attempted": (delivery_outcomes, "delivery"),
    "rollout.planned": (rollouts, "rollout"),
    "rollout.moved": (rollout_events, "rollout"),
}
"""Ledger action → the table whose row it writes, and the column that is the entry's subject."""
