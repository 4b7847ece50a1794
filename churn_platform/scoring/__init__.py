"""The daily score: one row per observed customer with probability, band, decile, decision, reasons and provenance.

What belongs here: from margins and contributions to the row of `contracts/predictions.py` (`row`), its fingerprint, a day's order, and the
contract that a whole day must meet. What does not: computing features or contributions, and publishing.
"""

from churn_platform.scoring.contract import hold_blocks_to_contract, hold_to_contract
from churn_platform.scoring.errors import ScoringError
from churn_platform.scoring.fingerprint import feature_fingerprints
from churn_platform.scoring.order import checked_places, day_order
from churn_platform.scoring.row import Provenance, bands, deciles, score_block, score_rows

__all__ = [
    "Provenance",
    "ScoringError",
    "bands",
    "checked_places",
    "day_order",
    "deciles",
    "feature_fingerprints",
    "hold_blocks_to_contract",
    "hold_to_contract",
    "score_block",
    "score_rows",
]
