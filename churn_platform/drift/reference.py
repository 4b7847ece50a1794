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
DECILES = 10


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
    """The champion's training window: one distribution per feature, and the score's.

    `decile_cuts` are the score's nine inner decile edges, ascending. They are kept beside its bins, since a model with few distinct
    scores has equal cuts, which bins merge; it can still be scored.
    """

    rows: int
    first_day: str
    last_day: str
    features: tuple[Distribution, ...]
    score: Distribution
    decile_cuts: tuple[float, ...]

    def to_dict(self) -> dict[str, Any]:
        """JSON-able form."""
        return {
            "rows": self.rows,
            "first_day": self.first_day,
            "last_day": self.last_day,
            "features": [_as_dict(distribution) for distribution in self.features],
            "score": _as_dict(self.score),
            "decile_cuts": list(self.decile_cuts),
        }

    @classmethod
    def from_dict(cls, content: Mapping[str, Any]) -> Reference:
        """Read `to_dict`'s form.

        Raises:
            ReferenceBaselineError: a key is missing, or the counts do not fit the bins or the rows.
        """
        try:
            reference = cls(
                rows=int(content["rows"]),
                first_day=str(content["first_day"]),
                last_day=str(content["last_day"]),
                features=tuple(_from_dict(item) for item in content["features"]),
                score=_from_dict(content["score"]),
                decile_cuts=tuple(map(float, content["decile_cuts"])),
            )
        except (KeyError, TypeError, ValueError) as error:
            raise ReferenceBaselineError(
                f"the reference baseline cannot be read ({error!r}); the model package is not of this version"
            ) from error
        reference._hold_together()
        return reference

    def _hold_together(self) -> None:
        for part in (*self.features, self.score):
            bins = len(part.categories) if part.categories else len(part.edges) + 1
            if len(part.counts) != bins or part.rows != self.rows or list(part.edges) != sorted(set(part.edges)):
                raise ReferenceBaselineError(
                    f"the reference of {part.name} does not add up: {len(part.counts)} counts in {bins} bins, "
                    f"{part.rows} of {self.rows} rows; the model package is damaged"
                )
        if len(self.decile_cuts) != DECILES - 1:
            raise ReferenceBaselineError(f"the reference has {len(self.decile_cuts)} decile cuts instead of nine")


def numeric_distribution(name: str, values: Sequence[float] | pd.Series | np.ndarray, bins: int = BINS) -> Distribution:
    """Equal-mass bins of a numeric column, edges from these values only.

    Where several edges fall on one value (most customers have no refunds), that value gets a bin of its own, with what is smaller
    and what is larger beside it: merged into one edge, all refunds would share a bin with none. A constant column thus has three
    bins, of which the outer two are empty, so that any change of it can be seen. There are never more than `bins` bins (where
    `bins` is at least 3).

    Args:
        name: the column.
        values: (n,) numbers, NaN is missing.
        bins: how many bins to aim for.

    >>> d = numeric_distribution("x", [1.0, 2.0, 3.0, 4.0, float("nan")], bins=2)
    >>> d.edges, d.counts, d.missing
    ((2.5,), (2, 2), 1)
    >>> numeric_distribution("refunds", [0.0] * 8 + [5.0, 9.0], bins=4).counts
    (0, 8, 2)
    """
    numbers = np.asarray(values, dtype="float64")
    if np.isinf(numbers).any():
        raise ReferenceBaselineError(f"column {name} holds an infinite value; the contract should have refused it")
    known = numbers[~np.isnan(numbers)]
    edges = np.array(_edges(known, bins))
    counts = np.bincount(np.searchsorted(edges, known, side="right"), minlength=len(edges) + 1)
    return Distribution(name, tuple(map(float, edges)), (), tuple(map(int, counts)), int(len(numbers) - len(known)))


def _edges(known: np.ndarray, bins: int) -> list[float]:
    if not len(known):
        return []
    values, times = np.unique(np.quantile(known, np.linspace(0, 1, bins + 1)[1:-1]), return_counts=True)
    return sorted({*values.tolist(), *(_just_above(float(value)) for value in values[times > 1])})


def _just_above(value: float) -> float:
    """The next larger float; above zero the smallest one that every database reads (not denormal)."""
    return float(np.nextafter(value, np.inf)) if value else float(np.finfo("float64").tiny)


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
        ReferenceBaselineError: no rows, rows and scores differ in length, a score is no probability, a feature is missing,
            a number is infinite, or a category is not in the contract.
    """
    if len(rows) == 0 or len(rows) != len(scores):
        raise ReferenceBaselineError(
            f"a baseline needs as many scores as rows, and at least one; got {len(rows)} rows, {len(scores)} scores"
        )
    if not bool(np.all((scores >= 0) & (scores <= 1))):
        raise ReferenceBaselineError("a score of the reference is missing or outside [0, 1]: fit the model again")
    absent = [feature.name for feature in features if feature.name not in rows]
    if absent:
        raise ReferenceBaselineError(f"the training rows lack {', '.join(absent)}: build the feature table again")
    distributions = tuple(
        categorical_distribution(feature.name, rows[feature.name], feature.domain)
        if feature.is_categorical
        else numeric_distribution(feature.name, rows[feature.name])
        for feature in features
    )
    cuts = np.quantile(scores, np.linspace(0, 1, DECILES + 1)[1:-1])
    score = numeric_distribution("probability", scores)
    return Reference(len(rows), first_day, last_day, distributions, score, tuple(map(float, cuts)))


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
