from __future__ import annotations

import dataclasses
import shutil
import sqlite3
import time
from datetime import UTC, date, datetime, timedelta, timezone
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import numpy as np
import pytest
import sqlalchemy as sa

from churn_platform.adapters.ops_store import (
    DecisionConflict,
    OpsStore,
    OpsStoreError,
    OpsStoreUnavailable,
    PromotionConflict,
    RegistrationConflict,
    SchemaMismatch,
    UnknownModel,
    database,
    ledger,
    tables,
)
from churn_platform.adapters.ops_store import anchor as anchor_module
from churn_platform.evaluation.gate.decision import GateDecision, at_least, decide
from churn_platform.governance.ledger import LedgerError
from churn_platform.governance.registration import Registration

NOW = datetime(2026, 5, 31, 6, 0, tzinfo=UTC)
BY: dict[str, Any] = {"actor": "ml-owner", "at": NOW}


def registration(number: int = 1, **changes: Any) -> Registration:
    values: dict[str, Any] = {
        "model_name": "telco-churn",
        "package_digest": f"{number:064x}",
        "feature_set": "v1",
        "training_data_digest": "a" * 64,
        "policy_digest": "b" * 64,
        "code_revision": "0f3a91c",
        "code_digest": "c" * 64,
        "business_owner": "retention-manager",
        "ml_owner": "ml-owner",
        "risk_tier": "low",
        "as_of": date(2026, 5, 31),
        "feed": "ibm",
        "simulated": False,
        "metrics": {"auc": 0.85, "brier": 0.133},
    }
    return Registration(**{**values, **changes})


def gate(verdict: str = "pass", *checks: str, observed: float = 0.85, name: str = "evaluation") -> Any:
    check_verdicts = checks or ((verdict,) if verdict != "inconclusive" else ("inconclusive",))
    made = [
        SimpleNamespace(name=f"check-{i}", verdict=word, observed=observed, bound=0.8, reason="because")
        for i, word in enumerate(check_verdicts)
    ]
    return SimpleNamespace(gate=name, verdict=verdict, checks=tuple(Check(**vars(check)) for check in made))


@dataclasses.dataclass(frozen=True)
class Check:
    name: str
    verdict: str
    observed: float
    bound: float
    reason: str


@pytest.fixture
def two_models(ops_store: OpsStore) -> OpsStore:
    for number in (1, 2):
        ops_store.register_model(registration(number), **BY)
    return ops_store


# Registration


def test_models_are_numbered_in_the_order_in_which_they_are_registered(ops_store: OpsStore) -> None:
    versions = [ops_store.register_model(registration(number), **BY).version for number in (7, 3, 5)]
    assert versions == ["churn-1", "churn-2", "churn-3"]
    assert [model.version for model in ops_store.models()] == versions


def test_a_registered_model_comes_back_as_it_was_given(ops_store: OpsStore) -> None:
    given = registration(simulated=True, feed="world")
    made = ops_store.register_model(given, **BY)
    assert ops_store.model("churn-1") == made
    assert (made.registration, made.registered_at, made.registered_by) == (given, NOW, "ml-owner")


def test_the_same_package_registered_again_keeps_its_version_and_writes_nothing(ops_store: OpsStore) -> None:
    first = ops_store.register_model(registration(), **BY)
    later = registration(code_revision="fffffff", metrics={"auc": 0.85, "seconds": 0.7})
    again = ops_store.register_model(later, actor="someone", at=NOW + timedelta(hours=1))
    assert again == first
    assert len(ops_store.ledger()) == 1


def test_the_same_package_with_another_owner_is_refused_by_name(ops_store: OpsStore) -> None:
    ops_store.register_model(registration(), **BY)
    with pytest.raises(RegistrationConflict, match="churn-1 with other facts: ml_owner 'ml-owner' → 'somebody-else'"):
        ops_store.register_model(registration(ml_owner="somebody-else"), **BY)
    assert ops_store.model("churn-1").registration.ml_owner == "ml-owner"


def test_an_unknown_version_is_an_error_that_says_which_there_are(two_models: OpsStore) -> None:
    with pytest.raises(UnknownModel, match="no model 'churn-9' is registered: registered are churn-1, churn-2"):
        two_models.model("churn-9")


