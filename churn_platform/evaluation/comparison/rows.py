"""Which rows may judge both models: held out by the challenger, and never trained on by the champion.

What belongs here: taking the champion's training rows out of the challenger's holdout, and proving that nothing is left of either.
What does not: reading rows (flows), and how many are enough (`gate`).

A row is an observation: one customer on one observation date. The same customer may be in training a month earlier: that is what a
deployed model meets, and both models met it alike. Intervals take customers as units, since rows of one customer are not independent.
"""

from __future__ import annotations

from dataclasses import dataclass

import pandas as pd

GRAIN = ["customer_id", "observation_date"]


@dataclass(frozen=True)
class ComparisonRows:
    """The rows on which both are judged.

    `frame` holds customer_id, observation_date and churned, sorted by both keys; `removed` rows of the challenger's holdout were
    trained on by the champion and are left out; `leaked` rows of what is left were trained on by either (0, or nothing here counts).
    """

    frame: pd.DataFrame
    removed: int
    leaked: int

    def __len__(self) -> int:
        return len(self.frame)

    @property
    def churners(self) -> int:
        """How many of the rows left."""
        return int(self.frame["churned"].sum())

    @property
    def customers(self) -> int:
        """Different customers among the rows."""
        return int(self.frame["customer_id"].nunique())


def same_rows(
    holdout: pd.DataFrame, champion_trained: pd.DataFrame, challenger_trained: pd.DataFrame
) -> ComparisonRows:
    """The challenger's holdout without the champion's training rows.

    Args:
        holdout: customer_id, observation_date, churned of the challenger's holdout.
        champion_trained, challenger_trained: customer_id and observation_date of what each was fitted on.

    >>> day = pd.Timestamp("2026-05-01")
    >>> held = pd.DataFrame({"customer_id": ["a", "b"], "observation_date": [day, day], "churned": [1, 0]})
    >>> known = held.loc[[0], ["customer_id", "observation_date"]]
    >>> rows = same_rows(held, known, known.iloc[:0])
    >>> len(rows), rows.removed, rows.leaked
    (1, 1, 0)
    """
    rows = _keyed(holdout)[[*GRAIN, "churned"]]
    by_champion = _among(rows, _keyed(champion_trained))
    kept = rows[~by_champion].sort_values(["observation_date", "customer_id"], ignore_index=True)
    leaked = _among(kept, _keyed(champion_trained)) | _among(kept, _keyed(challenger_trained))
    return ComparisonRows(kept, int(by_champion.sum()), int(leaked.sum()))


def _keyed(frame: pd.DataFrame) -> pd.DataFrame:
    return frame.assign(
        customer_id=frame["customer_id"].astype("str"),
        observation_date=pd.to_datetime(frame["observation_date"]).astype("datetime64[s]"),
    )


def _among(rows: pd.DataFrame, others: pd.DataFrame) -> pd.Series:
    keys = pd.MultiIndex.from_frame(rows[GRAIN])
    return pd.Series(keys.isin(pd.MultiIndex.from_frame(others[GRAIN])), index=rows.index)
