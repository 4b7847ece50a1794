"""The rows of a day's scores: from margins and reasons to probability, band, decile, decision and provenance.

What belongs here: what each column holds. What does not: whether a whole day may be published (`contract`, `order`).
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from functools import lru_cache
from typing import TYPE_CHECKING

import numpy as np
import pandas as pd
import pyarrow as pa
from pandas.api.extensions import ExtensionArray

from churn_platform.contracts.predictions import BANDS, SCORE_COLUMNS
from churn_platform.scoring.contract import hold_rows_to_contract
from churn_platform.scoring.errors import NOBODY, ScoringError
from churn_platform.scoring.fingerprint import feature_fingerprints
from churn_platform.scoring.order import refuse_customers_twice

if TYPE_CHECKING:
    from churn_platform.policies import ScoringPolicy


@dataclass(frozen=True, slots=True)
class Provenance:
    """What every score row says about where it came from."""

    model_version: str
    model_digest: str
    feature_set: str
    feed: str
    simulated: bool


def bands(probability: np.ndarray, policy: ScoringPolicy) -> np.ndarray:
    """`low`, `medium` or `high` by the policy's bounds, (n,) strings; a bound belongs to the band above it."""
    return np.take(np.array(BANDS), _band_places(probability, policy))


def _band_places(probability: np.ndarray, policy: ScoringPolicy) -> np.ndarray:
    places: np.ndarray = np.searchsorted([policy.band_medium, policy.band_high], probability, side="right")
    return places


def deciles(probability: np.ndarray, cuts: Sequence[float]) -> np.ndarray:
    """The score's tenth within the reference distribution: 1 is the riskiest, 10 the safest, (n,) integers.

    Args:
        probability: (n,).
        cuts: the reference's nine inner decile edges, ascending; equal ones leave the tenths between them empty.

    Raises:
        ScoringError: not nine numbers in ascending order.

    >>> deciles(np.array([0.0, 0.55, 0.95]), [0.1, 0.2, 0.3, 0.4, 0.5, 0.6, 0.7, 0.8, 0.9]).tolist()
    [10, 5, 1]
    """
    edges = np.asarray(cuts, dtype="float64")
    if len(edges) != 9 or not bool(np.all(np.diff(edges) >= 0)):
        raise ScoringError(
            f"deciles need nine reference cuts in ascending order, got {list(cuts)}: the model package's reference is damaged"
        )
    return 10 - np.searchsorted(edges, probability, side="right")


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
    """Assemble the day's scores and hold them to their contract: `score_block` of the whole day, in the order of its customers.

    Raises:
        ScoringError: as `score_block`, or a customer twice.
    """
    scores = score_block(
        rows,
        features=features,
        margin=margin,
        base_margin=base_margin,
        reasons=reasons,
        cuts=cuts,
        policy=policy,
        provenance=provenance,
    )
    refuse_customers_twice(scores)
    return scores.sort_values(["observation_date", "customer_id"], kind="stable").reset_index(drop=True)


def score_block(
    rows: pd.DataFrame,
    *,
    features: Sequence[str],
    margin: np.ndarray,
    base_margin: np.ndarray,
    reasons: Sequence[str] | np.ndarray | ExtensionArray,
    cuts: Sequence[float],
    policy: ScoringPolicy,
    provenance: Provenance,
) -> pd.DataFrame:
    """Scores of some of a day's rows, in their order, each held to the contract; that no customer stands twice is the whole day's
    affair (`day_order`, `score_rows`).

    Args:
        rows: (n, …) feature rows with customer_id and observation_date.
        features: the model's features in order.
        margin: (n,) calibrated margins; the probability is their logistic.
        base_margin: (n,) the calibrated base; base plus the row's contributions is the margin.
        reasons: (n,) JSON texts; a pandas string array is taken as it is.
        cuts: the reference's decile edges.
        policy: policy block `scoring`.
        provenance: model, feature set and feed.

    Returns:
        (n, SCORE_COLUMNS) frame.

    Raises:
        ScoringError: no rows, a missing or impossible probability.
    """
    if len(rows) == 0:
        raise ScoringError(NOBODY)
    lengths = {"margin": len(margin), "base_margin": len(base_margin), "reasons": len(reasons)}
    short = [f"{count} {name}" for name, count in lengths.items() if count != len(rows)]
    if short:
        raise ScoringError(f"{len(rows)} rows got {' and '.join(short)} values: each row needs one of each")
    with np.errstate(over="ignore"):  # a margin below -709 has probability 0, which the contract refuses
        probability = 1.0 / (1.0 + np.exp(-np.asarray(margin, dtype="float64")))
    band = _band_places(probability, policy)

    def same(text: str) -> ExtensionArray:
        return _repeated(text, len(rows))

    scores = pd.DataFrame(
        {
            "customer_id": rows["customer_id"].astype("str").array,
            "observation_date": pd.to_datetime(rows["observation_date"]).dt.as_unit("s").to_numpy(),
            "probability": probability,
            "margin": np.asarray(margin, dtype="float64"),
            "base_margin": np.asarray(base_margin, dtype="float64"),
            "band": pd.array(BANDS, dtype="str").take(band),
            "decile": deciles(probability, cuts).astype("int32"),
            "decision": pd.array([getattr(policy.decisions, name) for name in BANDS], dtype="str").take(band),
            "reasons": reasons if isinstance(reasons, ExtensionArray) else np.asarray(reasons, dtype="object"),
            "model_version": same(provenance.model_version),
            "model_digest": same(provenance.model_digest),
            "feature_set": same(provenance.feature_set),
            "feature_fingerprint": feature_fingerprints(rows, provenance.feature_set, features).array,
            "feed": same(provenance.feed),
            "simulated": provenance.simulated,
        }
    )[list(SCORE_COLUMNS)]
    hold_rows_to_contract(scores)
    return scores


@lru_cache(maxsize=16)  # the same five columns in each full block of a day
def _repeated(text: str, count: int) -> ExtensionArray:
    repeated: ExtensionArray = pd.array(pa.repeat(pa.scalar(text, pa.large_string()), count), dtype="str")
    return repeated
