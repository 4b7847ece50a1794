"""A trained model as a value: the booster's bytes with all that turns a feature row into a probability and a yes or no.

Here: applying the model, and its files (deterministic, without a clock). Not here: growing it (`fit`), and packing,
signing or registering its files (adapters).
"""

from __future__ import annotations

import json
from collections.abc import Mapping
from dataclasses import dataclass
from datetime import date
from functools import cached_property
from typing import TYPE_CHECKING, Any

import numpy as np
import pandas as pd

from churn_platform.contracts.features import Feature
from churn_platform.training.boosting import Parameters, raw_margins
from churn_platform.training.calibration import Calibration
from churn_platform.training.errors import ModelFileError
from churn_platform.training.examples import ExcludedFeature
from churn_platform.training.matrix import design_matrix, feature_types, feature_values
from churn_platform.training.recency import ALL_ALIKE, Weighting
from churn_platform.training.threshold import Threshold
from churn_platform.training.tuning import Trial

if TYPE_CHECKING:
    from numpy.typing import NDArray


RESTORE = "Restore the package."


@dataclass(frozen=True, slots=True)
class TrainingRecord:
    """How the model came about: what it was fitted on, with which settings, and which others were tried."""

    digest: str
    rows: int
    churners: int
    first_day: date
    last_day: date
    as_of: date
    params: Parameters
    rounds: int
    seed: int
    trials: tuple[Trial, ...]
    stopped: str
    weighting: Weighting = ALL_ALIKE


@dataclass(frozen=True)
class TrainedModel:
    """Feature rows in, probabilities out. `booster_json` is XGBoost's JSON; `booster` is parsed from it at first use.

    `features` are the model's inputs in order, `excluded` those of the feature set that it does without.
    """

    booster_json: bytes
    feature_set: str
    features: tuple[Feature, ...]
    excluded: tuple[ExcludedFeature, ...]
    calibration: Calibration
    threshold: Threshold
    record: TrainingRecord

    @property
    def feature_names(self) -> tuple[str, ...]:
        """The inputs' names in model order."""
        return tuple(feature.name for feature in self.features)

    @cached_property
    def booster(self) -> Any:
        """The `xgboost.Booster`, single-threaded: scoring in several workers must not make their threads fight.

        Raises ModelFileError if the bytes are no model, or one with other features or rounds than this value says.
        """
        import xgboost

        self.require_matching_booster()
        try:
            return xgboost.Booster({"nthread": 1}, model_file=bytearray(self.booster_json))
        except xgboost.core.XGBoostError as error:
            raise ModelFileError(
                f"XGBoost cannot read booster.json: {str(error).splitlines()[0]}. {RESTORE}"
            ) from error

    def require_matching_booster(self) -> None:
        """Raise ModelFileError for bytes that are no model, or another's, before XGBoost parses them: it aborts the process on some."""
        try:
            learner = json.loads(self.booster_json)["learner"]
            ends = learner["gradient_booster"]["model"]["iteration_indptr"]
            inside = (learner["feature_names"], learner["feature_types"], len(ends) - 1)
        except (ValueError, KeyError, TypeError, IndexError) as error:
            what = f"{type(error).__name__}: {error}"
            raise ModelFileError(f"booster.json is not an XGBoost model ({what}). {RESTORE}") from error
        stated = (list(self.feature_names), feature_types(self.features), self.record.rounds)
        if inside != stated:
            raise ModelFileError(
                f"booster.json holds {inside[2]} rounds over {inside[0]}, but its neighbours say {stated[2]} rounds "
                f"over {stated[0]}. The files come from different models. {RESTORE}"
            )

    def values(self, frame: pd.DataFrame) -> NDArray[np.float32]:
        """`frame`'s features as the model sees them, float32 (rows, features); see `matrix.feature_values`."""
        return feature_values(frame, self.features)

    def matrix(self, frame: pd.DataFrame) -> Any:
        """`frame`'s features as an `xgboost.DMatrix`."""
        return design_matrix(self.values(frame), self.features)

    def margin(self, frame: pd.DataFrame) -> NDArray[np.float64]:
        """The booster's own log odds, before calibration, (rows,)."""
        return raw_margins(self.booster, self.matrix(frame))

    def probability(self, frame: pd.DataFrame) -> NDArray[np.float64]:
        """The calibrated probability of leaving within the label horizon, (rows,)."""
        return self.calibration.probability(self.margin(frame))

    def predicts_churn(self, frame: pd.DataFrame) -> NDArray[np.bool_]:
        """Whether the probability reaches the decision threshold, (rows,)."""
        return self.probability(frame) >= self.threshold.value

    def to_files(self) -> dict[str, bytes]:
        """The model as files by name; equal models give equal bytes."""
        from churn_platform.training.model_files import model_to_files

        return model_to_files(self)

    @classmethod
    def from_files(cls, files: Mapping[str, bytes]) -> TrainedModel:
        """The model that `to_files` wrote; other files in the mapping are ignored. Raises ModelFileError."""
        from churn_platform.training.model_files import model_from_files

        return model_from_files(files)
