"""The ten faults that well-known repositories ship: each is put in here, and blocked; each with a control that it would be seen."""

from __future__ import annotations

import ast
import sys
from dataclasses import replace
from datetime import UTC, date, datetime
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import numpy as np
import pandas as pd
import pytest

ROOT = Path(__file__).parents[2]
sys.path.insert(0, str(ROOT / "tests" / "unit" / "comparison"))

from made_contenders import POLICIES, POLICY, Holdout  # noqa: E402
from made_registrations import registration  # noqa: E402

from churn_platform.adapters.ops_store import OpsStore  # noqa: E402
from churn_platform.evaluation.gate import GateCheck, GateDecision, Incumbent, decide, deployment_gate  # noqa: E402
from churn_platform.promotion import first_release_decision, successor_decision  # noqa: E402

NOW = datetime(2026, 6, 1, 6, tzinfo=UTC)
BY: dict[str, Any] = {"actor": "service:platform", "at": NOW}
PASSED = GateDecision("evaluation", "pass", (GateCheck("auc", "pass", 0.85, 0.8, "good enough"),))
DEPLOYABLE = GateDecision("deployment", "pass", (GateCheck("owners", "pass", None, None, "both named"),))


@pytest.fixture
def platform(tmp_path: Path) -> Any:
    """What the flows need of an installation to release: a champion and a newer model, and no packages."""
    with OpsStore.open(tmp_path / "ops.db") as store:
        store.register_model(registration(1), **BY)
        store.promote("churn-1", None, "first", {"decision": 1}, **BY)
        store.register_model(registration(2, auc=0.99), **BY)
        yield SimpleNamespace(
            ops=store,
            policies=POLICIES,
            now=lambda: NOW,
            settings=SimpleNamespace(packages=tmp_path / "packages", home=tmp_path),
            signer=SimpleNamespace(verifier=None),
            registry=SimpleNamespace(mirror_alias=lambda *_: True, mirror_states=lambda *_: None),
        )


def test_1_nothing_is_fitted_at_scoring_time_a_row_scores_alone_as_among_many() -> None:
    import xgboost

    from churn_platform.contracts.features import Feature
    from churn_platform.training.matrix import feature_values

    rng = np.random.default_rng(1)
    rows = pd.DataFrame({"bill": rng.normal(65, 30, 400), "contract": rng.choice(["a", "b"], 400)})
    features = (Feature("bill", "billing", "bill"), Feature("contract", "billing", "contract", ("a", "b")))
    among = feature_values(rows, features)
    assert np.array_equal(feature_values(rows.tail(1), features), among[-1:])
    assert np.array_equal(feature_values(rows.iloc[::-1], features)[::-1], among)

    def refitted(values: np.ndarray) -> np.ndarray:  # the fault: scaled by what the batch happens to hold
        return (values - values.mean(axis=0)) / np.maximum(values.std(axis=0), 1e-9)

    booster = xgboost.train({"max_depth": 2}, xgboost.DMatrix(refitted(among), rng.random(400) < 0.3), 20)
    skew = (
        booster.predict(xgboost.DMatrix(refitted(among[-50:])))
        - booster.predict(xgboost.DMatrix(refitted(among)))[-50:]
    )
    assert np.abs(skew).max() > 1e-3


def test_2_the_promoted_model_is_loaded_and_not_the_newest(platform: Any, monkeypatch: pytest.MonkeyPatch) -> None:
    from churn_platform.adapters import packages
    from churn_platform.flows.scoring import champion_package
    from churn_platform.training.candidate import ModelPackage

    monkeypatch.setattr(packages, "read_package", lambda _root, digest, _verifier: {"digest": digest})
    monkeypatch.setattr(ModelPackage, "from_files", classmethod(lambda _cls, digest, _files: digest))
    version, package = champion_package(platform)
    newest = platform.ops.models()[-1]
    assert newest.version == "churn-2"
    assert (version, package) == ("churn-1", registration(1).package_digest)


def test_3_an_empty_answer_is_a_failure_and_not_a_quiet_success(platform: Any) -> None:
    from churn_platform.adapters.ops_store import OpsStoreError
    from churn_platform.scoring import ScoringError, day_order

    assert all([])  # the fault: "every check passed" of a gate without checks
    assert decide("evaluation", []).verdict == "fail"
    nothing = GateDecision("deployment", "pass", ())
    assert successor_decision(PASSED, nothing, "churn-1", "wins").outcome == "blocked"
    assert first_release_decision(None, None, None).outcome == "blocked"
    with pytest.raises(OpsStoreError, match="no findings"):
        platform.ops.record_findings(date(2026, 6, 1), "drift", "churn-1", [], **BY)
    with pytest.raises(ScoringError):
        day_order(pd.DataFrame({"customer_id": [], "observation_date": []}))


