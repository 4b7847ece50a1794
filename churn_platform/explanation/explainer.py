"""The fastest exact contributions there are for a booster, and which way they were computed.

Belongs here: the choice between pattern tables and XGBoost's own `pred_contribs`, and its reason, for a report's
metadata. Does not belong here: either method.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, Literal

import numpy as np
import pandas as pd
from numpy.typing import NDArray

from churn_platform.explanation.categories import stored_categories
from churn_platform.explanation.contributions import Contributions, Floats, contributions, feature_names
from churn_platform.explanation.errors import ExplanationError, TablesTooLargeError, UnsupportedModelError
from churn_platform.explanation.pattern_tables import PatternTables
from churn_platform.explanation.pattern_tables.rows import model_values
from churn_platform.explanation.pattern_tables.tables import BYTES_AT_MOST, Progress

if TYPE_CHECKING:
    import xgboost

Method = Literal["pattern_tables", "pred_contribs"]


@dataclass(frozen=True)
class Explainer:
    """Exact contributions of one booster. `reason` says why the tables are not used; it is empty where they are."""

    booster: xgboost.Booster
    tables: PatternTables | None
    reason: str = ""

    @classmethod
    def for_booster(
        cls, booster: xgboost.Booster, progress: Progress | None = None, max_bytes: int = BYTES_AT_MOST
    ) -> Explainer:
        """Build pattern tables; fall back to `pred_contribs` for a model of another kind or too large for them."""
        try:
            return cls(booster, PatternTables.from_booster(booster, progress, max_bytes=max_bytes))
        except (UnsupportedModelError, TablesTooLargeError) as error:
            return cls(booster, None, str(error))

    @property
    def method(self) -> Method:
        """How the contributions are computed; both ways are exact, one is some hundred times faster."""
        return "pattern_tables" if self.tables is not None else "pred_contribs"

    def metadata(self) -> dict[str, str | int]:
        """What a report or an asset says of how its explanations came about."""
        if self.tables is None:
            return {"method": self.method, "reason": self.reason}
        return {"method": self.method, "tables_bytes": self.tables.nbytes, "booster_digest": self.tables.booster_digest}

    def explain(self, rows: pd.DataFrame | NDArray[Any], margin: Floats | None = None) -> Contributions:
        """Contributions of `rows`, a frame or an array in model order (see `rows.model_values`).

        `margin` is the booster's own margin of the same rows where the caller has it; else it is predicted here, so
        that `check_sum` always compares the contributions with the prediction and never with themselves."""
        import xgboost

        names = feature_names(self.booster)
        categories = self.tables.categories if self.tables is not None else stored_categories(self.booster)
        values = model_values(rows, names, categories)
        if margin is not None and margin.shape != (len(values),):
            raise ExplanationError(f"{len(values)} rows need as many margins, not the shape {margin.shape}")
        matrix = None
        if self.tables is None or margin is None:
            types = self.booster.feature_types
            matrix = xgboost.DMatrix(values, feature_names=list(names), feature_types=types, enable_categorical=True)
        if self.tables is None:
            found = contributions(self.booster, matrix)
            return found if margin is None else Contributions(names, found.values, found.base, margin)
        if margin is None:
            margin = np.asarray(self.booster.predict(matrix, output_margin=True), dtype=np.float64)
        amounts = self.tables.contributions(values)
        return Contributions(names, amounts[:, :-1], amounts[:, -1], margin)
