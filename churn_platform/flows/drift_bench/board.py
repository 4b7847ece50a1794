"""The whole bench: lives not yet lived are lived, windows not yet judged are shown to the peers, and the scoreboard is made.

What belongs here: the order of the work, two lives at a time, and what is there already. What does not: living one case (`life`, in a
process of its own, since a process has one home), figures (`scoreboard`).
"""

from __future__ import annotations

import shutil
import time
from collections.abc import Callable, Sequence
from concurrent.futures import FIRST_COMPLETED, Future, ThreadPoolExecutor, wait
from functools import partial
from pathlib import Path
from typing import Any

from churn_platform.flows.drift_bench.calm_windows import rates
from churn_platform.flows.drift_bench.cases import Case, FirstModelRefusedError, SeedPlan
from churn_platform.flows.drift_bench.peers import (
    PACKAGES,
    READINGS,
    Peers,
    PeersUnavailableError,
    judge_windows,
    prepare_peers,
    seconds_taken,
    told_alarms,
)
from churn_platform.flows.drift_bench.results import BenchFolder, CaseResult, read_result
from churn_platform.flows.drift_bench.scoreboard import PLATFORM, LivedCase, false_alarms, scoreboard
from churn_platform.flows.drift_bench.worlds import Seed, Task, Worlds
from churn_platform.governance.canonical import digest_of

LiveTask = Callable[[Task, Callable[[int], None]], None]
"""Lives a task in a process of its own; the callback hears of days lived. Raises BenchError where it fails."""
OnProgress = Callable[[str, int, int], None]
"""Called with what is worked at, days done and days in all."""


def run_board(
    plans: Sequence[SeedPlan],
    folder: BenchFolder,
    *,
    code: str,
    policy: str,
    gap: int,
    declared: float,
    live_task: LiveTask,
    with_peers: bool,
    processes: int,
    say: Callable[[str], None],
    on_progress: OnProgress,
) -> dict[str, Any]:
    """Live, judge and count everything.

    Args:
        plans: lives, by seed.
        folder: where homes, results and windows are kept; what is there and still right is not made again.
        code, policy: digests that results depend on.
        gap: days of silence between two alarms (`alerts.same_incident_within`).
        declared: the false alarm rate that the policy declares (`drift.false_discovery_rate`).
        live_task: lives one task in a process of its own.
        with_peers: whether to show the windows to the peers.
        processes: lives at a time.
        say: a line for people. on_progress: days done.

    Raises:
        BenchError: a life failed, or the first models of more than `MOST_REFUSED` worlds were refused.
    """
    began = time.perf_counter()
    calm_days = max(case.live_days for plan in plans for case in plan.cases if case.change_day is None)

    def seed_of(plan: SeedPlan) -> Seed:
        at = [digest_of([plan.seed, plan.customers, calm_days, day, code, policy]) for day in plan.branch_days]
        results = [folder.result(case.digest(code, policy)) for case in plan.cases]
        return Seed(plan, [folder.base(digest) for digest in at], results, folder.refusal(at[0]))

    worlds = Worlds([seed_of(plan) for plan in plans], seed_of)
    _live_all(worlds, folder, calm_days, live_task, processes, on_progress)
    seeds = worlds.seeds
    lived_in = time.perf_counter() - began
    cases = [
        (case, result)
        for seed in seeds
        for case, path in zip(seed.plan.cases, seed.results, strict=True)
        if (result := read_result(path)) is not None
    ]
    peers, missing = (
        _show_to_peers(cases, folder, processes, say) if with_peers else (None, "not asked for (--no-peers)")
    )
    lived = [_together(case, result, folder) for case, result in cases]
    board = scoreboard(lived, (PLATFORM, *READINGS), gap)
    calm = [one for one in lived if one.case.change_day is None]
    places = [folder.windows / result.windows for _, result in cases]
    return {
        **board,
        "false_alarms": {str(one.case.seed): false_alarms(one.alarms[PLATFORM], gap) for one in calm},
        "calm_windows": rates(
            [list(result.calm_windows) for case, result in cases if case.change_day is None], declared
        ),
        "worlds_without_a_champion": worlds.refused,
        "refused_days": {result.key: len(result.blocked) for _, result in cases if result.blocked},
        "peers_missing": missing,
        "versions": {} if peers is None else peers.versions,
        "runtime": {
            "seconds": round(time.perf_counter() - began, 1),
            "seconds_living": round(lived_in, 1),
            "seconds_of_lives": round(sum(result.seconds for _, result in cases), 1),
            "seconds_of_peers": seconds_taken(places),
            "processes": processes,
        },
    }


