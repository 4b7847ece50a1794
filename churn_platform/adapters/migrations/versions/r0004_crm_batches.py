"""Batches of scores on their way to the CRM."""

from __future__ import annotations

import sqlalchemy as sa
from alembic import op

revision = "0004"
down_revision = "0003"
branch_labels = None
depends_on = None


def upgrade() -> None:
    """Create the table; types are spelt out, as in the first step."""
    op.create_table(
        "crm_batches",
        *(sa.Column(name, sa.Text, nullable=False) for name in ("key", "day", "snapshot")),
        *(sa.Column(name, sa.Integer, nullable=False) for name in ("sequence", "number", "first_row", "rows")),
        sa.Column("state", sa.Text, nullable=False),
        sa.Column("attempts", sa.Integer, nullable=False),
        *(sa.Column(name, sa.Text, nullable=False) for name in ("detail", "changed_at")),
        sa.PrimaryKeyConstraint("key", name="pk_crm_batches"),
    )
    for name in ("day", "state"):
        op.create_index(f"ix_crm_batches_{name}", "crm_batches", [name])
