"""Where alembic meets the ops store: it runs on the connection it is given, inside the opening process's transaction
and writer lock.
"""

from __future__ import annotations

from alembic import context

from churn_platform.adapters.ops_store.tables import VERSION_TABLE, metadata

context.configure(
    connection=context.config.attributes["connection"],
    target_metadata=metadata,
    # Its own version table: other tools migrate in the same PostgreSQL under alembic's default name.
    version_table=VERSION_TABLE,
    # SQLite's DDL is transactional too once the driver leaves BEGIN to us: a killed migration leaves nothing.
    transactional_ddl=True,
)
with context.begin_transaction():
    context.run_migrations()
