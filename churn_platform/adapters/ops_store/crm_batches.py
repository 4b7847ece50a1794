"""Batches of scores on their way to the CRM: planned once, then delivered, dead, or superseded by newer scores of the day.

What belongs here: how far a batch has come. What does not: sending it (`adapters/crm`), and what it holds (the published snapshot).
"""

from __future__ import annotations

from collections.abc import Collection, Sequence
from dataclasses import dataclass
from datetime import date, datetime
from typing import Any, Literal

import sqlalchemy as sa

from churn_platform.adapters.ops_store.database import reading, writing
from churn_platform.adapters.ops_store.tables import crm_batches

BatchState = Literal["pending", "delivered", "dead", "superseded"]


@dataclass(frozen=True, slots=True)
class CrmBatch:
    """Rows `first_row` to `first_row + rows` of a day's published scores, under the key by which the CRM knows them.

    `sequence` counts the day's publications: of two batches about one customer and day the higher one counts.
    """

    key: str
    day: date
    snapshot: str
    sequence: int
    number: int
    first_row: int
    rows: int
    state: BatchState = "pending"
    attempts: int = 0
    detail: str = ""
    changed_at: datetime | None = None


class CrmDoor:
    """The ops store's door for the write-back."""

    _engine: sa.Engine

    def plan_crm_batches(self, batches: Sequence[CrmBatch], *, at: datetime) -> None:
        """Plan batches whose keys are new; what is still undelivered of older scores of their days is superseded."""
        with writing(self._engine) as connection:
            for day in {batch.day for batch in batches}:
                keys = [batch.key for batch in batches if batch.day == day]
                older = sa.and_(
                    crm_batches.c.day == day.isoformat(),
                    crm_batches.c.key.not_in(keys),
                    crm_batches.c.state.in_(["pending", "dead"]),
                )
                said = {"state": "superseded", "detail": "the day was scored again", "changed_at": at}
                connection.execute(crm_batches.update().where(older).values(**said))
            wanted = [batch.key for batch in batches]
            known: set[str] = set(
                connection.execute(sa.select(crm_batches.c.key).where(crm_batches.c.key.in_(wanted))).scalars()
            )
            for batch in batches:
                if batch.key not in known:
                    connection.execute(crm_batches.insert().values(**_row(batch, at)))

    def move_crm_batch(self, key: str, state: BatchState, attempts: int, detail: str, *, at: datetime) -> None:
        """Say how far a batch has come. A delivered one stays delivered: its scores are there."""
        mine = sa.and_(crm_batches.c.key == key, crm_batches.c.state != "delivered")
        with writing(self._engine) as connection:
            connection.execute(
                crm_batches.update().where(mine).values(state=state, attempts=attempts, detail=detail, changed_at=at)
            )

    def crm_batches(self, states: Collection[BatchState] = ()) -> tuple[CrmBatch, ...]:
        """Batches in some states, or all; by day and number."""
        query = crm_batches.select().order_by(crm_batches.c.day, crm_batches.c.sequence, crm_batches.c.number)
        if states:
            query = query.where(crm_batches.c.state.in_(sorted(states)))
        with reading(self._engine) as connection:
            return tuple(_batch(row) for row in connection.execute(query))


def _row(batch: CrmBatch, at: datetime) -> dict[str, Any]:
    told = {name: getattr(batch, name) for name in CrmBatch.__dataclass_fields__}
    return {**told, "day": batch.day.isoformat(), "changed_at": at}


def _batch(row: sa.Row[Any]) -> CrmBatch:
    told = dict(row._mapping)
    return CrmBatch(**{**told, "day": date.fromisoformat(told["day"])})
