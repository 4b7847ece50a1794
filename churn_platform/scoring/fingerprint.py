"""A row's fingerprint: 16 hex digits that say whether two rows of features are the same.

What belongs here: the fingerprint alone, the same on every machine and for every dtype. What does not: tracing with it (`governance`).
"""

from __future__ import annotations

import hashlib
from collections.abc import Sequence
from functools import lru_cache

import numpy as np
import pandas as pd
import pyarrow as pa

FINGERPRINT_DIGITS = 16
HEX_OF_BYTE = np.frombuffer(b"".join(b"%02x" % byte for byte in range(256)), dtype="uint16")


def feature_fingerprints(rows: pd.DataFrame, feature_set: str, names: Sequence[str]) -> pd.Series:
    """A 64-bit fingerprint per row of the feature values that were scored, as 16 hex digits.

    The same values in the same feature set give the same fingerprint on every machine, whatever the other rows and the columns'
    dtypes (12 and 12.0, None and NaN are one); a trace compares it with the feature table's.

    Args:
        rows: (n, …) frame with the features, categories as text.
        feature_set: the set's name, part of the fingerprint.
        names: feature names in model order.

    Returns:
        (n,) strings on the index of `rows`.
    """
    key = hashlib.sha256("\0".join([feature_set, *names]).encode()).digest()
    total = np.full(len(rows), int.from_bytes(key[:8], "big"), dtype="uint64")
    for name in names:
        # multiply, then add: the columns' order counts (FNV's 64-bit prime)
        total = total * np.uint64(1_099_511_628_211) + _value_hashes(rows[name])
    digits = HEX_OF_BYTE[pd.util.hash_array(total).astype(">u8").view("uint8")]
    ends = np.arange(len(rows) + 1, dtype="int64") * FINGERPRINT_DIGITS
    texts = pa.LargeStringArray.from_buffers(len(rows), pa.py_buffer(ends), pa.py_buffer(digits))
    return pd.Series(pd.array(texts, dtype="str"), index=rows.index)


def _value_hashes(values: pd.Series) -> np.ndarray:
    """A 64-bit hash per value, which depends on that value alone; every missing value has the same."""
    if isinstance(values.dtype, pd.CategoricalDtype | pd.StringDtype):  # each distinct value is hashed once
        codes, distinct = _coded(values)
        values_of = tuple(distinct)
        # 1 and True are one key of a cache and two values here, so only texts are kept
        hashes_of = _text_hashes if all(type(value) is str for value in values_of) else _distinct_hashes
        coded: np.ndarray = hashes_of(values_of)[codes]  # a missing value's code is -1: the last
        return coded
    gone = values.isna().to_numpy()
    if pd.api.types.is_numeric_dtype(values):
        numbers = values.astype("float64").to_numpy() + 0.0  # -0.0 is 0.0
        hashes = pd.util.hash_array(numbers)
    else:
        texts = values.astype("object").where(~values.isna(), "").to_numpy()
        hashes = np.array([_object_hash(value) for value in texts], dtype="uint64")
    return np.where(gone, np.uint64(0), hashes)


def _coded(values: pd.Series) -> tuple[np.ndarray, pd.Index]:
    """Each value's place among the distinct ones, −1 where it is missing, and the distinct ones."""
    if isinstance(values.dtype, pd.CategoricalDtype):
        return values.cat.codes.to_numpy(), values.cat.categories
    return pd.factorize(values)


def _distinct_hashes(values: tuple[object, ...]) -> np.ndarray:
    """The hash of each value, and behind them that of a missing one."""
    return np.array([*map(_object_hash, values), 0], dtype="uint64")


_text_hashes = lru_cache(maxsize=1024)(_distinct_hashes)  # the blocks of a day have the same categories


def _object_hash(value: object) -> int:
    if isinstance(value, int | float | np.number) and not isinstance(value, bool):
        return int(pd.util.hash_array(np.array([float(value) + 0.0]))[0])
    return int.from_bytes(hashlib.blake2b(str(value).encode(), digest_size=8).digest(), "big")
