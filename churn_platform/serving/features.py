"""Every customer's newest published features, in memory, ready for any model that is loaded.

What belongs here: reading the published snapshots, the newest row of each customer, the rows as a model sees them. What does not:
publishing (`flows/served_features.py`), and features that arrive with a request (`attributes.py`).
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field
from datetime import date, timedelta
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np
import pandas as pd
from numpy.typing import NDArray

from churn_platform.contracts.features import FeatureSet
from churn_platform.flows.served_features import dataset_of

if TYPE_CHECKING:
    from churn_platform.serving.model import OnlineModel


@dataclass
class FeatureBlock:
    """The rows of one published day. `columns` are the features' values as people read them, one object array each."""

    day: date
    digest: str
    frame: pd.DataFrame
    columns: dict[str, NDArray[np.object_]] = field(default_factory=dict)
    _values: dict[str, NDArray[np.float32]] = field(default_factory=dict)

    def values(self, model: OnlineModel) -> NDArray[np.float32]:
        """The rows as `model` sees them, float32 (rows, features); computed once per model."""
        made = self._values.get(model.digest)
        if made is None:
            made = self._values.setdefault(model.digest, model.values(self.frame))
        return made

    def value(self, name: str, row: int) -> Any:
        """One cell as the customer has it; None where it is missing."""
        column = self.columns.get(name)
        if column is None:
            column = self.columns.setdefault(name, self.frame[name].astype("object").to_numpy())
        return column[row]

    def ready_for(self, models: Sequence[OnlineModel]) -> None:
        """Compute for these models what their answers would compute, and forget what was computed for others."""
        for model in models:
            self.values(model)
            for name in model.feature_set.names:
                self.value(name, 0)
        for digest in self._values.keys() - {model.digest for model in models}:
            del self._values[digest]


@dataclass(frozen=True, slots=True)
class CustomerRow:
    """Where a customer's newest features are."""

    block: FeatureBlock
    row: int

    @property
    def day(self) -> date:
        """The features' observation date."""
        return self.block.day


class ServedFeatures:
    """The newest row of each customer of one feature set; grows by whole published days, and loses those that are too old.

    Args:
        root: the folder of published snapshots.
        feature_set: which one.
        keep: how long a customer's last row is answered from; older days are not read.
    """

    def __init__(self, root: Path, feature_set: FeatureSet, keep: timedelta) -> None:
        self.root, self.feature_set, self.keep = root, feature_set, keep
        self._blocks: dict[str, FeatureBlock] = {}
        self._rows: dict[str, CustomerRow] = {}
        self.newest: date | None = None

    def __len__(self) -> int:
        return len(self._rows)

    def find(self, customer_id: str) -> CustomerRow | None:
        """The customer's newest row; None for one of whom nothing is published within `keep` of the newest day."""
        found = self._rows.get(customer_id)
        if found is None or self.newest is None or self.newest - found.day > self.keep:
            return None
        return found

    def refresh(self) -> list[str]:
        """Read the days that were published, or published anew, since the last call, and drop those older than `keep`.

        Returns:
            what could not be read: a damaged day leaves what was read of it before, and the other days are read all the same.
        """
        from churn_platform.adapters.snapshot_parquet import SnapshotError
        from churn_platform.adapters.snapshots import partitions, pointer_of, read_contents

        dataset, problems = dataset_of(self.feature_set), []
        try:
            names = partitions(self.root, dataset)
        except (SnapshotError, OSError) as error:
            return [f"features: {error}"]
        if not names:
            return []
        oldest = (date.fromisoformat(names[-1]) - self.keep).isoformat()
        for name in names:
            if name < oldest:
                continue
            try:
                snapshot = pointer_of(self.root, dataset, name)
                known = self._blocks.get(name)
                if known is None or known.digest != snapshot.digest:
                    frame = read_contents(self.root, snapshot)
                    self._take(FeatureBlock(date.fromisoformat(snapshot.partition), snapshot.digest, frame))
            except (SnapshotError, OSError) as error:
                problems.append(f"features: {error}")
        self._drop_before(oldest)
        return problems

    def ready_for(self, models: Sequence[OnlineModel]) -> list[str]:
        """Make every day ready for these models, which are all that are loaded for this feature set; what none of them can read."""
        problems = []
        for day, block in list(self._blocks.items()):
            try:
                block.ready_for(models)
            except ValueError as error:
                problems.append(f"features: {day}: {error}")
        return problems

    def _drop_before(self, oldest: str) -> None:
        """Forget days before `oldest` and the customers whose newest row they hold; `find` refuses these already."""
        for name in [day for day in self._blocks if day < oldest]:
            block = self._blocks.pop(name)
            for customer in block.frame["customer_id"]:
                row = self._rows.get(customer)
                if row is not None and row.block is block:
                    del self._rows[customer]

    def _take(self, block: FeatureBlock) -> None:
        """Customers move to their newest row one by one: a reader finds the old row or the new one, each whole."""
        replaced = self._blocks.get(block.day.isoformat())
        ids = block.frame["customer_id"].tolist()
        for row, customer in enumerate(ids):
            known = self._rows.get(customer)
            if known is None or known.day <= block.day:
                self._rows[customer] = CustomerRow(block, row)
        if replaced is not None:
            for customer in set(replaced.frame["customer_id"]) - set(ids):
                if self._rows[customer].block is replaced:
                    # the day was corrected: the customer was not observed on it after all
                    self._step_back(customer, block.day)
        self._blocks[block.day.isoformat()] = block
        self.newest = block.day if self.newest is None else max(self.newest, block.day)

    def _step_back(self, customer: str, before: date) -> None:
        """The customer's newest row is one of an earlier day again, or none."""
        for day in sorted((day for day in self._blocks if day < before.isoformat()), reverse=True):
            (places,) = np.nonzero((self._blocks[day].frame["customer_id"] == customer).to_numpy())
            if len(places):
                self._rows[customer] = CustomerRow(self._blocks[day], int(places[0]))
                return
        del self._rows[customer]
