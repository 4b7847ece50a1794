"""A trained model's files: one JSON per concern, canonical, without clocks or durations, so that equal models have
equal bytes.

    booster.json      XGBoost's own JSON: the trees
    features.json     the inputs in order with their kinds and categories; the features left out, with reasons
    calibration.json  slope and intercept on the margin, and why
    decision.json     the decision threshold with its out-of-fold F1, precision and recall
    training.json     settings, rounds, seed, trials, and the digest of the rows

Here: writing and strict reading. Not here: the package around them (manifest, signature, digests).
"""

from __future__ import annotations

import json
import math
from collections.abc import Mapping
from dataclasses import asdict
from datetime import date
from types import MappingProxyType
from typing import Any

from churn_platform.contracts.features import Feature
from churn_platform.training.calibration import Calibration
from churn_platform.training.errors import ModelFileError
from churn_platform.training.examples import ExcludedFeature
from churn_platform.training.model import TrainedModel, TrainingRecord
from churn_platform.training.recency import ALL_ALIKE, BacktestLine, Weighting
from churn_platform.training.threshold import Threshold
from churn_platform.training.tuning import Trial

FILES = ("booster.json", "calibration.json", "decision.json", "features.json", "training.json")


def model_to_files(model: TrainedModel) -> dict[str, bytes]:
    """The five files by name, in name order."""
    record = model.record
    return {
        "booster.json": model.booster_json,
        "calibration.json": _json(asdict(model.calibration)),
        "decision.json": _json(
            {"rule": "largest F1 on out-of-fold probabilities", "threshold": asdict(model.threshold)}
        ),
        "features.json": _json(
            {
                "feature_set": model.feature_set,
                "features": [
                    {
                        "name": feature.name,
                        "kind": "categorical" if feature.is_categorical else "numeric",
                        "categories": list(feature.domain),
                        "group": feature.group,
                        "label": feature.label,
                        "unit": feature.unit,
                    }
                    for feature in model.features
                ],
                "excluded": [asdict(excluded) for excluded in model.excluded],
            }
        ),
        "training.json": _json(
            {
                "digest": record.digest,
                "rows": record.rows,
                "churners": record.churners,
                "first_day": record.first_day.isoformat(),
                "last_day": record.last_day.isoformat(),
                "as_of": record.as_of.isoformat(),
                "params": dict(record.params),
                "rounds": record.rounds,
                "seed": record.seed,
                "trials": [
                    {"number": t.number, "params": dict(t.params), "rounds": t.rounds, "log_loss": t.log_loss}
                    for t in record.trials
                ],
                "stopped": record.stopped,
                "weighting": asdict(record.weighting),
            }
        ),
    }


def model_from_files(files: Mapping[str, bytes]) -> TrainedModel:
    """The model in `files`. Raises ModelFileError for a missing file, one that is not JSON, or one with other fields
    than written."""
    missing = [name for name in FILES if name not in files]
    if missing:
        raise ModelFileError(
            f"The model lacks {', '.join(missing)}; a model is {', '.join(FILES)}. Restore the package."
        )
    name = ""
    try:
        name = "features.json"
        about = _read(files[name])
        features = tuple(_feature(entry) for entry in about["features"])
        excluded = tuple(ExcludedFeature(**entry) for entry in about["excluded"])
        name = "calibration.json"
        calibration = Calibration(**_read(files[name]))
        if calibration.method not in ("identity", "affine") or not calibration.slope > 0:
            raise ValueError(f"method {calibration.method!r} with slope {calibration.slope} is no calibration")
        name = "decision.json"
        threshold = Threshold(**_read(files[name])["threshold"])
        if not 0 <= threshold.value <= 1:
            raise ValueError(f"threshold {threshold.value} is not a probability")
        name = "training.json"
        record = _record(_read(files[name]))
    except (ValueError, KeyError, TypeError, AttributeError) as error:
        raise ModelFileError(
            f"{name} does not hold what a model needs ({type(error).__name__}: {error}). Restore the package."
        ) from error
    return TrainedModel(
        bytes(files["booster.json"]), about["feature_set"], features, excluded, calibration, threshold, record
    )


def _feature(entry: dict[str, Any]) -> Feature:
    feature = Feature(entry["name"], entry["group"], entry["label"], tuple(entry["categories"]), entry["unit"])
    if entry["kind"] != ("categorical" if feature.is_categorical else "numeric"):
        raise ValueError(f"feature {feature.name} is called {entry['kind']} but has {len(feature.domain)} categories")
    return feature


def _record(fields: dict[str, Any]) -> TrainingRecord:
    days = {name: date.fromisoformat(fields[name]) for name in ("first_day", "last_day", "as_of")}
    trials = tuple(
        Trial(entry["number"], MappingProxyType(entry["params"]), entry["rounds"], entry["log_loss"])
        for entry in fields["trials"]
    )
    weighting = ALL_ALIKE
    if "weighting" in fields:  # packages from before there was a choice counted all rows alike
        entry = fields["weighting"]
        lines = tuple(BacktestLine(**line) for line in entry["backtest"])
        weighting = Weighting(**{**entry, "backtest": lines})
    params = MappingProxyType(fields["params"])
    return TrainingRecord(**{**fields, **days, "params": params, "trials": trials, "weighting": weighting})


def _json(content: Any) -> bytes:
    return (json.dumps(content, sort_keys=True, indent=2, ensure_ascii=False, allow_nan=False) + "\n").encode()


def _read(content: bytes) -> dict[str, Any]:
    fields = json.loads(content, parse_constant=_refuse_constant)
    if not isinstance(fields, dict):
        raise TypeError(f"expected an object, found {type(fields).__name__}")
    if any(isinstance(value, float) and not math.isfinite(value) for value in fields.values()):
        raise ValueError("a number is not finite")
    return fields


def _refuse_constant(constant: str) -> float:
    raise ValueError(f"{constant} is not a number")
