"""From YAML text to `Policies`, with every problem of the file reported at once, each with its line.

What belongs here: the file's grammar and its complaints. What does not: one scalar (`scalars.py`), or what a block may
hold and which of its values contradict each other (the models say it).
"""

from __future__ import annotations

import datetime as dt
import difflib
import re
from collections.abc import Iterable, Mapping
from pathlib import Path
from typing import Any, get_args

import yaml
from pydantic import TypeAdapter, ValidationError

from churn_platform.policies.between import contradictions_between
from churn_platform.policies.document import SHAPES, Policies
from churn_platform.policies.errors import PolicyError, PolicyProblem
from churn_platform.policies.quantities import Block, Contradiction
from churn_platform.policies.scalars import ScalarRefusedError, read_duration, read_scalar
from churn_platform.policies.shape import Shape, needs_reason, shapes_of
from churn_platform.policies.syntax import root_of

PACKAGED = Path(__file__).resolve().parent.parent / "policies.yml"

Nodes = Mapping[str, yaml.Node | None]
"""The entries of a mapping by key; None for one that is an alias, which has been reported and is not read."""

_NO_REASON = {"", "todo", "tbd", "fixme", "xxx", "n/a", "none", "null", "~", "-", "…"}
_NAME = re.compile(r"[a-z][a-z0-9_]*")
_ABSENT: Any = object()
_SAY_WHY = "Say why it is this and nothing else."


def load_policies(path: Path | None = None) -> Policies:
    """Read the policy file at `path`, by default the packaged one. PolicyError names every problem with its line."""
    at = PACKAGED if path is None else path
    try:
        text = at.read_bytes().decode("utf-8-sig")
    except OSError as error:
        way_out = "Name an existing file, or leave the path out for the packaged policies."
        raise PolicyError(str(at), [PolicyProblem(1, "", f"it cannot be read ({error}).", "", way_out)]) from error
    except UnicodeDecodeError as error:
        line = error.object[: error.start].count(b"\n") + 1
        problem = PolicyProblem(line, "", f"it is not UTF-8 ({error.reason}).", "", "Save it as UTF-8.")
        raise PolicyError(str(at), [problem]) from error
    return policies_from_text(text, str(at))


def policies_from_text(text: str, name: str) -> Policies:
    """Read policies from YAML or JSON text; `name` stands for the file in messages. PolicyError as `load_policies`."""
    reading = _Reading()
    blocks = reading.blocks(root_of(text, name))
    if reading.problems:
        raise PolicyError(name, reading.problems)
    return Policies.model_validate({**blocks, "reasons": reading.reasons})


