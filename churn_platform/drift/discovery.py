"""Control of false discoveries: of many tests on one day, which are called significant.

What belongs here: adjusting p-values. What does not: the tests (`statistics`) and what else a finding needs (an effect of a size
that matters, and persistence).

The declared level holds per judged day, over all columns tested on it, whatever their dependence: the expected share of unchanged
columns among those called significant is at most the policy's `false_discovery_rate`. Columns of customers are strongly dependent in both
directions (streaming with fibre, fibre against DSL), so Benjamini and Hochberg's positive dependence cannot be had; the procedure is
that of Benjamini and Yekutieli, Annals of Statistics 29 (2001), which needs none.
"""

from __future__ import annotations

import numpy as np
from numpy.typing import ArrayLike, NDArray


def adjusted_p_values(p_values: ArrayLike) -> NDArray[np.float64]:
    """Benjamini-Yekutieli adjusted p-values along the last axis: at most q means discovered at rate q. NaN is not a test.

    >>> adjusted_p_values([0.001, 0.2, float("nan")]).round(4).tolist()
    [0.003, 0.3, nan]
    """
    p = np.asarray(p_values, dtype=np.float64)
    flat = p.reshape(-1, p.shape[-1])
    out = np.full(flat.shape, np.nan)
    for row, values in zip(out, flat, strict=True):
        tested = np.flatnonzero(~np.isnan(values))
        if not len(tested):
            continue
        order = tested[np.argsort(values[tested], kind="stable")]
        number = len(order)
        harmonic = float((1.0 / np.arange(1, number + 1)).sum())
        scaled = values[order] * number * harmonic / np.arange(1, number + 1)
        row[order] = np.minimum(np.minimum.accumulate(scaled[::-1])[::-1], 1.0)
    return out.reshape(p.shape)
