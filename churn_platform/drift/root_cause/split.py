"""An exact split of a shift: how much of the change of the mean margin runs through which feature, and through which segment.

What belongs here: splits that add up to the whole. What does not: why a feature moved (`signals.py`).

**Over features.** The margin of a customer is base plus contributions, so the change of the mean margin between two windows is exactly
the sum of the changes of the mean contributions (and of the base, which is constant for one model).

**Over segments.** The mean is the sum of share x mean over the values of an attribute, so its change is exactly

    sum over values of (share now - share before) x (half of both means, less the overall mean)     the mix
  + sum over values of half of both shares x (mean now - mean before)                               within

Taking halves splits the cross term evenly, so that the answer does not depend on which window is called the reference. A value that is
there in one window only has a mix part and no within part. Source: Kitagawa, JASA 50 (1955).
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

Floats = NDArray[np.float64]


class SplitError(ValueError):
    """Two windows that cannot be compared; the message says why."""


@dataclass(frozen=True, slots=True)
class Part:
    """One part of a shift: a feature (`kind` `feature`), or a segment's `mix` or `within`; `value` is in the unit of the whole."""

    subject: str
    kind: str
    value: float


@dataclass(frozen=True, slots=True)
class Split:
    """A shift from `before` to `now` and its parts, the largest first; the parts sum to the shift."""

    of: str
    over: str
    before: float
    now: float
    parts: tuple[Part, ...]

    @property
    def shift(self) -> float:
        """Now minus before."""
        return self.now - self.before

    @property
    def gap(self) -> float:
        """What the parts fail to sum to: rounding, nothing else."""
        return abs(sum(part.value for part in self.parts) - self.shift)

    def to_dict(self) -> dict[str, Any]:
        """JSON-able form."""
        return {
            "of": self.of,
            "over": self.over,
            "before": self.before,
            "now": self.now,
            "parts": [{"subject": p.subject, "kind": p.kind, "value": p.value} for p in self.parts],
        }


@dataclass(frozen=True, slots=True)
class SegmentMeans:
    """One attribute in one window: each value's share of the rows and its mean of what is split."""

    shares: Mapping[str, float]
    means: Mapping[str, float]

    @property
    def mean(self) -> float:
        """Over all rows."""
        return sum(self.shares[value] * self.means[value] for value in self.shares)


def over_features(features: Sequence[str], before: Floats, now: Floats, base_before: float, base_now: float) -> Split:
    """Split the change of the mean margin over features.

    Args:
        features: names.
        before, now: (features,) mean contributions of each window.
        base_before, base_now: mean base of each window; a difference (another model) becomes a part `base`.

    >>> split = over_features(["contract", "tenure_months"], np.array([0.1, 0.2]), np.array([0.4, 0.1]), -1.0, -1.0)
    >>> [(part.subject, round(part.value, 3)) for part in split.parts], round(split.shift, 3)
    ([('contract', 0.3), ('tenure_months', -0.1)], 0.2)
    """
    if before.shape != (len(features),) or now.shape != before.shape:
        raise SplitError(f"{len(features)} features have {before.shape} and {now.shape} mean contributions")
    parts = [Part(name, "feature", float(b - a)) for name, a, b in zip(features, before, now, strict=True)]
    if base_now != base_before:
        parts.append(Part("base", "feature", base_now - base_before))
    return Split(
        "mean margin",
        "features",
        base_before + float(before.sum()),
        base_now + float(now.sum()),
        _largest_first(parts),
    )


def over_segments(of: str, attribute: str, before: SegmentMeans, now: SegmentMeans) -> Split:
    """Split the change of a mean over the values of one attribute into mix and within.

    >>> before = SegmentMeans({"Month-to-month": 0.5, "Two year": 0.5}, {"Month-to-month": 0.4, "Two year": 0.0})
    >>> now = SegmentMeans({"Month-to-month": 0.6, "Two year": 0.4}, {"Month-to-month": 0.4, "Two year": 0.0})
    >>> split = over_segments("churn rate", "contract", before, now)
    >>> round(sum(p.value for p in split.parts if p.kind == "mix"), 3), round(split.shift, 3)
    (0.04, 0.04)
    """
    values = sorted({*before.shares, *now.shares})
    centre = (before.mean + now.mean) / 2.0
    parts = []
    for value in values:
        share_before, share_now = before.shares.get(value, 0.0), now.shares.get(value, 0.0)
        mean_before = before.means.get(value, now.means.get(value, 0.0))
        mean_now = now.means.get(value, mean_before)
        subject = f"{attribute}={value}"
        parts.append(Part(subject, "mix", (share_now - share_before) * ((mean_before + mean_now) / 2.0 - centre)))
        parts.append(Part(subject, "within", (share_before + share_now) / 2.0 * (mean_now - mean_before)))
    return Split(of, attribute, before.mean, now.mean, _largest_first(parts))


def segment_means(values: Sequence[str] | NDArray[Any], amounts: Floats) -> SegmentMeans:
    """Shares and means of `amounts` (rows,) by the rows' attribute values.

    Raises:
        SplitError: no rows.
    """
    if not len(amounts):
        raise SplitError("a window without rows has no segments")
    names, place, counts = np.unique(np.asarray(values), return_inverse=True, return_counts=True)
    sums = np.bincount(place, weights=amounts, minlength=len(names))
    return SegmentMeans(
        {str(name): float(count / len(amounts)) for name, count in zip(names, counts, strict=True)},
        {str(name): float(total / count) for name, total, count in zip(names, sums, counts, strict=True)},
    )


def mix_share(split: Split) -> float:
    """How much of what moved is mix, in [0, 1]: absolute mix over absolute parts; 0 where nothing moved."""
    mix = sum(abs(part.value) for part in split.parts if part.kind == "mix")
    total = sum(abs(part.value) for part in split.parts)
    return mix / total if total else 0.0


def _largest_first(parts: list[Part]) -> tuple[Part, ...]:
    return tuple(sorted(parts, key=lambda part: (-abs(part.value), part.subject, part.kind)))
