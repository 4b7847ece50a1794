"""Dagster's SQLite event log, with the events of a range written in one transaction and its databases kept open.

Why: a run over a range reports one materialization per asset and day. Stored one by one, each event opens, commits, checkpoints and closes
two databases: a history of 150 days took 84 s of event writing for 50 s of work (measured). Dagster already hands such events over as a
batch; its SQLite storage then stores them one after the other. This one stores the batch at once, and keeps the few databases it is
writing to open, since the last connection to leave a WAL database checkpoints it. Its statements are made once: one new statement an
event, reflected tables and a commit for each planned check took a third of a warm day (measured).
"""

from __future__ import annotations

import os
import tempfile
from collections import OrderedDict
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from functools import cached_property
from pathlib import Path
from typing import TYPE_CHECKING, Any

from dagster._core.events import (
    ASSET_CHECK_EVENTS,
    ASSET_EVENTS,
    EVENT_TYPE_TO_PIPELINE_RUN_STATUS,
    DagsterEventType,
)
from dagster._core.events.log import EventLogEntry
from dagster._core.storage.asset_check_execution_record import AssetCheckExecutionRecordStatus
from dagster._core.storage.event_log import SqliteEventLogStorage
from dagster._core.storage.event_log.schema import AssetCheckExecutionsTable, SqlEventLogStorageTable
from dagster_shared.serdes import serialize_value

if TYPE_CHECKING:
    from collections.abc import Mapping

BATCH_SIZE = 5_000
OPEN_DATABASES = 4
"""The index and the runs in flight; a webserver that looks at many runs closes the one it has not looked at longest."""
BUSY_SECONDS = 30
INSERT_EVENT = SqlEventLogStorageTable.insert()
INSERT_CHECK = AssetCheckExecutionsTable.insert()
MIRRORED = {*ASSET_EVENTS, *ASSET_CHECK_EVENTS, *EVENT_TYPE_TO_PIPELINE_RUN_STATUS}