class _Reading:
    """One pass over one file: collects values, lines by path, reasons and problems."""

    def __init__(self) -> None:
        self.problems: list[PolicyProblem] = []
        self.lines: dict[str, int] = {"": 1}
        self.reasons: dict[str, str] = {}
        self.shapes: dict[str, Shape] = {}
        self.visited: dict[int, yaml.Node] = {}

    def blocks(self, root: yaml.MappingNode) -> dict[str, Any]:
        """The blocks that hold; whatever does not is in `problems`."""
        given = self._entries(root, "")
        self._unknown_and_missing(given, SHAPES, "", ())
        blocks: dict[str, Any] = {}
        for name, shape in SHAPES.items():
            value = self._field(shape, given[name], name) if name in given else _ABSENT
            if value is not _ABSENT:
                self._validate(shape, value, name, blocks)
        for found in contradictions_between(blocks):
            self._contradiction("", found)
        return blocks

    # ---------------------------------------------------------------------------------------- the structure of the text

    def _entries(self, node: yaml.MappingNode, path: str) -> Nodes:
        entries: dict[str, yaml.Node | None] = {}
        for key, value in node.value:
            word = key.value if isinstance(key, yaml.ScalarNode) else "?"
            at, line = _join(path, word), key.start_mark.line + 1
            if word in entries:
                wrong = f"the key {word!r} is here twice, first in line {self.lines[at]}."
                self._problem(at, wrong, "", "Keep one of them.", line=line)
                continue
            self.lines[at] = line
            entries[word] = self._unless_alias(value, at)
        return entries

    def _unless_alias(self, node: yaml.Node, path: str) -> yaml.Node | None:
        if id(node) in self.visited:
            self._problem(path, "it is an alias (*name) of something above.", "", "Write it out, with its own reason.")
            return None
        self.visited[id(node)] = node
        return node

    def _unknown_and_missing(
        self, given: Nodes, shapes: Mapping[str, Shape], path: str, also_allowed: Iterable[str]
    ) -> None:
        allowed = (*shapes, *also_allowed)
        self._unknown(given, allowed, path)
        for word, shape in shapes.items():
            if word not in given:
                entry = _template(shape) if shape.form == "quantity" else "…"
                way_out = f"Add `{word}: {entry}`."
                needed = f"Needed: {shape.allowed}." if shape.form in ("quantity", "plain") else ""
                self._problem(_join(path, word), "it is missing.", needed, way_out)

    def _unknown(self, given: Nodes, allowed: tuple[str, ...], path: str) -> None:
        for word in given:
            if word not in allowed:
                free = [name for name in allowed if name not in given]
                way_out = _did_you_mean(word, free) or _did_you_mean(word, allowed) or "Remove it."
                wrong = f"there is no key {word!r} here."
                self._problem(_join(path, word), wrong, f"Allowed: {', '.join(allowed)}.", way_out)

    # -------------------------------------------------------------------------------------------------- one field each

    def _field(self, shape: Shape, node: yaml.Node | None, path: str) -> Any:
        self.shapes[path] = shape
        if node is None:
            return _ABSENT
        self.lines.setdefault(path, node.start_mark.line + 1)
        if shape.form == "plain":
            return self._scalar(shape, node, path)
        if shape.form == "list":
            if not isinstance(node, yaml.SequenceNode):
                return self._wrong_type(node, path, "a list")
            return self._list(shape, node, path)
        if not isinstance(node, yaml.MappingNode):
            wanted = {"quantity": _template(shape), "block": "a block of keys", "named": "one entry per name"}
            return self._wrong_type(node, path, wanted[shape.form])
        if shape.form == "quantity":
            return self._quantity(shape, node, path)
        return self._block(shape.type, node, path) if shape.form == "block" else self._named(shape, node, path)

    def _block(self, block: type[Block], node: yaml.MappingNode, path: str) -> Any:
        given, shapes = self._entries(node, path), shapes_of(block)
        self._unknown_and_missing(given, shapes, path, ("reason",))
        self._reason(given, path, needed=needs_reason(block))
        values = {name: self._field(shapes[name], given[name], _join(path, name)) for name in shapes if name in given}
        return {name: value for name, value in values.items() if value is not _ABSENT}

    def _list(self, shape: Shape, node: yaml.SequenceNode, path: str) -> Any:
        items = []
        for i, item in enumerate(node.value):
            at = f"{path}[{i}]"
            self.lines[at] = item.start_mark.line + 1
            items.append(self._field(shape.items, self._unless_alias(item, at), at))
        for word in sorted({item for item in items if isinstance(item, str) and items.count(item) > 1}):
            self._problem(path, f"{word!r} is in the list more than once.", "", "Keep it once.")
        return _ABSENT if any(item is _ABSENT for item in items) else tuple(items)

    def _named(self, shape: Shape, node: yaml.MappingNode, path: str) -> Any:
        given = self._entries(node, path)
        for word in given:
            if not _NAME.fullmatch(word):
                at, allowed = _join(path, word), "Allowed: lower-case letters, digits, underscores."
                self._problem(at, f"{word!r} is not a name.", allowed, "Write the column's name.")
        values = {name: self._field(shape.items, item, _join(path, name)) for name, item in given.items()}
        return _ABSENT if any(value is _ABSENT for value in values.values()) else values

    def _quantity(self, shape: Shape, node: yaml.MappingNode, path: str) -> Any:
        given = self._entries(node, path)
        self._unknown(given, ("value", "unit", "reason"), path)
        self._reason(given, path, needed=True)
        unit, value = self._unit(shape, given, path), self._value(shape, given, path)
        if unit is None or value is _ABSENT or shape.type is not dt.timedelta:
            return _ABSENT if unit is None else value
        try:
            return read_duration(value, unit)
        except ScalarRefusedError as error:
            self._problem(path, str(error), f"Allowed: {shape.allowed}.", "Check the value and the unit.")
            return _ABSENT

    def _value(self, shape: Shape, given: Nodes, path: str) -> Any:
        at = _join(path, "value")
        if "value" not in given:
            self._problem(at, "it is missing.", f"Needed: {shape.allowed}.", f"Write {_template(shape)}.")
            return _ABSENT
        self.lines[path] = self.lines[at]
        node = given["value"]
        return _ABSENT if node is None else self._scalar(shape, node, path)

    def _unit(self, shape: Shape, given: Nodes, path: str) -> str | None:
        at, allowed = _join(path, "unit"), f"Allowed: {', '.join(shape.units)}."
        if "unit" not in given:
            self._problem(at, "it is missing.", allowed, f"Write {_template(shape)}.")
            return None
        unit = _text(given["unit"])
        if unit in shape.units:
            return unit
        self._problem(
            at, f"{unit!r} is not a unit of this quantity.", allowed, "Convert the value, and name that unit."
        )
        return None

    def _reason(self, given: Nodes, path: str, needed: bool) -> None:
        at = _join(path, "reason")
        if "reason" not in given:
            if needed:
                self._problem(at, "the reason is missing.", "", _SAY_WHY)
            return
        reason = _text(given["reason"])
        if reason.lower().rstrip(".") in _NO_REASON:
            self._problem(at, "the reason is blank.", "", _SAY_WHY)
        else:
            self.reasons[path] = reason

    def _scalar(self, shape: Shape, node: yaml.Node, path: str) -> Any:
        if not isinstance(node, yaml.ScalarNode):
            return self._wrong_type(node, path, shape.allowed)
        try:
            return read_scalar(node, shape)
        except ScalarRefusedError as error:
            way_out = "Take the quotes away." if node.style in ("'", '"') else "Write that."
            self._problem(path, str(error), f"Allowed: {shape.allowed}.", way_out, line=node.start_mark.line + 1)
            return _ABSENT

    # ------------------------------------------------------------------------------------------------------ complaints

    def _validate(self, shape: Shape, value: Any, path: str, blocks: dict[str, Any]) -> None:
        try:
            blocks[path] = TypeAdapter(shape.type).validate_python(value)
        except ValidationError as error:
            for complaint in error.errors(include_url=False):
                at = path
                for part in complaint["loc"]:
                    at = f"{at}[{part}]" if isinstance(part, int) else _join(at, part)
                if complaint["type"] == "contradictions":
                    for found in complaint["ctx"]["found"]:
                        self._contradiction(at, found)
                elif complaint["type"] != "missing":  # what is missing has been said already, with the way out
                    self._refused(at, complaint["input"], complaint["msg"])

    def _refused(self, path: str, given: Any, message: str) -> None:
        shape = self.shapes[path]
        allowed = shape.allowed if shape.form in ("quantity", "plain") else message
        shown = f"{given.total_seconds():g} seconds" if isinstance(given, dt.timedelta) else repr(given)
        way_out = "Write one that is allowed; the bound itself, with its reason, is in the code."
        if isinstance(given, str):
            way_out = _did_you_mean(given, [str(word) for word in get_args(shape.type)]) or "Write one of them."
        self._problem(path, f"{shown} is not allowed.", f"Allowed: {allowed}.", way_out)

    def _contradiction(self, path: str, found: Contradiction) -> None:
        self._problem(_join(path, found.at), found.wrong, "", found.way_out)

    def _wrong_type(self, node: yaml.Node, path: str, wanted: str) -> Any:
        shown = "a list" if isinstance(node, yaml.SequenceNode) else f"{_text(node) or 'nothing'!r}"
        if isinstance(node, yaml.MappingNode):
            shown = "a mapping"
        line = node.start_mark.line + 1
        self._problem(path, f"{shown} does not belong here.", f"Allowed: {wanted}.", "Write that.", line=line)
        return _ABSENT

    def _problem(self, path: str, wrong: str, allowed: str, way_out: str, *, line: int | None = None) -> None:
        at = path
        while line is None and at not in self.lines:  # a missing key has no line: that of its block is the nearest
            at = at.rpartition("[")[0] if at.endswith("]") else at.rpartition(".")[0]
        self.problems.append(PolicyProblem(self.lines[at] if line is None else line, path, wrong, allowed, way_out))


def _join(path: str, word: object) -> str:
    return f"{path}.{word}" if path else str(word)


def _text(node: yaml.Node | None) -> str:
    return " ".join(node.value.split()) if isinstance(node, yaml.ScalarNode) else ""


def _template(shape: Shape) -> str:
    return f"{{value: …, unit: {'|'.join(shape.units)}, reason: …}}"


def _did_you_mean(word: str, names: Iterable[str]) -> str:
    close = difflib.get_close_matches(word, list(names), n=1)
    return f"Did you mean {close[0]!r}?" if close else ""
