"""The daily score: one row per customer and observation_date, and what each column means.

`decile` is the score's tenth within the champion's reference distribution (1 = the riskiest tenth), so that it means the same on a day
with thirty customers as on one with thirty thousand. `reasons` is JSON: a list of {feature, value, contribution, text}, the largest
contribution towards leaving first; `base_margin` plus all contributions is `margin`, and `probability` is its calibrated logistic.
"""

from __future__ import annotations

SCORE_COLUMNS: dict[str, str] = {
    "customer_id": "string",
    "observation_date": "date",
    "probability": "double",
    "margin": "double",
    "base_margin": "double",
    "band": "string",
    "decile": "int",
    "decision": "string",
    "reasons": "string",
    "model_version": "string",
    "model_digest": "string",
    "feature_set": "string",
    "feature_fingerprint": "string",
    "feed": "string",
    "simulated": "bool",
}

BANDS = ("low", "medium", "high")
DECISIONS = ("contact", "watch", "none")
