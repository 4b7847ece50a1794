"""Two models on a made-up holdout of the IBM replay's size: what each knows is set, so that who is better is known."""

from __future__ import annotations

import numpy as np
import pandas as pd

from churn_platform.evaluation.comparison import Comparison, ComparisonRows, Contender, compare
from churn_platform.policies import Policies, load_policies

POLICIES: Policies = load_policies().changed(
    "champion_challenger.resamples", 400, reason="a test must be fast: 400 set the 0.5 % quantile by two"
)
POLICY = POLICIES.champion_challenger
ROWS, BASE_LOG_ODDS, SIGNAL = 1_173, -1.35, 1.55
"""The replayed holdout; with these, 27 % leave, and a model that knows the signal has AUC 0.84, as on the real rows."""
OWN_NOISE = 0.13
"""What two seeds of one recipe differ by, in log odds: measured on the real holdout, see `bench/comparison.py`."""


def sigmoid(x: np.ndarray) -> np.ndarray:
    return 1.0 / (1.0 + np.exp(-x))


class Holdout:
    """Rows with outcomes, and models of them that know the truth up to a noise of their own."""

    def __init__(self, seed: int, rows: int = ROWS, customers: int | None = None) -> None:
        self.rng = np.random.default_rng(seed)
        self.signal = SIGNAL * self.rng.normal(size=rows)
        churned = self.rng.random(rows) < sigmoid(BASE_LOG_ODDS + self.signal)
        ids = np.arange(rows) % (customers or rows)
        days = pd.Timestamp("2026-04-01") + pd.to_timedelta(np.arange(rows) // (customers or rows), unit="D")
        frame = pd.DataFrame(
            {
                "customer_id": pd.Series([f"C{i:05d}" for i in ids], dtype="str"),
                "observation_date": days.astype("datetime64[s]"),
                "churned": churned.astype(np.int8),
            }
        )
        self.rows = ComparisonRows(frame, removed=0, leaked=0)
        self.worth = self.rng.uniform(2000.0, 6500.0, rows)

    def model(
        self,
        version: str,
        noise: float = OWN_NOISE,
        milliseconds: float = 0.1,
        megabytes: float = 1.0,
        knows: float = 1.0,
    ) -> Contender:
        margin = BASE_LOG_ODDS + knows * self.signal + noise * self.rng.normal(size=len(self.signal))
        # the threshold is found on training rows, so it has a noise of its own
        threshold = float(np.clip(0.33 + 0.02 * self.rng.normal(), 0.05, 0.95))
        return Contender(version, version * 8, "v1", sigmoid(margin), threshold, milliseconds, megabytes)

    def compared(self, champion: Contender, challenger: Contender) -> Comparison:
        return compare(champion, challenger, self.rows, self.worth, POLICY, np.random.default_rng(7))
