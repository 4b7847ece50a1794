"""Tests that may be looked at as often as one likes.

Belongs here: boundaries, the sample they need, and plain two-arm statistics. Does not belong here: what is compared (`ab_test`, `gates`).

Sources: Siegmund, Sequential Analysis (1985), chapter III: by the reflection principle a Brownian motion leaves ±c before time 1 with a
probability of at most 4 (1 − Φ(c)); Robbins, Statistical methods related to the law of the iterated logarithm, Ann. Math. Stat. 41 (1970)
for the normal mixture, whose boundary holds at all times.
"""

from __future__ import annotations

import math
from statistics import NormalDist

NORMAL = NormalDist()


def crossing(alpha: float) -> float:
    """The bound c that a Brownian motion on [0, 1] leaves, to either side, with probability at most `alpha`.

    >>> round(crossing(0.05), 4)
    2.2414
    """
    return NORMAL.inv_cdf(1 - alpha / 4)


def boundary(fraction: float, alpha: float) -> float:
    """The |z| that decides once `fraction` of the planned outcomes are known, whenever and however often one looks.

    Early it is far out, at the full sample it is `crossing(alpha)`: a constant bound on the sum, as O'Brien and Fleming's.

    >>> [round(boundary(fraction, 0.05), 2) for fraction in (0.1, 0.5, 1.0)]
    [7.09, 3.17, 2.24]
    """
    if not fraction > 0:
        return math.inf
    return crossing(alpha) / math.sqrt(min(fraction, 1.0))


def outcomes_per_arm(base_rate: float, effect: float, alpha: float, power: float) -> int:
    """Outcomes an arm so that a fall of `effect` from `base_rate` is found with `power`, by the sequential test at the full sample.

    >>> outcomes_per_arm(0.265, 0.05, 0.05, 0.8)
    1383
    """
    treated = base_rate - effect
    if not (0 < treated < base_rate < 1):
        raise ValueError(f"a fall of {effect} from a churn rate of {base_rate} leaves {treated}: no rate")
    variance = base_rate * (1 - base_rate) + treated * (1 - treated)
    drift = crossing(alpha) + NORMAL.inv_cdf(power)
    return math.ceil(drift**2 * variance / effect**2)


def always_valid_bound(error: float, scale: float, alpha: float) -> float:
    """How far above 0 an estimate with standard error `error` must be, so that at any time of any number of looks at most `alpha`
    of estimates of 0 are; tightest where the error is a third of `scale`.

    >>> round(always_valid_bound(0.05 / 3, 0.05, 0.01), 3), round(always_valid_bound(0.05, 0.05, 0.01), 3)
    (0.06, 0.211)
    """
    if not error > 0:
        return 0.0
    information = 1 / error**2
    doubled = 2 * math.log(1 / alpha)
    mixture = (3 / scale) ** 2 / (doubled + math.log1p(doubled))
    return math.sqrt((information + mixture) * (doubled + math.log((information + mixture) / mixture))) / information


def z_of_rates(fewer: int, of_fewer: int, more: int, of_more: int) -> float:
    """z of the second rate minus the first, pooled; 0 where nothing varies. Its square is Pearson's chi-squared of the two by two.

    >>> round(z_of_rates(215, 1000, 265, 1000), 3)
    2.618
    """
    pooled = (fewer + more) / (of_fewer + of_more)
    variance = pooled * (1 - pooled) * (1 / of_fewer + 1 / of_more)
    return 0.0 if variance <= 0 else (more / of_more - fewer / of_fewer) / math.sqrt(variance)


def chi_squared_p(statistic: float) -> float:
    """The upper tail of chi-squared with one degree of freedom.

    >>> round(chi_squared_p(3.841), 3)
    0.05
    """
    return math.erfc(math.sqrt(statistic / 2))


def mismatch_p(challenger: int, champion: int, share: float) -> float:
    """The chance of arms as unequal as these where `share` of all were to be the challenger's (chi-squared, one degree of freedom).

    >>> round(mismatch_p(500, 500, 0.5), 2), mismatch_p(600, 400, 0.5) < 1e-9
    (1.0, True)
    """
    total = challenger + champion
    if total == 0:
        return 1.0
    return chi_squared_p((challenger - total * share) ** 2 / (total * share * (1 - share)))


def beyond_chance(failures: float, rows: int, limit: float) -> float:
    """A bound on the chance of a share of failures this far above `limit` if the true share is `limit` (Chernoff).

    >>> beyond_chance(20, 100, 0.01) < 1e-15, beyond_chance(1, 100, 0.01)
    (True, 1.0)
    """
    share = min(failures / rows, 1.0)
    if share <= limit:
        return 1.0
    rest = 0.0 if share == 1 else (1 - share) * math.log((1 - share) / (1 - limit))
    return math.exp(-rows * (share * math.log(share / limit) + rest))
