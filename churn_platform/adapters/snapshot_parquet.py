"""A frame's Parquet bytes, the same for the same rows however they are cut into blocks.

What belongs here: blocks to bytes, and what a schema is called. What does not: publishing and reading them (`snapshots`).
"""

from __future__ import annotations

import json
from collections.abc import Iterable, Mapping
from typing import TYPE_CHECKING, Any

from churn_platform.governance.canonical import digest_of

if TYPE_CHECKING:
    import pandas as pd
    import pyarrow as pa


ROW_GROUP = 1 << 16
"""Rows of a row group: a group of scores with their reasons is some 40 MB while it is made. It is part of the bytes."""


LARGEST_DICTIONARY = 1 << 16
"""Bytes of a column's distinct values up to which a dictionary pays."""


class SnapshotError(ValueError):
    """A frame cannot be published, or what was published is damaged; the message says the way out."""


def parquet_bytes(dataset: str, blocks: Iterable[pd.DataFrame]) -> tuple[bytes, str, int]:
    """The Parquet bytes of all blocks' rows, their schema's fingerprint and their number: the same rows, one spelling.

    Rows wait until a row group of `ROW_GROUP` is full, so that the file does not know the blocks it came in.
    """
    import pyarrow as pa
    import pyarrow.parquet as pq

    sink = pa.BufferOutputStream()
    schema: pa.Schema | None = None
    writer: pq.ParquetWriter | None = None
    waiting: list[pa.Table] = []
    rows = columns = 0

    def write(group: pa.Table) -> None:
        nonlocal writer
        if writer is None:
            writer = pq.ParquetWriter(
                sink,
                group.schema,
                compression="zstd",
                compression_level=1,
                use_dictionary=_repeating(group),
                write_statistics=_bounded(group.schema),
            )
        writer.write_table(group)

    try:
        for frame in blocks:
            columns = len(frame.columns)
            if len(frame) == 0 or columns == 0:
                continue
            table = _table(dataset, frame)
            schema = schema or table.schema
            if not table.schema.equals(schema, check_metadata=True):
                raise SnapshotError(f"{dataset}: a block after row {rows:,} has other columns than the first")
            rows += len(frame)
            waiting.append(table)
            full = sum(map(len, waiting)) // ROW_GROUP * ROW_GROUP
            if full:
                together = pa.concat_tables(waiting)
                for start in range(0, full, ROW_GROUP):
                    write(together.slice(start, ROW_GROUP).combine_chunks())
                waiting = [together.slice(full)] if full < len(together) else []
        if waiting:
            write(pa.concat_tables(waiting).combine_chunks())
    finally:
        if writer is not None:
            writer.close()
    if rows == 0:
        raise SnapshotError(f"{dataset}: a snapshot of {rows} rows and {columns} columns was refused")
    # The schema as a reader finds it: Parquet keeps a category's values as plain strings whatever pandas had.
    content = sink.getvalue()
    return content.to_pybytes(), schema_fingerprint(pq.read_schema(pa.BufferReader(content))), rows


def _table(dataset: str, frame: pd.DataFrame) -> pa.Table:
    import pyarrow as pa

    if any(name is not None for name in frame.index.names):
        raise SnapshotError(
            f"{dataset}: the frame has the index {frame.index.names}: make it columns with reset_index()"
        )
    try:
        table = pa.Table.from_pandas(frame, preserve_index=False, nthreads=1)
    except (pa.ArrowException, ValueError, TypeError) as error:
        raise SnapshotError(f"{dataset}: the frame does not fit into Parquet: {error}") from error
    return table.replace_schema_metadata(_settled(table.schema.metadata))


def _repeating(group: pa.Table) -> list[str]:
    """Columns that say the same over and over, and so are written as a dictionary and codes.

    In the others each value would be looked up in a table that is given up when it is full: a quarter of the time of writing a day's
    scores (measured). Read off the first row group, which does not know the blocks either.
    """
    import pyarrow as pa
    import pyarrow.compute as pc

    plain = [name for name in group.schema.names if not pa.types.is_nested(group.schema.field(name).type)]
    return [name for name in plain if pc.unique(group[name]).nbytes <= LARGEST_DICTIONARY]


def _bounded(schema: pa.Schema) -> list[str]:
    """Columns whose least and largest value a row group tells: the first, by which rows are found, and all that are not text. Those of
    a text such as a row's reasons help nobody, and cost 3 of 23 ms a group (measured)."""
    import pyarrow.types as kinds

    texts = (kinds.is_string, kinds.is_large_string, kinds.is_dictionary)
    return [name for i, name in enumerate(schema.names) if i == 0 or not any(is_a(schema.types[i]) for is_a in texts)]


def _settled(metadata: Mapping[bytes, bytes] | None) -> dict[bytes, bytes]:
    """pandas' notes on its dtypes without the versions that wrote them: an upgrade must not make another snapshot."""
    notes: dict[str, Any] = json.loads((metadata or {})[b"pandas"])
    kept = {name: notes[name] for name in ("index_columns", "column_indexes", "columns")}
    return {b"pandas": json.dumps(kept, sort_keys=True).encode()}


def schema_fingerprint(schema: pa.Schema) -> str:
    """A digest that changes when a column's name, place or type does."""
    return digest_of([[field.name, str(field.type)] for field in schema])
