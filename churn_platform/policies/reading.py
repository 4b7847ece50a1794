"""From YAML text to `Policies`, with every problem of the file reported at once, each with its line.

What belongs here: the file's grammar and its complaints. What does not: what a block holds (the models say it).

Scalars are read by the type that the field wants, not by YAML's own guesses, so `no`, `06:00` and `1e-4` mean what they look like.
"""

from __future__ import annotations

import datetime as dt
import difflib
import math
import re
from collections.abc import Iterable, Mapping
from pathlib import Path
from typing import Any, get_args

import yaml
from pydantic import TypeAdapter, ValidationError

from churn_platform.policies.document import BLOCKS, SHAPES, Policies, contradictions_between
from churn_platform.policies.errors import PolicyError, PolicyProblem
from churn_platform.policies.quantities import Block, Contradiction
from churn_platform.policies.shape import Shape, needs_reason, shapes_of

PACKAGED = Path(__file__).resolve().parent.parent / "policies.yml"

_LOADER = getattr(yaml, "CSafeLoader", yaml.SafeLoader)
_NUMBER = re.compile(r"[-+]?(0|[1-9][0-9_]*)(\.[0-9]+)?([eE][-+]?[0-9]+)?")
_NOT_FINITE = re.compile(r"[-+]?\.?(nan|inf|infinity)", re.IGNORECASE)
_NO_REASON = {"", "todo", "tbd", "fixme", "xxx", "n/a", "-", "...", "…"}
_ABSENT = object()


def load_policies(path: Path | None = None) -> Policies:
    """Read the policy file at `path`, by default the packaged one. PolicyError names every problem with its line."""
    at = PACKAGED if path is None else path
    try:
        text = at.read_bytes().decode("utf-8-sig")
    except OSError as error:
        way_out = "Name an existing file, or leave the path out for the packaged policies."
        raise PolicyError(str(at), [PolicyProblem(1, "", f"the file cannot be read: {error}.", "", way_out)]) from error
    except UnicodeDecodeError as error:
        raise PolicyError(
            str(at), [PolicyProblem(1, "", f"the file is not UTF-8: {error}.", "", "Save it as UTF-8.")]
        ) from error
    return policies_from_text(text, str(at))


def policies_from_text(text: str, name: str) -> Policies:
    """Read policies from YAML (or JSON) text; `name` stands for the file in messages. PolicyError as `load_policies`."""
    return _Reading(name).policies(text)


