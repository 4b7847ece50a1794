"""A day's feature rows in a Parquet file, read while the process that scores them is still starting.

What belongs here: reading the file ahead of whoever needs it, with Arrow, which reads beside Python. What does not: what the rows must
hold (`scoring`, `training.matrix`), scoring them (`flows/scored_file.py`).
"""

from __future__ import annotations

from collections import deque
from collections.abc import Iterator, Sequence
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager
from datetime import date
from pathlib import Path
from types import TracebackType
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    import pandas as pd
    import pyarrow as pa

KEYS = ("customer_id", "observation_date")
AHEAD = 4
"""Blocks that are read before they are asked for (some 8 MB each), while the model's tables are still being opened."""


class FeatureFile:
    """A file whose keys are being read; use it as a context manager. What is wrong with its contents is said when it is asked.

    Raises:
        ScoringError: by all that reads, for a file that cannot be opened, is not Parquet, or is damaged.

    A reading of a million keys takes as long as importing pandas (0.25 s), and needs Python for none of it.
    """

    def __init__(self, path: Path, day: date) -> None:
        import pyarrow as pa
        import pyarrow.compute
        import pyarrow.parquet  # here, so that the thread below has nothing to import

        self.path, self.day = path, day
        with self._readable():  # opened once: whoever replaces the file meanwhile does not change what is read
            self._bytes = pa.OSFile(str(path))
        self._beside = ThreadPoolExecutor(1, "features")
        self._keys = self._beside.submit(self._read_keys)

    def __enter__(self) -> FeatureFile:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self._beside.shutdown(cancel_futures=True)
        self._bytes.close()

    def require(self, columns: Sequence[str], feature_set: str) -> None:
        """Raise ScoringError for a file that is not Parquet, or lacks one of `columns` or a key."""
        import pyarrow.parquet as pq

        from churn_platform.scoring import ScoringError

        with self._readable():
            there = pq.read_schema(self._bytes).names
        absent = [name for name in (*KEYS, *columns) if name not in there]
        if absent:
            raise ScoringError(f"{self.path} lacks {', '.join(absent)}: it is not a table of {feature_set}")

    def keys(self) -> pd.DataFrame:
        """customer_id and observation_date of each row."""
        frame: pd.DataFrame = self._keys.result()[0].to_pandas()
        return frame

    def customers(self) -> int:
        """The number of rows."""
        return len(self._keys.result()[0])

    def stands_in_order(self) -> bool:
        """Whether every row is of the day and every customer's id above the one before it; False also where the columns' types leave
        it open."""
        return self._keys.result()[1]

    def rows(self, columns: Sequence[str], texts: Sequence[str]) -> pd.DataFrame:
        """All rows: the keys, and `columns`, of which `texts` are coded."""
        import pyarrow.parquet as pq

        with self._readable():
            table = pq.ParquetFile(self._bytes, read_dictionary=list(texts)).read([*KEYS, *columns])
        frame: pd.DataFrame = table.to_pandas()
        return frame

    def blocks(self, columns: Sequence[str], texts: Sequence[str], size: int) -> Iterator[pd.DataFrame]:
        """The same rows, `size` at a time, `AHEAD` of them read before they are asked for; reading begins at once."""
        blocks = self._read_blocks([*KEYS, *columns], list(texts), size)
        waiting = deque(self._beside.submit(next, blocks, None) for _ in range(AHEAD))

        def taken() -> Iterator[pd.DataFrame]:
            while (block := waiting.popleft().result()) is not None:
                waiting.append(self._beside.submit(next, blocks, None))
                yield block

        return taken()

    @contextmanager
    def _readable(self) -> Iterator[None]:
        """Arrow's own errors, and the file system's, as one that says the way out."""
        import pyarrow as pa

        try:
            yield
        except (pa.ArrowException, OSError) as error:
            from churn_platform.scoring import ScoringError

            why = " ".join(str(error).split())  # some of Arrow's messages have several lines
            raise ScoringError(f"{self.path} cannot be read as Parquet ({why}): write it again") from error

    def _read_blocks(self, columns: list[str], texts: list[str], size: int) -> Iterator[pd.DataFrame]:
        import pyarrow.parquet as pq

        with self._readable():
            for batch in pq.ParquetFile(self._bytes, read_dictionary=texts).iter_batches(size, columns=columns):
                yield batch.to_pandas()

    def _read_keys(self) -> tuple[pa.Table, bool]:
        import pyarrow.parquet as pq

        with self._readable():
            keys = pq.ParquetFile(self._bytes).read(list(KEYS))
        return keys, _in_order(keys["customer_id"], keys["observation_date"], self.day)


def _in_order(customers: pa.ChunkedArray, days: pa.ChunkedArray, day: date) -> bool:
    import pyarrow as pa
    import pyarrow.compute as pc

    texts = pa.types.is_string(customers.type) or pa.types.is_large_string(customers.type)
    dates = pa.types.is_date(days.type) or (pa.types.is_timestamp(days.type) and days.type.tz is None)
    if not (texts and dates) or len(days) == 0 or customers.null_count or days.null_count:
        return False
    if not pc.all(pc.equal(days, pa.scalar(day).cast(days.type))).as_py():
        return False
    return pc.all(pc.less(customers.slice(0, len(customers) - 1), customers.slice(1))).as_py() is not False
