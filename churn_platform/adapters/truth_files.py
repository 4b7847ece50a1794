"""The truth about a simulated telco, beside what it landed: for judging the platform, never for running it.

What belongs here: writing and reading `truth/days.parquet` (one row per day: cause, day of change, strength, joiners, leavers, the best
achievable AUC) and `truth/customers/<day>.parquet` (each observed customer's true probability of leaving and uplift). What does not:
anything that the platform's own flows may read. import-linter holds that: only the simulation's commands and benches import this module.
"""

from __future__ import annotations

import io
import json
from collections.abc import Iterable
from dataclasses import asdict, fields
from datetime import date
from pathlib import Path
from typing import TYPE_CHECKING

import pandas as pd

from churn_platform.adapters.atomic_files import write_atomically
from churn_platform.settings import Settings
from churn_platform.simulation.truth import DayTruth

if TYPE_CHECKING:
    from churn_platform.simulation.world import DayLanding

COLUMNS = tuple(field.name for field in fields(DayTruth))
#: said, not inferred, so that the same days are the same bytes however they came together
DTYPES = {
    **dict.fromkeys(("day", "changed_on"), "datetime64[s]"),
    **dict.fromkeys(("scenario", "cause", "strength"), "str"),
    **dict.fromkeys(("customers", "observed", "joined", "left"), "int64"),
    **dict.fromkeys(("expected_leavers", "best_auc"), "float64"),
}


class TruthError(FileNotFoundError):
    """There is no truth of a day: the day has not been landed by a simulated telco."""


def truth_folder(settings: Settings) -> Path:
    """Where a home's truth lies."""
    return settings.home / "truth"


def read_day_truth(settings: Settings) -> pd.DataFrame:
    """One row per day landed so far, in order: the fields of `DayTruth`, dates as datetime64, `strength` as a dict by effect.

    Raises:
        TruthError: no day has been landed by a simulated telco.
    """
    return day_truth_in(truth_folder(settings))


def read_customer_truth(settings: Settings, days: Iterable[date]) -> pd.DataFrame:
    """The truth about the customers observed on `days`: customer_id, observation_date, leave_probability, uplift, response.

    Raises:
        TruthError: a day has not been landed.
    """
    return customer_truth_in(truth_folder(settings), days)


def day_truth_in(folder: Path) -> pd.DataFrame:
    """As `read_day_truth`, from a folder of truth."""
    path = folder / "days.parquet"
    if not path.is_file():
        raise TruthError(f"{path} is not there: only the feed `world` knows a truth, and it lands with its first day")
    found = pd.read_parquet(path)
    return found.assign(strength=found["strength"].map(json.loads))


def customer_truth_in(folder: Path, days: Iterable[date]) -> pd.DataFrame:
    """As `read_customer_truth`, from a folder of truth."""
    parts = []
    for day in days:
        path = folder / "customers" / f"{day}.parquet"
        if not path.is_file():
            raise TruthError(f"{path} is not there: {day} has not been landed by a simulated telco")
        parts.append(pd.read_parquet(path))
    if not parts:
        raise TruthError("the truth of no day at all was asked for: name at least one")
    return pd.concat(parts, ignore_index=True)


def write_customer_truth(folder: Path, lived: DayLanding) -> None:
    """Write the truth about the customers observed on a day."""
    _write(folder / "customers" / f"{lived.day}.parquet", lived.truth)


def write_day_truth(folder: Path, days: Iterable[DayTruth]) -> None:
    """Add or replace the rows of `days` in the file of all days."""
    rows = [asdict(day) | {"strength": json.dumps(dict(day.strength))} for day in days]
    if not rows:
        return
    everything = pd.DataFrame(rows, columns=COLUMNS).astype(DTYPES)
    path = folder / "days.parquet"
    if path.is_file():
        there = pd.read_parquet(path).astype(DTYPES)
        everything = pd.concat([there[~there["day"].isin(everything["day"])], everything])
    _write(path, everything.sort_values("day", ignore_index=True))


def _write(path: Path, frame: pd.DataFrame) -> None:
    buffer = io.BytesIO()
    frame.to_parquet(buffer, index=False)
    write_atomically(path, buffer.getvalue(), durable=False)
