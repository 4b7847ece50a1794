"""The reference baseline: how each feature and the score were distributed in the champion's training window.

What belongs here: bins from the reference only, and counts in them; both are stored in the model package, so that the same reference
gives the same drift score each day. What does not: comparing a current window with it.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
import pandas as pd

from churn_platform.contracts.features import Feature

BINS = 10


class ReferenceBaselineError(ValueError):
    """A baseline cannot be made of, or read from, what was given."""


@dataclass(frozen=True, slots=True)
class Distribution:
    """Counts of one column. Numeric: `edges` are the inner bin edges (ascending), bin i holds edges[i-1] <= x < edges[i].

    Categorical: `categories` name the bins. `counts` has one entry per bin; `missing` counts missing values.
    """

    name: str
    edges: tuple[float, ...]
    categories: tuple[str, ...]
    counts: tuple[int, ...]
    missing: int

    @property
    def rows(self) -> int:
        """Rows counted, missing included."""
        return sum(self.counts) + self.missing


@dataclass(frozen=True, slots=True)
class Reference:
    """The champion's training window: one distribution per feature, and the score's."""

    rows: int
    first_day: str
    last_day: str
    features: tuple[Distribution, ...]
    score: Distribution

    @property
    def decile_cuts(self) -> tuple[float, ...]:
        """The score's inner decile edges, ascending."""
        return self.score.edges

    def to_dict(self) -> dict[str, Any]:
        """JSON-able form."""
        return {
            "rows": self.rows,
            "first_day": self.first_day,
            "last_day": self.last_day,
            "features": [_as_dict(distribution) for distribution in self.features],
            "score": _as_dict(self.score),
        }

    @classmethod
    def from_dict(cls, content: Mapping[str, Any]) -> Reference:
        """Read `to_dict`'s form.

        Raises:
            ReferenceBaselineError: a key is missing.
        """
        try:
            return cls(
                rows=int(content["rows"]),
                first_day=str(content["first_day"]),
                last_day=str(content["last_day"]),
                features=tuple(_from_dict(item) for item in content["features"]),
                score=_from_dict(content["score"]),
            )
        except (KeyError, TypeError) as error:
            raise ReferenceBaselineError(
                f"the reference baseline lacks {error}; the model package is not of this version"
            ) from error


def numeric_distribution(name: str, values: Sequence[float] | pd.Series | np.ndarray, bins: int = BINS) -> Distribution:
    """Equal-mass bins of a numeric column, edges from these values only; equal edges are merged.

    Args:
        name: the column.
        values: (n,) numbers, NaN is missing.
        bins: how many bins to aim for.

    >>> d = numeric_distribution("x", [1.0, 2.0, 3.0, 4.0, float("nan")], bins=2)
    >>> d.edges, d.counts, d.missing
    ((2.5,), (2, 2), 1)
    """
    numbers = np.asarray(values, dtype="float64")
    if np.isinf(numbers).any():
        raise ReferenceBaselineError(f"column {name} holds an infinite value; the contract should have refused it")
    known = numbers[~np.isnan(numbers)]
    edges = np.unique(np.quantile(known, np.linspace(0, 1, bins + 1)[1:-1])) if len(known) else np.array([])
    counts = np.bincount(np.searchsorted(edges, known, side="right"), minlength=len(edges) + 1)
    return Distribution(name, tuple(map(float, edges)), (), tuple(map(int, counts)), int(len(numbers) - len(known)))


def categorical_distribution(name: str, values: pd.Series, categories: Sequence[str]) -> Distribution:
    """Counts of a categorical column in the contract's categories; anything else is an error, not a bin.

    >>> categorical_distribution("c", pd.Series(["No", "Yes", None, "No"]), ["No", "Yes"]).counts
    (2, 1)
    """
    known = values.dropna().astype("str")
    unknown = sorted(set(known) - set(categories))
    if unknown:
        raise ReferenceBaselineError(f"column {name} holds {unknown[0]!r}, which its contract does not know")
    counts = known.value_counts()
    return Distribution(
        name,
        (),
        tuple(categories),
        tuple(int(counts.get(category, 0)) for category in categories),
        len(values) - len(known),
    )


def reference_baseline(
    rows: pd.DataFrame, features: Sequence[Feature], scores: np.ndarray, first_day: str, last_day: str
) -> Reference:
    """The baseline of a training window.

    Args:
        rows: (n, features) the training rows.
        features: the model's features.
        scores: (n,) out-of-sample probabilities of the same rows (in-sample ones are too extreme to compare live scores with).
        first_day, last_day: the window, ISO dates.

    Raises:
        ReferenceBaselineError: no rows, or rows and scores differ in length.
    """
    if len(rows) == 0 or len(rows) != len(scores):
        raise ReferenceBaselineError(
            f"a baseline needs as many scores as rows, and at least one; got {len(rows)} rows, {len(scores)} scores"
        )
    distributions = tuple(
        categorical_distribution(feature.name, rows[feature.name], feature.domain)
        if feature.is_categorical
        else numeric_distribution(feature.name, rows[feature.name])
        for feature in features
    )
    return Reference(len(rows), first_day, last_day, distributions, numeric_distribution("probability", scores))


def _as_dict(distribution: Distribution) -> dict[str, Any]:
    return {
        "name": distribution.name,
        "edges": list(distribution.edges),
        "categories": list(distribution.categories),
        "counts": list(distribution.counts),
        "missing": distribution.missing,
    }


def _from_dict(content: Mapping[str, Any]) -> Distribution:
    return Distribution(
        str(content["name"]),
        tuple(map(float, content["edges"])),
        tuple(map(str, content["categories"])),
        tuple(map(int, content["counts"])),
        int(content["missing"]),
    )
