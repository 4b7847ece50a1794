"""The landing folder: `<table>/<YYYY-MM-DD>.parquet` or `.csv`, written by a feed or dropped by a user.

What belongs here: paths, dates, reading and writing these files. What a row must look like is the contracts' business.
"""

from __future__ import annotations

import csv
import hashlib
import io
import json
import warnings
from collections.abc import Iterable
from dataclasses import dataclass
from datetime import date
from pathlib import Path

import pandas as pd

from churn_platform.adapters.atomic_files import write_atomically
from churn_platform.contracts.tables import RAW_TABLES

FORMATS = (".parquet", ".csv")
#: what the reader adds to each row, so that no file may have it
ADDED_DTYPES = {"landed_on": "datetime64[s]", "source_file": "str", "source_digest": "str", "source_columns": "str"}


class LandingError(ValueError):
    """A landed file cannot be used at all; the message names the file and the way out."""


@dataclass(frozen=True, slots=True)
class LandedFile:
    """One file in the landing folder."""

    table: str
    day: date
    path: Path


def land(root: Path, tables: dict[str, pd.DataFrame]) -> int:
    """Write landed rows as one Parquet file per table and day, replacing that day's file; unchanged files are left alone.

    Args:
        root: the landing folder.
        tables: table name -> rows with `landed_on` (the file's date, not written).

    Returns:
        number of files that were written.
    """
    written = 0
    for name, frame in tables.items():
        # one dtype for all days of a table: a column that is blank all day must not change the file's schema
        frame = frame.infer_objects()
        for day, rows in frame.groupby(frame["landed_on"].dt.strftime("%Y-%m-%d"), sort=True):
            buffer = io.BytesIO()
            rows.drop(columns="landed_on").to_parquet(buffer, index=False)
            target = root / name / f"{day}.parquet"
            content = buffer.getvalue()
            if not target.is_file() or target.read_bytes() != content:
                write_atomically(target, content, durable=False)
                written += 1
    return written


def landed_files(root: Path, days: Iterable[date] | None = None) -> list[LandedFile]:
    """The landed files, sorted by table and day; of all days, or of `days` only.

    Raises:
        LandingError: a file's name is not a date, its folder is not a table, it is neither .csv nor .parquet, or a day has both.
    """
    wanted = None if days is None else set(days)
    found: dict[tuple[str, date], LandedFile] = {}
    if not root.is_dir():
        return []
    for folder in _entries(root):
        if not folder.is_dir():
            if folder.suffix.lower() not in FORMATS:  # a note beside the tables harms nobody
                continue
            raise LandingError(
                f"{folder} lies beside the tables: put it into its table's folder, as customers/2026-01-31.csv"
            )
        if folder.name not in RAW_TABLES:
            raise LandingError(f"{folder} is not a table; the landing folder takes {', '.join(RAW_TABLES)}")
        for path in _entries(folder):
            day = _day_of(path)
            if wanted is not None and day not in wanted:
                continue
            twin = found.get((folder.name, day))
            if twin is not None:
                raise LandingError(f"{twin.path} and {path} are both for {day}: keep one of them")
            found[folder.name, day] = LandedFile(folder.name, day, path)
    return [found[key] for key in sorted(found)]


def _entries(folder: Path) -> list[Path]:
    return sorted(path for path in folder.iterdir() if not path.name.startswith("."))


def _day_of(path: Path) -> date:
    if path.suffix not in FORMATS or not path.is_file():
        raise LandingError(f"{path} is not a .csv or .parquet file: convert it, or move it out of the landing folder")
    try:
        day = date.fromisoformat(path.stem)
    except ValueError:
        day = None
    # fromisoformat also reads 20260131 and 2026-W05-6; one way of writing a day is enough
    if day is None or day.isoformat() != path.stem:
        raise LandingError(f"{path}: name it by its date, as {path.parent.name}/2026-01-31{path.suffix}")
    return day


def read_landed(root: Path, days: Iterable[date]) -> dict[str, pd.DataFrame]:
    """Read the landed files of `days`, every raw table present even when nothing landed.

    Returns:
        table name -> rows as they stand (CSV: all text), plus `landed_on`, `source_file` (relative to root), `source_digest`
        (sha256) and `source_columns` (the file's own header, JSON). A file with a header and no rows adds nothing.

    Raises:
        LandingError: a file cannot be read, has a column twice, or a column that the platform adds itself.
    """
    parts: dict[str, list[pd.DataFrame]] = {name: [] for name in RAW_TABLES}
    for landed in landed_files(root, days):
        content, frame = _content(landed)
        reserved = set(ADDED_DTYPES) & set(frame.columns)
        if reserved:
            raise LandingError(
                f"{landed.path} has the column {min(reserved)}, which the platform adds itself: rename it"
            )
        parts[landed.table].append(
            frame.assign(
                landed_on=pd.Timestamp(landed.day).as_unit("s"),
                source_file=landed.path.relative_to(root).as_posix(),
                source_digest=hashlib.sha256(content).hexdigest(),
                source_columns=json.dumps([str(name) for name in frame.columns]),
            )
        )
    return {name: _together([frame for frame in frames if len(frame)]) for name, frames in parts.items()}


def read_file(landed: LandedFile) -> pd.DataFrame:
    """The rows of one landed file as they stand; LandingError where it cannot be read."""
    return _content(landed)[1]


def _content(landed: LandedFile) -> tuple[bytes, pd.DataFrame]:
    content = landed.path.read_bytes()
    try:
        return content, _read_csv(content) if landed.path.suffix == ".csv" else _read_parquet(content)
    except Exception as error:
        raise LandingError(
            f"{landed.path} cannot be read as {landed.path.suffix[1:]}: {error}. Land the file again."
        ) from error


def _read_csv(content: bytes) -> pd.DataFrame:
    """Text as it stands: turning it into types is the gate's work, so that "007" stays an id."""
    text = content.decode("utf-8-sig")
    header = next(csv.reader(io.StringIO(text)), [])
    twice = sorted({name for name in header if header.count(name) > 1})
    if twice:
        raise ValueError(f"it has the column {twice[0]!r} twice")
    with warnings.catch_warnings():
        # a row with more fields than the header would otherwise shift its neighbours, or lose a value, in silence
        warnings.simplefilter("error", pd.errors.ParserWarning)
        return pd.read_csv(io.StringIO(text), dtype="str", keep_default_na=False, na_values=[""], index_col=False)


def _read_parquet(content: bytes) -> pd.DataFrame:
    import pyarrow.parquet as pq

    table = pq.ParquetFile(io.BytesIO(content)).read(use_threads=False)
    twice = sorted({name for name in table.column_names if table.column_names.count(name) > 1})
    if twice:
        raise ValueError(f"it has the column {twice[0]!r} twice")
    # an integer column with a gap would become floats, and a long id another id
    frame: pd.DataFrame = table.to_pandas(integer_object_nulls=True, ignore_metadata=True, use_threads=False)
    return frame


def _together(frames: list[pd.DataFrame]) -> pd.DataFrame:
    """One frame of many files; a column keeps its dtype only where all files agree on it."""
    if not frames:
        return pd.DataFrame({column: pd.Series(dtype=dtype) for column, dtype in ADDED_DTYPES.items()})
    names = dict.fromkeys(name for frame in frames for name in frame.columns)
    differ = [name for name in names if len({str(f[name].dtype) if name in f else "absent" for f in frames}) > 1]
    return pd.concat(
        [frame.astype({name: "object" for name in differ if name in frame}) for frame in frames], ignore_index=True
    )
