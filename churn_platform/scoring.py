"""The daily score: one row per observed customer with probability, band, decile, decision, reasons and provenance.

What belongs here: from margins and contributions to the row of `contracts/predictions.py`, and the contract that a whole day's frame
must meet. What does not: computing features or contributions, and publishing.
"""

from __future__ import annotations

import hashlib
from collections.abc import Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np
import pandas as pd

from churn_platform.contracts.predictions import BANDS, SCORE_COLUMNS

if TYPE_CHECKING:
    from churn_platform.policies import ScoringPolicy


class ScoringError(ValueError):
    """A day cannot be scored, or its scores break their contract; the message says what, how many rows, and the way out."""


@dataclass(frozen=True, slots=True)
class Provenance:
    """What every score row says about where it came from."""

    model_version: str
    model_digest: str
    feature_set: str
    feed: str
    simulated: bool


def feature_fingerprints(rows: pd.DataFrame, feature_set: str, names: Sequence[str]) -> pd.Series:
    """A 64-bit fingerprint per row of the feature values that were scored, as 16 hex digits.

    The same values in the same feature set give the same fingerprint on every machine; a trace compares it with the feature table's.

    Args:
        rows: (n, …) frame with the features, categories as text.
        feature_set: the set's name, part of the fingerprint.
        names: feature names in model order.

    Returns:
        (n,) strings on the index of `rows`.
    """
    key = hashlib.sha256("\0".join([feature_set, *names]).encode()).hexdigest()[:16]
    plain = pd.DataFrame(
        {
            name: rows[name].astype("float64")
            if pd.api.types.is_numeric_dtype(rows[name])
            else rows[name].astype("object").where(rows[name].notna(), "")
            for name in names
        },
        index=rows.index,
    )
    hashes = pd.util.hash_pandas_object(plain, index=False, hash_key=key, categorize=False)
    return hashes.map(lambda value: f"{value:016x}").astype("str")


def bands(probability: np.ndarray, policy: ScoringPolicy) -> np.ndarray:
    """`low`, `medium` or `high` by the policy's bounds, (n,) strings; a bound belongs to the band above it."""
    low, medium, high = BANDS
    return np.select([probability >= policy.band_high, probability >= policy.band_medium], [high, medium], low)


def deciles(probability: np.ndarray, cuts: Sequence[float]) -> np.ndarray:
    """The score's tenth within the reference distribution: 1 is the riskiest, 10 the safest, (n,) integers.

    Args:
        probability: (n,).
        cuts: the reference's nine inner decile edges, ascending.

    >>> deciles(np.array([0.0, 0.55, 0.95]), [0.1, 0.2, 0.3, 0.4, 0.5, 0.6, 0.7, 0.8, 0.9]).tolist()
    [10, 5, 1]
    """
    if len(cuts) != 9:
        raise ScoringError(
            f"deciles need nine reference cuts, got {len(cuts)}: the reference's scores are too few or all equal"
        )
    return 10 - np.searchsorted(np.asarray(cuts), probability, side="right")


def score_rows(
    rows: pd.DataFrame,
    *,
    features: Sequence[str],
    margin: np.ndarray,
    base_margin: np.ndarray,
    reasons: Sequence[str] | np.ndarray,
    cuts: Sequence[float],
    policy: ScoringPolicy,
    provenance: Provenance,
) -> pd.DataFrame:
    """Assemble the day's scores and hold them to their contract.

    Args:
        rows: (n, …) feature rows with customer_id and observation_date.
        features: the model's features in order.
        margin: (n,) calibrated margins; the probability is their logistic.
        base_margin: (n,) the calibrated base; base plus the row's contributions is the margin.
        reasons: (n,) JSON texts.
        cuts: the reference's decile edges.
        policy: policy block `scoring`.
        provenance: model, feature set and feed.

    Returns:
        (n, SCORE_COLUMNS) frame sorted by customer_id.

    Raises:
        ScoringError: no rows, a missing or impossible probability, a customer twice.
    """
    if len(rows) == 0:
        raise ScoringError(
            "there are no customers to score: zero rows is an error, not a quiet day; look at the day's ingestion"
        )
    probability = 1.0 / (1.0 + np.exp(-np.asarray(margin, dtype="float64")))
    band = bands(probability, policy)
    scores = pd.DataFrame(
        {
            "customer_id": rows["customer_id"].astype("str").to_numpy(),
            "observation_date": pd.to_datetime(rows["observation_date"]).dt.as_unit("s").to_numpy(),
            "probability": probability,
            "margin": np.asarray(margin, dtype="float64"),
            "base_margin": np.asarray(base_margin, dtype="float64"),
            "band": band,
            "decile": deciles(probability, cuts).astype("int32"),
            "decision": pd.Series(band).map({name: getattr(policy.decisions, name) for name in BANDS}).to_numpy(),
            "reasons": np.asarray(reasons, dtype="object"),
            "model_version": provenance.model_version,
            "model_digest": provenance.model_digest,
            "feature_set": provenance.feature_set,
            "feature_fingerprint": feature_fingerprints(rows, provenance.feature_set, features).to_numpy(),
            "feed": provenance.feed,
            "simulated": provenance.simulated,
        }
    )[list(SCORE_COLUMNS)]
    hold_to_contract(scores)
    return scores.sort_values(["observation_date", "customer_id"], kind="stable").reset_index(drop=True)


def hold_to_contract(scores: pd.DataFrame) -> None:
    """Raise ScoringError unless every row has a probability inside (0, 1), reasons and a decision, and no customer stands twice a day."""
    bad = ~(scores["probability"] > 0) | ~(scores["probability"] < 1)
    if bool(bad.any()):
        raise ScoringError(
            f"{int(bad.sum())} of {len(scores)} scores are missing or outside (0, 1), first: {scores.loc[bad, 'customer_id'].iloc[0]}"
        )
    blank = scores[["reasons", "decision", "band"]].isna().any(axis=1)
    if bool(blank.any()):
        raise ScoringError(f"{int(blank.sum())} of {len(scores)} scores lack a reason, band or decision")
    twice = scores.duplicated(["customer_id", "observation_date"])
    if bool(twice.any()):
        raise ScoringError(f"customer {scores.loc[twice, 'customer_id'].iloc[0]} is scored twice on one day")
