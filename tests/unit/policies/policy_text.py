"""The shipped policy file as text, and where each key and quantity stands in it, found without the code under test."""

from __future__ import annotations

from dataclasses import dataclass

import pytest
import yaml

from churn_platform.policies import PACKAGED, PolicyError, PolicyProblem, policies_from_text

SHIPPED = PACKAGED.read_text(encoding="utf-8")
NAME = "some-policies.yml"


@dataclass(frozen=True)
class Part:
    """One scalar of the file: its text, 1-based line, and offsets."""

    text: str
    line: int
    start: int
    end: int

    def replaced(self, by: str) -> str:
        """The shipped file with this part, and no other, replaced."""
        return SHIPPED[: self.start] + by + SHIPPED[self.end :]


@dataclass(frozen=True)
class QuantityInFile:
    """One {value, unit, reason} with its dotted path and its whole entry."""

    path: str
    key: Part
    value: Part
    unit: Part
    reason: Part
    start: int
    end: int


def _part(node: yaml.Node) -> Part:
    start, end = node.start_mark, node.end_mark
    return Part(SHIPPED[start.index : end.index], start.line + 1, start.index, end.index)


def _walk(node: yaml.Node, path: str, keys: dict[str, Part], quantities: list[QuantityInFile]) -> None:
    if isinstance(node, yaml.SequenceNode):
        for i, item in enumerate(node.value):
            _walk(item, f"{path}[{i}]", keys, quantities)
    if isinstance(node, yaml.MappingNode):
        parts = {key.value: (key, value) for key, value in node.value}
        for word, (key, value) in parts.items():
            at = f"{path}.{word}" if path else word
            keys[at] = _part(key)
            _walk(value, at, keys, quantities)
            if isinstance(value, yaml.MappingNode) and {k.value for k, _ in value.value} == {"value", "unit", "reason"}:
                inner = {k.value: _part(v) for k, v in value.value}
                marks = key.start_mark.index, value.end_mark.index
                quantities.append(
                    QuantityInFile(at, _part(key), inner["value"], inner["unit"], inner["reason"], *marks)
                )


KEYS: dict[str, Part] = {}
QUANTITIES: list[QuantityInFile] = []
_walk(yaml.compose(SHIPPED, Loader=yaml.SafeLoader), "", KEYS, QUANTITIES)


def quantity(path: str) -> QuantityInFile:
    """The quantity at a dotted path of the shipped file."""
    (found,) = [q for q in QUANTITIES if q.path == path]
    return found


def problems_or_none(text: str) -> tuple[PolicyProblem, ...]:
    """What is wrong with a policy text: nothing, or problems with lines; any other error goes through."""
    try:
        policies_from_text(text, NAME)
    except PolicyError as error:
        return error.problems
    return ()


def problems_of(text: str) -> tuple[PolicyProblem, ...]:
    """What is wrong with a policy text, which must be refused."""
    with pytest.raises(PolicyError) as refused:
        policies_from_text(text, NAME)
    assert refused.value.problems
    return refused.value.problems


def only_problem_of(text: str) -> PolicyProblem:
    """The one thing that is wrong with a policy text."""
    (problem,) = problems_of(text)
    return problem
