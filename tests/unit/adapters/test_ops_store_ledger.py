"""The ops store against somebody who changes its database behind its back."""

from __future__ import annotations

import json
from datetime import UTC, datetime
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import pytest
from made_registrations import registration

from churn_platform.adapters.ops_store import LedgerAlarm, OpsStore
from churn_platform.adapters.ops_store.anchor import Anchor
from churn_platform.governance.ledger import EMPTY_HEAD, LedgerEntry, LedgerHead

NOW = datetime(2026, 5, 31, 6, 0, tzinfo=UTC)
BY: dict[str, Any] = {"actor": "ml-owner", "at": NOW}


@pytest.fixture
def lived_in(ops_database: Any) -> Any:
    """Two models, one champion, one failed verdict, one decision: five ledger entries."""
    with ops_database.open() as store:
        store.register_model(registration(1), **BY)
        store.register_model(registration(2), **BY)
        store.promote("churn-1", None, "first", {"decision": 1}, **BY)
        check = {"name": "auc", "verdict": "fail", "reason": "too low"}
        failed = SimpleNamespace(gate="evaluation", verdict="fail", checks=(_Check(**check),))
        store.record_verdict("churn-2", failed, {"data": "a" * 64}, **BY)
        store.record_decision("release", "churn-2", "blocked", ["The gate failed."], {"verdict": 4}, **BY)
        assert store.verify_ledger().verdict == "pass"
    return ops_database


class _Check(dict[str, str]):
    """A check that reads like an object and records like a mapping."""

    def __getattr__(self, name: str) -> str:
        return self[name]


TAMPERINGS = {
    "an entry's words": (["UPDATE ledger SET actor = 'nobody' WHERE sequence = 3"], "edited"),
    "an entry's details": (
        ["UPDATE ledger SET details = replace(details, 'first', 'FIRST') WHERE sequence = 3"],
        "edited",
    ),
    "the last entry": (["UPDATE ledger SET subject = 'churn-1' WHERE sequence = 5"], "edited"),
    "an entry taken out": (["DELETE FROM ledger WHERE sequence = 2"], "missing_entry"),
    "the tail cut": (["DELETE FROM ledger WHERE sequence > 3"], "cut_tail"),
    "the tail cut with its rows": (["DELETE FROM decisions", "DELETE FROM ledger WHERE sequence = 5"], "cut_tail"),
    "everything deleted": (
        [f"DELETE FROM {t}" for t in ("champion", "champion_history", "models", "verdicts", "decisions", "ledger")],
        "cut_tail",
    ),
    "a verdict turned round": (["UPDATE verdicts SET verdict = 'pass'"], "row_edited"),
    "a check turned round": (["UPDATE verdicts SET checks = replace(checks, 'fail', 'pass')"], "row_edited"),
    "an owner replaced": (["UPDATE models SET ml_owner = 'x' WHERE version = 'churn-2'"], "row_edited"),
    "a promotion backdated": (["UPDATE champion_history SET at = replace(at, '2026', '2025')"], "row_edited"),
    "a decision removed": (["DELETE FROM decisions"], "row_missing"),
    "a decision nobody took": (
        [
            "INSERT INTO decisions (ledger_sequence, at, actor, kind, subject, outcome, reasons, evidence) "
            "SELECT 99, at, actor, kind, subject, 'release', reasons, evidence FROM decisions"
        ],
        "row_unrecorded",
    ),
    "the champion swapped": (["UPDATE champion SET version = 'churn-2'"], "state_differs"),
    "the champion removed": (["DELETE FROM champion"], "state_differs"),
}


@pytest.mark.parametrize("what", TAMPERINGS)
def test_verification_sees_what_was_changed_behind_the_stores_back(lived_in: Any, what: str) -> None:
    statements, kind = TAMPERINGS[what]
    lived_in.tamper(*statements)
    with lived_in.open() as store:
        found = store.verify_ledger()
    assert found.verdict == "fail"
    assert kind in {finding.kind for finding in found.findings}, found.summary
    assert "changed" in found.summary


def test_control_an_untouched_store_passes_the_same_verification(lived_in: Any) -> None:
    lived_in.tamper()  # drops the triggers, changes nothing
    with lived_in.open() as store:
        assert store.verify_ledger().findings == ()


def test_a_ledger_rewritten_from_the_start_is_seen_by_its_anchor(lived_in: Any, tmp_path: Path) -> None:
    """The forger leaves a chain that is valid in itself: only the anchored head tells."""
    with lived_in.open() as store:
        entries = store.ledger()
    forged, head = [], EMPTY_HEAD
    for entry in entries:
        unsealed = LedgerEntry(
            entry.sequence, entry.at, "forger", entry.action, entry.subject, entry.details_json, head.digest, ""
        )
        head = LedgerHead(entry.sequence, unsealed.expected_digest())
        forged.append((unsealed.previous, head.digest, entry.sequence))
    lived_in.tamper(
        *(f"UPDATE {t} SET actor = 'forger'" for t in ("models", "champion_history", "verdicts", "decisions")),
        *(
            f"UPDATE ledger SET actor = 'forger', previous = '{p}', digest = '{d}' WHERE sequence = {s}"
            for p, d, s in forged
        ),
    )
    with lived_in.open() as store:
        assert [finding.kind for finding in store.verify_ledger().findings] == ["head_differs"]
    control = Anchor(tmp_path / "forged.json")
    control.accept(head)
    with OpsStore.open(lived_in.url, anchor=control.path) as store:
        assert store.verify_ledger().verdict == "pass"


