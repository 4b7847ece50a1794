"""Every watched column of every judged window, measured: distances, p-values and rows as arrays over days.

What belongs here: applying `statistics` to the windows' counts. What does not: what is too much (the detectors).
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import date
from typing import TYPE_CHECKING

import numpy as np
from numpy.typing import NDArray

from churn_platform.drift import statistics
from churn_platform.drift.baseline import Baseline
from churn_platform.drift.finding import Window
from churn_platform.drift.tally import ColumnReference, Tallies
from churn_platform.drift.windows import Spans, growing_windows, window_sums

if TYPE_CHECKING:
    from churn_platform.policies.monitoring import DriftWindowPolicy

Floats = NDArray[np.float64]


@dataclass(frozen=True)
class Measured:
    """One column over the judged windows; arrays are (days,), `counts` (days, bins + 2). `ks` is NaN for categories."""

    column: ColumnReference
    spans: Spans
    counts: Floats
    psi: Floats
    jensen_shannon: Floats
    ks: Floats
    p_value: Floats

    def window(self, i: int, first: date) -> Window:
        """The i-th window as dates, on an axis that begins on `first`."""
        from datetime import timedelta

        spans = self.spans
        return Window(first + timedelta(int(spans.first[i])), first + timedelta(int(spans.last[i])), int(spans.rows[i]))

    def moved_bins(self, i: int, most: int = 3) -> list[tuple[str, float, float]]:
        """The bins that moved most in the i-th window: (name, share in the reference, share now)."""
        was, now = statistics.shares(self.column.counts), statistics.shares(self.counts[i])
        names = self.column.bin_labels()
        order = np.argsort(-np.abs(now - was), kind="stable")[:most]
        return [(names[k], float(was[k]), float(now[k])) for k in order if now[k] != was[k]]


def measure(
    tallies: Tallies, baseline: Baseline, ends: NDArray[np.int64], policy: DriftWindowPolicy
) -> Mapping[str, Measured]:
    """Measure every column of the baseline in the windows that end on the positions `ends`."""
    return {
        name: measure_column(tallies, baseline, column, ends, policy)
        for name, column in baseline.columns.items()
        if name in tallies.columns
    }


def measure_column(
    tallies: Tallies, baseline: Baseline, column: ColumnReference, ends: NDArray[np.int64], policy: DriftWindowPolicy
) -> Measured:
    """One column in the windows that end on `ends`: each grows on the column's own rows."""
    seen = tallies.columns[column.name]
    per_day = seen.counts.sum(axis=1)
    spans = growing_windows(per_day, ends, policy.length.days, policy.longest.days, policy.min_rows)
    counts = window_sums(seen.counts, spans)
    reference = column.counts.astype(np.float64)
    # somebody observed four times says the same thing four times: the tests count customers
    worth = baseline.distinct_share if column.family in ("feature", "score", "newcomers") else 1.0
    p_value = statistics.homogeneity_p_value(reference * worth, counts, policy.min_rows)
    ks = np.full(len(ends), np.nan)
    if column.grid:
        known = counts[:, :-1].sum(axis=1)
        ks = statistics.ks_distance(column.below, window_sums(seen.below, spans), column.known, known)
        with np.errstate(invalid="ignore"):
            of_ks = statistics.ks_p_value(ks, column.known * worth, known)
        p_value = np.fmin(1.0, 2.0 * np.fmin(p_value, of_ks))
    return Measured(
        column,
        spans,
        counts,
        statistics.psi(reference, counts),
        statistics.jensen_shannon(reference, counts),
        ks,
        p_value,
    )
