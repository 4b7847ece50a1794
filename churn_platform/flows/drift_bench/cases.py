"""Which lives are lived: every planted scenario and a calm year, once per seed.

What belongs here: the plan, as values. What does not: living (`life`), or any file but the scenarios' own.

Until its first change, a world with a scenario is bit-identical to the calm world of the same seed. So one calm life is lived per seed, and
each scenario branches off it on the eve of its change.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import asdict, dataclass, replace
from typing import Any

from churn_platform.adapters.world_choice import CALM, load_scenario
from churn_platform.governance.canonical import digest_of
from churn_platform.simulation.scenario.reading import packaged_scenarios

#: the world's own default seed and the ones after it; nothing was chosen by its result
FIRST_SEED = 20260101


class BenchError(ValueError):
    """The bench was asked for something that cannot be lived; the message says what can."""


class FirstModelRefusedError(BenchError):
    """The gates kept the first model of a world out, so there is nothing to monitor in it; the message says why."""


@dataclass(frozen=True, slots=True)
class BenchSize:
    """How large the bench is: all defaults are those of the scoreboard that is shown.

    `after_days`: how long a life is watched from the day of the change. `calm_days`: live days of the calm lives.
    """

    seeds: int = 5
    customers: int = 7_000
    calm_days: int = 365
    after_days: int = 60


@dataclass(frozen=True, slots=True)
class Case:
    """One life: a scenario's name or file, under one seed.

    `change_day` is the first day of the change, counted from the first live day; None for the calm life. `branch_day` is the live day on
    which the case leaves the shared calm life (days before it are shared).
    """

    scenario: str
    name: str
    content: str
    cause: str
    changes: tuple[str, ...]
    seed: int
    customers: int
    live_days: int
    branch_day: int
    change_day: int | None

    @property
    def key(self) -> str:
        """A name for files and progress."""
        return f"{self.name}-{self.seed}"

    @property
    def same_day(self) -> bool:
        """Whether the change breaks a feed or a schema, which has to be noticed on the day itself."""
        return bool(set(self.changes) & {"feed", "schema"})

    def digest(self, code: str, policy: str) -> str:
        """What its result depends on: the scenario's content, the sizes, the code and the policy."""
        return digest_of({**_plain(self), "code": code, "policy": policy})


@dataclass(frozen=True, slots=True)
class SeedPlan:
    """All lives of one seed: the days on which scenarios branch off, ascending, and the cases, the calm one first."""

    seed: int
    customers: int
    branch_days: tuple[int, ...]
    cases: tuple[Case, ...]

    def under(self, seed: int) -> SeedPlan:
        """The same lives under another seed."""
        return replace(self, seed=seed, cases=tuple(replace(case, seed=seed) for case in self.cases))


def plan(size: BenchSize, scenarios: Sequence[str] = ()) -> tuple[SeedPlan, ...]:
    """Every life to be lived, seed by seed.

    Args:
        size: seeds, customers, days.
        scenarios: names of packaged scenarios or paths of files; none means all packaged ones that change anything.

    Raises:
        BenchError: a scenario changes nothing, two have one name, or the calm life is shorter than a planted one (it is their control).
        ScenarioError: there is none of that name, or its file is wrong.
    """
    wanted = list(scenarios) or [name for name, found in packaged_scenarios().items() if found.start_day is not None]
    planted = [(where, load_scenario(where)) for where in wanted if where != CALM]
    names = [scenario.name for _, scenario in planted]
    for where, scenario in planted:
        if scenario.start_day is None:
            raise BenchError(f"the scenario {where} changes nothing, so there is nothing to notice: give it an effect")
        if names.count(scenario.name) > 1:
            raise BenchError(f"two scenarios are called {scenario.name!r}: give each a name of its own")
    starts = sorted({scenario.start_day for _, scenario in planted if scenario.start_day is not None})
    longest = max((start + size.after_days for start in starts), default=0)
    if size.calm_days < longest:
        raise BenchError(
            f"the calm life of {size.calm_days} days is the control of lives of {longest} days: use --calm-days {longest} or more"
        )
    branch_days = tuple(starts) or (0,)
    calm = load_scenario(CALM)
    plans = []
    for seed in range(FIRST_SEED, FIRST_SEED + size.seeds):
        cases = [
            Case(
                CALM,
                CALM,
                calm.model_dump_json(),
                calm.cause,
                (),
                seed,
                size.customers,
                size.calm_days,
                branch_days[0],
                None,
            )
        ]
        for where, scenario in planted:
            start = scenario.start_day or 0
            cases.append(
                Case(
                    where,
                    scenario.name,
                    scenario.model_dump_json(),
                    scenario.cause,
                    tuple(scenario.changes),
                    seed,
                    size.customers,
                    start + size.after_days,
                    start,
                    start,
                )
            )
        plans.append(SeedPlan(seed, size.customers, branch_days, tuple(cases)))
    return tuple(plans)


def _plain(case: Case) -> dict[str, Any]:
    # where a file lay does not matter, what it said does
    return {**asdict(case), "scenario": case.name, "changes": list(case.changes)}
