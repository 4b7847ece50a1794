"""How the champion's scores shifted since its reference, split over features and segments.

What belongs here: reading both windows and explaining them. What does not: the arithmetic of the split (`drift/root_cause/split.py`).
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import date, timedelta
from functools import lru_cache
from typing import TYPE_CHECKING

import numpy as np

from churn_platform.adapters.platform import Platform
from churn_platform.contracts.features import FEATURE_SETS
from churn_platform.drift.root_cause.evidence import Evidence, strength_of
from churn_platform.drift.root_cause.split import (
    Floats,
    SegmentMeans,
    Split,
    over_features,
    over_segments,
    segment_means,
)

if TYPE_CHECKING:
    import pandas as pd

    from churn_platform.settings import Settings
    from churn_platform.training.candidate import ModelPackage

SEGMENTS = ("contract", "internet_service", "payment_method", "senior_citizen")
THROUGH = {
    "monthly_charges": "shift_through_prices",
    "total_charges": "shift_through_prices",
    "contract": "shift_through_profile",
    "senior_citizen": "shift_through_profile",
    "tenure_months": "shift_through_profile",
    "payment_method": "shift_through_profile",
}
THROUGH_GROUP = {
    "services": "shift_through_services",
    "usage": "shift_through_usage",
    "support": "shift_through_support",
    "profile": "shift_through_profile",
}
WHOLE = 0.5
"""Share of all that moved, absolute, at which a way of the shift speaks fully."""


@dataclass(frozen=True)
class ReferenceMeans:
    """The training rows as the champion sees them: mean contributions, mean base, spread of the margin, segments."""

    features: tuple[str, ...]
    contributions: Floats
    base: float
    margin_variance: float
    rows: int
    segments: Mapping[str, SegmentMeans]


@dataclass(frozen=True)
class Shift:
    """The splits, what they say as evidence, and what could not be compared."""

    splits: Mapping[str, Split] = field(default_factory=dict)
    evidence: tuple[Evidence, ...] = ()
    notes: tuple[str, ...] = ()


def scores_shift(platform: Platform, version: str, day: date) -> Shift:
    """The shift of the mean margin between the champion's training rows and the policy's window that ends on `day`."""
    from churn_platform.adapters.packages import PackageError
    from churn_platform.adapters.training_sets import TrainingSetError
    from churn_platform.adapters.warehouse import WarehouseError

    model = platform.ops.model(version)
    try:
        package = _package(platform.settings, model.package_digest)
        before = _reference(platform.settings, model.package_digest, model.registration.training_data_digest)
        first = day - platform.policies.drift.window.length + timedelta(1)
        rows = platform.warehouse.features(FEATURE_SETS[package.model.feature_set], first, day)
    except (PackageError, TrainingSetError, WarehouseError) as error:
        return Shift(notes=(f"the shift of scores could not be split: {error}",))
    if rows.empty:
        return Shift(notes=(f"no customer has features from {first} to {day}: the shift of scores could not be split",))
    return _split(package, before, rows)


def _split(package: ModelPackage, before: ReferenceMeans, rows: pd.DataFrame) -> Shift:
    explained = package.explain(rows)
    now = explained.values.mean(axis=0)
    whole = over_features(before.features, before.contributions, now, before.base, float(explained.base.mean()))
    splits = {"features": whole}
    for attribute, means in before.segments.items():
        values = rows[attribute].astype("object").where(rows[attribute].notna(), "unknown").astype("str").to_numpy()
        splits[attribute] = over_segments("mean margin", attribute, means, segment_means(values, explained.margin))
    error = float(np.sqrt(before.margin_variance / before.rows + explained.margin.var() / len(rows)))
    return Shift(splits, _through(whole, error))


def _through(whole: Split, error: float) -> tuple[Evidence, ...]:
    """Which groups of features the shift runs through, where the scores have shifted beyond chance."""
    moved = sum(abs(part.value) for part in whole.parts)
    if moved == 0 or error == 0:
        return ()
    ways: dict[str, list[tuple[float, str]]] = {}
    feature_set = FEATURE_SETS["v2"]
    for part in whole.parts:
        if part.subject in feature_set.names:
            name = THROUGH.get(part.subject) or THROUGH_GROUP.get(feature_set.feature(part.subject).group, "")
            ways.setdefault(name, []).append((abs(part.value), part.subject))
    found = []
    for name, parts in ways.items():
        size = sum(value for value, _ in parts)
        if name:
            told = f"{size / moved:.0%} of what moved in the scores runs through {', '.join(s for _, s in sorted(parts)[::-1][:3])}"
            found.append(
                Evidence(name, "scores", strength_of(size / moved, WHOLE, distance=size / error), size / moved, told)
            )
    return tuple(found)


@lru_cache(maxsize=4)
def _package(settings: Settings, digest: str) -> ModelPackage:
    """The verified package; a package is its digest, so that it may be kept."""
    from churn_platform.adapters.packages import read_package
    from churn_platform.adapters.signing import load_signer
    from churn_platform.training.candidate import ModelPackage

    return ModelPackage.from_files(digest, read_package(settings.packages, digest, load_signer(settings.keys).verifier))


@lru_cache(maxsize=4)
def _reference(settings: Settings, package_digest: str, training_set: str) -> ReferenceMeans:
    """The champion's training rows, explained by itself; both are named by their content, so that it may be kept."""
    from churn_platform.adapters.training_sets import read_training_set

    package = _package(settings, package_digest)
    frame = read_training_set(settings.training_sets, training_set).frame
    explained = package.explain(frame)
    segments = {}
    for attribute in SEGMENTS:
        if attribute in frame:
            values = frame[attribute].astype("object").where(frame[attribute].notna(), "unknown").astype("str")
            segments[attribute] = segment_means(values.to_numpy(), explained.margin)
    return ReferenceMeans(
        tuple(explained.features),
        explained.values.mean(axis=0),
        float(explained.base.mean()),
        float(explained.margin.var()),
        len(frame),
        segments,
    )
