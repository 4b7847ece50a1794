"""Every customer's newest published features, in memory, ready for any model that is loaded.

What belongs here: reading the published snapshots, the newest row of each customer, the rows as a model sees them. What does not:
publishing (`flows/served_features.py`), and features that arrive with a request (`attributes.py`).
"""

from __future__ import annotations

from collections.abc import Iterable
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
    """The newest row of each customer of one feature set; grows by whole published days, and is only ever added to.

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

    def refresh(self) -> list[date]:
        """Read the days that were published, or published anew, since the last call, oldest first; returns them.

        Raises:
            SnapshotError: a published day is damaged. What was read before stays, and is answered from.
        """
        from churn_platform.adapters.snapshots import read_contents

        read = []
        for snapshot in self._changed():
            frame = read_contents(self.root, snapshot)
            self._take(FeatureBlock(date.fromisoformat(snapshot.partition), snapshot.digest, frame))
            read.append(date.fromisoformat(snapshot.partition))
        return read

    def _changed(self) -> Iterable[Any]:
        from churn_platform.adapters.snapshots import partitions, pointer_of

        dataset = dataset_of(self.feature_set)
        names = partitions(self.root, dataset)
        if not names:
            return
        oldest = date.fromisoformat(names[-1]) - self.keep
        for name in names:
            if date.fromisoformat(name) < oldest:
                continue
            snapshot = pointer_of(self.root, dataset, name)
            known = self._blocks.get(name)
            if known is None or known.digest != snapshot.digest:
                yield snapshot

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
                    del self._rows[customer]  # the day was corrected: the customer was not observed on it after all
        self._blocks[block.day.isoformat()] = block
        self.newest = block.day if self.newest is None else max(self.newest, block.day)
