"""kill -9 at random moments of real retraining runs: what a bystander finds after each, and where the run goes on to.

    python -m bench retraining_kills
    python -m bench.retraining_kills --kills 100 --home FINISHED_HOME

A run is what the training job does, step by step and in a process of its own: the decision, the training set, the training, the evaluation,
the explanations, the package, the registration, the comparison, the release, the beginning of its rollout, and the promotion by a person;
on the real rows. The champion is on `v1`, the challenger on `v2`, which wins. It is killed after a random share of the time that an
undisturbed run takes; the next run goes on in the same home, with what the dead one left. After each kill the home is opened as the next
process would open it (`Seen`). No peer: nothing that a user would pick instead promises this.
"""

from __future__ import annotations

import argparse
import importlib
import json
import os
import random
import shutil
import signal
import sqlite3
import subprocess
import sys
import tempfile
import time
import traceback
from collections import Counter
from collections.abc import Callable, Mapping
from dataclasses import dataclass, replace
from itertools import pairwise
from pathlib import Path
from typing import Any

QUICK = {
    "training.tuning.trials": 1,
    "training.tuning.folds": 2,
    "training.tuning.max_rounds": 120,
    "evaluation.resamples": 100,
    "champion_challenger.resamples": 200,
}
"""A training of seconds instead of a minute: the steps, the files and the records are the same."""
REASON = "operational signals have come"


def measure(kills: int = 100) -> list[dict[str, Any]]:
    """How many of the kills left a half-promoted state, a lost record, or not exactly one champion."""
    with tempfile.TemporaryDirectory() as folder:
        home = Path(folder) / "home"
        ran = subprocess.run(
            [sys.executable, "-c", "from churn_platform.cli import main; main()", "run", "--feed", "ibm", "--json"],
            env={**os.environ, "CHURN_HOME": str(home)},
            capture_output=True,
            text=True,
            check=False,
        )
        if ran.returncode:
            raise RuntimeError(f"the home could not be made: {ran.stderr[-2000:]}")
        told = killed(home, Path(folder), kills)
    wrong = sum(told["faults"].values())
    return [
        {
            "name": "retraining runs killed at a random moment: one champion, nothing half-promoted, no record lost",
            "unit": f"of {told['kills']}",
            "ours": told["kills"] - wrong,
            "peer": None,
            "ratio": None,
            "versions": told,
        }
    ]


def killed(home: Path, scratch: Path, kills: int, seed: int = 5) -> dict[str, Any]:
    """Kill `kills` retraining runs on copies of the finished `home`; the answer is JSON-able.

    Returns:
        kills, by step in which they fell; faults by kind; how often a run that followed a kill promoted the challenger, and whether each
        of those promoted the very package that the undisturbed run did.
    """
    rng, undisturbed = random.Random(seed), scratch / "undisturbed"  # noqa: S311 (when to kill is no secret)
    _import_what_runs_need()
    for _ in range(2):  # the first one compiles, and is no measure of those to come
        fresh(home, undisturbed)
        began = time.monotonic()
        if run_until(undisturbed, None) is not None:
            raise RuntimeError("the undisturbed run did not end by itself")
        seconds = time.monotonic() - began
    wanted, faults, steps, promoted = observed(undisturbed), Counter[str](), Counter[str](), 0
    work = fresh(home, scratch / "work")
    before = observed(work)
    if wanted.champion == before.champion:
        raise RuntimeError("the undisturbed run promoted nobody: this bench would see no promotion")
    same, done = 0, 0
    while done < kills:
        step = run_until(work, rng.uniform(0.0, seconds))
        try:
            after = observed(work)
            faults.update(kind for kind, wrong in (*after.compared_with(before),) if wrong)
        except AssertionError as fault:
            faults[str(fault).splitlines()[0] or "assertion"] += 1
            work = fresh(home, scratch / "work")
            before = observed(work)
            continue
        done, steps = done + (step is not None), steps + Counter([step] if step else [])
        before = after
        if after.promotions > 1 and step is None:  # it came to its end
            promoted, same = promoted + 1, same + (after.package == wanted.package)
            work = fresh(home, scratch / "work")
            before = observed(work)
    return {
        "kills": done,
        "by_step": dict(steps),
        "faults": dict(faults),
        "ended": promoted,
        "ended_with_the_undisturbed_package": same,
        "undisturbed_seconds": round(seconds, 1),
    }


def fresh(home: Path, at: Path) -> Path:
    """A copy of the finished home."""
    shutil.rmtree(at, ignore_errors=True)
    return Path(shutil.copytree(home, at))


@dataclass(frozen=True)
class Seen:
    """What the next process finds: who is champion with which package, how often one was promoted, and everything recorded."""

    champion: str
    package: str
    promotions: int
    records: tuple[tuple[int, str, str], ...]

    def compared_with(self, before: Seen) -> tuple[tuple[str, bool], ...]:
        """(what may not be, whether it is), after a run that began at `before`."""
        return (
            ("a record was lost or changed", self.records[: len(before.records)] != before.records),
            ("promoted more than once", self.promotions - before.promotions not in (0, 1)),
            (
                "the champion changed without a promotion",
                (self.champion != before.champion) != (self.promotions != before.promotions),
            ),
        )


