"""`PatternTables`: a booster's exact contributions, fast.

Belongs here: building from a booster, checking against it, taking rows in and giving contributions out. Does not belong
here: what the tables hold (`build`), how they are read (`kernels`), what to do where they cannot be used (`explainer`).
"""

from __future__ import annotations

import hashlib
import os
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass, field
from itertools import pairwise
from typing import TYPE_CHECKING, Any

import numpy as np
import pandas as pd
from numpy.typing import NDArray

from churn_platform.explanation.categories import Categories, stored_categories
from churn_platform.explanation.errors import ExplanationError, TablesFileError, TablesTooLargeError
from churn_platform.explanation.pattern_tables import storage
from churn_platform.explanation.pattern_tables.build import build_table
from churn_platform.explanation.pattern_tables.ensemble import Ensemble, parse
from churn_platform.explanation.pattern_tables.folding import Folded, fold
from churn_platform.explanation.pattern_tables.layout import MOST_ENTRIES, Layout, lay_out
from churn_platform.explanation.pattern_tables.leaf_groups import LeafGroup, leaf_groups
from churn_platform.explanation.pattern_tables.rows import model_values
from churn_platform.explanation.pattern_tables.verification import refuse_unlike_booster
from churn_platform.explanation.reasons import rank

if TYPE_CHECKING:
    import xgboost

Floats = NDArray[np.float64]
Progress = Callable[[int, int], None]

# of 128 … 16,384, as fast as the fastest at depths 3 to 6, in the least memory; larger tables fall out of the cache
ENTRIES_PER_TABLE = 512
# twenty times what 500 trees of depth 6 need; beyond, the tables would crowd out what else a server holds
BYTES_AT_MOST = 256 << 20
# fewer rows are explained sooner than a second thread starts
ROWS_PER_THREAD = 4096


@dataclass(frozen=True, slots=True)
class PatternTables:
    """Exact path-dependent TreeSHAP of one booster by table lookup. Build with `from_booster`, keep with `to_bytes`.

    `features` are the model's inputs in order; `base` is the margin expected when nothing is known of a row;
    `booster_digest` is the SHA-256 of the booster's JSON. `layout` holds all tables, as built and stored; rows go through `rest` and
    `folded`, the same with the tables of one feature alone put together. Rows are a frame, or an array (rows, features) in model order
    with categories as codes; see `rows.model_values`.
    """

    features: tuple[str, ...]
    categories: Categories
    base: float
    trees: int
    booster_digest: str
    layout: Layout
    rest: Layout = field(init=False, repr=False, compare=False)
    folded: Folded = field(init=False, repr=False, compare=False)

    def __post_init__(self) -> None:
        rest, folded = fold(self.layout, len(self.features))
        object.__setattr__(self, "rest", rest)
        object.__setattr__(self, "folded", folded)

    @classmethod
    def from_booster(
        cls,
        booster: xgboost.Booster,
        progress: Progress | None = None,
        max_entries: int = ENTRIES_PER_TABLE,
        max_bytes: int = BYTES_AT_MOST,
    ) -> PatternTables:
        """Build the tables of all trees of `booster`; `progress(done, total)` is called after each tree.

        `max_entries` bounds the patterns of one table (larger trees are cut), `max_bytes` the memory of all.

        Raises UnsupportedModelError for a model of another kind, TablesTooLargeError if its trees are too deep for the
        memory allowed: use `Explainer`, which falls back to `pred_contribs` and says so. The tables are compared with
        the booster's own margins and contributions on made rows before they are given out.
        """
        model_json = bytes(booster.save_raw("json"))
        ensemble = parse(model_json)
        groups = _groups(ensemble, max_entries, max_bytes)
        tables = []
        for done, of_tree in enumerate(groups, start=1):
            tables += [build_table(group, ensemble.columns) for group in of_tree]
            if progress is not None:
                progress(done, len(groups))
        base = ensemble.base_margin + sum(table.expected for table in tables)
        built = cls(
            ensemble.features,
            stored_categories(booster),
            base,
            len(ensemble.trees),
            booster_digest(model_json),
            lay_out(tables, ensemble.columns),
        )
        refuse_unlike_booster(built, booster)
        return built

    @property
    def nbytes(self) -> int:
        """Memory of the tables."""
        return self.layout.nbytes

    def contributions(self, rows: pd.DataFrame | NDArray[Any], threads: int | None = None) -> Floats:
        """Contributions (rows, features + 1) float64, the base last, as `pred_contribs` lays them out.

        The result is the same, bit for bit, for any number of threads (default: one per processor), and for a row alone
        or among others. Raises ExplanationError for rows that cannot be explained.
        """
        from churn_platform.explanation.pattern_tables import kernels

        values = model_values(rows, self.features, self.categories)
        count = len(values)
        found = np.empty((count, len(self.features) + 1))
        found[:, -1] = self.base
        amounts = found[:, :-1]
        if count == 1:
            self._refuse_bad_value(kernels.explain_row(values, amounts, 0, self.rest, self.folded), values)
            return found

        def explain(part: tuple[int, int]) -> tuple[int, int, int]:
            return kernels.explain_rows(values, amounts, *part, self.rest, self.folded)

        parts = _parts(count, kernels.BLOCK, threads)
        if len(parts) == 1:
            self._refuse_bad_value(explain(parts[0]), values)
            return found
        with ThreadPoolExecutor(len(parts)) as pool:
            for outcome in list(pool.map(explain, parts)):
                self._refuse_bad_value(outcome, values)
        return found

    def margin(self, rows: pd.DataFrame | NDArray[Any], threads: int | None = None) -> Floats:
        """The margin (rows,): base plus contributions, which is the booster's own up to rounding."""
        margin: Floats = self.contributions(rows, threads).sum(axis=1)
        return margin

    def top_reasons(
        self, rows: pd.DataFrame | NDArray[Any], k: int, threads: int | None = None
    ) -> tuple[NDArray[np.intp], Floats]:
        """Each row's top k features, as places in `features`, and their contributions, both (rows, k), in the order of
        `reasons.rank`; where there is no k-th reason, −1 and 0."""
        amounts = self.contributions(rows, threads)[:, :-1]
        chosen = rank(amounts, k)
        return chosen, np.where(chosen >= 0, np.take_along_axis(amounts, np.maximum(chosen, 0), axis=1), 0.0)

    def to_bytes(self) -> bytes:
        """The tables as bytes; the same tables give the same bytes."""
        described = storage.Stored(self.features, self.categories, self.base, self.trees, self.booster_digest)
        return storage.write(described, self.layout)

    @classmethod
    def from_bytes(cls, data: bytes, booster_digest: str) -> PatternTables:
        """What `to_bytes` wrote. Raises TablesFileError if the bytes are damaged, or of a model with another digest."""
        stored, layout = storage.read(data)
        if stored.booster_digest != booster_digest:
            raise TablesFileError(
                f"the pattern tables are of the model {stored.booster_digest[:12]}, not of {booster_digest[:12]}: "
                f"{storage.REBUILD}"
            )
        return cls(stored.features, stored.categories, stored.base, stored.trees, stored.booster_digest, layout)

    def _refuse_bad_value(self, outcome: tuple[int, int, int], values: NDArray[np.float32]) -> None:
        from churn_platform.explanation.pattern_tables import kernels

        problem, row, column = outcome
        if problem == kernels.FINE:
            return
        feature = int(self.layout.column_feature[column])
        value = values[row, feature]
        if problem == kernels.INFINITE:
            raise ExplanationError(
                f"row {row}: {self.features[feature]} is {value}, which no split can compare: "
                "give a missing value as NaN"
            )
        raise ExplanationError(f"row {row}: {self.features[feature]} is {value}, which is no category's code")