# Promotion


def test_nobody_is_champion_before_the_first_promotion(two_models: OpsStore) -> None:
    assert two_models.champion() is None
    assert two_models.champion_history() == ()


def test_promotion_makes_a_champion_with_reason_and_evidence(two_models: OpsStore) -> None:
    made = two_models.promote("churn-1", None, "the first model passed its gates", {"verdicts": [3, 4]}, **BY)
    assert two_models.champion() == made
    assert (made.version, made.previous, made.since, made.promoted_by) == ("churn-1", None, NOW, "ml-owner")
    assert (made.reason, made.evidence) == ("the first model passed its gates", {"verdicts": [3, 4]})


@pytest.mark.parametrize("expected", [None, "churn-2", "churn-77", ""])
def test_promotion_over_another_champion_than_expected_is_a_conflict(
    two_models: OpsStore, expected: str | None
) -> None:
    champion = two_models.promote("churn-1", None, "first", {"decision": 1}, **BY)
    entries = two_models.ledger()
    with pytest.raises(PromotionConflict) as caught:
        two_models.promote("churn-2", expected, "better", {"decision": 2}, **BY)
    assert (caught.value.expected, caught.value.actual, caught.value.already_champion) == (expected, "churn-1", False)
    assert two_models.champion() == champion
    assert two_models.ledger() == entries


def test_a_run_killed_after_its_promotion_can_tell_that_it_had_succeeded(two_models: OpsStore) -> None:
    two_models.promote("churn-1", None, "first", {"decision": 1}, **BY)
    with pytest.raises(PromotionConflict) as caught:
        two_models.promote("churn-1", None, "first", {"decision": 1}, **BY)
    assert caught.value.already_champion


def test_promoting_the_champion_over_itself_changes_nothing(two_models: OpsStore) -> None:
    champion = two_models.promote("churn-1", None, "first", {"decision": 1}, **BY)
    entries = two_models.ledger()
    assert two_models.promote("churn-1", "churn-1", "again", {"decision": 2}, **BY) == champion
    assert two_models.ledger() == entries


def test_rolling_back_is_a_promotion_of_the_previous_version(two_models: OpsStore) -> None:
    for version, expected in (("churn-1", None), ("churn-2", "churn-1"), ("churn-1", "churn-2")):
        two_models.promote(version, expected, "told", {"decision": 1}, **BY)
    assert [(c.version, c.previous) for c in two_models.champion_history()] == [
        ("churn-1", None),
        ("churn-2", "churn-1"),
        ("churn-1", "churn-2"),
    ]
    assert two_models.verify_ledger().verdict == "pass"


def test_who_was_champion_when_is_one_question(two_models: OpsStore) -> None:
    two_models.promote("churn-1", None, "first", {"decision": 1}, actor="a", at=NOW)
    two_models.promote("churn-2", "churn-1", "better", {"decision": 2}, actor="a", at=NOW + timedelta(days=10))
    answers = {
        date(2026, 5, 30): None,
        date(2026, 5, 31): "churn-1",
        date(2026, 6, 9): "churn-1",
        date(2026, 6, 10): "churn-2",
        NOW - timedelta(microseconds=1): None,
        NOW: "churn-1",
        NOW + timedelta(days=10, microseconds=-1): "churn-1",
        (NOW + timedelta(days=10)).astimezone(timezone(timedelta(hours=-9))): "churn-2",
    }
    for when, version in answers.items():
        champion = two_models.champion_at(when)
        assert (champion.version if champion else None) == version, when


def test_a_promotion_dated_before_the_present_champions_is_refused(two_models: OpsStore) -> None:
    two_models.promote("churn-1", None, "first", {"decision": 1}, **BY)
    with pytest.raises(OpsStoreError, match="is before churn-1 became champion"):
        two_models.promote("churn-2", "churn-1", "late", {"decision": 1}, actor="a", at=NOW - timedelta(seconds=1))


def test_an_unregistered_model_cannot_be_champion(two_models: OpsStore) -> None:
    with pytest.raises(UnknownModel):
        two_models.promote("churn-3", None, "first", {"decision": 1}, **BY)


