"""Rollouts, and what happened to each."""

from __future__ import annotations

import sqlalchemy as sa
from alembic import op

revision = "0003"
down_revision = "0002"
branch_labels = None
depends_on = None

APPEND_ONLY = ("rollouts", "rollout_events")


def upgrade() -> None:
    """Create the tables; types are spelt out, as in the first step."""
    _create_recorded(
        "rollouts",
        sa.Column("rollout", sa.Text, nullable=False),
        sa.Column("number", sa.Integer, nullable=False),
        *(sa.Column(name, sa.Text, nullable=False) for name in ("model_name", "plan", "digest")),
        sa.UniqueConstraint("rollout", name="uq_rollouts_rollout"),
        sa.UniqueConstraint("number", name="uq_rollouts_number"),
    )
    op.create_index("ix_rollouts_model_name", "rollouts", ["model_name"])
    _create_recorded(
        "rollout_events",
        sa.Column("rollout", sa.Text, nullable=False),
        sa.Column("position", sa.Integer, nullable=False),
        *(sa.Column(name, sa.Text, nullable=False) for name in ("kind", "reasons", "checks")),
        sa.UniqueConstraint("rollout", "position", name="uq_rollout_events_rollout"),
        sa.ForeignKeyConstraint(["rollout"], ["rollouts.rollout"], name="fk_rollout_events_rollout"),
    )
    _refuse_changes()


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
