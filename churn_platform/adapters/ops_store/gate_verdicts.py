"""Recorded gate verdicts: what a promotion reads instead of trusting that a check once ran."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import sqlalchemy as sa

from churn_platform.adapters.ops_store.errors import OpsStoreError
from churn_platform.adapters.ops_store.ledger import Change
from churn_platform.adapters.ops_store.records import Verdict
from churn_platform.adapters.ops_store.tables import verdicts
from churn_platform.governance.canonical import plain
from churn_platform.promotion import GateDecisionLike

_VERDICTS = ("pass", "fail", "inconclusive")


def record(change: Change, subject: str, decision: GateDecisionLike, inputs: Mapping[str, object]) -> Verdict:
    """Record a gate's decision on `subject` with the digests of its inputs.

    The same decision on the same inputs as the newest one recorded is not written again. OpsStoreError for a word that
    is no verdict, for inputs left out, and for a pass without checks or over a check that did not pass: that is a
    broken gate, and must not enter the evidence.
    """
    if decision.verdict not in _VERDICTS:
        raise OpsStoreError(
            f"the {decision.gate} gate says {decision.verdict!r}: a verdict is one of {', '.join(_VERDICTS)}"
        )
    if not inputs:
        raise OpsStoreError(
            f"the {decision.gate} gate's verdict on {subject} names no inputs: give the digests of what it looked at"
        )
    unpassed = [check.name for check in decision.checks if check.verdict != "pass"]
    if decision.verdict == "pass" and (unpassed or not decision.checks):
        what = f"its checks {', '.join(unpassed)} did not" if unpassed else "it checked nothing"
        raise OpsStoreError(
            f"the {decision.gate} gate says it passed {subject}, but {what}: mend the gate, then run it again"
        )
    values = {
        "subject": subject,
        "gate": decision.gate,
        "verdict": decision.verdict,
        "checks": plain(list(decision.checks)),
        "inputs": plain(dict(inputs)),
    }
    newest = _newest(change.connection, subject, decision.gate)
    if newest is not None and (newest.verdict, list(newest.checks), newest.inputs) == (
        values["verdict"],
        values["checks"],
        values["inputs"],
    ):
        change.nothing_to_do()
        return newest
    sequence = change.record("verdict.recorded", values)
    return _verdict(change.connection.execute(verdicts.select().where(verdicts.c.ledger_sequence == sequence)).one())


def on(connection: sa.Connection, subject: str) -> tuple[Verdict, ...]:
    """Every verdict on `subject`, in order of recording: the last of a gate is the one that counts."""
    query = verdicts.select().where(verdicts.c.subject == subject).order_by(verdicts.c.ledger_sequence)
    return tuple(_verdict(row) for row in connection.execute(query))


def _newest(connection: sa.Connection, subject: str, gate: str) -> Verdict | None:
    query = verdicts.select().where(verdicts.c.subject == subject, verdicts.c.gate == gate)
    row = connection.execute(query.order_by(verdicts.c.ledger_sequence.desc()).limit(1)).one_or_none()
    return None if row is None else _verdict(row)


def _verdict(row: sa.Row[Any]) -> Verdict:
    return Verdict(
        row.gate, row.subject, row.verdict, tuple(row.checks), row.inputs, row.at, row.actor, row.ledger_sequence
    )
