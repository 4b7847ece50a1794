"""A day whose feature rows come in a Parquet file: in blocks, without the warehouse and without Dagster.

What belongs here: what such a file must hold, and reading it. What does not: scoring a block (`block_scoring.py`), publishing
(`scoring.py`).
"""

from __future__ import annotations

from concurrent.futures import ThreadPoolExecutor
from datetime import date
from pathlib import Path
from typing import TYPE_CHECKING

import pandas as pd

from churn_platform.adapters.platform import Platform
from churn_platform.flows.block_scoring import BLOCK, Margins, as_they_stand, cut
from churn_platform.flows.scoring import champion_package, score_blocks
from churn_platform.flows.variants import refuse_if_stopped
from churn_platform.scoring import ScoringError, day_order

if TYPE_CHECKING:
    import numpy as np
    from numpy.typing import NDArray

    from churn_platform.flows.scored_days import ScoredDay


def score_file(platform: Platform, path: Path, day: date, margins: Margins | None = None) -> ScoredDay:
    """Score and publish a day whose feature rows come in a Parquet file, in the layout of the champion's feature table, by the champion.

    Texts stay coded until they are needed: a million customers take some 100 MB. `margins` as in `scoring.score_blocks`.

    Raises:
        NoChampionError, PackageError: no usable champion.
        ScoresStoppedError: the kill switch is thrown.
        ScoringError: the file is not Parquet, lacks a column, or holds no row, another day's row, or a customer twice.
        FeatureValueError: a category that the contract does not know, or a number that is none.
    """
    import pyarrow as pa
    import pyarrow.parquet as pq

    refuse_if_stopped(platform)
    version, package = champion_package(platform)
    wanted = ["customer_id", "observation_date", *package.model.feature_names]
    try:
        there = pq.read_schema(path).names
    except pa.ArrowException as error:
        raise ScoringError(f"{path} cannot be read as Parquet ({error}): write it again") from error
    absent = [name for name in wanted if name not in there]
    if absent:
        raise ScoringError(f"{path} lacks {', '.join(absent)}: it is not a table of {package.model.feature_set}")
    texts = [feature.name for feature in package.features if feature.is_categorical]
    with ThreadPoolExecutor(1) as beside:
        loading = beside.submit(lambda: package.pattern_tables)  # while the keys are read
        order = _order(path, day)
        loading.result()
    if not as_they_stand(order):
        rows = pq.read_table(path, columns=wanted, read_dictionary=texts).to_pandas()
        return score_blocks(platform, version, package, day, cut(rows, order), len(order), margins)
    with pq.ParquetFile(path, read_dictionary=texts) as file:
        blocks = (batch.to_pandas() for batch in file.iter_batches(BLOCK, columns=wanted))
        return score_blocks(platform, version, package, day, blocks, len(order), margins)


def _order(path: Path, day: date) -> NDArray[np.intp]:
    """The order in which the file's rows are scored; ScoringError as `score_file`."""
    import pyarrow.parquet as pq

    keys = pq.read_table(path, columns=["customer_id", "observation_date"]).to_pandas()
    elsewhere = keys["observation_date"] != pd.Timestamp(day)
    if bool(elsewhere.any()):
        raise ScoringError(
            f"{int(elsewhere.sum())} of {len(keys)} rows of {path} are not of {day}: score each day by itself"
        )
    return day_order(keys)
