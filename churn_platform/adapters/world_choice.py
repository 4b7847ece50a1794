"""Which simulated telco a home lives on: `world.json`, and the scenario behind its name or file.

What belongs here: choosing a world, once per home, and reading the choice again. What does not: living it (`world_landing.py`).

A scenario from a file is copied into the home, so that the home can be moved and its file edited or lost without changing the past.
"""

from __future__ import annotations

import json
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import TYPE_CHECKING

from churn_platform.adapters.atomic_files import write_atomically
from churn_platform.adapters.home import read_home
from churn_platform.settings import Settings

if TYPE_CHECKING:
    from churn_platform.simulation.scenario import Scenario

CHOICE_FILE = "world.json"
SCENARIO_FILE = "scenario.yml"
CALM = "calm"
#: as many customers as the IBM extract has; 195 days of it live and land in some 4 s (measured, two cores)
CUSTOMERS = 7_000
SEED = 20260101


class WorldChoiceError(ValueError):
    """The world cannot be chosen so, or the record of the choice is damaged; the message says what can be done."""


@dataclass(frozen=True, slots=True)
class WorldChoice:
    """A world: a scenario's name or the path of its file, the size of the base, the seed, and how many live days are to be scored.

    The first three decide every byte that lands; `live_days` only says how far the calendar goes.
    """

    scenario: str = CALM
    customers: int = CUSTOMERS
    seed: int = SEED
    live_days: int = 45


def read_world_choice(settings: Settings) -> WorldChoice:
    """The home's choice; without one the calm world of 7,000 customers, for as many live days as the policy says.

    Raises:
        WorldChoiceError: the record is damaged.
    """
    path = settings.home / CHOICE_FILE
    if not path.is_file():
        from churn_platform.policies import load_policies

        return WorldChoice(live_days=load_policies().replay.live.days)
    try:
        choice = WorldChoice(**json.loads(path.read_text(encoding="utf-8")))
        if [type(value) for value in asdict(choice).values()] != [str, int, int, int]:
            raise TypeError("a value is not of its type")
    except (ValueError, TypeError) as error:
        raise WorldChoiceError(
            f"{path} is damaged ({error}); write it again: churn run --feed world --scenario …"
        ) from error
    if _is_file(choice.scenario):  # relative: beside the record, wherever the home was moved to
        return WorldChoice(str(settings.home / choice.scenario), choice.customers, choice.seed, choice.live_days)
    return choice


def write_world_choice(settings: Settings, choice: WorldChoice) -> None:
    """Make `choice` the home's world.

    A home that has begun to live keeps its world: only its live days may change then.

    Raises:
        WorldChoiceError: the home lives on another world already, or the choice is impossible.
        ScenarioError: there is no such scenario, or its file is wrong; names file, line and key.
    """
    from churn_platform.simulation.world.world import FEWEST_CUSTOMERS, MOST_CUSTOMERS

    scenario = load_scenario(choice.scenario)
    if not FEWEST_CUSTOMERS <= choice.customers <= MOST_CUSTOMERS:
        raise WorldChoiceError(
            f"a world has {FEWEST_CUSTOMERS} to {MOST_CUSTOMERS:,} customers, not {choice.customers:,}"
        )
    if choice.live_days < 1:
        raise WorldChoiceError(f"a world has at least one live day, not {choice.live_days}")
    if read_home(settings) is not None:
        there = read_world_choice(settings)
        same = (there.customers, there.seed) == (choice.customers, choice.seed)
        if not same or load_scenario(there.scenario) != scenario:
            raise WorldChoiceError(
                f"{settings.home} lives on {described(there)}, and a home keeps its world; for {described(choice)} "
                f"use another home, for example: CHURN_HOME={settings.home}-{scenario.name}"
            )
    name = choice.scenario
    if _is_file(name):
        content = Path(name).expanduser().read_bytes()
        write_atomically(settings.home / SCENARIO_FILE, content)
        name = SCENARIO_FILE
    record = asdict(choice) | {"scenario": name}
    write_atomically(settings.home / CHOICE_FILE, json.dumps(record, indent=2).encode() + b"\n")


def load_scenario(scenario: str) -> Scenario:
    """The scenario of the package called `scenario`, or the one in the file of that path.

    Raises:
        ScenarioError: there is none, or the file is wrong; names file, line, key, and what is allowed.
    """
    from churn_platform.simulation.scenario import ScenarioError, parse_scenario, scenario_named

    if not _is_file(scenario):
        return scenario_named(scenario)
    path = Path(scenario).expanduser()
    try:
        text = path.read_text(encoding="utf-8")
    except (OSError, UnicodeDecodeError) as error:
        raise ScenarioError(f"the scenario's file {path} cannot be read: {error}") from error
    return parse_scenario(text, str(path))


def described(choice: WorldChoice) -> str:
    """The world in a few words, for people."""
    return f"a made-up telco of {choice.customers:,} customers, seed {choice.seed}, scenario {load_scenario(choice.scenario).name}"


def _is_file(scenario: str) -> bool:
    """A path has a suffix or a separator; names of scenarios have neither."""
    return "/" in scenario or scenario.endswith((".yml", ".yaml"))
