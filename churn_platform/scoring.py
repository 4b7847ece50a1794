"""The daily score: one row per observed customer with probability, band, decile, decision, reasons and provenance.

What belongs here: from margins and contributions to the row of `contracts/predictions.py`, and the contract that a whole day's frame
must meet. What does not: computing features or contributions, and publishing.
"""

from __future__ import annotations

import hashlib
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from functools import lru_cache
from typing import TYPE_CHECKING

import numpy as np
import pandas as pd
import pyarrow as pa
import pyarrow.compute as pc
from pandas.api.extensions import ExtensionArray

from churn_platform.contracts.predictions import BANDS, SCORE_COLUMNS

if TYPE_CHECKING:
    from churn_platform.policies import ScoringPolicy

FINGERPRINT_DIGITS = 16
HEX_OF_BYTE = np.frombuffer(b"".join(b"%02x" % byte for byte in range(256)), dtype="uint16")
NOBODY = "there are no customers to score: zero rows is an error, not a quiet day; look at the day's ingestion"


class ScoringError(ValueError):
    """A day cannot be scored, or its scores break their contract; the message says what and how many rows."""


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

    The same values in the same feature set give the same fingerprint on every machine, whatever the other rows and the columns'
    dtypes (12 and 12.0, None and NaN are one); a trace compares it with the feature table's.

    Args:
        rows: (n, …) frame with the features, categories as text.
        feature_set: the set's name, part of the fingerprint.
        names: feature names in model order.

    Returns:
        (n,) strings on the index of `rows`.
    """
    key = hashlib.sha256("\0".join([feature_set, *names]).encode()).digest()
    total = np.full(len(rows), int.from_bytes(key[:8], "big"), dtype="uint64")
    for name in names:
        # multiply, then add: the columns' order counts (FNV's 64-bit prime)
        total = total * np.uint64(1_099_511_628_211) + _value_hashes(rows[name])
    digits = HEX_OF_BYTE[pd.util.hash_array(total).astype(">u8").view("uint8")]
    ends = np.arange(len(rows) + 1, dtype="int64") * FINGERPRINT_DIGITS
    texts = pa.LargeStringArray.from_buffers(len(rows), pa.py_buffer(ends), pa.py_buffer(digits))
    return pd.Series(pd.array(texts, dtype="str"), index=rows.index)


def _value_hashes(values: pd.Series) -> np.ndarray:
    """A 64-bit hash per value, which depends on that value alone; every missing value has the same."""
    if isinstance(values.dtype, pd.CategoricalDtype | pd.StringDtype):  # each distinct value is hashed once
        codes, distinct = _coded(values)
        of_distinct = [_object_hash(value) for value in np.asarray(distinct, dtype="object")]
        coded: np.ndarray = np.array([*of_distinct, 0], dtype="uint64")[codes]  # a missing value's code is -1: the last
        return coded
    gone = values.isna().to_numpy()
    if pd.api.types.is_numeric_dtype(values):
        numbers = values.astype("float64").to_numpy() + 0.0  # -0.0 is 0.0
        hashes = pd.util.hash_array(numbers)
    else:
        texts = values.astype("object").where(~values.isna(), "").to_numpy()
        hashes = np.array([_object_hash(value) for value in texts], dtype="uint64")
    return np.where(gone, np.uint64(0), hashes)


def _coded(values: pd.Series) -> tuple[np.ndarray, pd.Index]:
    """Each value's place among the distinct ones, −1 where it is missing, and the distinct ones."""
    if isinstance(values.dtype, pd.CategoricalDtype):
        return values.cat.codes.to_numpy(), values.cat.categories
    return pd.factorize(values)


def _object_hash(value: object) -> int:
    if isinstance(value, int | float | np.number) and not isinstance(value, bool):
        return int(pd.util.hash_array(np.array([float(value) + 0.0]))[0])
    return int.from_bytes(hashlib.blake2b(str(value).encode(), digest_size=8).digest(), "big")


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


