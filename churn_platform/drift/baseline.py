"""What drift is measured from: every watched column in the champion's training window, and how its customers left.

What belongs here: the baseline as a value, its making at training time, and its strict reading from the model package. What does not:
the feature bins that scoring needs (`reference`), judging.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import date
from functools import cached_property
from typing import Any

import numpy as np
import pandas as pd

from churn_platform.drift.panel import FAMILIES, SCORE, Watched, watched_scores
from churn_platform.drift.reference import Distribution, ReferenceBaselineError, _as_dict, _from_dict
from churn_platform.drift.tally import ColumnReference, column_reference

BASELINE_FILE = "drift_baseline.json"
FORMAT = 1
MOSTLY_ONE = 0.8


@dataclass(frozen=True)
class Baseline:
    """The reference of all drift tests.

    `customers` are different customers behind `rows`: somebody observed each month says the same thing again, so they are what the tests
    count. `correlations` are of the numeric features, in the order of `correlated`. `known_by[j]` is the share of those who left within
    the horizon of whom it was known j days after the observation. `bands` are shares of scores by band, `confidence` is the mean distance
    of a score from one half.
    """

    rows: int
    customers: int
    first_day: date
    last_day: date
    columns: Mapping[str, ColumnReference]
    correlated: tuple[str, ...]
    correlations: tuple[tuple[float, ...], ...]
    churners: int
    known_by: tuple[float, ...]
    bands: Mapping[str, float]
    confidence: float

    @property
    def churn_rate(self) -> float:
        """Share of the reference's customers who left within the horizon."""
        return self.churners / self.rows

    @cached_property
    def distinct_share(self) -> float:
        """Customers over rows: what a row is worth as an independent one."""
        return self.customers / self.rows

    def to_dict(self) -> dict[str, Any]:
        """JSON-able form."""
        return {
            "format": FORMAT,
            "rows": self.rows,
            "customers": self.customers,
            "first_day": self.first_day.isoformat(),
            "last_day": self.last_day.isoformat(),
            "columns": [
                {
                    "family": column.family,
                    "label": column.label,
                    "distribution": _as_dict(column.distribution),
                    "grid": list(column.grid),
                    "below": list(column.below),
                }
                for column in self.columns.values()
            ],
            "correlated": list(self.correlated),
            "correlations": [list(row) for row in self.correlations],
            "churners": self.churners,
            "known_by": list(self.known_by),
            "bands": dict(self.bands),
            "confidence": self.confidence,
        }

    @classmethod
    def from_dict(cls, content: Mapping[str, Any]) -> Baseline:
        """Read `to_dict`'s form.

        Raises:
            ReferenceBaselineError: a key is missing, or figures do not fit each other.
        """
        try:
            if content["format"] != FORMAT:
                raise ValueError(f"format {content['format']!r}")
            columns = [_column(item) for item in content["columns"]]
            baseline = cls(
                rows=int(content["rows"]),
                customers=int(content["customers"]),
                first_day=date.fromisoformat(content["first_day"]),
                last_day=date.fromisoformat(content["last_day"]),
                columns={column.name: column for column in columns},
                correlated=tuple(map(str, content["correlated"])),
                correlations=tuple(tuple(map(float, row)) for row in content["correlations"]),
                churners=int(content["churners"]),
                known_by=tuple(map(float, content["known_by"])),
                bands={str(name): float(share) for name, share in content["bands"].items()},
                confidence=float(content["confidence"]),
            )
        except (KeyError, TypeError, ValueError, AttributeError) as error:
            raise ReferenceBaselineError(
                f"the drift baseline cannot be read ({error!r}); the model package is not of this version: train again"
            ) from error
        baseline._hold_together()
        return baseline

    def _hold_together(self) -> None:
        wrong = [
            column.name
            for column in self.columns.values()
            if column.family not in FAMILIES
            or len(column.grid) != len(column.below)
            or list(column.grid) != sorted(column.grid)
            or (column.below and column.below[-1] != column.known)
            or column.bins != (len(column.distribution.categories) or len(column.distribution.edges) + 1)
        ]
        if wrong or not 0 < self.customers <= self.rows or not 0 <= self.churners <= self.rows:
            raise ReferenceBaselineError(
                f"the drift baseline does not add up ({', '.join(wrong[:3]) or 'customers or churners'}); "
                "the model package is damaged"
            )


