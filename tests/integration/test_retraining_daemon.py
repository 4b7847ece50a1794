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


def test_the_daemon_retrains_compares_and_decides_once_for_one_finding(copy_of_ibm_home: Path) -> None:
    home = copy_of_ibm_home
    with OpsStore.open(home / "ops" / "ops.db", anchor=home / "ops" / "ledger-head.json") as store:
        record_drift(store)
    environment = {**os.environ, "CHURN_HOME": str(home), "DAGSTER_HOME": str(home / "dagster"), "CHURN_OFFLINE": "1"}
    script = Path(sys.executable).parent / "dagster-daemon"
    with (home / "daemon.log").open("wb") as log:
        daemon = subprocess.Popen(
            [script, "run", "-w", ROOT / "workspace.yaml"],
            env=environment,
            cwd=ROOT,
            stdout=log,
            stderr=log,
            start_new_session=True,
        )
        try:
            finished = wait_for_the_answer(home, daemon)
        finally:
            os.killpg(daemon.pid, signal.SIGINT)
            try:
                daemon.wait(60)
            except subprocess.TimeoutExpired:
                os.killpg(daemon.pid, signal.SIGKILL)
                daemon.wait(10)
    assert finished in ("release", "keep", "archive")
    with OpsStore.open(home / "ops" / "ops.db", anchor=home / "ops" / "ledger-head.json") as store:
        (decision,) = store.decisions(kind="retraining")
        assert (decision.outcome, decision.evidence["trigger"]) == ("retrain", "drift_detected")
        assert len(store.decisions(kind="retraining_done")) == 1
        compared = store.decisions(kind="comparison")[-1]
        assert compared.outcome in ("wins", "tie", "loses")
        assert compared.evidence["champion"] == "churn-1"
        assert [ticket.state for ticket in store.tickets()] == ["open"]
        assert store.verify_ledger().verdict == "pass"
    with dg.DagsterInstance.from_config(str(home / "dagster")) as instance:
        runs = instance.get_runs(filters=dg.RunsFilter(tags={"churn/retraining": str(decision.ledger_sequence)}))
        assert [run.status for run in runs] == [dg.DagsterRunStatus.SUCCESS]
        for asset in ("training_set", "candidate_model", "holdout_evaluation", "champion_comparison", "champion"):
            event = instance.get_latest_materialization_event(dg.AssetKey(asset))
            assert event is not None
            assert event.run_id == runs[0].run_id


def wait_for_the_answer(home: Path, daemon: subprocess.Popen[bytes]) -> str:
    """The outcome of the retraining decision."""
    until = time.monotonic() + PATIENCE.total_seconds()
    while time.monotonic() < until:
        with OpsStore.open(home / "ops" / "ops.db", anchor=home / "ops" / "ledger-head.json") as store:
            done = store.decisions(kind="retraining_done")
        if done:
            time.sleep(5)  # the run's own end is recorded a moment after its last step
            return done[-1].outcome
        assert daemon.poll() is None, f"the daemon ended: {(home / 'daemon.log').read_text()[-3000:]}"
        time.sleep(1)
    raise AssertionError(f"no answer within {PATIENCE}: {(home / 'daemon.log').read_text()[-3000:]}")
