"""One life of the bench in a process of its own, started by `churn drift-bench`.

What belongs here: joining the job launcher with a task, and the process around it. What does not: the task's steps
(`flows/drift_bench/life.py`). A process has one home, since the graph's partitions are those of its home's calendar.
"""

from __future__ import annotations

import multiprocessing
import os
import shutil
import time
import traceback
from collections.abc import Callable
from contextlib import suppress
from datetime import date
from pathlib import Path
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from churn_platform.adapters.platform import Platform
    from churn_platform.flows.drift_bench.calm_windows import CalmWindows
    from churn_platform.flows.drift_bench.cases import Case
    from churn_platform.flows.drift_bench.life import RunDays
    from churn_platform.flows.drift_bench.worlds import Task


#: imported once, in the server that each life is forked from: some 5 s of processor time a life. Nothing of a home may be among them.
PRELOADED = (
    "dagster",
    "dagster_dbt",
    "dbt.cli.main",
    "duckdb",
    "pandas",
    "pyarrow.parquet",
    "scipy.stats",
    "sqlalchemy",
)


def live_in_a_process(task: Task, on_days: Callable[[int], None]) -> None:
    """Live `task` in a new process and wait for it; `on_days` hears how many of its days are lived.

    Raises:
        FirstModelRefusedError: the world's first model did not pass the gates.
        BenchError: the life ended badly; says why, and where its log lies.
    """
    from churn_platform.flows.drift_bench.cases import BenchError, FirstModelRefusedError

    log = task.folder.root / "logs" / f"{task.name}.log"
    log.parent.mkdir(parents=True, exist_ok=True)
    fresh = multiprocessing.get_context("forkserver")
    fresh.set_forkserver_preload(list(PRELOADED))
    hear, speak = fresh.Pipe(duplex=False)
    process = fresh.Process(target=_live, args=(task, speak, log), daemon=True)
    process.start()
    speak.close()
    reason, refused = "its process ended without a word", False
    with suppress(EOFError):
        while True:
            said = hear.recv()
            if isinstance(said, int):
                on_days(said)
            else:
                reason, refused = said
    process.join()
    if refused:
        raise FirstModelRefusedError(reason)
    if reason:
        raise BenchError(f"{task.name} could not be lived: {reason}. Its log is {log}; run the command again to go on.")


def _live(task: Task, speak: Any, log: Path) -> None:
    """The process: says days as numbers, and last the reason why it failed, or none, and whether the first model was refused."""
    from churn_platform.flows.drift_bench.cases import FirstModelRefusedError

    output = os.open(log, os.O_WRONLY | os.O_CREAT | os.O_TRUNC)
    os.dup2(output, 1)
    os.dup2(output, 2)
    began = time.perf_counter()
    home = task.folder.homes / f"{task.name}-{os.getpid()}"
    os.environ.update(CHURN_HOME=str(home), CHURN_FEED="world", DO_NOT_TRACK="true", MLFLOW_DISABLE_TELEMETRY="true")
    for elsewhere in ("CHURN_OPS_URL", "CHURN_LANDING_DIR"):
        os.environ.pop(elsewhere, None)
    try:
        if task.case is None:
            _calm_home(task, speak.send)
        else:
            _case(task, began, speak.send)
        speak.send(("", False))
    except FirstModelRefusedError as error:
        speak.send((str(error), True))
    except Exception as error:
        traceback.print_exc()
        speak.send((f"{type(error).__name__}: {error}", False))
    finally:
        speak.close()
        shutil.rmtree(home, ignore_errors=True)


def _calm_home(task: Task, on_days: Callable[[int], None]) -> None:
    """The calm home of a seed on the eve of a branch day, put where it belongs when it is whole."""
    from churn_platform.adapters.world_choice import CALM
    from churn_platform.flows.drift_bench.life import branch_off, live, live_history, start_calm_home
    from churn_platform.settings import load_settings

    settings = load_settings()
    calm = next(case for case in task.plan.cases if case.scenario == CALM)
    if task.source is None:
        start_calm_home(settings, task.plan, task.calm_days)
    else:
        branch_off(task.source, settings, calm)
    platform, run = _opened()
    if task.source is None:
        live_history(platform, run)
    if task.last >= task.first:
        live(platform, run, task.first, task.last, on_days)
    platform.ops.close()
    os.replace(settings.home, task.target)


def _case(task: Task, began: float, on_days: Callable[[int], None]) -> None:
    """A case to its end, and what it leaves behind."""
    from churn_platform.flows.drift_bench.life import (
        alarms_of,
        branch_off,
        live,
        live_planted,
        named_causes,
        recorded_findings,
        told,
    )
    from churn_platform.flows.drift_bench.results import CaseResult, read_result, write_result
    from churn_platform.flows.drift_bench.windows import export_windows
    from churn_platform.settings import load_settings

    case = task.case
    assert case is not None  # noqa: S101 (the caller's choice)
    assert task.source is not None  # noqa: S101 (a case branches off a calm home)
    settings = load_settings()
    branch_off(task.source, settings, case)
    platform, run = _opened()
    if case.change_day is None:
        lived = live(platform, run, task.first, task.last, on_days)
    else:
        control = read_result(task.control)
        assert control is not None  # noqa: S101 (the board lives it first)
        lived = live_planted(platform, run, case, control.alarms, on_days)
    findings = recorded_findings(platform)
    first = 0 if case.change_day is None else case.branch_day
    written = export_windows(platform, settings.home / "exported", first, task.last, lived.blocked)
    result = CaseResult(
        case.key,
        alarms_of(findings),
        {} if case.change_day is None else named_causes(platform, findings, case.change_day),
        lived.blocked,
        task.folder.keep_windows(written.folder),
        lived.runs,
        round(time.perf_counter() - began, 1),
        tuple(told(findings)),
        tuple(one.to_dict() for one in _calm_windows(platform, case)) if case.change_day is None else (),
    )
    write_result(task.target, result)


def _calm_windows(platform: Platform, case: Case) -> list[CalmWindows]:
    """Windows drawn from the calm life's live rows."""
    from datetime import timedelta

    from churn_platform.flows.drift_bench.calm_windows import judge_calm_windows

    live_from = platform.calendar.live_from
    return judge_calm_windows(platform, live_from, live_from + timedelta(case.live_days - 1), case.seed)


def _opened() -> tuple[Platform, RunDays]:
    """The platform of this process, and how its jobs are run."""
    from churn_platform.adapters.platform import open_platform
    from churn_platform.defs.launch import Launcher, RunFailedError

    platform = open_platform("world")
    _ = platform.home
    launcher = Launcher(platform)

    def run(job: str, days: tuple[date, date] | None) -> str | None:
        try:
            launcher.run(job, days)
        except RunFailedError as error:
            return str(error)
        return None

    return platform, run
