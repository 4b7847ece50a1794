"""How far apart two distributions are, from counts in the reference's bins, and how surprising that is.

What belongs here: distances and p-values as functions of counts; all of them take one window or many at a time. What does not:
thresholds (policy), which windows (`windows`), what is counted (`tally`).

Sources: PSI: Siddiqi, Credit Risk Scorecards (2006). Jensen-Shannon: Lin, IEEE Transactions on Information Theory 37 (1991); the
distance is the root, base 2, as in scipy. Kolmogorov-Smirnov's p-value: the asymptotic one, Smirnov (1948). Homogeneity: Pearson's
chi-square on the 2 x bins table.
"""

from __future__ import annotations

import numpy as np
from numpy.typing import ArrayLike, NDArray

Floats = NDArray[np.float64]
SMALLEST_SHARE = 0.0001
"""An empty bin counts as one row in ten thousand: otherwise PSI and KL would be infinite. Evidently fills with the same number."""
RARE = 5.0
"""Bins with fewer expected rows than this are taken together before a chi-square test (Cochran 1954)."""


def shares(counts: ArrayLike) -> Floats:
    """Counts to shares along the last axis; NaN where there are no rows.

    >>> shares([[1, 3], [0, 0]]).tolist()
    [[0.25, 0.75], [nan, nan]]
    """
    numbers = np.asarray(counts, dtype=np.float64)
    total = numbers.sum(axis=-1, keepdims=True)
    out: Floats = np.divide(numbers, total, out=np.full_like(numbers, np.nan), where=total > 0)
    return out


def psi(reference: ArrayLike, current: ArrayLike) -> Floats:
    """Population stability index: sum of (current - reference) ln(current / reference) over the bins' shares, 0 or more.

    Args:
        reference: (bins,) counts.
        current: (..., bins) counts; leading axes are windows.

    >>> float(psi([50, 50], [50, 50])), round(float(psi([50, 50], [60, 40])), 4)
    (0.0, 0.0405)
    """
    p, q = _filled(shares(reference)), _filled(shares(current))
    out: Floats = ((q - p) * np.log(q / p)).sum(axis=-1)
    return out


def kl_divergence(reference: ArrayLike, current: ArrayLike) -> Floats:
    """Kullback-Leibler divergence of the current window from the reference, in nats: sum of current ln(current / reference).

    >>> round(float(kl_divergence([50, 50], [60, 40])), 4)
    0.0201
    """
    p, q = _filled(shares(reference)), _filled(shares(current))
    out: Floats = (q * np.log(q / p)).sum(axis=-1)
    return np.maximum(out, 0.0)


def jensen_shannon(reference: ArrayLike, current: ArrayLike) -> Floats:
    """Jensen-Shannon distance, base 2: 0 for equal shares, 1 for disjoint ones. Needs no filling of empty bins.

    >>> float(jensen_shannon([1, 0], [0, 1])), float(jensen_shannon([1, 1], [5, 5]))
    (1.0, 0.0)
    """
    p, q = np.broadcast_arrays(shares(reference), shares(current))
    middle = (p + q) / 2.0
    divergence = (_entropy_against(p, middle) + _entropy_against(q, middle)) / 2.0
    return np.sqrt(np.clip(divergence, 0.0, 1.0))


def ks_distance(reference_below: ArrayLike, current_below: ArrayLike, reference_rows: float, rows: ArrayLike) -> Floats:
    """Largest gap of the two distribution functions over the reference's grid.

    Args:
        reference_below: (grid,) reference rows at or below each grid point.
        current_below: (..., grid) current rows at or below each grid point.
        reference_rows, rows: rows with a value, of the reference and of each window.

    >>> float(ks_distance([1, 2, 3, 4], [[0, 0, 2, 4]], 4, [4])[0])
    0.5
    """
    total = np.asarray(rows, dtype=np.float64)[..., None]
    below = np.asarray(current_below, dtype=np.float64)
    function = np.divide(below, total, out=np.full(below.shape, np.nan), where=total > 0)
    gaps = np.abs(function - np.asarray(reference_below, dtype=np.float64) / reference_rows)
    return np.asarray(gaps.max(axis=-1), dtype=np.float64)


def ks_p_value(distance: ArrayLike, reference_rows: float, rows: ArrayLike) -> Floats:
    """The chance of a gap at least this large without any change: asymptotic, conservative where values repeat.

    >>> round(float(ks_p_value(0.1, 400, 400)), 3)
    0.037
    """
    from scipy.special import kolmogorov

    n = np.asarray(rows, dtype=np.float64)
    out: Floats = np.asarray(kolmogorov(np.sqrt(n * reference_rows / (n + reference_rows)) * np.asarray(distance)))
    return out


def homogeneity_p_value(reference: ArrayLike, current: ArrayLike, smallest: float) -> Floats:
    """Pearson's chi-square test that both counts come from one distribution; 1 where fewer than two bins remain.

    Args:
        reference: (bins,) counts, possibly scaled down to an effective number of rows.
        current: (..., bins) counts.
        smallest: rows of the smallest window that is judged: bins whose expected rows in it are below `RARE` are taken together.

    >>> round(float(homogeneity_p_value([500, 500], [[60, 40]], 100)[0]), 3)
    0.056
    """
    from scipy.special import chdtrc

    r, c = np.asarray(reference, dtype=np.float64), np.atleast_2d(np.asarray(current, dtype=np.float64))
    kept = r / max(r.sum(), 1.0) * smallest >= RARE
    r = np.concatenate([r[kept], [r[~kept].sum()]])
    c = np.concatenate([c[..., kept], c[..., ~kept].sum(axis=-1, keepdims=True)], axis=-1)
    together = r + c
    lively = together > 0
    n, m = c.sum(axis=-1, keepdims=True), r.sum()
    expected_c = together * n / (n + m)
    expected_r = together * m / (n + m)
    with np.errstate(invalid="ignore", divide="ignore"):
        parts = np.where(lively, (c - expected_c) ** 2 / expected_c + (r - expected_r) ** 2 / expected_r, 0.0)
    freedom = lively.sum(axis=-1) - 1
    statistic = np.where(n[..., 0] > 0, parts.sum(axis=-1), np.nan)
    out: Floats = np.where(freedom > 0, chdtrc(np.maximum(freedom, 1), statistic), 1.0)
    return out.reshape(np.shape(current)[:-1])


def _filled(part: Floats) -> Floats:
    return np.where(part == 0.0, SMALLEST_SHARE, part)


def _entropy_against(p: Floats, middle: Floats) -> Floats:
    with np.errstate(invalid="ignore", divide="ignore"):
        terms = np.where(p > 0, p * np.log2(p / middle), np.where(np.isnan(p), np.nan, 0.0))
    out: Floats = terms.sum(axis=-1)
    return out
