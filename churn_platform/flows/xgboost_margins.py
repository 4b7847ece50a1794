"""The child of `margin_witness`: XGBoost and nothing else, so that it is ready early. A booster and rows in, margins out.

Asked on stdin with an npz of `booster` (XGBoost's JSON as bytes), `names` and `types` of the features, `values` (rows, features); it
answers with an npy of the uncalibrated margins (rows,) on stdout. Asked nothing, it ends: its parent needs no answer, or is no more.
"""

from __future__ import annotations

import gc
import io
import sys


def main() -> None:
    """Import, read what is asked, answer."""
    gc.disable()  # it makes one answer
    sys.modules["sklearn"] = None  # type: ignore[assignment]  # XGBoost imports it for estimators that nobody uses here: 1 s
    import numpy as np
    import xgboost

    asked = sys.stdin.buffer.read()
    if not asked:
        return
    with np.load(io.BytesIO(asked), allow_pickle=False) as parts:
        booster = xgboost.Booster({"nthread": 1}, model_file=bytearray(parts["booster"].tobytes()))
        rows = xgboost.DMatrix(
            parts["values"],
            feature_names=parts["names"].tolist(),
            feature_types=parts["types"].tolist(),
            enable_categorical=True,
            nthread=1,
        )
    answered = io.BytesIO()
    np.save(answered, booster.predict(rows, output_margin=True).astype(np.float64))
    sys.stdout.buffer.write(answered.getvalue())


if __name__ == "__main__":
    main()
