"""Champions: who is, who was when, and the compare-and-swap that changes it."""

from __future__ import annotations

from collections.abc import Mapping
from datetime import UTC, date, datetime, time
from typing import Any

import sqlalchemy as sa

from churn_platform.adapters.ops_store import registrations
from churn_platform.adapters.ops_store.errors import OpsStoreError, PromotionConflict
from churn_platform.adapters.ops_store.ledger import Change
from churn_platform.adapters.ops_store.records import Champion
from churn_platform.adapters.ops_store.tables import champion, champion_history


def promote(
    change: Change, version: str, expected: str | None, reason: str, evidence: Mapping[str, object]
) -> Champion:
    """Make `version` champion of its model name if the champion still is `expected`; PromotionConflict if it is another
    by now.

    Promoting the present champion over itself changes nothing. Refused besides: an unregistered version, no reason, no
    evidence, and a date before the present champion's own, after which "who was champion when" would have two answers.
    """
    model_name = registrations.by_version(change.connection, version).registration.model_name
    if not reason.strip():
        raise OpsStoreError(f"{version} was not promoted: a promotion needs a reason that a person can read")
    if not evidence:
        raise OpsStoreError(
            f"{version} was not promoted: a promotion needs its evidence, such as the decision and verdicts it rests on"
        )
    present = current(change.connection, model_name)
    actual = None if present is None else present.version
    if actual != expected:
        raise PromotionConflict(version, expected, actual)
    if present is not None and present.version == version:
        change.nothing_to_do()
        return present
    if present is not None and change.at < present.since:
        raise OpsStoreError(
            f"{version} was not promoted: its date {change.at.isoformat()} is before {present.version} "
            f"became champion, {present.since.isoformat()}. Promote with the time at which it happens."
        )
    values = {
        "model_name": model_name,
        "version": version,
        "previous": expected,
        "reason": reason,
        "evidence": evidence,
    }
    promotion = change.record("champion.promoted", values)
    _swap(change.connection, model_name, version, expected, promotion)
    promoted = current(change.connection, model_name)
    if promoted is None or promoted.ledger_sequence != promotion:
        raise PromotionConflict(version, expected, None if promoted is None else promoted.version)
    return promoted


def current(connection: sa.Connection, model_name: str) -> Champion | None:
    """The champion of `model_name`, None before the first promotion."""
    joined = sa.select(champion_history).join(champion, champion.c.promotion == champion_history.c.ledger_sequence)
    row = connection.execute(joined.where(champion.c.model_name == model_name)).one_or_none()
    return None if row is None else _champion(row)


def at(connection: sa.Connection, model_name: str, when: date | datetime) -> Champion | None:
    """The champion at a moment; a plain date means the end of that day in UTC. None before the first promotion."""
    moment = when if isinstance(when, datetime) else datetime.combine(when, time.max, tzinfo=UTC)
    query = champion_history.select().where(
        champion_history.c.model_name == model_name, champion_history.c.at <= moment
    )
    row = connection.execute(query.order_by(champion_history.c.ledger_sequence.desc()).limit(1)).one_or_none()
    return None if row is None else _champion(row)


def history(connection: sa.Connection, model_name: str) -> tuple[Champion, ...]:
    """Every promotion of `model_name`, the first one first."""
    query = champion_history.select().where(champion_history.c.model_name == model_name)
    return tuple(_champion(row) for row in connection.execute(query.order_by(champion_history.c.ledger_sequence)))


def _swap(connection: sa.Connection, model_name: str, version: str, expected: str | None, promotion: int) -> None:
    """Write the pointer, on the condition once more: the lock makes it certain, the condition makes it evident."""
    if expected is None:
        connection.execute(champion.insert().values(model_name=model_name, version=version, promotion=promotion))
        return
    present = sa.and_(champion.c.model_name == model_name, champion.c.version == expected)
    connection.execute(champion.update().where(present).values(version=version, promotion=promotion))


def _champion(row: sa.Row[Any]) -> Champion:
    return Champion(
        row.model_name, row.version, row.previous, row.at, row.actor, row.reason, row.evidence, row.ledger_sequence
    )
