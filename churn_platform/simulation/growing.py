"""Columns that grow: many small batches into few large arrays.

What belongs here: collecting batches of equal columns. What does not: what the columns mean.

Collecting batches in a list and joining them at the end needs twice the memory, and leaves the allocator with holes
of every size (measured at 500,000 customers: 1.4 GB held for 0.5 GB of state). Large arrays that double are handed
back to the system when they are replaced."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any

import numpy as np
import numpy.typing as npt

Array = npt.NDArray[Any]


@dataclass(slots=True)
class Growing:
    """Batches of columns, collected.

    >>> rows = Growing()
    >>> rows.append({"x": np.array([1, 2])})
    >>> rows.append({"x": np.array([3])})
    >>> rows.columns()["x"].tolist()
    [1, 2, 3]
    """

    size: int = 0
    _held: dict[str, Array] = field(default_factory=dict)

    def append(self, batch: Mapping[str, Array]) -> None:
        """Add a batch; every batch has the same columns."""
        n = len(next(iter(batch.values())))
        for name, values in batch.items():
            held = self._held.get(name)
            if held is None or self.size + n > len(held):
                larger = np.empty(max(2 * self.size, self.size + n), dtype=values.dtype)
                if held is not None:
                    larger[: self.size] = held[: self.size]
                self._held[name] = held = larger
            held[self.size : self.size + n] = values
        self.size += n

    def columns(self) -> dict[str, Array]:
        """The columns so far (views; do not append any more)."""
        return {name: held[: self.size] for name, held in self._held.items()}