@pytest.mark.parametrize(("reason", "evidence", "missing"), [("  ", {"a": 1}, "reason"), ("first", {}, "evidence")])
def test_a_promotion_without_reason_or_evidence_is_refused(
    two_models: OpsStore, reason: str, evidence: dict[str, object], missing: str
) -> None:
    with pytest.raises(OpsStoreError, match=missing):
        two_models.promote("churn-1", None, reason, evidence, **BY)
    assert two_models.champion() is None


def test_each_model_name_has_its_own_champion(ops_store: OpsStore) -> None:
    ops_store.register_model(registration(1), **BY)
    ops_store.register_model(registration(2, model_name="broadband-churn"), **BY)
    ops_store.promote("churn-1", None, "first", {"decision": 1}, **BY)
    ops_store.promote("churn-2", None, "first", {"decision": 1}, **BY)
    names = ("telco-churn", "broadband-churn", "nobody-here")
    champions = [ops_store.champion(name) for name in names]
    assert [champion.version if champion else None for champion in champions] == ["churn-1", "churn-2", None]


# Verdicts and decisions


def test_a_verdict_is_recorded_with_its_checks_and_inputs(ops_store: OpsStore) -> None:
    made = ops_store.record_verdict("churn-1", gate("fail", "pass", "fail"), {"training_data": "a" * 64}, **BY)
    assert ops_store.verdicts("churn-1") == (made,)
    assert (made.gate, made.verdict, made.inputs) == ("evaluation", "fail", {"training_data": "a" * 64})
    assert [check["verdict"] for check in made.checks] == ["pass", "fail"]
    assert ops_store.verdicts("churn-2") == ()


@pytest.mark.parametrize(
    ("observed", "recorded"),
    [(float("nan"), "NaN"), (float("-inf"), "-Infinity"), (np.float64("nan"), "NaN"), (np.float32(0.5), 0.5)],
)
def test_a_failure_is_recorded_whatever_strange_number_it_saw(
    ops_store: OpsStore, observed: float, recorded: object
) -> None:
    ops_store.record_verdict("churn-1", gate("fail", observed=observed), {"data": "a"}, **BY)
    assert ops_store.verdicts("churn-1")[0].checks[0]["observed"] == recorded
    assert ops_store.verify_ledger().verdict == "pass"


def test_the_evaluation_gates_own_decision_reads_back_as_it_was_taken(ops_store: OpsStore) -> None:
    checks = [at_least("auc", float("nan"), 0.8, "ROC AUC"), at_least("lift", 2.4, 1.8, "lift")]
    taken = decide("evaluation", checks)
    recorded = ops_store.record_verdict("churn-1", taken, {"data": "a"}, **BY)
    assert recorded.verdict == "fail"
    form = {"gate": recorded.gate, "verdict": recorded.verdict, "checks": [dict(check) for check in recorded.checks]}
    assert GateDecision.from_dict(form) == taken


def test_a_re_run_does_not_record_its_verdict_twice_but_a_verdict_that_changed_back_is_news(
    ops_store: OpsStore,
) -> None:
    for decision in (gate("pass"), gate("pass"), gate("fail"), gate("fail"), gate("pass")):
        ops_store.record_verdict("churn-1", decision, {"data": "a"}, **BY)
    ops_store.record_verdict("churn-1", gate("pass"), {"data": "b"}, **BY)
    ops_store.record_verdict("churn-1", gate("pass", name="deployment"), {"data": "b"}, **BY)
    recorded = [(verdict.gate, verdict.verdict, verdict.inputs["data"]) for verdict in ops_store.verdicts("churn-1")]
    assert recorded == [
        ("evaluation", "pass", "a"),
        ("evaluation", "fail", "a"),
        ("evaluation", "pass", "a"),
        ("evaluation", "pass", "b"),
        ("deployment", "pass", "b"),
    ]