def make_baseline(
    watched: Mapping[str, Watched],
    scores: np.ndarray,
    rows: pd.DataFrame,
    *,
    bands: Mapping[str, float],
    bins: int,
    min_rows: int,
    horizon_days: int,
) -> Baseline:
    """The baseline of a training window.

    Args:
        watched: the watched columns of the training window, scores left out.
        scores: (n,) out-of-fold probabilities of the training rows.
        rows: (n, …) the training rows: customer_id, observation_date, churned (0 or 1), churned_on, churn_known_at.
        bands: shares of scores by band.
        bins: bins of a number.
        min_rows: columns with fewer rows in the reference are not watched.
        horizon_days: the label horizon.

    Raises:
        ReferenceBaselineError: no rows, or as many scores as rows are not there.
    """
    if len(rows) == 0 or len(rows) != len(scores):
        raise ReferenceBaselineError(
            f"a baseline needs as many scores as rows; got {len(rows)} rows, {len(scores)} scores"
        )
    days = rows["observation_date"].to_numpy().astype("datetime64[D]")
    all_watched = {**watched, SCORE: watched_scores(days, scores)}
    columns = {
        name: column_reference(column, bins)
        for name, column in sorted(all_watched.items())
        if len(column.values) >= min_rows
    }
    names, matrix = correlations_of(watched)
    return Baseline(
        rows=len(rows),
        customers=int(rows["customer_id"].nunique()),
        first_day=pd.Timestamp(rows["observation_date"].min()).date(),
        last_day=pd.Timestamp(rows["observation_date"].max()).date(),
        columns=columns,
        correlated=names,
        correlations=matrix,
        churners=int(rows["churned"].sum()),
        known_by=_known_by(rows, horizon_days),
        bands=dict(bands),
        confidence=float(np.abs(scores - 0.5).mean()),
    )


def correlations_of(watched: Mapping[str, Watched]) -> tuple[tuple[str, ...], tuple[tuple[float, ...], ...]]:
    """Names of the numeric features that vary, and their Pearson correlations over rows that have both values.

    A column with one value in most of its rows (`MOSTLY_ONE`) is left out: its correlations hang on a few (overdue invoices moved by
    0.15 without any change, measured).
    """
    numbers = {
        name: column.values
        for name, column in watched.items()
        if column.family == "feature" and not column.domain and len(column.values)
    }
    frame = pd.DataFrame(numbers)
    frame = frame.loc[:, [_varies(frame[name]) for name in frame]]
    matrix = frame.corr().to_numpy() if frame.shape[1] else np.zeros((0, 0))
    kept = [k for k in range(len(matrix)) if not np.isnan(matrix[k]).any()]
    matrix = matrix[np.ix_(kept, kept)]
    return tuple(str(frame.columns[k]) for k in kept), tuple(tuple(map(float, row)) for row in matrix)


def _varies(column: pd.Series) -> bool:
    shares = column.value_counts(normalize=True)
    return len(shares) > 1 and float(shares.iloc[0]) <= MOSTLY_ONE


def _known_by(rows: pd.DataFrame, horizon_days: int) -> tuple[float, ...]:
    """Share of the leavers known j days after the observation, j = 0 … horizon; uniform where nobody left."""
    left = rows[rows["churned"] == 1]
    if left.empty:
        return tuple(float(j) / horizon_days for j in range(horizon_days + 1))
    age = (pd.to_datetime(left["churn_known_at"]) - pd.to_datetime(left["observation_date"])).dt.days.to_numpy()
    return tuple(float((age <= j).mean()) for j in range(horizon_days + 1))


def _column(item: Mapping[str, Any]) -> ColumnReference:
    distribution: Distribution = _from_dict(item["distribution"])
    return ColumnReference(
        distribution.name,
        item["family"],
        str(item["label"]),
        distribution,
        tuple(map(float, item["grid"])),
        tuple(map(int, item["below"])),
    )


def watched_names(columns: Sequence[ColumnReference], family: str) -> tuple[str, ...]:
    """Names of the columns of one family."""
    return tuple(column.name for column in columns if column.family == family)
