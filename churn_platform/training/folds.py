"""Stratified folds that keep a customer together and do not depend on row order or on what customers are called.

Here: a canonical order of rows by content, and the dealing of customers into folds. Not here: the temporal holdout
(`split`).

A customer is observed monthly, so their rows are nearly copies of each other and share a fate; spread over folds, a
model could recognise the customer instead of learning the pattern. Therefore whole customers are dealt.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np
import pandas as pd

from churn_platform.training.errors import TooFewExamplesError
from churn_platform.training.examples import TrainingExamples

if TYPE_CHECKING:
    from numpy.typing import NDArray


def content_rank(examples: TrainingExamples) -> NDArray[np.int64]:
    """Dense rank of each row by (observation_date, churned, feature values): equal rows share a rank, names play no
    part."""
    days = examples.frame["observation_date"].to_numpy().astype("datetime64[D]").astype(np.float64)
    values = np.nan_to_num(examples.values.astype(np.float64), nan=-np.inf)
    columns = np.column_stack([days, examples.churned.astype(np.float64), values])
    order = np.lexsort(columns.T[::-1])
    changes = (columns[order][1:] != columns[order][:-1]).any(axis=1)
    rank = np.empty(len(examples), dtype=np.int64)
    rank[order] = np.concatenate([[0], np.cumsum(changes)])
    return rank


def stratified_folds(examples: TrainingExamples, folds: int, seed: int) -> NDArray[np.int64]:
    """Each row's fold, 0 … folds − 1, int64 (rows,).

    Customers are grouped by (ever churned, number of rows), shuffled within the group, and dealt round: fold sizes and
    churners differ by what one customer weighs. Raises TooFewExamplesError if a fold would lack churners or stayers.
    """
    customer = pd.factorize(examples.frame["customer_id"])[0]
    rank, churned = content_rank(examples), examples.churned
    by_customer = np.lexsort([rank, customer])
    starts = np.flatnonzero(np.diff(customer[by_customer], prepend=-1))
    histories = [tuple(rows) for rows in np.split(rank[by_customer], starts[1:])]
    left = np.maximum.reduceat(churned[by_customer], starts)
    if min(int(left.sum()), int((left == 0).sum())) < folds:
        raise TooFewExamplesError(
            f"{folds} folds need at least {folds} customers who left and {folds} who stayed; there are "
            f"{int(left.sum())} and {int((left == 0).sum())}."
        )
    by_content = sorted(range(len(histories)), key=lambda i: (left[i], len(histories[i]), histories[i]))
    shuffle = np.random.default_rng(seed).random(len(histories))
    dealt = sorted(
        range(len(histories)),
        key=lambda place: (left[by_content[place]], len(histories[by_content[place]]), shuffle[place]),
    )
    fold_of_customer = np.empty(len(histories), dtype=np.int64)
    for turn, place in enumerate(dealt):
        fold_of_customer[by_content[place]] = turn % folds
    return fold_of_customer[customer]
