"""Training sets as content-addressed Parquet: the rows a model was trained on, kept so that the training can be
repeated.

Here: writing once, and reading with proof. Not here: what the digest covers (`training.digest`), or which rows are used
(`training.examples`).
"""

from __future__ import annotations

import io
import json
from dataclasses import asdict, dataclass
from datetime import date, timedelta
from pathlib import Path
from typing import Any

import pandas as pd

from churn_platform.adapters.atomic_files import write_atomically
from churn_platform.contracts.features import Feature
from churn_platform.training.digest import training_digest
from churn_platform.training.examples import Accounting, ExcludedFeature, TrainingExamples

ABOUT = b"training_set"
"""The key of the Parquet schema metadata that holds everything but the rows."""


class TrainingSetError(RuntimeError):
    """A stored training set is missing, unreadable, or not what its name says."""


@dataclass(frozen=True, slots=True)
class TrainingSetRef:
    """Where a training set lies, and the digest that proves its content."""

    digest: str
    path: Path
    rows: int


def write_training_set(root: Path, examples: TrainingExamples) -> TrainingSetRef:
    """Write `examples` to `root/<digest>.parquet` unless they are there already; a damaged file of that name is
    replaced.

    A reader sees the whole file or none.
    """
    digest = training_digest(examples)
    path = _path(root, digest)
    ref = TrainingSetRef(digest, path, len(examples))
    if path.exists():
        try:
            read_training_set(root, digest)
        except TrainingSetError:
            pass  # replaced below by the rows in hand, which have this digest
        else:
            return ref
    write_atomically(path, _parquet(examples))
    return ref


def read_training_set(root: Path, digest: str) -> TrainingExamples:
    """The training set called `digest`. Raises TrainingSetError if it is missing or its content has another "
    "digest."""
    import pyarrow as pa
    import pyarrow.parquet as pq

    path = _path(root, digest)
    if not path.exists():
        raise TrainingSetError(
            f"There is no training set {digest[:12]}… in {root}. Train again from the features and outcomes of "
            "its as_of date."
        )
    try:
        table = pq.read_table(path)
        about = json.loads((table.schema.metadata or {})[ABOUT])
        examples = _examples(table, about)
    except (pa.ArrowException, OSError, ValueError, KeyError, TypeError, AttributeError) as error:
        raise TrainingSetError(
            f"{path} cannot be read as a training set ({type(error).__name__}: {error}). Delete it and train again."
        ) from error
    found = training_digest(examples)
    if found != digest:
        raise TrainingSetError(
            f"{path} holds content with digest {found[:12]}…, not the {digest[:12]}… of its name. Delete it "
            "and train again."
        )
    return examples


def stored_rows(root: Path, digest: str) -> int | None:
    """How many rows the training set called `digest` has, from its file's footer; None where there is no readable file."""
    import pyarrow as pa
    import pyarrow.parquet as pq

    try:
        return int(pq.read_metadata(_path(root, digest)).num_rows)
    except (pa.ArrowException, OSError):
        return None


def _path(root: Path, digest: str) -> Path:
    if len(digest) != 64 or not set(digest) <= set("0123456789abcdef"):
        raise TrainingSetError(f"{digest!r} is not a digest: 64 hexadecimal digits name a training set.")
    return root / f"{digest}.parquet"


def _parquet(examples: TrainingExamples) -> bytes:
    import pyarrow as pa
    import pyarrow.parquet as pq

    about = {
        "feature_set": examples.feature_set,
        "features": [asdict(feature) for feature in examples.features],
        "excluded": [asdict(excluded) for excluded in examples.excluded],
        "as_of": examples.as_of.isoformat(),
        "window_start": examples.window_start.isoformat(),
        "horizon_days": examples.horizon.days,
        "accounting": asdict(examples.accounting),
        "changed_on": None if examples.changed_on is None else examples.changed_on.isoformat(),
        "columns": list(examples.frame.columns),
    }
    plain = examples.frame.copy(deep=False)
    for feature in examples.features:
        if feature.is_categorical:  # text in the file: readable by anything, and the domain is in the metadata
            plain[feature.name] = plain[feature.name].astype(object)
    for column in plain.columns:
        if pd.api.types.is_datetime64_dtype(plain[column]):
            plain[column] = plain[column].dt.date
    table = pa.Table.from_pandas(plain, preserve_index=False).replace_schema_metadata(
        {ABOUT: json.dumps(about, sort_keys=True)}
    )
    sink = io.BytesIO()
    pq.write_table(table, sink, compression="zstd")
    return sink.getvalue()


def _examples(table: Any, about: dict[str, Any]) -> TrainingExamples:
    features = tuple(Feature(**{**entry, "domain": tuple(entry["domain"])}) for entry in about["features"])
    frame = table.to_pandas()[about["columns"]]
    for column in ("observation_date", "attributes_known_at", "matured_on"):
        frame[column] = pd.to_datetime(frame[column]).astype("datetime64[s]")
    frame["customer_id"] = frame["customer_id"].astype("str")
    for feature in features:
        if feature.is_categorical:
            unknown = set(frame[feature.name].dropna()) - set(feature.domain)
            if unknown:
                raise ValueError(f"{feature.name} holds {sorted(unknown)}, outside its domain")
            frame[feature.name] = pd.Categorical(frame[feature.name], categories=list(feature.domain))
    return TrainingExamples(
        frame=frame,
        feature_set=about["feature_set"],
        features=features,
        excluded=tuple(ExcludedFeature(**entry) for entry in about["excluded"]),
        as_of=date.fromisoformat(about["as_of"]),
        window_start=date.fromisoformat(about["window_start"]),
        horizon=timedelta(days=about["horizon_days"]),
        accounting=Accounting(**about["accounting"]),
        changed_on=None if about.get("changed_on") is None else date.fromisoformat(about["changed_on"]),
    )