def day_order(rows: pd.DataFrame) -> np.ndarray:
    """The order in which a day's rows are scored and published, (n,) places: by day and customer.

    Raises:
        ScoringError: no rows, or a customer twice a day.
    """
    if len(rows) == 0:
        raise ScoringError(NOBODY)
    keys = rows[["customer_id", "observation_date"]].reset_index(drop=True)
    keys["customer_id"] = keys["customer_id"].astype("str")
    keys["observation_date"] = pd.to_datetime(keys["observation_date"])
    days = keys["observation_date"].to_numpy()
    if not pd.isna(days[0]) and bool((days == days[0]).all()) and _ascending(keys["customer_id"]):
        return np.arange(len(rows))
    _refuse_customers_twice(keys)
    return keys.sort_values(["observation_date", "customer_id"], kind="stable").index.to_numpy()


def _ascending(texts: pd.Series) -> bool:
    """Whether each text is above the one before it, so that none stands twice; False where one is missing."""
    column = pa.array(texts)
    return column.null_count == 0 and bool(pc.all(pc.less(column[:-1], column[1:])).as_py() is not False)


def checked_places(rows: int, at_most: int) -> np.ndarray:
    """Which of a day's rows have their margin compared with the booster's own: all up to `at_most`, then evenly spaced ones.

    >>> checked_places(3, 8).tolist(), checked_places(10, 4).tolist()
    ([0, 1, 2], [0, 3, 6, 9])
    """
    return np.arange(0, rows, max(1, -(-rows // at_most)))


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
    _refuse_customers_twice(scores)
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
    _hold_rows_to_contract(scores)
    return scores


@lru_cache(maxsize=16)  # the same five columns in each full block of a day
def _repeated(text: str, count: int) -> ExtensionArray:
    repeated: ExtensionArray = pd.array(pa.repeat(pa.scalar(text, pa.large_string()), count), dtype="str")
    return repeated


def hold_to_contract(scores: pd.DataFrame) -> None:
    """Raise ScoringError unless every row has a probability inside (0, 1), a base, reasons and a decision, and no customer stands
    twice a day.
    """
    _hold_rows_to_contract(scores)
    _refuse_customers_twice(scores)


def hold_blocks_to_contract(blocks: Iterable[pd.DataFrame], rows: int) -> None:
    """Hold a day's scores to their contract block by block, in published order: the same as `hold_to_contract` of them together,
    in the memory of one block.

    Raises:
        ScoringError: a row breaks the contract, a customer stands twice or out of order, or there are not `rows` of them.
    """
    last = None
    seen = 0
    for block in blocks:
        _hold_rows_to_contract(block)
        first = tuple(block[["observation_date", "customer_id"]].iloc[0])
        ordered = block["observation_date"].nunique() > 1 or _ascending(block["customer_id"])
        if not ordered or (last is not None and not last < first):
            _refuse_customers_twice(block)
            raise ScoringError(
                f"the scores are not in the order of their customers, near {first[1]}: publish the day again"
            )
        last = tuple(block[["observation_date", "customer_id"]].iloc[-1])
        seen += len(block)
    if seen != rows:
        raise ScoringError(f"{seen} scores are published where the pointer says {rows}: publish the day again")


def _hold_rows_to_contract(scores: pd.DataFrame) -> None:
    absent = [name for name in SCORE_COLUMNS if name not in scores]
    if absent or scores.empty:
        raise ScoringError(f"the scores lack {', '.join(absent) or 'rows'}: nothing is published")
    bad = ~(scores["probability"] > 0) | ~(scores["probability"] < 1)
    if bool(bad.any()):
        raise ScoringError(
            f"{int(bad.sum())} of {len(scores)} scores are missing or outside (0, 1), "
            f"first: {scores.loc[bad, 'customer_id'].iloc[0]}"
        )
    blank = scores[["customer_id", "observation_date", "base_margin", "reasons", "decision", "band"]].isna().any(axis=1)
    if bool(blank.any()):
        raise ScoringError(
            f"{int(blank.sum())} of {len(scores)} scores lack a customer, day, base, reason, band or decision"
        )


def _refuse_customers_twice(scores: pd.DataFrame) -> None:
    twice = scores.duplicated(["customer_id", "observation_date"])
    if bool(twice.any()):
        raise ScoringError(f"customer {scores.loc[twice, 'customer_id'].iloc[0]} is scored twice on one day")
