"""The digest of a training set: equal for equal contents, whatever order the rows came in and whatever library wrote
the file.

Here: what counts as content (rows, columns, domains, what was left out, the dates that frame it). Not here: the file
(`adapters.training_sets`). The accounting stays outside: rows that arrive later change it without changing what was
learned.
"""

from __future__ import annotations

import hashlib
import json

import numpy as np
import pandas as pd

from churn_platform.training.examples import TrainingExamples

FORMAT = 1
"""Raised when the meaning of the bytes below changes, so that old digests cannot be mistaken for new ones."""


def training_digest(examples: TrainingExamples) -> str:
    """sha256, 64 hex digits, over a canonical description and each column's bytes in column order."""
    head = {
        "format": FORMAT,
        "rows": len(examples),
        "feature_set": examples.feature_set,
        "features": [[feature.name, list(feature.domain)] for feature in examples.features],
        "excluded": sorted(excluded.name for excluded in examples.excluded),
        "as_of": examples.as_of.isoformat(),
        "window_start": examples.window_start.isoformat(),
        "horizon_days": examples.horizon.days,
        "columns": list(examples.frame.columns),
        # it decides the split; where nothing acts the digest is what it was before there was such a day
        **({} if examples.changed_on is None else {"changed_on": examples.changed_on.isoformat()}),
    }
    content = hashlib.sha256(json.dumps(head, sort_keys=True, separators=(",", ":")).encode())
    for name in examples.frame.columns:
        content.update(_bytes(examples.frame[name]))
    return content.hexdigest()


def _bytes(column: pd.Series) -> bytes:
    if isinstance(column.dtype, pd.CategoricalDtype):
        return column.cat.codes.to_numpy().astype("<i2").tobytes()
    if pd.api.types.is_datetime64_dtype(column):
        return column.to_numpy().astype("datetime64[D]").astype("<i8").tobytes()
    if pd.api.types.is_float_dtype(column):
        values = column.to_numpy(dtype="<f8", copy=True)
        values[np.isnan(values)] = np.nan  # one bit pattern for every kind of missing
        values[values == 0] = 0.0  # and one for −0.0
        return values.tobytes()
    if pd.api.types.is_integer_dtype(column):
        return column.to_numpy(dtype="<i8").tobytes()
    texts = [str(text).encode() for text in column]
    return b"".join(len(text).to_bytes(4, "little") + text for text in texts)
