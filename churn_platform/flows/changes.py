"""What changed between two days: data, schema, features, code, dependencies, model, policy - from recorded evidence.

What belongs here: reading what each day has recorded and comparing the two. What does not: why something moved (`monitoring/causes.py`)
and words for people (`cli/changed.py`).

Data are compared as windows that end on each day, in the champion's own reference bins, so that both windows are seen as the model sees
them; features are listed by how much of the model they carry. Everything else is compared as `monitoring/state.py` recorded it.
"""

from __future__ import annotations

import json
from collections.abc import Mapping
from datetime import date, timedelta
from typing import TYPE_CHECKING, Any

import numpy as np
import pandas as pd

from churn_platform.adapters.platform import Platform
from churn_platform.contracts.features import FEATURE_SETS
from churn_platform.drift.root_cause.split import over_features
from churn_platform.drift.statistics import psi
from churn_platform.flows.monitoring.state import PlatformState, read_state

if TYPE_CHECKING:
    from churn_platform.drift.reference import Distribution
    from churn_platform.training.candidate import ModelPackage

THEMES = ("data", "schema", "features", "code", "dependencies", "model", "policy")
NOTICEABLE = 0.1
"""PSI from which a feature is listed as moved: credit scoring's "no change" ends here (Siddiqi 2006)."""


def changes_between(platform: Platform, first: date, second: date) -> dict[str, Any]:
    """What changed from `first` to `second`, by theme; a theme that cannot be told says why in `unknown`.

    Raises:
        ValueError: the days are in the wrong order.
    """
    if first >= second:
        raise ValueError(f"{first} is not before {second}: give the earlier day first")
    before, after = read_state(platform, first), read_state(platform, second)
    changes: dict[str, Any] = {
        "from": first.isoformat(),
        "to": second.isoformat(),
        "data": _data(platform, first, second),
    }
    for theme in THEMES[1:]:
        changes[theme] = _theme(theme, before, after)
    changes["model"]["promotions"] = _promotions(platform, first, second)
    changes["changed"] = [theme for theme in THEMES if _moved(changes[theme])]
    return changes


def _moved(theme: Mapping[str, Any]) -> bool:
    return bool(theme.get("changes") or theme.get("moved") or theme.get("promotions"))


def _theme(theme: str, before: PlatformState | None, after: PlatformState | None) -> dict[str, Any]:
    """Each value of a theme that differs, with both; `unknown` where a side was never recorded."""
    if before is None or after is None:
        return {"changes": [], "unknown": "the platform's state was not recorded yet on the first of the two days"}
    old, new = before.values.get(theme, {}), after.values.get(theme, {})
    changes = [
        {"what": name, "from": old.get(name), "to": new.get(name)}
        for name in sorted({*old, *new})
        if old.get(name) != new.get(name)
    ]
    return {"changes": changes, "recorded_on": [before.day.isoformat(), after.day.isoformat()]}


def _promotions(platform: Platform, first: date, second: date) -> list[dict[str, Any]]:
    return [
        {"version": one.version, "previous": one.previous, "at": one.since.isoformat(), "reason": one.reason}
        for one in platform.ops.champion_history(platform.policies.governance.model)
        if first < one.since.date() <= second
    ]


def _data(platform: Platform, first: date, second: date) -> dict[str, Any]:
    """Features that moved between the windows that end on the two days, by the model's reliance on them, and the scores' shift."""
    from churn_platform.flows.scoring import NoChampionError, champion_package

    try:
        version, package = champion_package(platform)
    except NoChampionError as error:
        return {"moved": [], "unknown": str(error)}
    length = platform.policies.drift.window.length
    windows = []
    for day in (first, second):
        rows = platform.warehouse.features(FEATURE_SETS[package.model.feature_set], day - length + timedelta(1), day)
        if len(rows) < platform.policies.drift.window.min_rows:
            least = platform.policies.drift.window.min_rows
            return {
                "moved": [],
                "unknown": f"{len(rows)} customers were observed in the {length.days} days up to {day}, {least} are needed",
            }
        windows.append(rows)
    influence = _influence(platform, package)
    moved = [
        found for distribution in package.reference.features if (found := _feature(distribution, *windows)) is not None
    ]
    for one in moved:
        one["influence"] = influence.get(str(one["feature"]), 0.0)
    return {
        "seen_by": version,
        "rows": [len(rows) for rows in windows],
        "moved": sorted(moved, key=lambda one: -one["influence"] * one["psi"]),
        "scores": _scores(package, *windows),
    }


def _influence(platform: Platform, package: ModelPackage) -> dict[str, float]:
    path = platform.settings.packages / package.digest / "importance.json"
    return {str(one["feature"]): float(one["share"]) for one in json.loads(path.read_bytes())}


def _feature(distribution: Distribution, before: pd.DataFrame, after: pd.DataFrame) -> dict[str, Any] | None:
    """The feature's PSI and what moved most in it; None where it did not move noticeably."""
    counts = [_counts(distribution, rows[distribution.name]) for rows in (before, after)]
    value = float(psi(counts[0], counts[1]))
    if value < max(NOTICEABLE, _by_chance(*counts)):
        return None
    found: dict[str, Any] = {"feature": distribution.name, "psi": value}
    if distribution.categories:
        shares = [count / count.sum() for count in counts]
        place = int(np.argmax(np.abs(shares[1] - shares[0])))
        name = (*distribution.categories, "missing")[place]
        found |= {"what": f"share of {name}", "from": float(shares[0][place]), "to": float(shares[1][place])}
    else:
        means = [float(pd.to_numeric(rows[distribution.name]).mean()) for rows in (before, after)]
        found |= {"what": "mean", "from": means[0], "to": means[1]}
    return found


def _by_chance(before: np.ndarray, after: np.ndarray) -> float:
    """The PSI that two windows of one population stay below in 99 of 100 cases: chi-squared in the filled bins, by both sizes.

    Source: Yurdakul and Naranjo, Statistical properties of the population stability index, Journal of Risk Model Validation 14 (2020).
    """
    from scipy.stats import chi2

    bins = int(((before + after) > 0).sum())
    return float(chi2.ppf(0.99, max(bins - 1, 1)) * (1.0 / before.sum() + 1.0 / after.sum()))


def _counts(distribution: Distribution, values: pd.Series) -> np.ndarray:
    missing = int(values.isna().sum())
    if distribution.categories:
        counted = values.dropna().astype("str").value_counts()
        return np.array([*(counted.get(name, 0) for name in distribution.categories), missing], dtype=np.float64)
    known = pd.to_numeric(values).dropna().to_numpy(dtype=np.float64)
    places = np.searchsorted(distribution.edges, known, side="right")
    counts = np.bincount(places, minlength=len(distribution.counts))
    return np.append(counts, missing).astype(np.float64)


def _scores(package: ModelPackage, before: pd.DataFrame, after: pd.DataFrame) -> dict[str, Any]:
    """The exact split of the mean margin's shift between the windows over the features, the largest five."""
    old, new = package.explain(before), package.explain(after)
    split = over_features(
        old.features, old.values.mean(axis=0), new.values.mean(axis=0), float(old.base.mean()), float(new.base.mean())
    )
    return {
        "mean_margin": [split.before, split.now],
        "shift": split.shift,
        "through": [{"feature": part.subject, "value": part.value} for part in split.parts[:5]],
    }