def _live_all(
    worlds: Worlds,
    folder: BenchFolder,
    calm_days: int,
    live_task: LiveTask,
    processes: int,
    on_progress: OnProgress,
) -> None:
    """Live what is not there yet, `processes` at a time; a seed's calm homes are removed when it is done."""
    done = _Done(worlds, on_progress)
    taken: set[Path] = set()
    with ThreadPoolExecutor(processes) as pool:
        running: dict[Future[None], Task] = {}
        while True:
            ready = [task for seed in worlds.seeds for task in seed.next_tasks(folder, calm_days, taken)]
            for task in ready[: processes - len(running)]:
                taken.add(task.target)
                running[pool.submit(live_task, task, partial(done.heard, task))] = task
                done.heard(task, 0)
            if not running:
                break
            finished, _ = wait(running, return_when=FIRST_COMPLETED)
            for future in finished:
                task = running.pop(future)
                try:
                    future.result()
                except FirstModelRefusedError as refused:
                    worlds.refuse(task.plan, str(refused))
                    continue
                done.heard(task, task.last - task.first + 1)
            for seed in worlds.seeds:
                if all(read_result(path) is not None for path in seed.results):
                    for base in seed.bases:
                        shutil.rmtree(base, ignore_errors=True)


class _Done:
    """Days lived of all that are to be lived; shared calm lives do not count."""

    def __init__(self, worlds: Worlds, on_progress: OnProgress) -> None:
        self._days: dict[Path, int] = {}
        self._on_progress = on_progress
        self._total = sum(  # a world that takes another's place has as many
            case.live_days - case.branch_day
            for seed in worlds.seeds
            for case, path in zip(seed.plan.cases, seed.results, strict=True)
            if read_result(path) is None
        )

    def heard(self, task: Task, days: int) -> None:
        """So many days of a task are lived."""
        if task.case is not None:
            self._days[task.target] = days
        self._on_progress(task.name, sum(self._days.values()), self._total)


def _show_to_peers(
    cases: Sequence[tuple[Case, CaseResult]], folder: BenchFolder, processes: int, say: Callable[[str], None]
) -> tuple[Peers | None, str | None]:
    """Have the peers judge every exported window once, each in at most `processes` processes; returns why they could not."""
    try:
        peers = prepare_peers(folder.peers, say)
        keys = {result.windows: result.key for _, result in cases}
        with ThreadPoolExecutor(processes) as pool:
            work = []
            for package in PACKAGES:
                places = [
                    folder.windows / name for name in keys if not (folder.windows / name / f"{package}.json").is_file()
                ]
                if places:
                    say(f"{package} {peers.versions.get(package, '')}: {len(places)} lives to judge")

                def judged(name: str, package: str = package) -> None:
                    say(f"  {package} has judged {keys.get(name, name)}")

                for part in range(processes):
                    work.append(pool.submit(judge_windows, peers, package, places[part::processes], judged))
            for future in work:
                future.result()
    except PeersUnavailableError as error:
        say(str(error))
        return None, str(error)
    return peers, None


def _together(case: Case, result: CaseResult, folder: BenchFolder) -> LivedCase:
    return LivedCase(case, {PLATFORM: result.alarms, **told_alarms(folder.windows / result.windows)}, result.causes)
