"""Connections to the ops store's database, its writer lock, and the step to the newest schema.

What belongs here: URLs, PRAGMAs, transactions. What does not: any table but the schema's version.
"""

from __future__ import annotations

import hashlib
from collections.abc import Iterator
from contextlib import AbstractContextManager, contextmanager, nullcontext
from pathlib import Path
from typing import Any

import sqlalchemy as sa
from sqlalchemy.engine import URL, make_url

from churn_platform.adapters.file_lock import exclusive
from churn_platform.adapters.ops_store.errors import OpsStoreError, OpsStoreUnavailable, SchemaMismatch
from churn_platform.adapters.ops_store.tables import SCHEMA_VERSION, VERSION_TABLE

MIGRATIONS = Path(__file__).parents[1] / "migrations"

# A writer holds the lock for milliseconds; half a minute is a stuck machine, not a queue.
BUSY_SECONDS = 30
# PostgreSQL advisory locks are numbers: this one is ours by its name.
_WRITER_LOCK = int.from_bytes(hashlib.sha256(b"churn-platform ops store writer").digest()[:8], "big", signed=True)


def parse_url(where: str | Path) -> URL:
    """The database URL for a path or URL; OpsStoreError for an in-memory SQLite, which could anchor and outlive
    nothing.
    """
    if isinstance(where, Path) or "://" not in where:
        return URL.create("sqlite", database=str(Path(where).absolute()))
    url = make_url(where)
    backend = url.get_backend_name()
    if backend == "postgresql":
        return url.set(drivername="postgresql+psycopg")
    if backend != "sqlite":
        raise OpsStoreError(
            f"the ops store runs on SQLite and PostgreSQL, not on {backend}: give a path or a postgresql+psycopg:// URL"
        )
    if not url.database or url.database == ":memory:" or url.query:
        raise OpsStoreError(
            "the ops store must outlive its process: give a file path, not an in-memory SQLite or a URL with options"
        )
    return url.set(database=str(Path(url.database).absolute()))


def create_engine(url: URL) -> sa.Engine:
    """An engine whose writing transactions take the writer lock when they begin."""
    if url.get_backend_name() == "postgresql":
        return sa.create_engine(url, pool_pre_ping=True)
    Path(str(url.database)).parent.mkdir(parents=True, exist_ok=True)
    engine = sa.create_engine(url, connect_args={"timeout": BUSY_SECONDS})
    sa.event.listen(engine, "connect", _prepare_sqlite)
    sa.event.listen(engine, "begin", _begin_sqlite)
    return engine


@contextmanager
def writing(engine: sa.Engine) -> Iterator[sa.Connection]:
    """One transaction under the writer lock: it sees every earlier writer's commit, and commits only if the block ends
    without an error.
    """
    with _reachable(engine), engine.connect() as connection:
        connection = connection.execution_options(churn_writer=True)
        with connection.begin():
            if connection.dialect.name == "postgresql":
                connection.execute(sa.select(sa.func.pg_advisory_xact_lock(_WRITER_LOCK)))
            yield connection


@contextmanager
def reading(engine: sa.Engine) -> Iterator[sa.Connection]:
    """One transaction that sees one moment: all its queries agree with each other."""
    with _reachable(engine), engine.connect() as connection:
        if connection.dialect.name == "postgresql":
            connection = connection.execution_options(isolation_level="REPEATABLE READ", postgresql_readonly=True)
        with connection.begin():
            yield connection


@contextmanager
def _reachable(engine: sa.Engine) -> Iterator[None]:
    """Turn the driver's ways of saying "not there", "locked" and "not a database" into one typed error."""
    try:
        yield
    except sa.exc.DatabaseError as error:
        not_a_database = type(error) is sa.exc.DatabaseError
        if not isinstance(error, sa.exc.OperationalError) and not not_a_database:
            raise
        raise OpsStoreUnavailable(engine.url.render_as_string(hide_password=True), str(error.orig)) from error


def schema_version(connection: sa.Connection) -> str | None:
    """The database's schema version, None for a fresh database."""
    if not sa.inspect(connection).has_table(VERSION_TABLE):
        return None
    row = connection.execute(sa.text(f"SELECT version_num FROM {VERSION_TABLE}")).one_or_none()
    return None if row is None else str(row[0])


def migrate(engine: sa.Engine) -> None:
    """Bring the schema to the newest version, once, whoever comes first; alembic is imported only where there is
    something to do.
    """
    with reading(engine) as connection:
        if schema_version(connection) == SCHEMA_VERSION:
            return
    with _opening_alone(engine):
        if engine.dialect.name == "sqlite":
            _switch_to_wal(engine)
        with writing(engine) as connection:
            found = schema_version(connection)
            if found != SCHEMA_VERSION:
                _upgrade(connection, found)


def _upgrade(connection: sa.Connection, found: str | None) -> None:
    """Run the steps from `found` to the newest, in the transaction that is open: a killed migration leaves nothing."""
    from alembic.config import Config
    from alembic.migration import MigrationContext
    from alembic.operations import Operations
    from alembic.script import ScriptDirectory

    config = Config()
    config.set_main_option("script_location", str(MIGRATIONS))
    scripts = ScriptDirectory.from_config(config)
    known = sorted(script.revision for script in scripts.walk_revisions())
    if found is not None and found not in known:
        raise SchemaMismatch(
            f"the ops store is at schema {found}, and this version of the platform knows {', '.join(known)}: "
            "a newer version has migrated it. Run that version, or restore the backup taken before."
        )
    # Its own version table: other tools migrate in the same PostgreSQL under alembic's default name.
    context = MigrationContext.configure(connection, opts={"version_table": VERSION_TABLE})
    with Operations.context(context):
        for step in reversed([*scripts.iterate_revisions("head", found or "base")]):
            step.module.upgrade()
    context.stamp(scripts, "head")


def _opening_alone(engine: sa.Engine) -> AbstractContextManager[None]:
    """Switching a file to WAL needs it alone and does not wait: those who open a fresh store at once take turns."""
    if engine.dialect.name != "sqlite":
        return nullcontext()
    return exclusive(Path(f"{engine.url.database}.opening.lock"))


def _switch_to_wal(engine: sa.Engine) -> None:
    raw = engine.raw_connection()
    try:
        raw.cursor().execute("PRAGMA journal_mode=WAL")
    finally:
        raw.close()


def _prepare_sqlite(connection: Any, _record: object) -> None:
    connection.isolation_level = None  # the driver must not begin transactions of its own: `_begin_sqlite` does
    cursor = connection.cursor()
    cursor.execute("PRAGMA foreign_keys=ON")
    # FULL, not NORMAL: a power cut must not lose a commit whose ledger head is already anchored, or the anchor would
    # cry wolf.
    cursor.execute("PRAGMA synchronous=FULL")
    cursor.close()


def _begin_sqlite(connection: sa.Connection) -> None:
    writer = connection.get_execution_options().get("churn_writer", False)
    connection.exec_driver_sql("BEGIN IMMEDIATE" if writer else "BEGIN")