def booster_digest(model_json: bytes) -> str:
    """What ties tables to their booster: the SHA-256 of `Booster.save_raw("json")`, as hex digits."""
    return hashlib.sha256(model_json).hexdigest()


def _groups(ensemble: Ensemble, max_entries: int, max_bytes: int) -> list[list[LeafGroup]]:
    """The leaf groups of each tree. Raises TablesTooLargeError before anything large is built."""
    if not 1 <= max_entries <= MOST_ENTRIES:
        raise ExplanationError(f"max_entries must be from 1 to {MOST_ENTRIES}, not {max_entries}")
    needed = 0
    groups = []
    for number, tree in enumerate(ensemble.trees):
        try:
            of_tree = list(leaf_groups(tree, max_entries))
        except RecursionError as error:
            raise TablesTooLargeError(f"tree {number} is hundreds of splits deep: use pred_contribs") from error
        deepest = max(group.entries for group in of_tree)
        if deepest > MOST_ENTRIES:
            raise TablesTooLargeError(
                f"tree {number} has a leaf whose path alone has {deepest:,} patterns, above {MOST_ENTRIES:,}: "
                "train shallower trees, or use pred_contribs"
            )
        needed += sum(_bytes_needed(group, ensemble) for group in of_tree)
        if needed > max_bytes:
            raise TablesTooLargeError(
                f"the pattern tables of the first {number + 1} of {len(ensemble.trees)} trees need "
                f"{needed / 2**20:,.1f} MiB, above the {max_bytes / 2**20:,.1f} MiB allowed: allow more, train "
                "shallower trees, or use pred_contribs"
            )
        groups.append(of_tree)
    return groups


def _bytes_needed(group: LeafGroup, ensemble: Ensemble) -> int:
    features = {ensemble.columns[column].feature for column in group.thresholds}
    return group.entries * len(features) * np.dtype(np.float32).itemsize


def _parts(rows: int, block: int, threads: int | None) -> list[tuple[int, int]]:
    """Where each thread's rows begin and end, in whole blocks."""
    wanted = (os.cpu_count() or 1) if threads is None else threads
    parts = max(1, min(wanted, rows // ROWS_PER_THREAD))
    blocks = -(-rows // block)
    edges = [min(rows, blocks * part // parts * block) for part in range(parts + 1)]
    return list(pairwise(edges))