class _Reading:
    """One pass over one text: collects values, lines, reasons and problems."""

    def __init__(self, name: str) -> None:
        self.name = name
        self.problems: list[PolicyProblem] = []
        self.lines: dict[str, int] = {"": 1}
        self.reasons: dict[str, str] = {}
        self.shapes: dict[str, Shape] = {}
        self.visited: dict[int, yaml.Node] = {}

    def policies(self, text: str) -> Policies:
        root = self._root(text)
        given = self._pairs(root, "")
        self._unknown_and_missing(given, SHAPES, "", ())
        blocks: dict[str, Any] = {}
        for block in BLOCKS:
            if block in given:
                value = self._field(SHAPES[block], given[block], block)
                if value is not _ABSENT:
                    self._validated(SHAPES[block], value, block, blocks)
        for found in contradictions_between(blocks):
            self._contradiction("", found)
        if self.problems:
            raise PolicyError(self.name, self.problems)
        return Policies.model_validate({**blocks, "reasons": self.reasons})

    # ------------------------------------------------------------------------------------------------- the text's structure

    def _root(self, text: str) -> yaml.MappingNode:
        try:
            root = yaml.compose(text, Loader=_LOADER)
        except yaml.YAMLError as error:
            mark = getattr(error, "problem_mark", None) or getattr(error, "context_mark", None)
            what = getattr(error, "problem", None) or str(error)
            line = mark.line + 1 if mark else 1
            raise PolicyError(
                self.name,
                [PolicyProblem(line, "", f"this is not YAML: {what}.", "", "Mend the line, or the one before it.")],
            ) from error
        if not isinstance(root, yaml.MappingNode):
            what = "the file is empty." if root is None else "the file is not a mapping of blocks."
            raise PolicyError(
                self.name,
                [
                    PolicyProblem(
                        1, "", what, f"Needed: the blocks {', '.join(BLOCKS)}.", "Start from the packaged file."
                    )
                ],
            )
        return root

    def _pairs(self, node: yaml.Node, path: str) -> dict[str, yaml.Node]:
        pairs: dict[str, yaml.Node] = {}
        for key, value in node.value:
            line = key.start_mark.line + 1
            word = key.value if isinstance(key, yaml.ScalarNode) else "?"
            at = _join(path, word)
            if word in pairs:
                first = self.lines[at]
                self._problem(
                    line, at, f"the key {word!r} is here twice, first in line {first}.", "", "Keep one of them."
                )
                continue
            self.lines[at] = line
            pairs[word] = value
        return pairs

    def _unknown_and_missing(
        self, given: Mapping[str, yaml.Node], shapes: Mapping[str, Shape], path: str, extra: Iterable[str]
    ) -> None:
        allowed = (*shapes, *extra)
        for word in given:
            if word not in allowed:
                close = difflib.get_close_matches(word, [a for a in allowed if a not in given] or list(allowed), n=1)
                self._problem(
                    self.lines[_join(path, word)],
                    _join(path, word),
                    f"there is no key {word!r} here.",
                    f"Allowed: {', '.join(allowed)}.",
                    f"Did you mean {close[0]!r}?" if close else "Remove it.",
                )
        for word, shape in shapes.items():
            if word not in given:
                self._problem(
                    self.lines[path],
                    _join(path, word),
                    "it is missing.",
                    f"Needed: {shape.allowed}.",
                    _to_add(word, shape),
                )

    # --------------------------------------------------------------------------------------------------------- one field each

    def _field(self, shape: Shape, node: yaml.Node, path: str) -> Any:
        self.shapes[path] = shape
        self.lines.setdefault(path, node.start_mark.line + 1)
        if id(node) in self.visited:
            self._problem(
                self.lines[path],
                path,
                "it is an alias (*name) of another value.",
                "",
                "Write it out: each has its own reason.",
            )
            return _ABSENT
        self.visited[id(node)] = node
        if shape.form == "quantity":
            return self._quantity(shape, node, path)
        if shape.form == "block":
            return self._block(shape.type, node, path)
        if shape.form == "list":
            return self._list(shape, node, path)
        if shape.form == "named":
            return self._named(shape, node, path)
        return self._scalar(shape, node, path)

    def _block(self, block: type[Block], node: yaml.Node, path: str) -> Any:
        if not isinstance(node, yaml.MappingNode):
            return self._wrong_type(node, path, "a block of named values")
        given, shapes = self._pairs(node, path), shapes_of(block)
        self._unknown_and_missing(given, shapes, path, ("reason",))
        self._reason(given, path, needed=needs_reason(block))
        values = {
            name: self._field(shape, given[name], _join(path, name)) for name, shape in shapes.items() if name in given
        }
        return {name: value for name, value in values.items() if value is not _ABSENT}

    def _list(self, shape: Shape, node: yaml.Node, path: str) -> Any:
        if not isinstance(node, yaml.SequenceNode) or shape.item is None:
            return self._wrong_type(node, path, "a list")
        items = [self._field(shape.item, item, f"{path}[{i}]") for i, item in enumerate(node.value)]
        if any(item is _ABSENT for item in items):
            return _ABSENT
        doubled = sorted({item for item in items if isinstance(item, str) and items.count(item) > 1})
        if doubled:
            self._problem(self.lines[path], path, f"{', '.join(doubled)} is in the list twice.", "", "Keep it once.")
        return tuple(items)

    def _named(self, shape: Shape, node: yaml.Node, path: str) -> Any:
        if not isinstance(node, yaml.MappingNode) or shape.item is None:
            return self._wrong_type(node, path, "one entry per name")
        given = self._pairs(node, path)
        values = {name: self._field(shape.item, item, _join(path, name)) for name, item in given.items()}
        return _ABSENT if _ABSENT in values.values() else values

    def _quantity(self, shape: Shape, node: yaml.Node, path: str) -> Any:
        template = _template(shape)
        if not isinstance(node, yaml.MappingNode):
            return self._wrong_type(node, path, f"a value with its unit and reason, {template}")
        given = self._pairs(node, path)
        for word in given:
            if word not in ("value", "unit", "reason"):
                at = _join(path, word)
                close = difflib.get_close_matches(word, ("value", "unit", "reason"), n=1)
                way_out = f"Did you mean {close[0]!r}?" if close else "Remove it."
                self._problem(
                    self.lines[at], at, f"there is no key {word!r} here.", "Allowed: value, unit, reason.", way_out
                )
        self._reason(given, path, needed=True)
        unit = self._unit(shape, given, path, template)
        if "value" not in given:
            self._problem(
                self.lines[path],
                _join(path, "value"),
                "it is missing.",
                f"Needed: {shape.allowed}.",
                f"Write {template}.",
            )
            return _ABSENT
        value = self._scalar(shape, given["value"], path)
        self.lines[path] = self.lines[_join(path, "value")]
        if value is _ABSENT or unit is None:
            return _ABSENT
        return value if shape.type is not dt.timedelta else self._duration(value, unit, path)

    def _unit(self, shape: Shape, given: Mapping[str, yaml.Node], path: str, template: str) -> str | None:
        allowed = f"Allowed: {' or '.join(shape.units)}."
        if "unit" not in given:
            self._problem(self.lines[path], _join(path, "unit"), "the unit is missing.", allowed, f"Write {template}.")
            return None
        node, line = given["unit"], self.lines[_join(path, "unit")]
        unit = node.value.strip() if isinstance(node, yaml.ScalarNode) else ""
        if unit not in shape.units:
            self._problem(
                line,
                _join(path, "unit"),
                f"{unit!r} is not a unit of this value.",
                allowed,
                "Convert the value, and name that unit.",
            )
            return None
        return unit

    def _reason(self, given: Mapping[str, yaml.Node], path: str, needed: bool) -> None:
        at = _join(path, "reason")
        if "reason" not in given:
            if needed:
                self._problem(
                    self.lines[path], at, "the reason is missing.", "", "Say why it is this value and no other."
                )
            return
        node = given["reason"]
        text = " ".join(node.value.split()) if isinstance(node, yaml.ScalarNode) else ""
        if text.lower().rstrip(".") in _NO_REASON:
            self._problem(self.lines[at], at, "the reason is blank.", "", "Say why it is this value and no other.")
            return
        self.reasons[path] = text

    # ------------------------------------------------------------------------------------------------------------- one scalar

    def _scalar(self, shape: Shape, node: yaml.Node, path: str) -> Any:
        """The value of a scalar, by the type that the field wants; a duration as its bare number."""
        if not isinstance(node, yaml.ScalarNode):
            return self._wrong_type(node, path, shape.allowed)
        text, quoted = node.value.strip(), node.style in ("'", '"')
        if shape.type in (int, float, dt.timedelta):
            return self._number(shape, node, path, text, quoted)
        try:
            if shape.type is dt.date:
                return dt.date.fromisoformat(text) if re.fullmatch(r"\d{4}-\d\d-\d\d", text) else _raise()
            if shape.type is dt.time:
                return dt.time.fromisoformat(text) if re.fullmatch(r"\d\d:\d\d(:\d\d)?", text) else _raise()
            if shape.type is bool:
                return {"true": True, "false": False}[text] if not quoted else _raise()
        except (ValueError, KeyError):
            return self._wrong_type(node, path, shape.allowed)
        return text

    def _number(self, shape: Shape, node: yaml.Node, path: str, text: str, quoted: bool) -> Any:
        line = node.start_mark.line + 1
        if _NOT_FINITE.fullmatch(text) and not quoted:
            self._problem(
                line, path, f"{text} is no finite number.", f"Allowed: {shape.allowed}.", "Write the number itself."
            )
            return _ABSENT
        match = _NUMBER.fullmatch(text)
        if match is None or quoted or (shape.type is int and (match[2] or match[3])):
            return self._wrong_type(node, path, shape.allowed)
        whole = not (match[2] or match[3])
        try:
            value = float(text) if shape.type is float or not whole else int(text)
        except (ValueError, OverflowError):
            value = math.inf
        if isinstance(value, float) and not math.isfinite(value):
            self._problem(
                line,
                path,
                f"{text} is too large.",
                f"Allowed: {shape.allowed}.",
                "Write a number that can be computed with.",
            )
            return _ABSENT
        return value

    def _duration(self, value: float, unit: str, path: str) -> Any:
        try:
            duration = dt.timedelta(**{unit: value})
        except OverflowError:
            duration = None
        if duration is None or (value and not duration):
            self._problem(
                self.lines[path],
                path,
                f"{value} {unit} is no usable duration.",
                "Allowed: microseconds to millennia.",
                "Check the unit.",
            )
            return _ABSENT
        return duration

    # -------------------------------------------------------------------------------------------------------------- complaints

    def _validated(self, shape: Shape, value: Any, path: str, blocks: dict[str, Any]) -> None:
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
                elif complaint["type"] != "missing":  # the reader has already said what is missing, with the way out
                    self._refused(at, complaint["input"], complaint["msg"])

    def _refused(self, path: str, given: Any, message: str) -> None:
        shape = self.shapes.get(path)
        allowed = shape.allowed if shape is not None and shape.form in ("quantity", "plain") else message
        shown = f"{given.total_seconds():g} seconds" if isinstance(given, dt.timedelta) else f"{given!r}"
        way_out = "Write a value within that, or change the bound in the code with its own reason."
        if shape is not None and isinstance(given, str):
            close = difflib.get_close_matches(given, [str(a) for a in get_args(shape.type)], n=1)
            way_out = f"Did you mean {close[0]!r}?" if close else "Write one of them."
        self._problem(self.lines.get(path, 1), path, f"{shown} is not allowed.", f"Allowed: {allowed}.", way_out)

    def _contradiction(self, path: str, found: Contradiction) -> None:
        at = _join(path, found.at)
        self._problem(self.lines.get(at, self.lines.get(path, 1)), at, found.wrong, "", found.way_out)

    def _wrong_type(self, node: yaml.Node, path: str, wanted: str) -> Any:
        if isinstance(node, yaml.ScalarNode):
            shown = f'"{node.value}" (in quotes)' if node.style in ("'", '"') else (f"{node.value}" or "nothing")
        else:
            shown = "a list" if isinstance(node, yaml.SequenceNode) else "a mapping"
        self._problem(
            node.start_mark.line + 1,
            path,
            f"{shown} is not what belongs here.",
            f"Allowed: {wanted}.",
            "Write that instead.",
        )
        return _ABSENT

    def _problem(self, line: int, path: str, wrong: str, allowed: str, way_out: str) -> None:
        self.problems.append(PolicyProblem(line, path, wrong, allowed, way_out))


def _raise() -> Any:
    raise ValueError


def _join(path: str, word: object) -> str:
    return f"{path}.{word}" if path else str(word)


def _template(shape: Shape) -> str:
    return f"{{value: …, unit: {'|'.join(shape.units)}, reason: …}}"


def _to_add(word: str, shape: Shape) -> str:
    return f"Add `{word}: {_template(shape)}`." if shape.form == "quantity" else f"Add `{word}: …`."
