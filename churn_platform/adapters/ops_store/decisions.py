"""Recorded decisions of every kind that needs no table of its own: what was decided, why, on which evidence."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

import sqlalchemy as sa

from churn_platform.adapters.ops_store.errors import DecisionConflict, OpsStoreError
from churn_platform.adapters.ops_store.ledger import Change
from churn_platform.adapters.ops_store.records import Decision
from churn_platform.adapters.ops_store.tables import decisions
from churn_platform.governance.canonical import plain


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
    Without one, a re-run that takes the same decision on the same evidence as the newest one recorded adds nothing.

    DecisionConflict if the key was used for another kind, subject or outcome; OpsStoreError if kind, outcome or reasons
    are missing.
    """
    if not kind.strip() or not outcome.strip():
        raise OpsStoreError(f"a decision about {subject} has no kind or no outcome: {kind!r}, {outcome!r}")
    if isinstance(reasons, str) or not reasons or not all(reason.strip() for reason in reasons):
        raise OpsStoreError(
            f"the decision {kind} about {subject} has no reasons: give a list of sentences, none of them blank"
        )
    present = _newest(change.connection, kind, subject) if key is None else _under(change.connection, key)
    keyed = present is not None and key is not None
    if present is not None and keyed and (present.kind, present.subject, present.outcome) != (kind, subject, outcome):
        raise DecisionConflict(
            f"the key {key!r} belongs to the decision {present.kind} about {present.subject}: {present.outcome}; "
            f"now {kind} about {subject} says {outcome}. A new decision needs a new key."
        )
    values = {
        "kind": kind,
        "subject": subject,
        "outcome": outcome,
        "reasons": list(reasons),
        "evidence": plain(dict(evidence)),
        "key": key,
    }
    if present is not None and (keyed or _is_repeated(present, values, change.actor)):
        change.nothing_to_do()
        return present
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


def _under(connection: sa.Connection, key: str) -> Decision | None:
    row = connection.execute(decisions.select().where(decisions.c.key == key)).one_or_none()
    return None if row is None else _decision(row)


def _newest(connection: sa.Connection, kind: str, subject: str) -> Decision | None:
    found = matching(connection, kind, subject, limit=1)
    return found[0] if found else None


def _is_repeated(present: Decision, values: Mapping[str, object], actor: str) -> bool:
    """Whether the newest decision says the same; by another actor it does not: two approvals are two."""
    said = (present.outcome, list(present.reasons), present.evidence, present.key, present.actor)
    return said == (values["outcome"], values["reasons"], values["evidence"], None, actor)


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