@pytest.mark.parametrize(
    ("decision", "why"),
    [
        (SimpleNamespace(gate="evaluation", verdict="pass", checks=()), "it checked nothing"),
        (gate("pass", "pass", "inconclusive"), "its checks check-1 did not"),
        (gate("ok", "pass"), "a verdict is one of pass, fail, inconclusive"),
    ],
)
def test_a_broken_gate_does_not_enter_the_evidence(ops_store: OpsStore, decision: Any, why: str) -> None:
    with pytest.raises(OpsStoreError, match=why):
        ops_store.record_verdict("churn-1", decision, {"data": "a"}, **BY)
    assert ops_store.ledger() == ()


def test_a_verdict_without_inputs_is_refused(ops_store: OpsStore) -> None:
    with pytest.raises(OpsStoreError, match="names no inputs"):
        ops_store.record_verdict("churn-1", gate(), {}, **BY)


def test_decisions_are_found_by_kind_and_subject(ops_store: OpsStore) -> None:
    for kind, subject in (("release", "churn-1"), ("retraining", "2026-05-31"), ("release", "churn-2")):
        ops_store.record_decision(kind, subject, "blocked", ["The gate failed."], {"verdict": 1}, **BY)
    assert [d.subject for d in ops_store.decisions()] == ["churn-1", "2026-05-31", "churn-2"]
    assert [d.subject for d in ops_store.decisions(kind="release")] == ["churn-1", "churn-2"]
    assert [d.kind for d in ops_store.decisions(subject="2026-05-31")] == ["retraining"]
    assert [d.subject for d in ops_store.decisions(limit=2)] == ["2026-05-31", "churn-2"]


def test_a_re_run_does_not_record_its_decision_twice_but_every_approver_counts(ops_store: OpsStore) -> None:
    def decide_on(outcome: str, actor: str = "platform") -> None:
        ops_store.record_decision("approval", "churn-1", outcome, ["Read."], {"pack": (1, 2)}, actor=actor, at=NOW)

    for outcome in ("approved", "approved", "withdrawn", "approved"):
        decide_on(outcome)
    decide_on("approved", actor="risk-reviewer")
    recorded = [(decision.outcome, decision.actor) for decision in ops_store.decisions()]
    assert recorded == [
        ("approved", "platform"),
        ("withdrawn", "platform"),
        ("approved", "platform"),
        ("approved", "risk-reviewer"),
    ]


def test_a_decision_under_a_key_is_made_once(ops_store: OpsStore) -> None:
    words: tuple[Any, ...] = ("retraining", "2026-05-31", "train", ["Drift."], {"finding": 7})
    first = ops_store.record_decision(*words, key="drift-7", **BY)
    again = ops_store.record_decision(*words, key="drift-7", actor="other", at=NOW + timedelta(days=1))
    assert again == first
    with pytest.raises(DecisionConflict, match="belongs to the decision retraining about 2026-05-31: train"):
        ops_store.record_decision("retraining", "2026-05-31", "skip", ["Cooldown."], {}, key="drift-7", **BY)
    assert len(ops_store.decisions()) == 1


@pytest.mark.parametrize("reasons", [[], [" "], "one string is not a list of sentences"])
def test_a_decision_without_reasons_is_refused(ops_store: OpsStore, reasons: Any) -> None:
    with pytest.raises(OpsStoreError, match="has no reasons"):
        ops_store.record_decision("release", "churn-1", "blocked", reasons, {}, **BY)


# One transaction, one ledger entry


def test_every_change_of_state_appends_exactly_one_entry(ops_store: OpsStore) -> None:
    ops_store.register_model(registration(), **BY)
    ops_store.promote("churn-1", None, "first", {"decision": 1}, **BY)
    ops_store.record_verdict("churn-1", gate(), {"data": "a"}, **BY)
    ops_store.record_decision("release", "churn-1", "release", ["No champion yet."], {}, **BY)
    entries = ops_store.ledger()
    assert [(entry.sequence, entry.action, entry.subject) for entry in entries] == [
        (1, "model.registered", "churn-1"),
        (2, "champion.promoted", "churn-1"),
        (3, "verdict.recorded", "churn-1"),
        (4, "decision.recorded", "churn-1"),
    ]
    assert ops_store.ledger(limit=2) == entries[2:]
    assert ops_store.verify_ledger().head == entries[-1].head


