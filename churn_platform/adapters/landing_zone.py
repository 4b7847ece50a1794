"""The landing folder: `<table>/<YYYY-MM-DD>.parquet` or `.csv`, written by a feed or dropped by a user.

What belongs here: paths, dates, reading and writing these files. What a row must look like is the contracts' business.
"""

from __future__ import annotations

import hashlib
import io
from collections.abc import Iterable
from dataclasses import dataclass
from datetime import date
from pathlib import Path

import pandas as pd

from churn_platform.adapters.atomic_files import write_atomically
from churn_platform.contracts.tables import RAW_TABLES

FORMATS = (".parquet", ".csv")


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
        for day, rows in frame.groupby("landed_on", sort=True):
            buffer = io.BytesIO()
            rows.drop(columns="landed_on").to_parquet(buffer, index=False)
            target = root / name / f"{pd.Timestamp(day).date().isoformat()}.parquet"
            content = buffer.getvalue()
            if not target.is_file() or target.read_bytes() != content:
                write_atomically(target, content, durable=False)
                written += 1
    return written


def landed_files(root: Path, days: Iterable[date] | None = None) -> list[LandedFile]:
    """The landed files, sorted by table and day; of all days, or of `days` only.

    Raises:
        LandingError: a file's name is not a date, its folder is not a table, or a day has both a .csv and a .parquet.
    """
    wanted = None if days is None else set(days)
    found: dict[tuple[str, date], LandedFile] = {}
    if not root.is_dir():
        return []
    for folder in sorted(path for path in root.iterdir() if path.is_dir() and not path.name.startswith(".")):
        if folder.name not in RAW_TABLES:
            raise LandingError(f"{folder} is not a table; the landing folder takes {', '.join(RAW_TABLES)}")
        for path in sorted(folder.iterdir()):
            if path.name.startswith(".") or path.suffix not in FORMATS:
                continue
            try:
                day = date.fromisoformat(path.stem)
            except ValueError:
                raise LandingError(f"{path}: name it by its date, as {folder.name}/2026-01-31{path.suffix}") from None
            if wanted is not None and day not in wanted:
                continue
            twin = found.get((folder.name, day))
            if twin is not None:
                raise LandingError(f"{twin.path} and {path} are both for {day}: keep one of them")
            found[folder.name, day] = LandedFile(folder.name, day, path)
    return [found[key] for key in sorted(found)]


def read_landed(root: Path, days: Iterable[date]) -> dict[str, pd.DataFrame]:
    """Read the landed files of `days`, every raw table present even when nothing landed.

    Returns:
        table name -> rows as they stand (CSV: all text), plus `landed_on`, `source_file` (relative to root), `source_digest` (sha256).

    Raises:
        LandingError: a file cannot be read.
    """
    parts: dict[str, list[pd.DataFrame]] = {name: [] for name in RAW_TABLES}
    for landed in landed_files(root, days):
        content = landed.path.read_bytes()
        try:
            if landed.path.suffix == ".csv":
                # text as it stands: turning it into types is the gate's work, so that "007" stays an id
                frame = pd.read_csv(io.BytesIO(content), dtype="str", keep_default_na=False, na_values=[""])
            else:
                frame = pd.read_parquet(io.BytesIO(content))
        except Exception as error:
            raise LandingError(
                f"{landed.path} cannot be read as {landed.path.suffix[1:]}: {error}. Land the file again."
            ) from error
        reserved = {"landed_on", "source_file", "source_digest"} & set(frame.columns)
        if reserved:
            raise LandingError(
                f"{landed.path} has the column {min(reserved)}, which the platform adds itself: rename it"
            )
        parts[landed.table].append(
            frame.assign(
                landed_on=pd.Timestamp(landed.day).as_unit("s"),
                source_file=landed.path.relative_to(root).as_posix(),
                source_digest=hashlib.sha256(content).hexdigest(),
            )
        )
    empty = {"landed_on": "datetime64[s]", "source_file": "str", "source_digest": "str"}
    return {
        name: pd.concat(frames, ignore_index=True)
        if frames
        else pd.DataFrame({column: pd.Series(dtype=dtype) for column, dtype in empty.items()})
        for name, frames in parts.items()
    }
