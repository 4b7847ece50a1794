"""The first tables: the ledger, registered models, champions, verdicts, decisions; and triggers that keep what is
recorded as it is.
"""

from __future__ import annotations

import sqlalchemy as sa
from alembic import op

revision = "0001"
down_revision = None
branch_labels = None
depends_on = None

APPEND_ONLY = ("ledger", "models", "champion_history", "verdicts", "decisions")


def upgrade() -> None:
    """Create everything. Types are spelt out here, so that this step stays what it was when `tables.py` moves on."""
    op.create_table(
        "ledger",
        sa.Column("sequence", sa.BigInteger, autoincrement=False, nullable=False),
        *(
            sa.Column(name, sa.Text, nullable=False)
            for name in ("at", "actor", "action", "subject", "details", "previous", "digest")
        ),
        sa.PrimaryKeyConstraint("sequence", name="pk_ledger"),
    )
    texts = (
        "model_name",
        "package_digest",
        "feature_set",
        "training_data_digest",
        "policy_digest",
        "code_revision",
        "code_digest",
    )
    _create_recorded(
        "models",
        sa.Column("version", sa.Text, nullable=False),
        sa.Column("number", sa.Integer, nullable=False),
        *(sa.Column(name, sa.Text, nullable=False) for name in (*texts, "business_owner", "ml_owner", "risk_tier")),
        sa.Column("as_of", sa.Date, nullable=False),
        sa.Column("feed", sa.Text, nullable=False),
        sa.Column("simulated", sa.Boolean, nullable=False),
        sa.Column("metrics", sa.Text, nullable=False),
        sa.UniqueConstraint("version", name="uq_models_version"),
        sa.UniqueConstraint("number", name="uq_models_number"),
        sa.UniqueConstraint("package_digest", name="uq_models_package_digest"),
    )
    _create_recorded(
        "champion_history",
        sa.Column("model_name", sa.Text, nullable=False),
        sa.Column("version", sa.Text, nullable=False),
        sa.Column("previous", sa.Text),
        sa.Column("reason", sa.Text, nullable=False),
        sa.Column("evidence", sa.Text, nullable=False),
        sa.ForeignKeyConstraint(["version"], ["models.version"], name="fk_champion_history_version"),
        sa.ForeignKeyConstraint(["previous"], ["models.version"], name="fk_champion_history_previous"),
    )
    op.create_index("ix_champion_history_model_name", "champion_history", ["model_name"])
    op.create_table(
        "champion",
        sa.Column("model_name", sa.Text, nullable=False),
        sa.Column("version", sa.Text, nullable=False),
        sa.Column("promotion", sa.BigInteger, nullable=False),
        sa.PrimaryKeyConstraint("model_name", name="pk_champion"),
        sa.ForeignKeyConstraint(["version"], ["models.version"], name="fk_champion_version"),
        sa.ForeignKeyConstraint(["promotion"], ["champion_history.ledger_sequence"], name="fk_champion_promotion"),
    )
    _create_recorded(
        "verdicts",
        *(sa.Column(name, sa.Text, nullable=False) for name in ("subject", "gate", "verdict", "checks", "inputs")),
    )
    op.create_index("ix_verdicts_subject", "verdicts", ["subject"])
    _create_recorded(
        "decisions",
        *(sa.Column(name, sa.Text, nullable=False) for name in ("kind", "subject", "outcome", "reasons", "evidence")),
        sa.Column("key", sa.Text),
        sa.UniqueConstraint("key", name="uq_decisions_key"),
    )
    op.create_index("ix_decisions_subject", "decisions", ["subject"])
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
    """Triggers against updates and deletes: no protection from the database's owner (the chain is), but from every
    honest mistake.
    """
    if op.get_bind().dialect.name == "sqlite":
        for table in APPEND_ONLY:
            for act in ("UPDATE", "DELETE"):
                op.execute(
                    f"CREATE TRIGGER {table}_refuses_{act.lower()} BEFORE {act} ON {table} "
                    f"BEGIN SELECT RAISE(ABORT, '{table} is append-only'); END"
                )
        return
    op.execute(
        "CREATE FUNCTION refuse_change() RETURNS trigger LANGUAGE plpgsql AS "
        "$$ BEGIN RAISE EXCEPTION '% is append-only', TG_TABLE_NAME; END $$"
    )
    for table in APPEND_ONLY:
        op.execute(
            f"CREATE TRIGGER {table}_refuses_changes BEFORE UPDATE OR DELETE OR TRUNCATE ON {table} "
            "FOR EACH STATEMENT EXECUTE FUNCTION refuse_change()"
        )