def test_a_change_that_fails_half_way_leaves_nothing(two_models: OpsStore) -> None:
    before = two_models.ledger()
    promotion = {"model_name": "m", "version": "churn-1", "previous": None, "reason": "r", "evidence": {}}

    def fail_after_recording() -> None:
        with ledger.change(two_models._engine, two_models._anchor, NOW, "ada") as change:
            change.record("champion.promoted", promotion)
            raise ZeroDivisionError

    with pytest.raises(ZeroDivisionError):
        fail_after_recording()
    assert two_models.ledger() == before
    assert two_models.champion_history("m") == ()
    assert two_models.verify_ledger().verdict == "pass"


def test_a_change_that_would_leave_no_entry_is_rolled_back(two_models: OpsStore) -> None:
    with (
        pytest.raises(OpsStoreError, match="left no ledger entry"),
        ledger.change(two_models._engine, two_models._anchor, NOW, "ada") as change,
    ):
        change.connection.execute(tables.champion.delete())
    assert two_models.verify_ledger().verdict == "pass"


def test_a_time_without_a_zone_and_a_blank_actor_are_refused(ops_store: OpsStore) -> None:
    with pytest.raises(LedgerError, match="has no zone"):
        ops_store.register_model(registration(), actor="ada", at=datetime(2026, 5, 31))  # noqa: DTZ001
    with pytest.raises(LedgerError, match="the actor of a ledger entry is blank"):
        ops_store.register_model(registration(), actor=" ", at=NOW)
    assert ops_store.models() == ()


@pytest.mark.parametrize("table", ["ledger", "models", "champion_history", "verdicts", "decisions"])
def test_what_is_recorded_can_be_neither_changed_nor_deleted_by_mistake(two_models: OpsStore, table: str) -> None:
    two_models.promote("churn-1", None, "first", {"decision": 1}, **BY)
    two_models.record_verdict("churn-1", gate(), {"data": "a"}, **BY)
    two_models.record_decision("release", "churn-1", "release", ["First."], {}, **BY)
    for statement in (f"UPDATE {table} SET actor = 'x'", f"DELETE FROM {table}"):
        with (
            pytest.raises(sa.exc.DatabaseError, match=f"{table} is append-only"),
            two_models._engine.begin() as connection,
        ):
            connection.execute(sa.text(statement))
    assert two_models.verify_ledger().verdict == "pass"


# Opening


def test_migrations_make_exactly_the_tables_that_the_code_describes(new_ops_database: Any) -> None:
    from alembic.autogenerate import compare_metadata
    from alembic.migration import MigrationContext

    with new_ops_database.open() as store, store._engine.connect() as connection:
        context = MigrationContext.configure(
            connection, opts={"version_table": tables.VERSION_TABLE, "compare_type": True}
        )
        assert compare_metadata(context, tables.metadata) == []


def test_the_schema_version_is_the_newest_migration() -> None:
    from alembic.config import Config
    from alembic.script import ScriptDirectory

    config = Config()
    config.set_main_option("script_location", str(database.MIGRATIONS))
    assert ScriptDirectory.from_config(config).get_heads() == [tables.SCHEMA_VERSION]


def test_an_existing_store_opens_without_migrating_and_keeps_its_state(
    ops_database: Any, monkeypatch: pytest.MonkeyPatch
) -> None:
    with ops_database.open() as store:
        store.register_model(registration(), **BY)
    monkeypatch.setattr(database, "_upgrade", lambda *_: pytest.fail("it migrated again"))
    seconds = []
    for _ in range(5):
        start = time.perf_counter()
        store = ops_database.open()
        seconds.append(time.perf_counter() - start)
        assert [model.version for model in store.models()] == ["churn-1"]
        store.close()
    assert min(seconds) < 0.05


