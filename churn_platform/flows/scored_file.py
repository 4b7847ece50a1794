"""A day whose feature rows come in a Parquet file: in blocks, without the warehouse and without Dagster.

What belongs here: what such a file must hold, and its way to scores. What does not: reading it (`adapters/feature_file.py`), scoring a
block (`block_scoring.py`), publishing (`scoring.py`).
"""

from __future__ import annotations

from collections.abc import Iterator
from typing import TYPE_CHECKING

import pandas as pd

from churn_platform.adapters.platform import Platform
from churn_platform.flows.block_scoring import BLOCK, Margins, as_they_stand, cut
from churn_platform.flows.scoring import champion_package, score_blocks
from churn_platform.flows.variants import refuse_if_stopped
from churn_platform.scoring import ScoringError, day_order

if TYPE_CHECKING:
    from churn_platform.adapters.feature_file import FeatureFile
    from churn_platform.flows.scored_days import ScoredDay
    from churn_platform.training.candidate import ModelPackage


def score_file(platform: Platform, file: FeatureFile, margins: Margins | None = None) -> ScoredDay:
    """Score and publish a day whose feature rows come in a file, in the layout of the champion's feature table, by the champion.

    Texts stay coded until they are needed: a million customers take some 100 MB. `margins` as in `scoring.score_blocks`.

    Raises:
        NoChampionError, PackageError: no usable champion.
        ScoresStoppedError: the kill switch is thrown.
        ScoringError: the file is not Parquet, lacks a column, or holds no row, another day's row, or a customer twice.
        FeatureValueError: a category that the contract does not know, or a number that is none.
    """
    refuse_if_stopped(platform)
    version, package = champion_package(platform)
    file.require(package.model.feature_names, package.model.feature_set)
    blocks = _blocks(file, package)
    _ = package.pattern_tables  # while the first block is read
    return score_blocks(platform, version, package, file.day, blocks, file.customers(), margins)


def _blocks(file: FeatureFile, package: ModelPackage) -> Iterator[pd.DataFrame]:
    """The file's rows in the order in which they are scored; ScoringError as `score_file`."""
    names = package.model.feature_names
    texts = [feature.name for feature in package.features if feature.is_categorical]
    if file.stands_in_order():
        return file.blocks(names, texts, BLOCK)
    keys = file.keys()
    elsewhere = keys["observation_date"] != pd.Timestamp(file.day)
    if bool(elsewhere.any()):
        raise ScoringError(
            f"{int(elsewhere.sum())} of {len(keys)} rows of {file.path} are not of {file.day}: score each day by itself"
        )
    order = day_order(keys)
    if as_they_stand(order):
        return file.blocks(names, texts, BLOCK)
    return cut(file.rows(names, texts), order)