class RangeEventLogStorage(SqliteEventLogStorage):
    """`SqliteEventLogStorage` whose batches are atomic per database: all events of a batch are stored, or none is."""

    def __init__(self, base_dir: str, inst_data: Any = None) -> None:
        self._engines: OrderedDict[str, Any] = OrderedDict()
        self._has_index_columns = False
        super().__init__(base_dir=base_dir, inst_data=inst_data)

    @classmethod
    def from_config_value(cls, inst_data: Any, config_value: Mapping[str, Any]) -> RangeEventLogStorage:
        """Made from `dagster.yaml`: a base_dir that is the instance's own home means the place below it that Dagster would take."""
        base = Path(config_value["base_dir"])
        if (base / "dagster.yaml").is_file():
            base = base / "history" / "runs"
        return cls(base_dir=str(base), inst_data=inst_data)

    @contextmanager
    def _connect(self, shard: str) -> Iterator[Any]:
        # the base class's lock is held all the while, so a shard never needs a second connection
        with self._db_lock:
            engine = self._engine(shard)
            with engine.connect() as connection, connection.begin():
                yield connection

    def _engine(self, shard: str) -> Any:
        """The open engine of a shard, its database made at first use."""
        import sqlalchemy as sa

        if shard in self._engines:
            self._engines.move_to_end(shard)
            return self._engines[shard]
        engine = sa.create_engine(
            self.conn_string_for_shard(shard),
            poolclass=sa.pool.QueuePool,
            pool_size=1,
            connect_args={"timeout": BUSY_SECONDS, "check_same_thread": False},
        )
        sa.event.listen(engine, "connect", _forget_no_process)
        if shard not in self._initialized_dbs:
            self._begin(shard)
            self._initdb(engine)  # finds a copied database as it should be, and makes one that is not there
            self._initialized_dbs.add(shard)
        self._engines[shard] = engine
        while len(self._engines) > OPEN_DATABASES:
            self._engines.popitem(last=False)[1].dispose()
        return engine

    def _begin(self, shard: str) -> None:
        """Begin a run's database as a copy of an empty one.

        Making its tables and indexes anew took 0.03 s a run (measured). Whoever is first names the file; the copy is whole when it
        gets its name.
        """
        path = Path(self.path_for_shard(shard))
        if path.exists():
            return
        with tempfile.NamedTemporaryFile(dir=path.parent, prefix=".new-", delete=False) as copy:
            copy.write(self._empty_database)
        try:
            os.link(copy.name, path)
        except FileExistsError:  # another process was first: its database is as good
            pass
        finally:
            os.unlink(copy.name)

    @cached_property
    def _empty_database(self) -> bytes:
        """The bytes of a run's database with its tables and without a row."""
        import sqlalchemy as sa

        with tempfile.TemporaryDirectory() as folder:
            path = Path(folder) / "empty.db"
            engine = sa.create_engine(f"sqlite:///{path}", poolclass=sa.pool.NullPool)
            self._initdb(engine)
            with engine.connect() as connection:
                connection.exec_driver_sql("PRAGMA wal_checkpoint(TRUNCATE)")
            engine.dispose()
            return path.read_bytes()

    @cached_property
    def supports_asset_checks(self) -> bool:
        """Whether the index knows asset checks; asked for each check, and a table that is there stays."""
        return bool(super().supports_asset_checks)

    def dispose(self) -> None:
        """Close what is open."""
        super().dispose()
        while self._engines:
            self._engines.popitem()[1].dispose()

    def store_event(self, event: EventLogEntry) -> None:
        """Store one event: in the run's database, and mirrored in the index where events are asked for across runs."""
        self._store([event])

    def store_event_batch(self, events: Sequence[EventLogEntry]) -> None:
        """Store the events of one run together."""
        self._store(list(events))

    def _store(self, events: list[EventLogEntry]) -> None:
        rows = [self._event_to_row(event) for event in events]
        # one statement for ever and rows as its parameters: SQLAlchemy then compiles it once, not once an event
        with self.run_connection(events[0].run_id) as connection:
            connection.execute(INSERT_EVENT, rows)
        mirrored = [(event, row) for event, row in zip(events, rows, strict=True) if _is_mirrored(event)]
        if not mirrored:
            return
        with self.index_transaction() as connection:
            connection.execute(INSERT_EVENT, [row for _, row in mirrored])
            # the transaction holds the database's only write lock, so the new ids are the last ones, in order
            last = int(connection.exec_driver_sql("SELECT max(id) FROM event_logs").scalar_one())
            first = last - len(mirrored) + 1
            ids = {id(event): first + place for place, (event, _) in enumerate(mirrored)}
            self._store_asset_rows(connection, events, ids)
            self._store_planned_checks(connection, events, ids)
        for event in events:
            if event.dagster_event_type == DagsterEventType.ASSET_CHECK_EVALUATION:
                self.store_asset_check_event(event, ids[id(event)])

    def _store_asset_rows(self, connection: Any, events: Sequence[EventLogEntry], ids: Mapping[int, int]) -> None:
        of_assets = [event for event in events if event.dagster_event_type in ASSET_EVENTS]
        if not of_assets:
            return
        self._store_asset_event_tags(connection, of_assets, [ids[id(event)] for event in of_assets])
        # the asset's own row keeps its newest event of each kind only
        newest = {(str(event.get_dagster_event().asset_key), event.dagster_event_type): event for event in of_assets}
        for event in sorted(newest.values(), key=lambda one: ids[id(one)]):
            self._store_asset_event(connection, event, ids[id(event)])

    def _store_planned_checks(self, connection: Any, events: Sequence[EventLogEntry], ids: Mapping[int, int]) -> None:
        rows: list[dict[str, Any]] = []
        for event in events:
            if event.dagster_event_type != DagsterEventType.ASSET_CHECK_EVALUATION_PLANNED:
                continue
            planned: Any = event.get_dagster_event().event_specific_data
            partitions = planned.partitions_subset.get_partition_keys() if planned.partitions_subset else [None]
            rows += [
                {
                    "asset_key": planned.asset_key.to_string(),
                    "check_name": planned.check_name,
                    "partition": partition,
                    "run_id": event.run_id,
                    "execution_status": AssetCheckExecutionRecordStatus.PLANNED.value,
                    "evaluation_event": serialize_value(event),
                    "evaluation_event_timestamp": self._event_insert_timestamp(event),  # type: ignore[no-untyped-call]
                    "evaluation_event_storage_id": ids[id(event)],
                }
                for partition in partitions
            ]
        if rows:
            connection.execute(INSERT_CHECK, rows)

    def _has_asset_key_index_cols_on_connection(self, conn: Any) -> bool:
        # the base class reflects the table for each event; a table that has the columns keeps them
        if not self._has_index_columns:
            self._has_index_columns = bool(super()._has_asset_key_index_cols_on_connection(conn))
        return self._has_index_columns


def _is_mirrored(event: EventLogEntry) -> bool:
    return event.is_dagster_event and event.dagster_event_type in MIRRORED


def _forget_no_process(connection: Any, _: Any) -> None:
    """A killed process loses nothing: in WAL mode only a machine that loses power may lose the last events, and no file breaks."""
    connection.execute("PRAGMA synchronous=NORMAL")