def observed(home: Path) -> Seen:
    """Open the home as the next process would.

    Raises AssertionError where there is not exactly one champion, the history has a gap, the ledger does not hold, the champion was not
    decided and judged before, or its package is not whole.
    """
    from churn_platform.adapters.ops_store import OpsStore
    from churn_platform.adapters.packages import PackageError, read_package
    from churn_platform.adapters.signing import load_verifier

    with OpsStore.open(home / "ops" / "ops.db", anchor=home / "ops" / "ledger-head.json") as ops:
        found, history = ops.verify_ledger(), ops.champion_history()
        if found.verdict != "pass":
            raise AssertionError(f"the ledger does not hold: {found.summary}")
        reigning = ops.champion()
        if reigning is None or reigning != history[-1]:
            raise AssertionError("not exactly one champion: the pointer and the history differ")
        if any(after.previous != one.version for one, after in pairwise(history)):
            raise AssertionError("the history of champions has a gap")
        released = ops.decisions(kind="release", subject=reigning.version)
        if not released or released[-1].outcome != "release":
            raise AssertionError("half promoted: the champion was never released")
        if {verdict.gate for verdict in ops.verdicts(reigning.version)} < {"evaluation", "deployment"}:
            raise AssertionError("half promoted: the champion has no verdict of a gate")
        package = ops.model(reigning.version).package_digest
        records = tuple((entry.sequence, entry.action, entry.at) for entry in ops.ledger(limit=100_000))
    try:
        read_package(home / "packages", package, load_verifier(home / "keys"))
    except PackageError as error:
        raise AssertionError(f"half promoted: the champion's package is not whole: {error}") from error
    return Seen(reigning.version, package, len(history), records)


def run_until(home: Path, seconds: float | None) -> str | None:
    """Run a retraining in a child; kill it after `seconds`. The step in which it was killed, None where it had come to its end."""
    reader, writer = os.pipe()
    began = time.monotonic()
    pid = os.fork()
    if not pid:
        _child(home, writer)
    os.close(writer)
    status = None
    while status is None:
        done, found = os.waitpid(pid, os.WNOHANG)
        if done:
            status = found
        elif seconds is not None and time.monotonic() - began >= seconds:
            os.kill(pid, signal.SIGKILL)
            status = os.waitpid(pid, 0)[1]
        else:
            time.sleep(0.002)
    with os.fdopen(reader) as pipe:
        told = pipe.read().splitlines()
    if os.WIFSIGNALED(status):
        return told[-1] if told else "opening the home"
    if os.WEXITSTATUS(status):
        raise RuntimeError("the run failed:\n" + "\n".join(told))
    return None


def _import_what_runs_need() -> None:
    """Once, before any child: a kill shall fall into the work and not into ten seconds of imports."""
    for module in (
        "duckdb",
        "mlflow",
        "numba",
        "optuna",
        "scipy.stats",
        "sklearn.linear_model",
        "sklearn.metrics",
        "xgboost",
    ):
        importlib.import_module(module)


def _child(home: Path, pipe: int) -> None:
    code = 1
    try:
        os.environ["CHURN_HOME"] = str(home)
        retrain(lambda step: os.write(pipe, f"{step}\n".encode()))
        code = 0
    except BaseException:
        os.write(pipe, traceback.format_exc().encode())
    finally:
        os._exit(code)


def retrain(say: Callable[[str], object]) -> None:
    """The training job's steps in its order, in the home of the environment; `say` is told of each before it begins."""
    from churn_platform.adapters.platform import open_platform
    from churn_platform.flows import retraining, rollout

    opened = open_platform("ibm")
    policies = opened.policies
    for name, value in QUICK.items():
        policies = policies.changed(name, value, reason="a bench must be quick")
    platform = replace(opened, policies=policies)
    ops, name = platform.ops, policies.governance.model
    say("decision")
    if retraining.pending_retraining(platform) is None and not ops.decisions(kind=retraining.DONE):
        retraining.decide_retraining(platform, platform.calendar.training_as_of, REASON)
    asked = retraining.pending_retraining(platform)
    if asked is not None:
        _train(platform, asked, say)
    say("rollout")
    if ops.rollout(name) is None:
        rollout.tick(platform)
    recorded = ops.rollout(name)
    if recorded is not None and recorded.progress.phase == "staged":
        say("promotion")
        rollout.promote(platform, "ml-owner", "seen enough of it")


def _train(platform: Any, asked: Any, say: Callable[[str], object]) -> None:
    """What the training job does of a decision, up to the release."""
    from churn_platform.flows import comparison, release, training

    facts: Mapping[str, Any]
    say("training_set")
    facts = training.gather_training_set(platform, "v2", asked.as_of, str(asked.sequence)).facts
    steps: tuple[tuple[str, Callable[[Mapping[str, Any]], Any]], ...] = (
        ("candidate_model", lambda f: training.make_candidate(platform, f, time.monotonic, lambda _: None)),
        ("holdout_evaluation", lambda f: training.judge_candidate(platform, f, time.perf_counter)),
        ("explanations", lambda f: training.explain_candidate(platform, f)),
        ("model_package", lambda f: training.pack_model(platform, f)),
        ("registered_model", lambda f: release.register(platform, f)),
        ("champion_comparison", lambda f: comparison.compare_with_champion(platform, f, time.perf_counter)),
        ("champion", lambda f: release.release(platform, f)),
    )
    for name, step in steps:
        say(name)
        facts = step(facts).facts


def half_promote(home: Path) -> None:
    """What a promotion that writes its pointer first leaves when it is killed: the control that `observed` sees it."""
    with sqlite3.connect(home / "ops" / "ops.db") as connection:
        connection.execute("UPDATE champion SET version = 'churn-99'")


if __name__ == "__main__":
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--kills", type=int, default=100)
    parser.add_argument("--home", type=Path, help="a finished home on the real rows; default: one is made")
    parser.add_argument("--seed", type=int, default=5)
    chosen = parser.parse_args()
    if chosen.home is None:
        print(json.dumps(measure(chosen.kills), indent=1))
    else:
        with tempfile.TemporaryDirectory() as place:
            print(json.dumps(killed(chosen.home, Path(place), chosen.kills, chosen.seed)))
