"""Recorded decisions of every kind that needs no table of its own: what was decided, why, on which evidence."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

import sqlalchemy as sa

from churn_platform.adapters.ops_store.errors import DecisionConflict, OpsStoreError
from churn_platform.adapters.ops_store.ledger import Change
from churn_platform.adapters.ops_store.records import Decision
from churn_platform.adapters.ops_store.tables import decisions


def record(
    change: Change,
    kind: str,
    subject: str,
    outcome: str,
    reasons: Sequence[str],
    evidence: Mapping[str, object],
    key: str | None,
) -> Decision:
    """Record a decision. With an idempotency `key` the first one recorded stays: the same decision again returns it.

    DecisionConflict if the key was used for another kind, subject or outcome; OpsStoreError if kind, outcome or reasons
    are missing.
    """
    if not kind.strip() or not outcome.strip():
        raise OpsStoreError(f"a decision about {subject} has no kind or no outcome: {kind!r}, {outcome!r}")
    if isinstance(reasons, str) or not reasons or not all(reason.strip() for reason in reasons):
        raise OpsStoreError(
            f"the decision {kind} about {subject} has no reasons: give a list of sentences, none of them blank"
        )
    if key is not None:
        present = change.connection.execute(decisions.select().where(decisions.c.key == key)).one_or_none()
        if present is not None:
            if (present.kind, present.subject, present.outcome) != (kind, subject, outcome):
                raise DecisionConflict(
                    f"the key {key!r} belongs to the decision {present.kind} about {present.subject}: "
                    f"{present.outcome}; now {kind} about {subject} says {outcome}. A new decision needs a new key."
                )
            change.nothing_to_do()
            return _decision(present)
    values = {
        "kind": kind,
        "subject": subject,
        "outcome": outcome,
        "reasons": list(reasons),
        "evidence": evidence,
        "key": key,
    }
    sequence = change.record("decision.recorded", values)
    return _decision(change.connection.execute(decisions.select().where(decisions.c.ledger_sequence == sequence)).one())


def matching(connection: sa.Connection, kind: str | None, subject: str | None, limit: int) -> tuple[Decision, ...]:
    """The newest `limit` decisions of a kind, about a subject, or all; oldest of them first."""
    query = decisions.select()
    if kind is not None:
        query = query.where(decisions.c.kind == kind)
    if subject is not None:
        query = query.where(decisions.c.subject == subject)
    newest = connection.execute(query.order_by(decisions.c.ledger_sequence.desc()).limit(limit)).all()
    return tuple(_decision(row) for row in reversed(newest))


def _decision(row: sa.Row[Any]) -> Decision:
    return Decision(
        row.kind,
        row.subject,
        row.outcome,
        tuple(row.reasons),
        row.evidence,
        row.key,
        row.at,
        row.actor,
        row.ledger_sequence,
    )
