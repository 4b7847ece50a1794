"""A scenario: what changes in the world, when, for whom, how strongly, and what the true cause is. Data, not code.

What belongs here: the closed models of a scenario and its effects, and reading them from YAML. What does not:
carrying effects out (`levers.py` and `feed.py` of the simulation).

Effects on **life** (`life.py`) change what happens, and consequences follow by themselves: slower support makes worse
moods makes leavers. Effects on **feeds** (`feeds.py`) change only what lands."""

from churn_platform.simulation.scenario.model import Scenario
from churn_platform.simulation.scenario.reading import ScenarioError, packaged_scenarios, parse_scenario, scenario_named

__all__ = ["Scenario", "ScenarioError", "packaged_scenarios", "parse_scenario", "scenario_named"]
