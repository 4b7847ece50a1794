"""Ids as a telco writes them, made from serial numbers.

What belongs here: serial -> text, vectorised, and back for customers. What does not: who gets which serial.

A customer's id has IBM's shape (`4821-KQZTE`) and tells nothing about when they joined: serials are spread over all
10^4 * 26^5 ids by an affine permutation, which is its own way back.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np
import numpy.typing as npt

from churn_platform.simulation.draws import Serials

if TYPE_CHECKING:
    import pandas as pd

_IDS = 10_000 * 26**5
#: coprime to 10^4 * 26^5, and small enough that serial * step stays below 2^64 for 2^27 serials
_STEP = 73_939_133_117
_START = 48_211_305_593
_STEP_BACK = pow(_STEP, -1, _IDS)
_DIGITS = np.uint8(ord("0"))
_LETTERS = np.uint8(ord("A"))


class UnknownCustomerError(ValueError):
    """A text that is no customer id of this world."""


def customer_ids(serials: Serials) -> pd.Series:
    """The ids of the customers with these serials.

    Args:
        serials: (n,) below 2**27.

    Returns:
        (n,) str, such as 4821-KQZTE; distinct for distinct serials.

    >>> customer_ids(np.array([0, 1], dtype=np.uint64)).tolist()
    ['4057-STFKJ', '0280-VQXGO']
    """
    number = (serials * np.uint64(_STEP) + np.uint64(_START)) % np.uint64(_IDS)
    text = np.empty((len(serials), 10), dtype=np.uint8)
    for place in (9, 8, 7, 6, 5):
        number, letter = np.divmod(number, np.uint64(26))
        text[:, place] = letter.astype(np.uint8) + _LETTERS
    text[:, 4] = ord("-")
    _write_digits(text, 0, 4, number)
    return as_text(text)


def serials_of(ids: pd.Series) -> Serials:
    """The way back.

    Raises:
        UnknownCustomerError: an id does not have the shape.
    """
    wrong = ~ids.astype("str").str.fullmatch(r"\d{4}-[A-Z]{5}").fillna(False).astype(bool)
    if wrong.any():
        raise UnknownCustomerError(
            f"{int(wrong.sum())} of {len(ids)} customer ids are not of this world, "
            f"the first is {ids[wrong].iloc[0]!r}; an id looks like 4821-KQZTE"
        )
    serials = []
    for text in ids:
        number = int(text[:4])
        for letter in text[5:]:
            number = number * 26 + ord(letter) - ord("A")
        serials.append((number - _START) * _STEP_BACK % _IDS)
    return np.array(serials, dtype=np.uint64)


def numbered_ids(prefix: str, serials: Serials, *numbers: tuple[npt.NDArray[np.integer], int]) -> pd.Series:
    """Ids such as `INV-000000042-007`: a prefix, the customer's serial, and further numbers with their widths.

    >>> numbered_ids("INV", np.array([42], dtype=np.uint64), (np.array([7]), 3)).tolist()
    ['INV-000000042-007']
    """
    head = np.frombuffer(prefix.encode(), dtype=np.uint8)
    width = len(head) + 10 + sum(1 + digits for _, digits in numbers)
    text = np.full((len(serials), width), ord("-"), dtype=np.uint8)
    text[:, : len(head)] = head
    at = len(head) + 1
    _write_digits(text, at, 9, serials)
    at += 9
    for values, digits in numbers:
        _write_digits(text, at + 1, digits, values.astype(np.uint64))
        at += 1 + digits
    return as_text(text)


def as_text(rows: npt.NDArray[np.uint8]) -> pd.Series:
    """(n, width) ASCII codes -> (n,) str, without a Python object per row."""
    import pandas as pd
    import pyarrow as pa

    n, width = rows.shape
    offsets = np.arange(n + 1, dtype=np.int64) * width
    array = pa.LargeStringArray.from_buffers(n, pa.py_buffer(offsets), pa.py_buffer(np.ascontiguousarray(rows)))
    return pd.Series(pd.array(array, dtype="str"))


def _write_digits(text: npt.NDArray[np.uint8], start: int, digits: int, number: Serials) -> None:
    for place in range(start + digits - 1, start - 1, -1):
        number, digit = np.divmod(number, np.uint64(10))
        text[:, place] = digit.astype(np.uint8) + _DIGITS
