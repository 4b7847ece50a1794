"""Recorded findings: once per content, the newest counts, on SQLite and PostgreSQL."""

from __future__ import annotations

import dataclasses
import math
import random
from datetime import UTC, date, datetime, timedelta
from typing import Any

import numpy as np
import pytest
import sqlalchemy as sa

from churn_platform.adapters.ops_store import OpsStore, OpsStoreError
from churn_platform.drift.finding import Finding, Window

DAY = date(2026, 6, 3)
AT = datetime(2026, 6, 3, 7, 30, tzinfo=UTC)
BY: dict[str, Any] = {"actor": "service:platform", "at": AT}


def moved(subject: str = "monthly_charges", value: float | None = 0.31, **changes: Any) -> Finding:
    finding = Finding(
        signal="data_drift",
        subject=subject,
        severity="critical",
        statistic="psi",
        value=value,
        threshold=0.2,
        window=Window(DAY - timedelta(6), DAY, 412),
        reason="the distribution moved",
        remedy="look at the feed",
        acts=True,
        influence=0.2,
        evidence={"days": [DAY, DAY - timedelta(1)], "bins": np.arange(3) / 2},
    )
    return dataclasses.replace(finding, **{"evidence": {"bins": [0.0, 0.5]}, **changes})


def test_findings_come_back_as_they_were_given(ops_store: OpsStore) -> None:
    given = (moved(), moved("contract", severity="insufficient_data", value=None, acts=False, label_maturity=0.4))
    made = ops_store.record_findings(DAY, "drift", "churn-1", given, **BY)
    assert made.findings == given
    assert (made.day, made.report, made.champion, made.at) == (DAY, "drift", "churn-1", AT)
    assert ops_store.findings() == (made,)
    assert ops_store.ledger()[-1].sequence == made.sequence == made.ledger_sequence


def test_equal_content_is_recorded_once_whoever_records_it_again(ops_store: OpsStore) -> None:
    first = ops_store.record_findings(DAY, "drift", "churn-1", [moved()], **BY)
    again = ops_store.record_findings(DAY, "drift", "churn-1", (moved(),), actor="else", at=AT + timedelta(hours=1))
    assert again == first
    assert len(ops_store.ledger()) == 1


def test_other_content_for_the_same_day_report_and_champion_supersedes(ops_store: OpsStore) -> None:
    first = ops_store.record_findings(DAY, "drift", "churn-1", [moved()], **BY)
    second = ops_store.record_findings(DAY, "drift", "churn-1", [moved(value=0.41)], **BY)
    assert second.sequence > first.sequence
    assert ops_store.findings() == (second,)
    # and back again: the newest counts, not the most frequent
    third = ops_store.record_findings(DAY, "drift", "churn-1", [moved()], **BY)
    assert third.sequence > second.sequence
    assert ops_store.findings() == (third,)
    assert len(ops_store.ledger()) == 3


@pytest.mark.parametrize(
    "other",
    [
        {"day": DAY + timedelta(1)},
        {"report": "schema"},
        {"champion": "churn-2"},
        {"champion": None},
    ],
)
def test_another_day_report_or_champion_supersedes_nothing(ops_store: OpsStore, other: dict[str, Any]) -> None:
    key: dict[str, Any] = {"day": DAY, "report": "drift", "champion": "churn-1"}
    first = ops_store.record_findings(**key, findings=[moved()], **BY)
    second = ops_store.record_findings(**{**key, **other}, findings=[moved(value=0.5)], **BY)
    assert ops_store.findings() == (first, second)


def test_findings_before_there_is_a_champion_are_recorded_once_too(ops_store: OpsStore) -> None:
    for value in (0.31, 0.31, 0.41):
        ops_store.record_findings(DAY, "schema", None, [moved(value=value)], **BY)
    (counts,) = ops_store.findings()
    assert counts.findings[0].value == 0.41
    assert len(ops_store.ledger()) == 2


def test_a_reader_asks_for_what_is_new_or_of_a_day_or_of_a_report(ops_store: OpsStore) -> None:
    made = [
        ops_store.record_findings(DAY + timedelta(i), report, "churn-1", [moved()], **BY)
        for i in range(3)
        for report in ("schema", "drift")
    ]
    assert ops_store.findings(since=made[3].sequence) == tuple(made[4:])
    assert ops_store.findings(day=DAY) == tuple(made[:2])
    assert ops_store.findings(report="schema") == tuple(made[0::2])
    assert ops_store.findings(first_day=DAY + timedelta(2)) == tuple(made[4:])
    assert ops_store.findings(since=made[-1].sequence) == ()


def test_a_cursor_that_follows_the_sequence_sees_each_superseding_record_once(ops_store: OpsStore) -> None:
    dice, cursor, seen = random.Random(4), 0, []
    for _ in range(40):
        ops_store.record_findings(DAY, "drift", "churn-1", [moved(value=dice.choice([0.3, 0.4]))], **BY)
        new = ops_store.findings(since=cursor)
        seen += [record.sequence for record in new]
        cursor = max([cursor, *(record.sequence for record in new)])
    assert seen == sorted(set(seen))
    assert len(seen) == len(ops_store.ledger())


def test_what_is_not_finite_is_recorded_as_what_was_seen(ops_store: OpsStore) -> None:
    given = moved(value=math.nan, threshold=math.inf)
    (back,) = ops_store.record_findings(DAY, "drift", "churn-1", [given], **BY).findings
    assert back.value is not None
    assert math.isnan(back.value)
    assert back.threshold == math.inf
    assert (
        ops_store.record_findings(DAY, "drift", "churn-1", [given], **BY).sequence == ops_store.findings()[0].sequence
    )


def test_a_report_without_findings_and_an_unknown_report_are_refused(ops_store: OpsStore) -> None:
    with pytest.raises(OpsStoreError, match="has no findings: record what could not be judged as insufficient_data"):
        ops_store.record_findings(DAY, "drift", "churn-1", [], **BY)
    with pytest.raises(OpsStoreError, match="there is no report 'weather': findings come from schema, drift"):
        ops_store.record_findings(DAY, "weather", "churn-1", [moved()], **BY)
    assert ops_store.findings() == ()


def test_recorded_findings_are_append_only_and_sealed_in_the_ledger(ops_store: OpsStore, ops_database: Any) -> None:
    ops_store.record_findings(DAY, "drift", "churn-1", [moved()], **BY)
    for statement in ("UPDATE findings SET report = 'slo'", "DELETE FROM findings"):
        with pytest.raises(sa.exc.DatabaseError, match="append-only"), ops_store._engine.begin() as connection:
            connection.execute(sa.text(statement))
    assert ops_store.verify_ledger().verdict == "pass"
    ops_database.tamper("UPDATE findings SET findings = replace(findings, '0.31', '0.01')")
    assert [finding.kind for finding in ops_store.verify_ledger().findings] == ["row_edited"]
