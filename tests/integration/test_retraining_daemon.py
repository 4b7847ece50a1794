"""The real daemon closes the loop: a finding is recorded, and a decision, a training, a comparison and a release follow without hands."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
import time
from datetime import UTC, date, datetime, timedelta
from pathlib import Path

import dagster as dg
import pytest

from churn_platform.adapters.ops_store import OpsStore
from churn_platform.drift.finding import Finding, Window

ROOT = Path(__file__).parents[2]
DAY = date(2026, 7, 14)
PATIENCE = timedelta(minutes=10)

pytestmark = [pytest.mark.xdist_group("main_job"), pytest.mark.slow]


def record_drift(store: OpsStore) -> None:
    moved = Finding(
        "data_drift",
        "monthly_charges",
        "critical",
        "psi",
        0.4,
        0.2,
        Window(DAY - timedelta(6), DAY, 300),
        "it moved",
        "look",
        acts=True,
    )
    store.record_findings(DAY, "drift", "churn-1", [moved], actor="service:platform", at=datetime.now(UTC))


def ask_by_hand(home: Path) -> None:
    """What `churn retrain` records before it trains: here the daemon is to find it and carry it out."""
    from churn_platform.adapters.platform import open_platform
    from churn_platform.flows.retraining import decide_retraining

    decide_retraining(open_platform(), DAY, "the daemon is to be seen at work")


def test_the_daemon_answers_a_finding_and_carries_out_a_decision_to_its_release(
    copy_of_ibm_home: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Drift within the cooldown of the main job's own training is answered with a recorded no; a person's word is carried out, once."""
    home = copy_of_ibm_home
    monkeypatch.setenv("CHURN_HOME", str(home))
    environment = {**os.environ, "DAGSTER_HOME": str(home / "dagster"), "CHURN_OFFLINE": "1"}
    script = Path(sys.executable).parent / "dagster-daemon"
    with opened(home) as store:
        record_drift(store)
    with (home / "daemon.log").open("wb") as log:
        command = [script, "run", "-w", ROOT / "workspace.yaml"]
        daemon = subprocess.Popen(command, env=environment, cwd=ROOT, stdout=log, stderr=log, start_new_session=True)
        try:
            wait_for(home, daemon, "retraining")
            ask_by_hand(home)
            finished = wait_for(home, daemon, "retraining_done")
            time.sleep(10)  # another tick: it must not start a second training
        finally:
            os.killpg(daemon.pid, signal.SIGINT)
            try:
                daemon.wait(60)
            except subprocess.TimeoutExpired:
                os.killpg(daemon.pid, signal.SIGKILL)
                daemon.wait(10)
    assert finished in ("release", "keep", "archive")
    with opened(home) as store:
        decisions = store.decisions(kind="retraining")
        # the main job's own days were reported on too, and each report is answered
        (yes,) = [decision for decision in decisions if decision.outcome != "skip"]
        noes = ["; ".join(decision.reasons) for decision in decisions if decision.outcome == "skip"]
        assert any("less than 24 hours ago" in reason for reason in noes), noes
        assert (yes.outcome, yes.evidence["trigger"]) == ("retrain", "business_event")
        assert len(store.decisions(kind="retraining_done")) == 1
        compared = store.decisions(kind="comparison")[-1]
        assert compared.outcome in ("wins", "tie", "loses")
        assert compared.evidence["champion"] == "churn-1"
        tickets = [ticket for ticket in store.tickets() if "monthly_charges" in str(ticket)]
        assert [ticket.state for ticket in tickets] == ["open"], store.tickets()
        assert store.verify_ledger().verdict == "pass"
    monkeypatch.setenv("DAGSTER_HOME", str(home / "dagster"))
    with dg.DagsterInstance.from_config(str(home / "dagster")) as instance:
        runs = instance.get_runs(filters=dg.RunsFilter(tags={"churn/retraining": str(yes.ledger_sequence)}))
        assert [run.status for run in runs] == [dg.DagsterRunStatus.SUCCESS]
        for asset in ("training_set", "candidate_model", "holdout_evaluation", "champion_comparison", "champion"):
            event = instance.get_latest_materialization_event(dg.AssetKey(asset))
            assert event is not None
            assert event.run_id == runs[0].run_id


def opened(home: Path) -> OpsStore:
    return OpsStore.open(home / "ops" / "ops.db", anchor=home / "ops" / "ledger-head.json")


def wait_for(home: Path, daemon: subprocess.Popen[bytes], kind: str) -> str:
    """The outcome of the first decision of a kind."""
    until = time.monotonic() + PATIENCE.total_seconds()
    while time.monotonic() < until:
        with opened(home) as store:
            done = store.decisions(kind=kind)
        if done:
            return done[-1].outcome
        assert daemon.poll() is None, f"the daemon ended: {(home / 'daemon.log').read_text()[-3000:]}"
        time.sleep(1)
    raise AssertionError(f"no {kind} within {PATIENCE}: {(home / 'daemon.log').read_text()[-3000:]}")