def test_a_store_of_an_older_platform_takes_the_steps_it_lacks_and_keeps_its_state(
    new_ops_database: Any, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    with new_ops_database.open() as store:
        store.register_model(registration(), **BY)
    migrations = tmp_path / "migrations"
    shutil.copytree(database.MIGRATIONS, migrations, ignore=shutil.ignore_patterns("__pycache__"))
    newer = f"{int(tables.SCHEMA_VERSION) + 1:04d}"
    (migrations / "versions" / f"r{newer}_notes.py").write_text(
        f"import sqlalchemy as sa\nfrom alembic import op\nrevision = '{newer}'\ndown_revision = '{tables.SCHEMA_VERSION}'\n"
        "def upgrade():\n    op.create_table('notes', sa.Column('note', sa.Text))\n"
    )
    monkeypatch.setattr(database, "MIGRATIONS", migrations)
    monkeypatch.setattr(database, "SCHEMA_VERSION", newer)
    for _ in range(2):
        with new_ops_database.open() as store:
            assert [model.version for model in store.models()] == ["churn-1"]
            assert store.verify_ledger().verdict == "pass"
            with store._engine.connect() as connection:
                assert connection.execute(sa.text("SELECT count(*) FROM notes")).scalar_one() == 0
                assert database.schema_version(connection) == newer


def test_a_store_of_a_newer_platform_is_refused(new_ops_database: Any) -> None:
    new_ops_database.open().close()
    new_ops_database.tamper("UPDATE ops_store_version SET version_num = '9999'")
    with pytest.raises(SchemaMismatch, match="is at schema 9999, and this version of the platform knows 0001"):
        new_ops_database.open()


def test_a_path_is_a_sqlite_store_with_its_anchor_beside(tmp_path: Path) -> None:
    path = tmp_path / "deep" / "ops.db"
    with OpsStore.open(path) as store:
        store.register_model(registration(), **BY)
    with OpsStore.open(str(path)) as again, OpsStore.open(f"sqlite:///{path}") as by_url:
        assert again.models() == by_url.models() != ()
    assert (tmp_path / "deep" / "ops.db.head.json").is_file()
    assert sqlite3.connect(path).execute("PRAGMA journal_mode").fetchone() == ("wal",)


def test_a_postgresql_store_without_a_named_anchor_puts_it_into_the_home(
    postgres_server: Any, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("CHURN_HOME", str(tmp_path))
    with OpsStore.open(postgres_server.new_database().replace("+psycopg", "")) as store:
        store.register_model(registration(), **BY)
        assert store.verify_ledger().verdict == "pass"
    assert len(list((tmp_path / "ops").glob("*.head.json"))) == 1


def test_a_store_that_stays_locked_is_a_typed_error_and_works_again_afterwards(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(database, "BUSY_SECONDS", 0.05)
    with OpsStore.open(tmp_path / "ops.db") as store:
        holder = sqlite3.connect(tmp_path / "ops.db", isolation_level=None)
        holder.execute("BEGIN IMMEDIATE")
        with pytest.raises(OpsStoreUnavailable, match="database is locked"):
            store.register_model(registration(), **BY)
        assert store.models() == ()  # readers do not wait for the writer
        holder.close()
        assert store.register_model(registration(), **BY).version == "churn-1"


def test_a_file_that_is_no_database_and_a_server_that_is_not_there_are_typed_errors(tmp_path: Path) -> None:
    (tmp_path / "ops.db").write_bytes(b"certainly not a database, but long enough to be looked at" * 10)
    with pytest.raises(OpsStoreUnavailable, match="not a database"):
        OpsStore.open(tmp_path / "ops.db")
    with pytest.raises(OpsStoreUnavailable, match="cannot be used"):
        OpsStore.open(f"postgresql://postgres@/ops?host={tmp_path}", anchor=tmp_path / "head.json")


def test_a_committed_change_is_not_reported_as_failed_when_its_anchor_cannot_be_written(
    ops_store: OpsStore, monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    def disk_full(*_: object) -> None:
        raise OSError(28, "No space left on device")

    with monkeypatch.context() as patch:
        patch.setattr(anchor_module, "write_atomically", disk_full)
        assert ops_store.register_model(registration(), **BY).version == "churn-1"
    assert "could not be anchored" in caplog.text
    assert ops_store.verify_ledger().unanchored == 1  # and verifying has moved the head
    assert ops_store.verify_ledger().unanchored == 0


@pytest.mark.parametrize("url", ["sqlite://", "sqlite:///:memory:", "mysql://root@localhost/x"])
def test_a_database_that_cannot_hold_the_state_is_refused(url: str) -> None:
    with pytest.raises(OpsStoreError):
        OpsStore.open(url)
