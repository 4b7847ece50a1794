"""Published snapshots: what readers read, immutable and content-addressed, with one small pointer per partition.

What belongs here: publishing a frame, finding and reading it back, verified. What does not: what the frame means, and
the warehouse, which its writer locks against every reader.

    published/<dataset>/<partition>/<digest>.parquet     never changed once written
    published/<dataset>/<partition>/history/000001.json  every pointer there has been
    published/<dataset>/<partition>/pointer.json         the present one, replaced in one step: that is publication

A killed publisher leaves the old pointer, and at most files that nothing points to. The digest is sha256 of the Parquet
bytes, which are a function of the frame and the installed pyarrow version. Rows keep the frame's order: sort first if
order should not make another snapshot.
"""

from __future__ import annotations

import hashlib
import io
import json
import re
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path
from typing import TYPE_CHECKING

from churn_platform.adapters.atomic_files import write_atomically
from churn_platform.adapters.file_lock import exclusive
from churn_platform.adapters.snapshot_parquet import SnapshotError, parquet_bytes, schema_fingerprint
from churn_platform.governance.canonical import Json, canonical_json, plain

if TYPE_CHECKING:
    import pandas as pd

FORMAT = 1
POINTER = "pointer.json"

_NAME = re.compile(r"[A-Za-z0-9][A-Za-z0-9._=-]{0,99}")


class NothingPublishedError(SnapshotError):
    """There is no snapshot of that dataset or partition yet."""


@dataclass(frozen=True, slots=True)
class Snapshot:
    """A pointer: which contents a partition has, since when, and what they replaced.

    `sequence` counts the partition's publications from 1; `previous` is the digest before, None for the first;
    `schema_fingerprint` changes when a column's name, place or type does; `about` is what the publisher says of it.
    """

    dataset: str
    partition: str
    digest: str
    rows: int
    schema_fingerprint: str
    model_version: str | None
    published_at: datetime
    sequence: int
    previous: str | None
    about: Mapping[str, Json]


def publish(
    root: Path, dataset: str, partition: str, frame: pd.DataFrame, about: Mapping[str, object], at: datetime
) -> Snapshot:
    """Publish `frame` as the present contents of a partition; readers see the old contents or the new, never neither.

    `about` says where it came from (`model_version` among it where there is one). The same frame with the same `about`
    as now published changes nothing. SnapshotError for no rows, a named index, columns Parquet cannot hold.
    """
    return publish_blocks(root, dataset, partition, (frame,), about, at)


def publish_blocks(
    root: Path,
    dataset: str,
    partition: str,
    blocks: Iterable[pd.DataFrame],
    about: Mapping[str, object],
    at: datetime,
) -> Snapshot:
    """Publish the rows of all `blocks`, in their order, as `publish` does: the same file, however the rows are cut into blocks.

    Only the compressed file is held in memory, not the rows. An error while a block is made leaves everything as it was.
    SnapshotError as `publish`, and for blocks whose columns differ.
    """
    content, fingerprint, rows = parquet_bytes(dataset, blocks)
    said = plain(about)
    if not isinstance(said, dict):
        raise SnapshotError(f"{dataset}: `about` must be a mapping, such as {{'model_version': 'churn-1'}}")
    model_version = said.get("model_version")
    if model_version is not None and not isinstance(model_version, str):
        raise SnapshotError(f"{dataset}: model_version is {model_version!r}, not text")
    if at.tzinfo is None:
        raise SnapshotError(f"the time {at.isoformat()} has no zone: pass an aware datetime")
    digest = hashlib.sha256(content).hexdigest()
    folder = _folder(root, dataset, partition)
    (folder / "history").mkdir(parents=True, exist_ok=True)
    with exclusive(folder / ".lock"):
        for leftover in folder.glob(".*.tmp"):  # nobody else writes here now: whoever began these was killed
            leftover.unlink()
        present, stands = _last_publication(folder)
        file = folder / f"{digest}.parquet"
        if not file.is_file() or hashlib.sha256(file.read_bytes()).hexdigest() != digest:
            write_atomically(file, content)
        if stands and present is not None and (present.digest, present.about) == (digest, said):
            return present
        snapshot = Snapshot(
            dataset,
            partition,
            digest,
            rows,
            fingerprint,
            model_version,
            at.astimezone(UTC),
            1 if present is None else present.sequence + 1,
            None if present is None else present.digest,
            said,
        )
        pointer = _to_bytes(snapshot)
        write_atomically(_history_file(folder, snapshot.sequence), pointer)
        write_atomically(folder / POINTER, pointer)
        return snapshot


def read_snapshot(root: Path, dataset: str, partition: str) -> tuple[pd.DataFrame, Snapshot]:
    """The present contents and their pointer, verified; NothingPublishedError if there is none."""
    snapshot = _pointer(root, dataset, partition)
    return read_contents(root, snapshot), snapshot


