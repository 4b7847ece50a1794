"""Findings, the tickets that they open, and the messages that tickets send."""

from __future__ import annotations

import sqlalchemy as sa
from alembic import op

revision = "0002"
down_revision = "0001"
branch_labels = None
depends_on = None

APPEND_ONLY = ("findings", "considered", "ticket_events", "deliveries", "delivery_outcomes")


def upgrade() -> None:
    """Create the tables; types are spelt out, as in the first step."""
    _create_recorded(
        "findings",
        sa.Column("day", sa.Date, nullable=False),
        sa.Column("report", sa.Text, nullable=False),
        sa.Column("champion", sa.Text),
        sa.Column("findings", sa.Text, nullable=False),
    )
    op.create_index("ix_findings_day", "findings", ["day"])
    _create_recorded(
        "considered",
        sa.Column("through", sa.BigInteger, nullable=False),
        sa.Column("evidence", sa.Text, nullable=False),
        sa.UniqueConstraint("through", name="uq_considered_through"),
    )
    _create_recorded(
        "ticket_events", *(sa.Column(name, sa.Text, nullable=False) for name in ("ticket", "kind", "details"))
    )
    op.create_index("ix_ticket_events_ticket", "ticket_events", ["ticket"])
    _create_tickets()
    _create_deliveries()
    _refuse_changes()


def _create_tickets() -> None:
    op.create_table(
        "tickets",
        sa.Column("ticket", sa.Text, nullable=False),
        sa.Column("number", sa.Integer, nullable=False),
        *(sa.Column(name, sa.Text, nullable=False) for name in ("incident", "state", "content")),
        sa.Column("event", sa.BigInteger, nullable=False),
        sa.PrimaryKeyConstraint("ticket", name="pk_tickets"),
        sa.UniqueConstraint("number", name="uq_tickets_number"),
        sa.ForeignKeyConstraint(["event"], ["ticket_events.ledger_sequence"], name="fk_tickets_event"),
    )
    # What no race and no bug may bring about: two unresolved tickets of one incident.
    unresolved = sa.text("state != 'resolved'")
    op.create_index(
        "ix_tickets_unresolved_incident",
        "tickets",
        ["incident"],
        unique=True,
        sqlite_where=unresolved,
        postgresql_where=unresolved,
    )


def _create_deliveries() -> None:
    _create_recorded(
        "deliveries",
        sa.Column("key", sa.Text, nullable=False),
        sa.Column("ticket", sa.Text),
        *(sa.Column(name, sa.Text, nullable=False) for name in ("kind", "channel", "message")),
        sa.UniqueConstraint("key", name="uq_deliveries_key"),
    )
    op.create_index("ix_deliveries_ticket", "deliveries", ["ticket"])
    _create_recorded(
        "delivery_outcomes",
        sa.Column("delivery", sa.Text, nullable=False),
        sa.Column("outcome", sa.Text, nullable=False),
        sa.Column("attempt", sa.Integer, nullable=False),
        sa.Column("detail", sa.Text, nullable=False),
        sa.ForeignKeyConstraint(["delivery"], ["deliveries.key"], name="fk_delivery_outcomes_delivery"),
    )
    op.create_index("ix_delivery_outcomes_delivery", "delivery_outcomes", ["delivery"])
    op.create_table(
        "delivery_states",
        sa.Column("delivery", sa.Text, nullable=False),
        sa.Column("state", sa.Text, nullable=False),
        sa.Column("attempts", sa.Integer, nullable=False),
        sa.Column("next_attempt", sa.Text, nullable=False),
        sa.Column("claim", sa.Text),
        sa.Column("claimed_until", sa.Text),
        sa.PrimaryKeyConstraint("delivery", name="pk_delivery_states"),
        sa.ForeignKeyConstraint(["delivery"], ["deliveries.key"], name="fk_delivery_states_delivery"),
    )
    op.create_index("ix_delivery_states_state", "delivery_states", ["state"])


def _create_recorded(name: str, *columns: sa.schema.SchemaItem) -> None:
    op.create_table(
        name,
        sa.Column("ledger_sequence", sa.BigInteger, autoincrement=False, nullable=False),
        sa.Column("at", sa.Text, nullable=False),
        sa.Column("actor", sa.Text, nullable=False),
        *columns,
        sa.PrimaryKeyConstraint("ledger_sequence", name=f"pk_{name}"),
        sa.ForeignKeyConstraint(["ledger_sequence"], ["ledger.sequence"], name=f"fk_{name}_ledger_sequence"),
    )


def _refuse_changes() -> None:
    """Triggers as on the first tables; PostgreSQL's function is there already."""
    sqlite = op.get_bind().dialect.name == "sqlite"
    for table in APPEND_ONLY:
        if not sqlite:
            op.execute(
                f"CREATE TRIGGER {table}_refuses_changes BEFORE UPDATE OR DELETE OR TRUNCATE ON {table} "
                "FOR EACH STATEMENT EXECUTE FUNCTION refuse_change()"
            )
            continue
        for act in ("UPDATE", "DELETE"):
            op.execute(
                f"CREATE TRIGGER {table}_refuses_{act.lower()} BEFORE {act} ON {table} "
                f"BEGIN SELECT RAISE(ABORT, '{table} is append-only'); END"
            )
