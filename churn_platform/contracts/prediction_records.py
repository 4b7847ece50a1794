"""What the prediction log keeps of one prediction: a column each, written by the scoring API, published as the prediction log.

`ANSWERED` stand in the answer itself. `features` is JSON: [feature, contribution] of each reason, without its words. `received_at` is
seconds since 1970 in the log and a UTC time once published. `shadow_of` names the prediction that the customer got instead, `error` why
there was none.
"""

from __future__ import annotations

ANSWERED: dict[str, str] = {
    "prediction_id": "string",
    "customer_id": "string",
    "probability": "double",
    "margin": "double",
    "band": "string",
    "decision": "string",
    "model_version": "string",
    "model_digest": "string",
    "variant": "string",
    "feature_set": "string",
    "feature_date": "string",
    "degraded": "bool",
}

PREDICTION_COLUMNS: dict[str, str] = {
    **ANSWERED,
    "features": "json",
    "request_digest": "string",
    "received_at": "timestamp",
    "seconds": "double",
    "shadow_of": "string",
    "error": "string",
}
