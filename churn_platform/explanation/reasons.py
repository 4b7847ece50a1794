"""The few features that matter most for each customer, in business words: as values, and as the JSON of a daily score.

Belongs here: which reasons are picked, their order, their JSON. Does not belong here: the phrases (`wording`), the
numbers (`contributions`, `pattern_tables`).

The order, everywhere: contributions towards leaving (above 0) first, the largest first, up to k. A row with fewer
than k of them is filled with its strongest contributions towards staying (below 0); the list stays sorted by
descending contribution, so the strongest protection stands last. A contribution of exactly 0 is no reason: such a row
may have fewer than k.
"""

from __future__ import annotations

import json
from collections.abc import Hashable, Iterable
from dataclasses import dataclass
from threading import Lock
from typing import TYPE_CHECKING, Literal

import numpy as np
import pandas as pd
from numpy.typing import NDArray

from churn_platform.contracts.features import Feature, FeatureSet
from churn_platform.explanation.contributions import Contributions
from churn_platform.explanation.errors import ExplanationError
from churn_platform.explanation.wording import is_missing, reason_text

if TYPE_CHECKING:
    import pyarrow as pa

LARGEST_TOLD = 1e6  # log-odds: far beyond any model, and such that its millionths are whole numbers in float64

ENCODED = 1 << 17
"""Reasons that are kept as JSON, of all features together: some 40 MB. A block may go beyond it by its own."""

NO_ORDER = "a contribution is NaN or infinite, so there is no order: see check_sum for the row"

Direction = Literal["leaving", "staying"]


@dataclass(frozen=True, slots=True)
class Reason:
    """One feature of one customer: its value, what it adds to the margin (log-odds), and what a retention manager
    would say."""

    feature: str
    value: str | float | None
    contribution: float
    text: str

    @property
    def direction(self) -> Direction:
        """Whether it pulls towards leaving or towards staying."""
        return "leaving" if self.contribution > 0 else "staying"

    def as_dict(self) -> dict[str, str | float | None]:
        """The JSON form: feature, value, contribution, text."""
        return {"feature": self.feature, "value": self.value, "contribution": self.contribution, "text": self.text}


def rank(contributions: NDArray[np.floating], k: int) -> NDArray[np.intp]:
    """The columns of each row's top k contributions (rows, min(k, features)), in the module's order; -1 where there
    is none.

    Ties go to the earlier column, so the answer does not depend on the row's neighbours or on threads.

    >>> rank(np.array([[0.1, -0.9, 0.7, -0.2], [-0.1, -0.9, 0.0, -0.2]]), k=3).tolist()
    [[2, 0, 1], [0, 3, 1]]
    >>> rank(np.array([[0.0, 0.3]]), k=2).tolist()
    [[1, -1]]
    """
    _require_order(contributions, k)
    features = contributions.shape[1]
    k = min(k, features)
    order = np.argsort(-contributions, axis=1, kind="stable")
    positive = (contributions > 0).sum(axis=1, keepdims=True)
    slot = np.arange(k)
    chosen = np.take_along_axis(order, np.where(slot < positive, slot, features - k + slot), axis=1)
    zero = np.take_along_axis(contributions, chosen, axis=1) == 0
    if zero.any():
        chosen = np.where(zero, -1, chosen)
        # the empty places go to the end, the rest keeps its order
        chosen = np.take_along_axis(chosen, np.argsort(zero, axis=1, kind="stable"), axis=1)
    return chosen


def top_reasons(
    contributions: Contributions, values: pd.DataFrame, feature_set: FeatureSet, k: int
) -> list[list[Reason]]:
    """The top k reasons of each row, as values. For many rows `reasons_column` is much faster.

    `values` holds the rows' features as the customer has them (categories as text, missing as None or NaN), in the
    same row order.
    """
    chosen = rank(contributions.values, k)
    features = _features(contributions, values, feature_set)
    columns = [values[feature.name].to_numpy(dtype=object) for feature in features]
    rows: list[list[Reason]] = []
    for row, picked in enumerate(chosen):
        reasons = []
        for j in picked[picked >= 0]:
            amount = float(contributions.values[row, j])
            feature, value = features[j], columns[j][row]
            text = reason_text(feature, value, amount > 0)
            reasons.append(Reason(feature.name, _plain(feature, value), amount, text))
        rows.append(reasons)
    return rows


