"""One window may be chance: a finding acts when k of the last n windows violate, the newest among them.

What belongs here: that rule over consecutive judged days. It looks only at the data of those days, never at what was recorded, so
that judging a day again gives the same answer.
"""

from __future__ import annotations

import numpy as np
from numpy.typing import ArrayLike, NDArray


def persists(violates: ArrayLike, violations: int, windows: int) -> NDArray[np.bool_]:
    """(days,) whether each day's violation acts, from (days,) violations of consecutive days, oldest first.

    >>> persists([True, False, True, False, False, True], violations=2, windows=3).tolist()
    [False, False, True, False, False, False]
    """
    now = np.asarray(violates, dtype=bool)
    padded = np.concatenate([np.zeros(windows - 1, dtype=np.int64), now.astype(np.int64)])
    recent = np.convolve(padded, np.ones(windows, dtype=np.int64), mode="valid")
    out: NDArray[np.bool_] = now & (recent >= violations)
    return out
