"""What a day's scores must be before anybody reads them: whole rows, possible probabilities, each customer once.

What belongs here: holding frames to the contract. What does not: its columns (`contracts/predictions.py`).
"""

from __future__ import annotations

from collections.abc import Iterable

import pandas as pd

from churn_platform.contracts.predictions import SCORE_COLUMNS
from churn_platform.scoring.errors import ScoringError
from churn_platform.scoring.order import ascending, refuse_customers_twice


def hold_to_contract(scores: pd.DataFrame) -> None:
    """Raise ScoringError unless every row has a probability inside (0, 1), a base, reasons and a decision, and no customer stands
    twice a day.
    """
    hold_rows_to_contract(scores)
    refuse_customers_twice(scores)


def hold_blocks_to_contract(blocks: Iterable[pd.DataFrame], rows: int) -> None:
    """Hold a day's scores to their contract block by block, in published order: the same as `hold_to_contract` of them together,
    in the memory of one block.

    Raises:
        ScoringError: a row breaks the contract, a customer stands twice or out of order, or there are not `rows` of them.
    """
    last = None
    seen = 0
    for block in blocks:
        hold_rows_to_contract(block)
        first = tuple(block[["observation_date", "customer_id"]].iloc[0])
        ordered = block["observation_date"].nunique() > 1 or ascending(block["customer_id"])
        if not ordered or (last is not None and not last < first):
            refuse_customers_twice(block)
            raise ScoringError(
                f"the scores are not in the order of their customers, near {first[1]}: publish the day again"
            )
        last = tuple(block[["observation_date", "customer_id"]].iloc[-1])
        seen += len(block)
    if seen != rows:
        raise ScoringError(f"{seen} scores are published where the pointer says {rows}: publish the day again")


def hold_rows_to_contract(scores: pd.DataFrame) -> None:
    """Raise ScoringError unless every row by itself meets the contract."""
    absent = [name for name in SCORE_COLUMNS if name not in scores]
    if absent or scores.empty:
        raise ScoringError(f"the scores lack {', '.join(absent) or 'rows'}: nothing is published")
    bad = ~(scores["probability"] > 0) | ~(scores["probability"] < 1)
    if bool(bad.any()):
        raise ScoringError(
            f"{int(bad.sum())} of {len(scores)} scores are missing or outside (0, 1), "
            f"first: {scores.loc[bad, 'customer_id'].iloc[0]}"
        )
    blank = scores[["customer_id", "observation_date", "base_margin", "reasons", "decision", "band"]].isna().any(axis=1)
    if bool(blank.any()):
        raise ScoringError(
            f"{int(blank.sum())} of {len(scores)} scores lack a customer, day, base, reason, band or decision"
        )
