"""Which days a window holds: a week, or as many more as it takes to have enough rows.

What belongs here: the span of each day's window. What does not: what is compared in it.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import ArrayLike, NDArray

Ints = NDArray[np.int64]


@dataclass(frozen=True, slots=True)
class Spans:
    """For each judged day, its window as positions in the day axis: rows `first[i]` to `last[i]`, both inclusive.

    `rows` are the rows inside, `enough` whether they reach the policy's minimum. All are (judged,).
    """

    first: Ints
    last: Ints
    rows: Ints
    enough: NDArray[np.bool_]


def growing_windows(rows_per_day: ArrayLike, ends: ArrayLike, length: int, longest: int, min_rows: int) -> Spans:
    """Windows that end on the given days and grow backwards from `length` to at most `longest` days until they hold `min_rows`.

    Args:
        rows_per_day: (days,) rows on each day of an axis without gaps.
        ends: (judged,) positions of the windows' last days.
        length, longest: days.
        min_rows: rows.

    >>> spans = growing_windows([100] * 10, [9, 3], length=2, longest=4, min_rows=250)
    >>> spans.first.tolist(), spans.rows.tolist(), spans.enough.tolist()
    ([7, 1], [300, 300], [True, True])
    """
    rows = np.asarray(rows_per_day, dtype=np.int64)
    last = np.asarray(ends, dtype=np.int64)
    until = np.concatenate([[0], np.cumsum(rows)])
    first = np.maximum(last - length + 1, 0)
    earliest = np.maximum(last - longest + 1, 0)
    # the newest start that gives enough rows, found on the running total
    wanted = np.searchsorted(until, until[last + 1] - min_rows, side="right") - 1
    first = np.maximum(np.minimum(first, wanted), earliest)
    inside = until[last + 1] - until[first]
    return Spans(first, last, inside, inside >= min_rows)


def window_sums(per_day: ArrayLike, spans: Spans) -> NDArray[np.float64]:
    """(judged, ...) sums of (days, ...) counts over each window."""
    counts = np.asarray(per_day, dtype=np.float64)
    until = np.concatenate([np.zeros((1, *counts.shape[1:])), np.cumsum(counts, axis=0)])
    out: NDArray[np.float64] = until[spans.last + 1] - until[spans.first]
    return out