def reasons_json(
    contributions: Contributions, values: pd.DataFrame, feature_set: FeatureSet, k: int, decimals: int = 6
) -> NDArray[np.object_]:
    """The top k reasons of each row as JSON text (rows,): `reasons_column` as Python strings."""
    return np.asarray(reasons_column(contributions, values, feature_set, k, decimals).to_numpy(zero_copy_only=False))


def reasons_column(
    contributions: Contributions, values: pd.DataFrame, feature_set: FeatureSet, k: int, decimals: int = 6
) -> pa.LargeStringArray:
    """The top k reasons of each row as JSON text (rows,), for the `reasons` column of the daily scores.

    The same reasons as `top_reasons`, contributions rounded to `decimals` places (1 to 9). Each distinct (feature, value,
    direction) is worded and encoded once; the texts are put together by compiled loops, without a Python string per row.
    """
    import pyarrow as pa

    from churn_platform.explanation import reason_bytes

    if not 1 <= decimals <= 9:
        raise ExplanationError(f"contributions are told with 1 to 9 decimals, not {decimals}")
    _require_reasons(k)
    amounts = np.ascontiguousarray(contributions.values)
    most = reason_bytes.largest(amounts)
    if not np.isfinite(most):
        raise ExplanationError(NO_ORDER)
    if most > LARGEST_TOLD:
        raise ExplanationError(f"a contribution is beyond ±{LARGEST_TOLD:,.0f} log-odds: the model is broken")
    features = _features(contributions, values, feature_set)
    rows = len(amounts)
    chosen = np.empty((rows, min(k, len(features))), dtype=np.int16)
    reason_bytes.pick_rows(amounts, chosen)
    codes = np.empty((len(features), rows), dtype=np.int32)
    distinct = []
    for j, feature in enumerate(features):
        codes[j], cells = pd.factorize(values[feature.name], use_na_sentinel=False)
        distinct.append(cells)
    first = np.zeros(len(features) + 1, dtype=np.int64)
    np.cumsum([2 * len(cells) for cells in distinct], out=first[1:])
    fragments = np.zeros(chosen.shape, dtype=np.int64)
    used = np.zeros(first[-1], dtype=np.bool_)
    reason_bytes.place_rows(amounts, chosen, codes, first, fragments, used)
    texts: list[tuple[bytes, bytes]] = []
    for j, feature in enumerate(features):
        wanted = np.flatnonzero(used[first[j] : first[j + 1]])
        cells = np.asarray(distinct[j])[wanted >> 1].tolist()
        texts += _encoded(feature, zip(cells, (wanted & 1).tolist(), strict=True))
    places = np.flatnonzero(used)
    before, before_bytes = _joined(places, [text for text, _ in texts], len(used))
    after, after_bytes = _joined(places, [text for _, text in texts], len(used))
    numbers = np.zeros(chosen.shape, dtype=np.int64)
    ends = np.empty(rows + 1, dtype=np.int64)
    reason_bytes.measure_rows(amounts, chosen, fragments, before, after, decimals, numbers, ends)
    # Arrow keeps freed memory for the next block, where numpy gives it back and fetches cleared pages again: half the time (measured)
    buffer = pa.allocate_buffer(int(ends[-1]) + reason_bytes.PADDING)
    out = np.frombuffer(buffer, dtype=np.uint8)
    parts = (before, before_bytes, after, after_bytes)
    if not reason_bytes.write_rows(amounts, chosen, fragments, *parts, decimals, numbers, ends, out):
        raise AssertionError("a row of reasons did not end where it was measured to end")
    return pa.LargeStringArray.from_buffers(rows, pa.py_buffer(ends), buffer.slice(0, int(ends[-1])))


