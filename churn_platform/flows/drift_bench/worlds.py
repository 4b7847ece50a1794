"""The seeds that are lived, and what is left to do for each: tasks, in order.

What belongs here: which life can be lived now, and what takes a refused world's place. What does not: living it (`life`), the whole
bench (`board`).
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from pathlib import Path

from churn_platform.adapters.atomic_files import write_atomically
from churn_platform.flows.drift_bench.cases import BenchError, Case, SeedPlan
from churn_platform.flows.drift_bench.results import BenchFolder, read_result

MOST_REFUSED = 5
"""Worlds whose first model was refused, in one call: more are no bad luck."""


@dataclass(frozen=True, slots=True)
class Task:
    """One life for a process of its own: the calm home of a seed up to a branch day, or a case.

    `source` is the home that it starts from (None: it starts from nothing), `target` where its outcome goes: a home, or a record.
    `control` is the record of the seed's calm life.
    """

    name: str
    plan: SeedPlan
    case: Case | None
    first: int
    last: int
    source: Path | None
    target: Path
    folder: BenchFolder
    calm_days: int
    control: Path


@dataclass
class Seed:
    """What is left to do for one seed, in order: calm homes first, then cases as their calm home is there."""

    plan: SeedPlan
    bases: list[Path]
    results: list[Path]
    refusal: Path

    def next_tasks(self, folder: BenchFolder, calm_days: int, taken: set[Path]) -> list[Task]:
        """Tasks that could be started now."""
        cases = [
            (case, path)
            for case, path in zip(self.plan.cases, self.results, strict=True)
            if path not in taken and read_result(path) is None
        ]
        tasks = []
        # a planted life is read beside the calm one, which is therefore lived first
        control = self.results[0]
        if read_result(control) is None:
            cases = [(case, path) for case, path in cases if path == control]
        for i, (day, base) in enumerate(zip(self.plan.branch_days, self.bases, strict=True)):
            mine = [(case, path) for case, path in cases if case.branch_day == day]
            later = any(case.branch_day > day for case, _ in cases)
            if base.is_dir():
                tasks += [
                    Task(
                        case.key,
                        self.plan,
                        case,
                        case.branch_day,
                        case.live_days - 1,
                        base,
                        path,
                        folder,
                        calm_days,
                        control,
                    )
                    for case, path in mine
                ]
            elif (mine or later) and base not in taken and (i == 0 or self.bases[i - 1].is_dir()):
                first = 0 if i == 0 else self.plan.branch_days[i - 1]
                source = None if i == 0 else self.bases[i - 1]
                name = f"history-{self.plan.seed}" if i == 0 else f"calm-{self.plan.seed}-to-{day}"
                tasks.append(Task(name, self.plan, None, first, day - 1, source, base, folder, calm_days, control))
        # the longest first, so that the last process does not run alone
        return sorted(tasks, key=lambda task: -(task.last - task.first))


class Worlds:
    """The seeds that are lived. A world whose first model the gates refuse has nothing to monitor: the next seed takes its place."""

    def __init__(self, seeds: Sequence[Seed], seed_of: Callable[[SeedPlan], Seed]) -> None:
        self.seeds = list(seeds)
        self.refused: dict[str, str] = {}
        self._seed_of = seed_of
        self._last = max(seed.plan.seed for seed in seeds)
        for seed in seeds:
            if seed.refusal.is_file():
                self._replace(seed)

    def refuse(self, plan: SeedPlan, reason: str) -> None:
        """Note the refusal, so that a repeated call knows it, and go on with the next seed."""
        seed = next(seed for seed in self.seeds if seed.plan is plan)
        write_atomically(seed.refusal, reason.encode(), durable=False)
        self._replace(seed)

    def _replace(self, seed: Seed) -> None:
        reason = seed.refusal.read_text(encoding="utf-8")
        self.refused[str(seed.plan.seed)] = reason
        if len(self.refused) > MOST_REFUSED:
            raise BenchError(
                f"the first models of {len(self.refused)} worlds were refused, the last one thus: {reason}"
            )
        self._last += 1
        place = self.seeds.index(seed)
        self.seeds[place] = self._seed_of(seed.plan.under(self._last))
        if self.seeds[place].refusal.is_file():
            self._replace(self.seeds[place])
