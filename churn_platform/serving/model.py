"""One loaded model: a row of features in, probability, band, decision and exact reasons out, in some tens of microseconds.

What belongs here: a verified package made ready to answer. What does not: verifying it (`adapters/packages.py`), which model answers
whom (`routing.py`), the web (`app.py`).
"""

from __future__ import annotations

import json
from bisect import bisect_right
from collections.abc import Callable, Hashable, Mapping
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any

import numpy as np

from churn_platform.contracts.features import FEATURE_SETS, Feature, FeatureSet
from churn_platform.training.candidate import ACTION_FILE, ModelPackage

if TYPE_CHECKING:
    import pandas as pd
    from numpy.typing import NDArray

FEATURE_SQL_FILE = "features.sql"
WORDS_KEPT = 1 << 16
"""Worded values kept: most customers share them; a number that only one customer has is worded again."""


class ModelNotServableError(ValueError):
    """The package is whole, but cannot answer requests; the message says why."""


@dataclass(frozen=True, slots=True)
class Prediction:
    """One answer of one model. `base_margin`, the reasons' contributions and `other_contributions` sum to `margin`, in this order,
    of which `probability` is the logistic."""

    probability: float
    margin: float
    base_margin: float
    other_contributions: float
    band: str
    decision: str
    decile: int
    reasons: tuple[dict[str, Any], ...]


@dataclass(frozen=True)
class OnlineModel:
    """A model that answers. Make it with `from_files`; its methods may be called from any thread."""

    version: str
    digest: str
    package: ModelPackage
    feature_set: FeatureSet
    features: tuple[Feature, ...]
    bounds: tuple[float, float]
    decisions: Mapping[str, str]
    feature_sql: str
    reasons: int
    _words: dict[tuple[int, Hashable, bool], tuple[str | float | None, str]] = field(default_factory=dict, repr=False)

    @classmethod
    def from_files(cls, version: str, digest: str, files: Mapping[str, bytes], reasons: int) -> OnlineModel:
        """The model of a verified package's `files`; `reasons` is how many are told (policy `scoring.reasons`).

        Bands and decisions are the package's own, so that going back to a package brings them back too.

        Raises:
            ModelFileError, ReferenceBaselineError, ExplanationError: a file is not of this version, or of another model.
            ModelNotServableError: the package has no pattern tables, whose answers a request can wait for.
        """
        package = ModelPackage.from_files(digest, files)
        if package.pattern_tables is None:
            raise ModelNotServableError(
                f"{version} has no pattern tables (its trees are too large for them): a request would wait for its reasons; "
                "train shallower trees"
            )
        actions = json.loads(files[ACTION_FILE])
        feature_set = FEATURE_SETS[package.model.feature_set]
        return cls(
            version,
            digest,
            package,
            feature_set,
            package.features,
            (float(actions["band_medium"]), float(actions["band_high"])),
            dict(actions["decisions"]),
            files[FEATURE_SQL_FILE].decode(),
            reasons,
        )

    def values(self, frame: pd.DataFrame) -> NDArray[np.float32]:
        """Feature rows as the model sees them, float32 (rows, features); FeatureValueError names what it does not know."""
        return self.package.model.values(frame)

    def predict(self, values: NDArray[np.float32], value_of: Callable[[str], Any]) -> Prediction:
        """The answer for one row.

        Args:
            values: (1, features) as `values` makes them.
            value_of: a feature's value by its name as the customer has it, for the reasons' words.

        Raises:
            ModelNotServableError: the margin is not finite.
        """
        from churn_platform.explanation.reason_bytes import pick_rows

        explained = self.package.contributions(values, threads=1)
        margin = float(explained.margin[0])
        probability = float((1.0 / (1.0 + np.exp(-explained.margin)))[0])
        if not 0.0 < probability < 1.0:
            raise ModelNotServableError(f"{self.version} gives the margin {margin}: no probability inside (0, 1)")
        amounts = np.ascontiguousarray(explained.values)
        chosen = np.empty((1, min(self.reasons, amounts.shape[1])), dtype=np.int16)
        pick_rows(amounts, chosen)
        base = float(explained.base[0])
        reasons, shown = [], base
        for place in chosen[0].tolist():
            if place < 0:
                break
            name, amount = self.features[place].name, float(amounts[0, place])
            value, text = self._told(place, value_of(name), amount > 0)
            reasons.append({"feature": name, "value": value, "contribution": amount, "text": text})
            shown += amount
        band = ("low", "medium", "high")[bisect_right(self.bounds, probability)]
        return Prediction(
            probability=probability,
            margin=margin,
            base_margin=base,
            other_contributions=margin - shown,
            band=band,
            decision=self.decisions[band],
            decile=10 - bisect_right(self.package.reference.decile_cuts, probability),
            reasons=tuple(reasons),
        )

    def _told(self, place: int, value: Hashable, towards_leaving: bool) -> tuple[str | float | None, str]:
        from churn_platform.explanation.reasons import told

        key = (place, value, towards_leaving)
        words = self._words.get(key)
        if words is None:
            if len(self._words) >= WORDS_KEPT:
                self._words.clear()
            words = self._words[key] = told(self.features[place], value, towards_leaving)
        return words