@pytest.mark.parametrize("damage", ["cut_tail", "anchor_lost", "anchor_damaged", "last_entry_rewritten"])
def test_a_ledger_that_does_not_match_its_anchor_refuses_writes_and_still_serves(lived_in: Any, damage: str) -> None:
    if damage == "cut_tail":
        lived_in.tamper("DELETE FROM decisions", "DELETE FROM ledger WHERE sequence = 5")
    elif damage == "last_entry_rewritten":
        lived_in.tamper(f"UPDATE ledger SET digest = '{'e' * 64}' WHERE sequence = 5")
    elif damage == "anchor_lost":
        lived_in.anchor.unlink()
    else:
        lived_in.anchor.write_bytes(b'{"sequence":')
    with lived_in.open() as store:
        with pytest.raises(LedgerAlarm, match=r"nothing was written: .* Nothing more is written until a person"):
            store.promote("churn-2", "churn-1", "better", {"decision": 1}, **BY)
        champion = store.champion()
        assert champion is not None
        assert champion.version == "churn-1"
        assert store.verify_ledger().verdict == "fail"


def test_a_person_may_accept_a_restored_ledger_and_the_ledger_says_so(lived_in: Any) -> None:
    lived_in.tamper("DELETE FROM decisions", "DELETE FROM ledger WHERE sequence = 5")
    with lived_in.open() as store:
        entry = store.accept_ledger(
            "Restored last night's backup after the disk failed.", actor="risk-reviewer", at=NOW
        )
        assert entry.action == "ledger.accepted"
        assert entry.details["reason"] == "Restored last night's backup after the disk failed."  # type: ignore[index,call-overload]
        assert "the tail was cut" in json.dumps(entry.details)
        assert store.verify_ledger().verdict == "pass"
        store.promote("churn-2", "churn-1", "better", {"decision": 1}, **BY)


def test_a_chain_that_is_broken_in_itself_cannot_be_accepted(lived_in: Any) -> None:
    lived_in.tamper("UPDATE ledger SET actor = 'nobody' WHERE sequence = 3")
    with lived_in.open() as store, pytest.raises(LedgerAlarm, match="broken in itself: entry 3"):
        store.accept_ledger("Never mind.", actor="risk-reviewer", at=NOW)


def test_an_anchor_left_behind_by_a_killed_process_follows_the_valid_chain(lived_in: Any) -> None:
    with lived_in.open() as store:
        entries = store.ledger()
    for behind in (EMPTY_HEAD, entries[0].head, entries[3].head):
        Anchor(lived_in.anchor).accept(behind)
        with lived_in.open() as store:
            assert Anchor(lived_in.anchor).read() == entries[-1].head
            Anchor(lived_in.anchor).accept(behind)
            assert store.verify_ledger().unanchored == 5 - behind.sequence
            Anchor(lived_in.anchor).accept(behind)
            store.record_decision("review", "week", "done", [f"after {behind.sequence}"], {}, key="week", **BY)
            assert store.verify_ledger().verdict == "pass"
        lived_in.tamper("DELETE FROM decisions WHERE key = 'week'", "DELETE FROM ledger WHERE sequence > 5")


def test_an_anchor_left_behind_does_not_follow_a_broken_chain(lived_in: Any) -> None:
    with lived_in.open() as store:
        behind = store.ledger()[1].head
    Anchor(lived_in.anchor).accept(behind)
    lived_in.tamper("UPDATE ledger SET actor = 'nobody' WHERE sequence = 4")
    with lived_in.open() as store:
        assert Anchor(lived_in.anchor).read() == behind
        with pytest.raises(LedgerAlarm, match="entry 4"):
            store.register_model(registration(3), **BY)


def test_a_deleted_database_is_not_mistaken_for_a_fresh_one(tmp_path: Path) -> None:
    path = tmp_path / "ops.db"
    with OpsStore.open(path) as store:
        store.register_model(registration(1), **BY)
    for file in tmp_path.glob("ops.db*"):
        if "head" not in file.name:
            file.unlink()
    with OpsStore.open(path) as store:
        assert [finding.kind for finding in store.verify_ledger().findings] == ["cut_tail"]
        with pytest.raises(LedgerAlarm, match="the ledger ends at entry 0, but its anchored head says 1"):
            store.register_model(registration(1), **BY)
