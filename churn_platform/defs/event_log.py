"""Dagster's SQLite event log, with the events of a range written in one transaction and its databases kept open.

Why: a run over a range reports one materialization per asset and day. Stored one by one, each event opens, commits, checkpoints and closes
two databases: a history of 150 days took 84 s of event writing for 50 s of work (measured). Dagster already hands such events over as a
batch; its SQLite storage then stores them one after the other. This one stores the batch at once, and keeps the few databases it is
writing to open, since the last connection to leave a WAL database checkpoints it.
"""

from __future__ import annotations

from collections import OrderedDict
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from typing import TYPE_CHECKING, Any

from dagster._core.events import ASSET_EVENTS
from dagster._core.events.log import EventLogEntry
from dagster._core.storage.event_log import SqliteEventLogStorage

if TYPE_CHECKING:
    from collections.abc import Mapping

BATCH_SIZE = 5_000
OPEN_DATABASES = 4
"""The index and the runs in flight; a webserver that looks at many runs closes the one it has not looked at longest."""
BUSY_SECONDS = 30


class RangeEventLogStorage(SqliteEventLogStorage):
    """`SqliteEventLogStorage` whose batches are atomic per database: all events of a batch are stored, or none is."""

    def __init__(self, base_dir: str, inst_data: Any = None) -> None:
        self._engines: OrderedDict[str, Any] = OrderedDict()
        super().__init__(base_dir=base_dir, inst_data=inst_data)

    @classmethod
    def from_config_value(cls, inst_data: Any, config_value: Mapping[str, Any]) -> RangeEventLogStorage:
        """Made from `dagster.yaml`."""
        return cls(inst_data=inst_data, **config_value)

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
        if shard not in self._initialized_dbs:
            self._initdb(engine)
            self._initialized_dbs.add(shard)
        self._engines[shard] = engine
        while len(self._engines) > OPEN_DATABASES:
            self._engines.popitem(last=False)[1].dispose()
        return engine

    def dispose(self) -> None:
        """Close what is open."""
        super().dispose()
        while self._engines:
            self._engines.popitem()[1].dispose()

    def store_event_batch(self, events: Sequence[EventLogEntry]) -> None:
        """Store asset events of one run together; anything else one by one, as the base class does."""
        of_assets = [event for event in events if event.is_dagster_event and event.dagster_event_type in ASSET_EVENTS]
        if of_assets:
            self._store_asset_events(of_assets)
        for event in events:
            if not (event.is_dagster_event and event.dagster_event_type in ASSET_EVENTS):
                self.store_event(event)

    def _store_asset_events(self, events: Sequence[EventLogEntry]) -> None:
        statements = [self.prepare_insert_event(event) for event in events]
        with self.run_connection(events[0].run_id) as connection:
            for statement in statements:
                connection.execute(statement)
        # mirrored in the index shard, which answers for assets across runs
        with self.index_transaction() as connection:
            ids = [_new_id(connection.execute(statement)) for statement in statements]
            self._store_asset_event_tags(connection, events, ids)
            # the asset's own row keeps its newest event of each kind only
            newest = {
                (str(event.get_dagster_event().asset_key), event.dagster_event_type): i
                for i, event in enumerate(events)
            }
            for i in sorted(newest.values()):
                self._store_asset_event(connection, events[i], ids[i])


def _new_id(result: Any) -> int:
    return int(result.inserted_primary_key[0])
