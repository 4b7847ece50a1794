"""Golden rows: what a package answered on made customers on the day it was made, kept inside it for its first load elsewhere.

What belongs here: making the rows, the answers beside them, and comparing a loaded package with them. What does not: the process in
which the comparison runs (`serving/prove.py`).

The rows are made, not taken: they walk each feature's reference (bin edges, categories, missing values), so a package holds no
customer. The same package makes the same rows.
"""

from __future__ import annotations

import json
from collections.abc import Mapping
from typing import TYPE_CHECKING

import numpy as np
import pandas as pd

from churn_platform.governance.canonical import canonical_json

if TYPE_CHECKING:
    from numpy.typing import NDArray

    from churn_platform.training.candidate import ModelPackage

GOLDEN_FILE = "golden_rows.json"
ROWS = 64
AT_MOST = 1e-4
"""The largest difference of the booster's margins from the tables' sums, in log odds: float32 sums over some hundred trees differ by
about 1e-6."""
REMEMBERED = 1e-9
"""The largest difference of the tables' sums from what they were at packaging: the same float64 sums, on a processor that may order
them otherwise."""


class GoldenRowsError(ValueError):
    """A loaded package does not say what it said when it was made; it must not be answered from."""


def made_rows(package: ModelPackage, rows: int = ROWS) -> pd.DataFrame:
    """`rows` rows that walk each feature's reference: its bin edges and categories, and missing values; the same ones each time."""
    rng = np.random.default_rng(20260101)
    columns = {}
    for distribution in package.reference.features:
        if distribution.name not in package.model.feature_names:
            continue
        if distribution.categories:
            drawn = rng.choice(np.array([*distribution.categories, None], dtype=object), rows)
            columns[distribution.name] = pd.Series(drawn, dtype="object")
        else:
            edges = np.array([*distribution.edges, np.nan]) if distribution.edges else np.array([0.0, np.nan])
            columns[distribution.name] = pd.Series(rng.choice(edges, rows) + rng.normal(0, 1, rows))
    return pd.DataFrame(columns)


def golden_rows(package: ModelPackage) -> bytes:
    """The made rows with the package's margins of them, as a file of the package.

    Raises:
        GoldenRowsError: the booster and its tables do not say the same.
    """
    rows = made_rows(package)
    by_tables, gap = _margins(package, rows)
    if not gap <= AT_MOST:
        raise GoldenRowsError(
            f"the booster and its tables differ by {gap:.2e} log odds: the files are of different models"
        )
    columns = {
        str(name): [None if value is None or value != value else value for value in rows[name].tolist()]
        for name in rows
    }
    return canonical_json({"rows": columns, "margins": by_tables.tolist()}).encode()


def golden_gap(package: ModelPackage, files: Mapping[str, bytes]) -> float:
    """The largest difference between the booster's margins and the tables' sums, on golden rows.

    A package from before there were golden rows is compared on rows that are made now.

    Raises:
        GoldenRowsError: the two differ by more than `AT_MOST`, or the sums from those at packaging by more than `REMEMBERED`.
    """
    if GOLDEN_FILE not in files:
        rows, remembered = made_rows(package), None
    else:
        try:
            content = json.loads(files[GOLDEN_FILE])
            rows = pd.DataFrame({name: _column(values) for name, values in content["rows"].items()})
            remembered = np.array(content["margins"], dtype=np.float64)
        except (ValueError, KeyError, TypeError, AttributeError) as error:
            raise GoldenRowsError(f"{GOLDEN_FILE} cannot be read: {error!r}") from error
        if len(rows) == 0 or remembered.shape != (len(rows),):
            raise GoldenRowsError(f"{GOLDEN_FILE} has {len(rows)} rows and margins of the shape {remembered.shape}")
    by_tables, gap = _margins(package, rows)
    if not gap <= AT_MOST:
        raise GoldenRowsError(
            f"the booster and its tables differ by {gap:.2e} log odds: the files are of different models"
        )
    if remembered is not None:
        moved = float(np.max(np.abs(by_tables - remembered)))
        if not moved <= REMEMBERED:
            raise GoldenRowsError(f"the golden rows' margins are {moved:.2e} log odds from those at packaging")
    return gap


def _margins(package: ModelPackage, rows: pd.DataFrame) -> tuple[NDArray[np.float64], float]:
    values = package.model.values(rows)
    by_tables = package.contributions(values, threads=1).margin
    return by_tables, float(np.max(np.abs(by_tables - package.margin(values))))


def _column(values: list[object]) -> pd.Series:
    if any(isinstance(value, str) for value in values):
        return pd.Series(values, dtype="object")
    return pd.Series([np.nan if value is None else value for value in values], dtype="float64")