def test_4_no_gate_is_off_approves_itself_reads_a_wrong_key_or_forgets_what_it_refused(platform: Any) -> None:
    from churn_platform.evaluation.gate import ModelEvidence, evaluation_gate
    from churn_platform.flows.release import register, release
    from churn_platform.policies import load_policies

    shipped = load_policies()
    switches = shipped.gates.deployment
    assert switches.require_package_integrity
    assert switches.require_owners
    assert switches.require_not_worse_than_incumbent
    sources = "\n".join(path.read_text() for path in (ROOT / "churn_platform").rglob("*.py"))
    assert "dry_run" not in sources
    with pytest.raises(ValueError, match="service could approve"):  # a service among the approvers: the file is refused
        shipped.changed("governance.never_approve", ("requester", "agent"), reason="let it approve itself")
    tier = {"business_owner": "a", "ml_owner": "b", "evaluation": PASSED, "incumbent": None, "policy": switches}
    gate = deployment_gate(package_verified=True, risk_tier="medium", approvals=0, **tier)
    assert "approvals" in "; ".join(gate.reasons)
    unread = evaluation_gate(
        {"metrics": {"auc_roc": 0.9}}, ModelEvidence(0.1, 0.0, 0.0, ("tenure_months",)), shipped.gates.evaluation
    )
    assert unread.verdict == "fail"

    failed = GateDecision("evaluation", "fail", (GateCheck("auc", "fail", 0.7, 0.8, "ROC AUC is 0.7"),))
    platform.ops.record_verdict("candidate:x", failed, {"candidate": "x"}, **BY)
    refused = register(platform, {"candidate": "x", "package": "d" * 64, "as_of": "2026-05-30"})
    assert refused.model is None
    assert platform.ops.decisions(kind="registration")[-1].outcome == "rejected"

    platform.ops.record_verdict("churn-2", PASSED, {"package": "2"}, **BY)
    kept = release(platform, {"version": "churn-2", "package": registration(2).package_digest, "as_of": "2026-05-30"})
    assert kept.decision.outcome == "needs_comparison"
    assert platform.ops.decisions(kind="release", subject="churn-2")[-1].outcome == "needs_comparison"
    assert platform.ops.champion().version == "churn-1"


def test_5_a_lost_customer_is_a_loss_so_missing_every_leaver_loses() -> None:
    from churn_platform.evaluation.comparison import comparison_decision, comparison_gate
    from churn_platform.retention.expected_value import contact_gains, retained_value

    holdout = Holdout(4)
    churned = holdout.rows.frame["churned"].to_numpy() == 1
    misses = np.where(churned, 0.05, 0.9)
    gains = contact_gains(churned, holdout.worth, POLICY.business)
    assert retained_value(misses, gains, 0.1) < 0 < retained_value(1.0 - misses, gains, 0.1)
    comparison = holdout.compared(holdout.model("churn-1"), replace(holdout.model("churn-2"), probability=misses))
    assert comparison_decision(comparison, comparison_gate(holdout.rows, comparison, POLICY), POLICY).outcome == "loses"
    missed = churned & (misses < 0.5)
    turned_round = 2000.0 * missed.sum()  # the fault: each lost customer counted as +2,000
    assert turned_round > 0


def test_6_figures_of_each_ones_own_training_decide_nothing(platform: Any) -> None:
    """The newer model was registered with AUC 0.99 on rows of its own, the champion with 0.85 on others."""
    from churn_platform.evaluation.comparison import comparison_gate
    from churn_platform.flows.release import release

    logged = {model.version: model.registration.metrics["auc"] for model in platform.ops.models()}
    assert logged["churn-2"] > logged["churn-1"] + 0.1
    platform.ops.record_verdict("churn-2", PASSED, {"package": "2"}, **BY)
    assert (
        release(platform, {"version": "churn-2", "package": "2", "as_of": "2026-05-30"}).decision.outcome
        == "needs_comparison"
    )
    one, other = Holdout(1), Holdout(2)
    mixed = one.compared(one.model("churn-1"), one.model("churn-2"))
    elsewhere = other.compared(other.model("churn-1"), other.model("churn-2"))
    pasted = replace(
        mixed, auc=replace(mixed.auc, challenger=replace(elsewhere.auc.challenger, rows=elsewhere.rows + 1))
    )
    assert comparison_gate(one.rows, pasted, POLICY).verdict == "fail"
    unusable = Incumbent("churn-1", replace(mixed.auc.difference, value=float("nan")))
    gate = deployment_gate(
        package_verified=True,
        business_owner="a",
        ml_owner="b",
        risk_tier="low",
        approvals=0,
        evaluation=PASSED,
        incumbent=unusable,
        policy=POLICIES.gates.deployment,
    )
    assert gate.verdict == "fail"