def _joined(places: NDArray[np.intp], texts: list[bytes], count: int) -> tuple[NDArray[np.int64], NDArray[np.uint8]]:
    """Where the text of each of `count` places starts (count + 1,), and all of them behind each other; a place without a text has
    an empty one."""
    from churn_platform.explanation.reason_bytes import PADDING

    lengths = np.zeros(count, dtype=np.int64)
    lengths[places] = [len(text) for text in texts]
    starts = np.zeros(count + 1, dtype=np.int64)
    np.cumsum(lengths, out=starts[1:])
    return starts, np.frombuffer(b"".join([*texts, bytes(PADDING)]), dtype=np.uint8)


def _require_order(contributions: NDArray[np.floating], k: int) -> None:
    _require_reasons(k)
    if not np.isfinite(contributions).all():
        raise ExplanationError(NO_ORDER)


def _require_reasons(k: int) -> None:
    if k < 1:
        raise ExplanationError(f"k = {k} asks for no reasons: set the policy's number of reasons to at least 1")


_json = json.JSONEncoder(ensure_ascii=False).encode


class _Encoded(dict[tuple[Hashable, int], tuple[bytes, bytes]]):
    """The JSON of one feature's reasons by value and direction (1 towards leaving), before and after the contribution; written when
    it is first asked for."""

    def __init__(self, feature: Feature) -> None:
        super().__init__()
        self.feature = feature

    def __missing__(self, key: tuple[Hashable, int]) -> tuple[bytes, bytes]:
        value, towards_leaving = key
        shown = _json(_plain(self.feature, value))
        text = _json(reason_text(self.feature, value, bool(towards_leaving)))
        before = f'{{"feature": "{self.feature.name}", "value": {shown}, "contribution": '
        self[key] = found = (before.encode(), f', "text": {text}}}'.encode())
        return found


_kept: dict[Feature, _Encoded] = {}  # a day's blocks share most values
_wording = Lock()  # blocks are worded side by side: the second finds what the first has written


def _encoded(feature: Feature, keys: Iterable[tuple[Hashable, int]]) -> list[tuple[bytes, bytes]]:
    """The JSON of some reasons of a feature, by value and direction, before and after the contribution."""
    with _wording:
        if sum(map(len, _kept.values())) > ENCODED:
            _kept.clear()
        known = _kept.setdefault(feature, _Encoded(feature))
        return [known[key] for key in keys]


def told(feature: Feature, value: Hashable, towards_leaving: bool) -> tuple[str | float | None, str]:
    """One reason's value as JSON holds it, and its words; what a request is answered with."""
    return _plain(feature, value), reason_text(feature, value, towards_leaving)


def _plain(feature: Feature, value: object) -> str | float | None:
    """A cell as JSON can hold it: text, a number (whole ones without a point), or null for a missing one."""
    if is_missing(value):
        return None
    if feature.is_categorical:
        return str(value)
    number = float(value)  # type: ignore[arg-type]
    return int(number) if number == int(number) else number


def _features(contributions: Contributions, values: pd.DataFrame, feature_set: FeatureSet) -> list[Feature]:
    if len(values) != len(contributions):
        raise ExplanationError(
            f"{len(values)} rows of values for {len(contributions)} rows of contributions: "
            "both must come from the same frame"
        )
    absent = [name for name in contributions.features if name not in values.columns]
    if absent:
        raise ExplanationError(f"the values lack {', '.join(absent)}: pass the frame that was scored")
    unknown = [name for name in contributions.features if name not in feature_set.names]
    if unknown:
        raise ExplanationError(
            f"feature set {feature_set.name} has no {', '.join(unknown)}: the model belongs to another feature set"
        )
    return [feature_set.feature(name) for name in contributions.features]
