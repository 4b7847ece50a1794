"""Which reasons a row has and the bytes of their JSON, compiled by numba: pick, measure, write.

Belongs here: the inner loops of `reasons.reasons_column`, and nothing that needs Python objects. Does not belong here: what a
reason is and its words (`reasons`, `wording`), threads.

The loops release the interpreter's lock and share nothing. `reasons.rank` and Python's own `%.6f` are what they are tested against.
"""

from __future__ import annotations

from typing import Any

import numpy as np
from llvmlite import ir
from numba import types
from numba.extending import intrinsic
from numpy.typing import NDArray

from churn_platform.explanation.pattern_tables.kernels import _compiled

PADDING = 16
"""Bytes that texts and output have beyond their end: they are copied sixteen at a time, and the last copy runs over."""
SPLITTER = 134_217_729.0  # 2**27 + 1: halves a float64 into two that multiply without error (Dekker 1971)


@intrinsic  # type: ignore[untyped-decorator]
def copy_sixteen(typing_context: Any, target: Any, at: Any, source: Any, start: Any) -> Any:
    """Copy `source[start : start + 16]` to `target[at : at + 16]`, both uint8, as one unaligned load and store.

    A loop over bytes cannot know that the arrays do not overlap, and runs at 1 GB/s where this does 8 (measured).
    """

    def code(context: Any, builder: Any, signature: Any, arguments: Any) -> Any:
        vector = ir.VectorType(ir.IntType(8), PADDING).as_pointer()
        places = []
        for kind, array, place in ((0, 0, 1), (2, 2, 3)):
            data = context.make_array(signature.args[kind])(context, builder, arguments[array]).data
            places.append(builder.bitcast(builder.gep(data, [arguments[place]]), vector))
        builder.store(builder.load(places[1], align=1), places[0], align=1)
        return context.get_dummy_value()

    return types.void(target, types.int64, source, types.int64), code


@_compiled
def largest(amounts: NDArray[np.float64]) -> float:
    """The largest absolute amount of (rows, features); NaN if any is NaN."""
    most = 0.0
    for row in range(amounts.shape[0]):
        for j in range(amounts.shape[1]):
            amount = abs(amounts[row, j])
            if not amount <= most:
                if np.isnan(amount):
                    return float(amount)
                most = amount
    return most


@_compiled
def pick_rows(amounts: NDArray[np.float64], chosen: NDArray[np.int16]) -> None:
    """Write the columns of each row's top reasons into `chosen` (rows, k), −1 where there is none; the order is that of
    `reasons.rank`."""
    rows, features = amounts.shape
    k = chosen.shape[1]
    staying = np.empty(k, np.int16)
    for row in range(rows):
        leaving = 0
        for j in range(features):
            amount = amounts[row, j]
            if amount > 0 and (leaving < k or amount > amounts[row, chosen[row, k - 1]]):
                place = min(leaving, k - 1)
                while place > 0 and amount > amounts[row, chosen[row, place - 1]]:
                    chosen[row, place] = chosen[row, place - 1]
                    place -= 1
                chosen[row, place] = j
                leaving = min(leaving + 1, k)
        wanted = k - leaving
        found = 0
        for back in range(features if wanted > 0 else 0):
            j = features - 1 - back
            amount = amounts[row, j]
            if amount < 0 and (found < wanted or amount < amounts[row, staying[wanted - 1]]):
                place = min(found, wanted - 1)
                while place > 0 and amount < amounts[row, staying[place - 1]]:
                    staying[place] = staying[place - 1]
                    place -= 1
                staying[place] = j
                found = min(found + 1, wanted)
        for slot in range(leaving, k):
            behind = found - 1 - (slot - leaving)
            chosen[row, slot] = staying[behind] if behind >= 0 else -1


@_compiled
def place_rows(
    amounts: NDArray[np.float64],
    chosen: NDArray[np.int16],
    codes: NDArray[np.int32],
    first: NDArray[np.int64],
    fragments: NDArray[np.int64],
    used: NDArray[np.bool_],
) -> None:
    """Write each reason's text into `fragments` (rows, k): `first[feature] + 2 * code`, and 1 more towards leaving; mark it in `used`.

    `codes` (features, rows) numbers each feature's distinct values.
    """
    for row in range(chosen.shape[0]):
        for slot in range(chosen.shape[1]):
            j = chosen[row, slot]
            if j < 0:
                continue
            text = first[j] + 2 * codes[j, row] + (1 if amounts[row, j] > 0 else 0)
            fragments[row, slot] = text
            used[text] = True