def test_7_todays_scores_leave_yesterdays_where_they_are(tmp_path: Path) -> None:
    from churn_platform.adapters.snapshots import history, partitions, publish, read_snapshot

    def scores(value: float) -> pd.DataFrame:
        return pd.DataFrame({"customer_id": ["a"], "probability": [value]})

    publish(tmp_path, "daily_scores", "2026-06-01", scores(0.1), {"model_version": "churn-1"}, NOW)
    publish(tmp_path, "daily_scores", "2026-06-02", scores(0.2), {"model_version": "churn-1"}, NOW)
    publish(tmp_path, "daily_scores", "2026-06-02", scores(0.3), {"model_version": "churn-2"}, NOW)
    assert list(partitions(tmp_path, "daily_scores")) == ["2026-06-01", "2026-06-02"]
    assert read_snapshot(tmp_path, "daily_scores", "2026-06-01")[0]["probability"].tolist() == [0.1]
    assert len(history(tmp_path, "daily_scores", "2026-06-02")) == 2

    overwritten = {"scores": scores(0.1)}
    overwritten["scores"] = scores(0.2)  # the fault: one place for every day
    assert 0.1 not in overwritten["scores"]["probability"].tolist()


def test_8_bins_come_from_the_reference_alone_and_too_few_rows_are_never_no_drift() -> None:
    from churn_platform.drift.finding import Finding, FindingError, Window
    from churn_platform.drift.reference import numeric_distribution

    rng = np.random.default_rng(8)
    reference, one, other = rng.normal(size=2000), rng.normal(size=500), rng.normal(3.0, 1.0, 500)
    assert numeric_distribution("bill", reference, 10) == numeric_distribution("bill", reference.copy(), 10)

    def pooled_edges(current: np.ndarray) -> np.ndarray:  # the fault: cut from both together
        return np.quantile(np.concatenate([reference, current]), np.linspace(0.1, 0.9, 9))

    assert not np.allclose(pooled_edges(one), pooled_edges(other), atol=0.05)
    day = date(2026, 6, 1)
    with pytest.raises(FindingError):
        Finding("data_drift", "bill", "ok", "psi", None, 0.2, Window(day, day, 12), "12 rows", "wait")
    told = Finding("data_drift", "bill", "insufficient_data", "psi", None, 0.2, Window(day, day, 12), "12 rows", "wait")
    assert not told.violates


TOOLS = {
    "pandas",
    "numpy",
    "sklearn",
    "xgboost",
    "spark",
    "pyspark",
    "duckdb",
    "mlflow",
    "sqlalchemy",
    "dagster",
    "plotly",
    "shap",
}


def folders_named_by_tool(root: Path) -> list[str]:
    return sorted(path.name for path in root.rglob("*") if path.is_dir() and path.name.lower().strip("_") in TOOLS)


def test_9_a_folder_is_named_by_what_it_is_about_and_never_by_a_tool(tmp_path: Path) -> None:
    (tmp_path / "features" / "spark").mkdir(parents=True)
    assert folders_named_by_tool(tmp_path) == ["spark"]
    assert folders_named_by_tool(ROOT / "churn_platform") == []


def test_10_a_challenger_that_is_looked_at_again_and_again_does_not_win_by_patience() -> None:
    """Two equal models, compared after each of eight retrainings on a holdout that moved by an eighth, in thirty lives."""
    from churn_platform.evaluation.comparison import ComparisonRows, compare, comparison_decision, comparison_gate

    quick = POLICIES.changed("champion_challenger.resamples", 200, reason="a test must be fast").champion_challenger
    won = looked = 0
    for life in range(30):
        world = Holdout(500 + life, rows=2 * 1_173)
        models = world.model("churn-1"), world.model("churn-2")
        wins = naive = False
        for look in range(8):
            part = slice(look * 146, look * 146 + 1_173)
            rows = ComparisonRows(world.rows.frame.iloc[part].reset_index(drop=True), 0, 0)
            one, other = (replace(model, probability=model.probability[part]) for model in models)
            comparison = compare(one, other, rows, world.worth[part], quick, np.random.default_rng(look))
            decision = comparison_decision(comparison, comparison_gate(rows, comparison, quick), quick)
            wins |= decision.outcome == "wins"
            naive |= comparison.delong_p < 0.05  # the fault: a test for one look, looked at eight times
        won += wins
        looked += naive
    assert won <= 2
    assert looked > won


def test_the_list_is_whole() -> None:
    tests = [node.name for node in ast.parse(Path(__file__).read_text()).body if isinstance(node, ast.FunctionDef)]
    assert [name.split("_")[1] for name in tests if name.startswith("test_") and name.split("_")[1].isdigit()] == [
        str(number) for number in range(1, 11)
    ]
