"""One scalar of the file, read by the type that its field wants and not by YAML's own guesses.

So `06:00` is a time and not 360, `1e-4` a number and not text, `010` refused and not 8; a quoted number is text.
What belongs here: text to value, or a refusal and why. What does not: lines, paths, bounds (the models hold those).
"""

from __future__ import annotations

import datetime as dt
import math
import re
from typing import Literal, get_origin

import yaml

from churn_platform.policies.shape import Shape

Scalar = str | bool | int | float | dt.date | dt.time

_NUMBER = re.compile(r"[-+]?(?:0|[1-9][0-9]*(?:_[0-9]+)*)(?P<part>\.[0-9]+)?(?P<power>[eE][-+]?[0-9]+)?")
_NOT_FINITE = re.compile(r"[-+]?\.?(?:nan|inf|infinity)", re.IGNORECASE)
_DATE = re.compile(r"\d{4}-\d\d-\d\d")
_TEXT = "tag:yaml.org,2002:str"
_TIME = re.compile(r"\d\d:\d\d(?::\d\d)?")


class ScalarRefusedError(ValueError):
    """A scalar that its field cannot take: the message says what is wrong with it."""


def read_scalar(node: yaml.ScalarNode, shape: Shape) -> Scalar:
    """The node's value for a field of this shape, a duration as its bare number; ScalarRefusedError if it is none."""
    text: str = node.value.strip()
    quoted = node.style in ("'", '"')
    if shape.type in (int, float, dt.timedelta):
        return _number(text, quoted, shape)
    if shape.type in (dt.date, dt.time):
        return _moment(text, shape)
    if shape.type is bool and not quoted and text in ("true", "false"):
        return text == "true"
    if get_origin(shape.type) is Literal and text:
        return text  # the model holds the closed list
    if shape.type is str and text and node.tag == _TEXT:  # not what YAML takes for a number, a flag or nothing
        return text
    raise ScalarRefusedError(f"{_shown(node)} does not belong here.")


def read_duration(value: float, unit: str) -> dt.timedelta:
    """`value` of `unit` as a timedelta; ScalarRefusedError if it is finer than a microsecond or longer than a calendar.

    >>> read_duration(1.5, "hours")
    datetime.timedelta(seconds=5400)
    """
    try:
        duration = dt.timedelta(**{unit: value})
    except OverflowError:
        raise ScalarRefusedError(f"{value:g} {unit} are longer than a calendar holds.") from None
    if not math.isclose(duration / dt.timedelta(**{unit: 1}), value, rel_tol=1e-9, abs_tol=0.0):
        raise ScalarRefusedError(f"{value:g} {unit} are finer than a microsecond.")
    return duration


def _number(text: str, quoted: bool, shape: Shape) -> int | float:
    if quoted:
        raise ScalarRefusedError(f'"{text}" is text: it stands in quotes.')
    if _NOT_FINITE.fullmatch(text):
        raise ScalarRefusedError(f"{text} is not finite, so nothing could be compared with it.")
    match = _NUMBER.fullmatch(text)
    if match is None:
        raise ScalarRefusedError(f"{text or 'nothing'} is not a number.")
    if shape.type is int and (match["part"] or match["power"]):
        raise ScalarRefusedError(f"{text} is not a whole number.")
    whole = shape.type is not float and not (match["part"] or match["power"])
    if len(text) > 100 or not math.isfinite(float(text)):
        raise ScalarRefusedError(f"{text[:20]} is longer, or larger, than a number to compute with.")
    return int(text) if whole else float(text)


def _moment(text: str, shape: Shape) -> dt.date | dt.time:
    if not (_DATE if shape.type is dt.date else _TIME).fullmatch(text):
        raise ScalarRefusedError(f"{text or 'nothing'} is not {shape.allowed}.")
    try:
        return dt.date.fromisoformat(text) if shape.type is dt.date else dt.time.fromisoformat(text)
    except ValueError:
        raise ScalarRefusedError(f"{text} is not in the calendar, or not on the clock.") from None


def _shown(node: yaml.ScalarNode) -> str:
    return f'"{node.value}" (in quotes)' if node.style in ("'", '"') else node.value.strip() or "nothing"
