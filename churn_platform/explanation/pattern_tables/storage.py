"""Pattern tables as bytes, so that a model package can hold them: no code in them, and equal tables give equal bytes.

A magic line, the length of the header, the header as canonical JSON (features, categories, base, the booster's
digest, each array's type and length), the arrays one after the other at multiples of 64 bytes, and the SHA-256 of all
that. The digest finds damage, not malice: that the bytes are the package's own is the package's signature's business.
Whatever they say, no lookup leaves the arrays (`layout.refuse_lookups_outside`)."""

from __future__ import annotations

import hashlib
import json
import math
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from churn_platform.explanation.categories import Categories
from churn_platform.explanation.errors import TablesFileError
from churn_platform.explanation.pattern_tables.layout import DTYPES, Layout, refuse_lookups_outside

MAGIC = b"churn pattern tables 1\n"
ALIGNMENT = 64  # a cache line
DIGEST_BYTES = hashlib.sha256().digest_size
REBUILD = "build the tables again from the model"


@dataclass(frozen=True, slots=True)
class Stored:
    """What the bytes hold besides the arrays."""

    features: tuple[str, ...]
    categories: Categories
    base: float
    trees: int
    booster_digest: str


def write(stored: Stored, layout: Layout) -> bytes:
    """The bytes of `layout` and its description."""
    header = json.dumps(
        {
            "features": stored.features,
            "categories": stored.categories,
            "base": stored.base.hex(),
            "trees": stored.trees,
            "booster_digest": stored.booster_digest,
            "lengths": {name: len(array) for name, array in layout._asdict().items()},
        },
        sort_keys=True,
    ).encode()
    parts = [MAGIC, len(header).to_bytes(8, "little"), header]
    size = sum(map(len, parts))
    for name, array in layout._asdict().items():
        padding = -size % ALIGNMENT
        content = np.ascontiguousarray(array, dtype=DTYPES[name]).tobytes()
        parts += [bytes(padding), content]
        size += padding + len(content)
    body = b"".join(parts)
    return body + hashlib.sha256(body).digest()


def read(data: bytes) -> tuple[Stored, Layout]:
    """What `write` wrote. Raises TablesFileError for anything else, whatever is wrong with it."""
    body = memoryview(data)[:-DIGEST_BYTES]
    if len(data) < len(MAGIC) + DIGEST_BYTES or bytes(body[: len(MAGIC)]) != MAGIC:
        raise TablesFileError(f"these bytes are no pattern tables of format {MAGIC.decode().strip()!r}: {REBUILD}")
    if hashlib.sha256(body).digest() != data[-DIGEST_BYTES:]:
        raise TablesFileError(f"the pattern tables are damaged, their SHA-256 does not match: {REBUILD}")
    try:
        start = len(MAGIC) + 8
        end = start + int.from_bytes(body[len(MAGIC) : start], "little")
        header = json.loads(bytes(body[start:end]))
        stored = Stored(
            tuple(header["features"]),
            {name: tuple(values) for name, values in header["categories"].items()},
            float.fromhex(header["base"]),
            int(header["trees"]),
            str(header["booster_digest"]),
        )
        if not math.isfinite(stored.base):
            raise ValueError(f"the base is {stored.base}")
        layout = Layout(**_arrays(body, end, header["lengths"]))
    except (ValueError, KeyError, TypeError) as error:
        raise TablesFileError(f"the pattern tables' header is not what it should be ({error!r}): {REBUILD}") from error
    refuse_lookups_outside(layout, len(stored.features))
    return stored, layout


def _arrays(body: memoryview, end: int, lengths: dict[str, int]) -> dict[str, NDArray[Any]]:
    arrays = {}
    for name, dtype in DTYPES.items():
        start = end + -end % ALIGNMENT
        end = start + dtype.itemsize * lengths[name]
        arrays[name] = np.frombuffer(body[start:end], dtype=dtype)
        if len(arrays[name]) != lengths[name]:
            raise ValueError(f"{name} is cut short")
    if end != len(body):
        raise ValueError("there is more than the header says")
    return arrays