@_compiled
def scaled(amount: float, scale: float) -> np.int64:
    """The whole number nearest to amount · scale for amount ≥ 0, computed as if exactly, ties to even, as Python formats.

    The product's rounding error is recovered (Dekker 1971, A floating-point technique for extending the available precision), since
    a product that rounds onto a half would be sent the wrong way."""
    product = amount * scale
    high = SPLITTER * amount
    high = high - (high - amount)
    low = amount - high
    scale_high = SPLITTER * scale
    scale_high = scale_high - (scale_high - scale)
    scale_low = scale - scale_high
    error = ((high * scale_high - product) + high * scale_low + low * scale_high) + low * scale_low
    floor = np.floor(product)
    beyond = (product - floor - 0.5) + error
    whole = np.int64(floor)
    if beyond > 0 or (beyond == 0 and whole % 2 == 1):
        return whole + 1
    return whole


@_compiled
def measure_rows(
    amounts: NDArray[np.float64],
    chosen: NDArray[np.int16],
    fragments: NDArray[np.int64],
    before: NDArray[np.int64],
    after: NDArray[np.int64],
    decimals: int,
    numbers: NDArray[np.int64],
    ends: NDArray[np.int64],
) -> None:
    """Write each reason's contribution as a whole number of 10^−decimals into `numbers` (rows, k), and where each row's JSON ends
    into `ends` (rows + 1,).

    `fragments` (rows, k) is the place of each reason's text; `before` and `after` (texts + 1,) are where the parts of texts start.
    """
    scale = 10.0**decimals
    unit = np.int64(10) ** decimals
    total = np.int64(0)
    ends[0] = 0
    for row in range(chosen.shape[0]):
        length = 2
        told = 0
        for slot in range(chosen.shape[1]):
            if chosen[row, slot] < 0:
                continue
            amount = amounts[row, chosen[row, slot]]
            number = scaled(abs(amount), scale)
            numbers[row, slot] = number
            text = fragments[row, slot]
            length += before[text + 1] - before[text] + after[text + 1] - after[text] + decimals + 2
            whole = number // unit
            while whole >= 10:
                length += 1
                whole //= 10
            length += 1 if amount < 0 else 0
            length += 2 if told > 0 else 0
            told += 1
        total += length
        ends[row + 1] = total


@_compiled
def write_rows(
    amounts: NDArray[np.float64],
    chosen: NDArray[np.int16],
    fragments: NDArray[np.int64],
    before: NDArray[np.int64],
    before_bytes: NDArray[np.uint8],
    after: NDArray[np.int64],
    after_bytes: NDArray[np.uint8],
    decimals: int,
    numbers: NDArray[np.int64],
    ends: NDArray[np.int64],
    out: NDArray[np.uint8],
) -> bool:
    """Write the JSON of all rows into `out`; whether each row ended where `measure_rows` said.

    `before_bytes`, `after_bytes` and `out` are `PADDING` bytes longer than what they hold.
    """
    unit = np.int64(10) ** decimals
    fits = True
    for row in range(chosen.shape[0]):
        at = ends[row]
        out[at] = 91  # [
        at += 1
        told = 0
        for slot in range(chosen.shape[1]):
            if chosen[row, slot] < 0:
                continue
            if told > 0:
                out[at] = 44  # ,
                out[at + 1] = 32
                at += 2
            told += 1
            text = fragments[row, slot]
            length = before[text + 1] - before[text]
            for i in range(0, length, PADDING):
                copy_sixteen(out, at + i, before_bytes, before[text] + i)
            at += length
            if amounts[row, chosen[row, slot]] < 0:
                out[at] = 45  # -
                at += 1
            whole = numbers[row, slot] // unit
            part = numbers[row, slot] % unit
            digits = 1
            rest = whole
            while rest >= 10:
                digits += 1
                rest //= 10
            for i in range(digits):
                out[at + digits - 1 - i] = 48 + whole % 10
                whole //= 10
            at += digits
            out[at] = 46  # .
            for i in range(decimals):
                out[at + decimals - i] = 48 + part % 10
                part //= 10
            at += decimals + 1
            length = after[text + 1] - after[text]
            for i in range(0, length, PADDING):
                copy_sixteen(out, at + i, after_bytes, after[text] + i)
            at += length
        out[at] = 93  # ]
        fits = fits and at + 1 == ends[row + 1]
    return fits
