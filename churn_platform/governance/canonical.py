"""One spelling for a value, so that its digest is the value's and not its formatting's.

What belongs here: canonical JSON, and the step that turns evidence (dataclasses, dates, numpy scalars) into plain JSON.
What does not: digesting frames or files, and any meaning of what is written.
"""

from __future__ import annotations

import dataclasses
import hashlib
import json
import math
from collections.abc import Mapping, Sequence
from datetime import date
from typing import TypeAlias

Json: TypeAlias = "dict[str, Json] | list[Json] | str | int | float | bool | None"


class NotJsonError(TypeError):
    """A value has no faithful JSON form; the message says where in the value."""


def canonical_json(value: object) -> str:
    """Write `value` as JSON with sorted keys, no spaces and no NaN: equal values give equal text.

    >>> canonical_json({"b": [1, 2.5, None], "a": "ä"})
    '{"a":"ä","b":[1,2.5,null]}'

    Raises NotJsonError for a key that is not a string, for NaN and infinities, and for anything JSON cannot hold. (RFC
    8785 is the idea; numbers keep Python's shortest round-trip spelling.)
    """
    _refuse_what_json_would_bend(value, "value")
    text = json.dumps(value, sort_keys=True, separators=(",", ":"), ensure_ascii=False, allow_nan=False)
    try:
        text.encode("utf-8")
    except UnicodeEncodeError as error:
        raise NotJsonError(f"text that is not valid Unicode cannot be recorded: {error}") from error
    return text


def digest_of(value: object) -> str:
    """sha256, as 64 lower-case hex digits, of the canonical JSON of `value`."""
    return hashlib.sha256(canonical_json(value).encode("utf-8")).hexdigest()


def plain(value: object, where: str = "value") -> Json:
    """Turn evidence into plain JSON values: dataclasses and mappings become objects, dates ISO text, numpy scalars
    numbers.

    NaN and the infinities become the words "NaN", "Infinity" and "-Infinity": a gate that failed because a metric was
    NaN must still be recorded, and recorded as what it saw.

    >>> import datetime
    >>> plain({"auc": float("nan"), "as_of": datetime.date(2026, 5, 1), "checks": ("a", "b")})
    {'auc': 'NaN', 'as_of': '2026-05-01', 'checks': ['a', 'b']}
    """
    if value is None or isinstance(value, bool):
        return value
    if isinstance(value, str):
        return str.__str__(value)
    if isinstance(value, int):
        return int(value)
    if isinstance(value, float):
        return float(value) if math.isfinite(value) else _NON_FINITE[str(float(value))]
    if isinstance(value, date):
        return value.isoformat()
    if dataclasses.is_dataclass(value) and not isinstance(value, type):
        fields = {field.name: getattr(value, field.name) for field in dataclasses.fields(value)}
        return plain(fields, where)
    if isinstance(value, Mapping):
        return {_key(key, where): plain(item, f"{where}.{key}") for key, item in value.items()}
    if isinstance(value, set | frozenset):
        return sorted((plain(item, where) for item in value), key=canonical_json)
    if isinstance(value, Sequence) and not isinstance(value, bytes | bytearray | memoryview):
        return [plain(item, f"{where}[{i}]") for i, item in enumerate(value)]
    item = getattr(value, "item", None)
    if callable(item) and getattr(value, "shape", None) == ():
        return plain(item(), where)
    raise NotJsonError(
        f"{where} is a {type(value).__name__}, which cannot be recorded: "
        "pass text, numbers, dates, lists or mappings of them"
    )


_NON_FINITE = {"nan": "NaN", "inf": "Infinity", "-inf": "-Infinity"}


def _key(key: object, where: str) -> str:
    if not isinstance(key, str):
        raise NotJsonError(f"{where} has the key {key!r}, which is not text: JSON would bend it, so name it yourself")
    return str.__str__(key)


def _refuse_what_json_would_bend(value: object, where: str) -> None:
    if isinstance(value, dict):
        for key, item in value.items():
            _refuse_what_json_would_bend(item, f"{where}.{_key(key, where)}")
    elif isinstance(value, list | tuple):
        for i, item in enumerate(value):
            _refuse_what_json_would_bend(item, f"{where}[{i}]")
    elif isinstance(value, float) and not math.isfinite(value):
        raise NotJsonError(
            f"{where} is {value}, which has no canonical JSON: record a number, or the reason there is none"
        )
    elif value is not None and not isinstance(value, str | int | float):
        raise NotJsonError(f"{where} is a {type(value).__name__}, which JSON cannot hold")
