"""Scenarios from YAML, with errors that name file, line, key and what is allowed.

What belongs here: reading. What does not: the models, and opening a user's file (the caller has its text).
"""

from __future__ import annotations

from functools import cache
from importlib.resources import files
from typing import Any, get_args

import yaml
from pydantic import ValidationError

from churn_platform.simulation.scenario.model import AnyEffect, Scenario

EFFECTS: tuple[str, ...] = tuple(
    get_args(kind.model_fields["effect"].annotation)[0] for kind in get_args(get_args(AnyEffect)[0])
)


class ScenarioError(ValueError):
    """A scenario that cannot be used; the message names file, line, key, and what is allowed."""


def parse_scenario(text: str, where: str) -> Scenario:
    r"""The scenario in a YAML text.

    Args:
        text: the YAML.
        where: the file's name, for messages.

    Raises:
        ScenarioError: it is not YAML, or an effect, column or value is unknown or wrong.

    >>> text = "name: x\nabout: x\ncause: x\neffects:\n- {effect: explode, start_day: 1}"
    >>> try:
    ...     parse_scenario(text, "x.yml")
    ... except ScenarioError as error:
    ...     print(str(error)[:59])
    x.yml, line 5, effects.0: unknown effect 'explode'; allowed
    """
    try:
        tree = yaml.compose(text, Loader=yaml.SafeLoader)
        content = yaml.safe_load(text)
    except yaml.YAMLError as error:
        raise ScenarioError(f"{where} is not YAML: {error}") from error
    if not isinstance(content, dict):
        raise ScenarioError(f"{where}: a scenario is a mapping with name, about, cause and effects")
    try:
        return Scenario.model_validate(content)
    except ValidationError as error:
        raise ScenarioError("\n".join(_told(where, tree, content, item) for item in error.errors())) from error


@cache
def packaged_scenarios() -> dict[str, Scenario]:
    """The scenarios that come with the package, by name: part of the code."""
    folder = files("churn_platform.simulation") / "scenarios"
    found = [
        parse_scenario(path.read_text(encoding="utf-8"), path.name)
        for path in sorted(folder.iterdir(), key=lambda path: path.name)
        if path.name.endswith(".yml")
    ]
    return {scenario.name: scenario for scenario in found}


def scenario_named(name: str) -> Scenario:
    """A scenario of the package.

    Raises:
        ScenarioError: there is none of that name; names those there are.
    """
    known = packaged_scenarios()
    if name not in known:
        raise ScenarioError(f"there is no scenario {name!r}; there are {', '.join(known)}, or give a file")
    return known[name]


def _told(where: str, tree: Any, content: Any, error: Any) -> str:
    """One of pydantic's errors as a sentence with its line."""
    path: list[str] = []
    node, value, line = tree, content, tree.start_mark.line + 1
    for step in error["loc"]:
        if isinstance(node, yaml.MappingNode) and isinstance(value, dict) and step in value:
            key, node = next(pair for pair in node.value if pair[0].value == str(step))
            line, value = key.start_mark.line + 1, value[step]
        elif isinstance(node, yaml.SequenceNode) and isinstance(step, int) and step < len(node.value):
            node, value = node.value[step], value[step]
            line = node.start_mark.line + 1
        elif step in EFFECTS:
            continue  # the union's tag, not a key
        path.append(str(step))
    at = f"{where}, line {line}, {'.'.join(path) or 'scenario'}"
    if error["type"] in ("union_tag_invalid", "union_tag_not_found"):
        found = value.get("effect") if isinstance(value, dict) else None
        return f"{at}: unknown effect {found!r}; allowed: {', '.join(EFFECTS)}"
    if error["type"] == "extra_forbidden":
        return f"{at}: unknown key"
    return f"{at}: {error['msg'].removeprefix('Value error, ')}"
