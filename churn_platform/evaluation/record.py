"""Frozen dataclasses as JSON and back, held to their type hints: a renamed, missing or mistyped figure must not pass
unseen.

What belongs here: the one way in which this room's values are written and read. What does not: the values, and files.
"""

from __future__ import annotations

import types
from collections.abc import Mapping, Sequence
from dataclasses import asdict, is_dataclass
from typing import Any, Literal, TypeVar, cast, get_args, get_origin, get_type_hints

from churn_platform.evaluation.estimate import EvaluationError

T = TypeVar("T")


def to_record(value: Any) -> dict[str, Any]:
    """A dataclass as plain dicts, lists and scalars, ready for JSON; `from_record` reads it back to an equal value.

    >>> from churn_platform.evaluation.estimate import Estimate
    >>> to_record(Estimate(0.5, 0.4, 0.6, 0.95, "wilson", 80))["rows"]
    80
    """
    return cast(dict[str, Any], _plain(asdict(value)))


def from_record(cls: type[T], data: Any) -> T:
    """Read what `to_record` wrote. EvaluationError names the place and what is missing, unknown or of another type
    there.

    >>> from churn_platform.evaluation.estimate import Estimate
    >>> written = to_record(Estimate(0.5, 0.4, 0.6, 0.95, "wilson", 80))
    >>> try:
    ...     from_record(Estimate, {("hihg" if name == "high" else name): value for name, value in written.items()})
    ... except EvaluationError as error:
    ...     print(error)
    the recorded Estimate lacks high and has unknown hihg; write it again with this version.
    """
    return cast(T, _read(cls, data, cls.__name__))


def _plain(value: Any) -> Any:
    if isinstance(value, Mapping):
        return {str(key): _plain(entry) for key, entry in value.items()}
    if isinstance(value, (list, tuple)):
        return [_plain(entry) for entry in value]
    return value


def _read(hint: Any, data: Any, where: str) -> Any:
    if is_dataclass(hint):
        return _read_dataclass(cast(type, hint), data, where)
    origin = get_origin(hint)
    if origin is tuple and isinstance(data, Sequence) and not isinstance(data, str):
        return tuple(_read(get_args(hint)[0], entry, f"{where}[{i}]") for i, entry in enumerate(data))
    if origin is dict and isinstance(data, Mapping):
        return {key: _read(get_args(hint)[1], entry, f"{where}.{key}") for key, entry in data.items()}
    if origin is types.UnionType:
        return None if data is None else _read(get_args(hint)[0], data, where)
    if origin is Literal and data in get_args(hint):
        return data
    if hint is float and isinstance(data, (int, float)) and not isinstance(data, bool):
        return float(data)
    if isinstance(hint, type) and type(data) is hint:
        return data
    raise EvaluationError(
        f"the recorded {where} is {data!r}, not {getattr(hint, '__name__', hint)}; write it again with this version."
    )


def _read_dataclass(cls: type, data: Any, where: str) -> Any:
    if not isinstance(data, Mapping):
        raise EvaluationError(f"the recorded {where} is {data!r}, not an object; write it again with this version.")
    hints = get_type_hints(cls)
    faults = []
    if missing := sorted(set(hints) - set(data)):
        faults.append(f"lacks {', '.join(missing)}")
    if unknown := sorted(str(key) for key in set(data) - set(hints)):
        faults.append(f"has unknown {', '.join(unknown)}")
    if faults:
        raise EvaluationError(f"the recorded {where} {' and '.join(faults)}; write it again with this version.")
    return cls(**{name: _read(hint, data[name], f"{where}.{name}") for name, hint in hints.items()})