def read_contents(root: Path, snapshot: Snapshot) -> pd.DataFrame:
    """The frame that a pointer, present or past, points to; SnapshotError if it is missing or was changed."""
    import pyarrow.parquet as pq

    path = _contents(root, snapshot)
    table = pq.read_table(io.BytesIO(_verified_bytes(root, snapshot)), use_threads=False)
    if (table.num_rows, schema_fingerprint(table.schema)) != (snapshot.rows, snapshot.schema_fingerprint):
        raise SnapshotError(f"{path} has other rows or columns than its pointer says: publish the partition again")
    frame: pd.DataFrame = table.to_pandas(use_threads=False)
    return frame


def read_blocks(root: Path, snapshot: Snapshot) -> Iterator[pd.DataFrame]:
    """The same rows as `read_contents`, verified, a row group at a time: a large partition in little memory."""
    import pyarrow.parquet as pq

    with pq.ParquetFile(io.BytesIO(_verified_bytes(root, snapshot))) as file:
        for group in range(file.num_row_groups):
            yield file.read_row_group(group, use_threads=False).to_pandas(use_threads=False)


def partitions(root: Path, dataset: str) -> tuple[str, ...]:
    """Every published partition of a dataset, in the order of their names; none for a dataset not yet published."""
    return tuple(sorted(pointer.parent.name for pointer in (root / _name(dataset)).glob(f"*/{POINTER}")))


def latest(root: Path, dataset: str) -> Snapshot:
    """The pointer of the last partition by name (for dates: the newest day); NothingPublishedError if there is none."""
    names = partitions(root, dataset)
    if not names:
        raise NothingPublishedError(f"nothing of {dataset} has been published in {root}: run the day that publishes it")
    return _pointer(root, dataset, names[-1])


def pointer_of(root: Path, dataset: str, partition: str) -> Snapshot:
    """The present pointer of a partition, without its contents; NothingPublishedError if there is none."""
    return _pointer(root, dataset, partition)


def history(root: Path, dataset: str, partition: str) -> tuple[Snapshot, ...]:
    """Every publication of a partition, the first one first; SnapshotError if one of them is missing or changed."""
    present = _pointer(root, dataset, partition)
    folder = _folder(root, dataset, partition)
    past = [_from_file(_history_file(folder, sequence)) for sequence in range(1, present.sequence + 1)]
    for i, snapshot in enumerate(past):
        expected = None if i == 0 else past[i - 1].digest
        if (snapshot.sequence, snapshot.previous) != (i + 1, expected):
            raise SnapshotError(f"{_history_file(folder, i + 1)} does not follow the publication before it")
    if past[-1] != present:
        raise SnapshotError(f"{folder / POINTER} is not the last publication of its history")
    return tuple(past)


def _contents(root: Path, snapshot: Snapshot) -> Path:
    return _folder(root, snapshot.dataset, snapshot.partition) / f"{snapshot.digest}.parquet"


def _verified_bytes(root: Path, snapshot: Snapshot) -> bytes:
    path = _contents(root, snapshot)
    try:
        content = path.read_bytes()
    except FileNotFoundError as error:
        raise SnapshotError(f"{path} is missing: publish the partition again") from error
    if hashlib.sha256(content).hexdigest() != snapshot.digest:
        raise SnapshotError(f"{path} was changed or damaged after it was published: publish the partition again")
    return content


def _pointer(root: Path, dataset: str, partition: str) -> Snapshot:
    path = _folder(root, dataset, partition) / POINTER
    if not path.exists():
        raise NothingPublishedError(
            f"{dataset} of {partition} is not published in {root}: run the day that publishes it"
        )
    return _from_file(path)


def _last_publication(folder: Path) -> tuple[Snapshot | None, bool]:
    """What is published now, for its publisher, and whether its pointer stands: a lost one is known from history."""
    past = sorted((folder / "history").glob("*.json"))
    if (folder / POINTER).exists():
        try:
            return _from_file(folder / POINTER), True
        except SnapshotError:
            return _from_file(past[-1] if past else folder / POINTER), False
    # A first publisher that was killed before its pointer leaves one entry; more mean that a pointer was there.
    return (_from_file(past[-1]), False) if len(past) > 1 else (None, False)


def _to_bytes(snapshot: Snapshot) -> bytes:
    document = {name: getattr(snapshot, name) for name in Snapshot.__dataclass_fields__}
    return canonical_json(plain({**document, "format": FORMAT})).encode() + b"\n"


def _from_file(path: Path) -> Snapshot:
    try:
        document = json.loads(path.read_bytes())
        if document.pop("format") != FORMAT:
            raise ValueError("it has another format")
        return Snapshot(**{**document, "published_at": datetime.fromisoformat(document["published_at"])})
    except (OSError, ValueError, KeyError, TypeError, AttributeError) as error:
        raise SnapshotError(
            f"{path} is missing or damaged ({error}): restore it, or publish the partition again"
        ) from error


def _history_file(folder: Path, sequence: int) -> Path:
    return folder / "history" / f"{sequence:06d}.json"


def _folder(root: Path, dataset: str, partition: str) -> Path:
    return root / _name(dataset) / _name(partition)


def _name(name: str) -> str:
    if _NAME.fullmatch(name) is None:
        raise SnapshotError(f"{name!r} cannot name a dataset or partition: use letters, digits, '.', '_', '=' and '-'")
    return name
