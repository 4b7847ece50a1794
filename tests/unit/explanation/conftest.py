"""One small model on the real extract with native categoricals, as the platform trains it."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pandas as pd
import pytest
import xgboost

from churn_platform.contracts.features import V1, FeatureSet
from churn_platform.feeds.ibm import PROFILE_COLUMNS

EXTRACT = Path(__file__).parents[3] / "../shared/data/telco_customer_churn.csv"


def as_model_input(values: pd.DataFrame, feature_set: FeatureSet) -> pd.DataFrame:
    """Native categoricals with the contract's domain, numbers as float64."""
    return pd.DataFrame(
        {
            feature.name: pd.Categorical(values[feature.name], categories=list(feature.domain))
            if feature.is_categorical
            else values[feature.name].astype("float64")
            for feature in feature_set.features
        }
    )


@pytest.fixture(scope="session")
def customers() -> pd.DataFrame:
    """The extract's 7,043 customers with the columns of v1, as text and numbers; blank total charges are missing."""
    raw = pd.read_csv(EXTRACT).rename(columns=PROFILE_COLUMNS)
    raw["senior_citizen"] = raw["senior_citizen"].map({0: "No", 1: "Yes"})
    raw["total_charges"] = pd.to_numeric(raw["total_charges"], errors="coerce")
    return raw


@pytest.fixture(scope="session")
def model_input(customers: pd.DataFrame) -> pd.DataFrame:
    return as_model_input(customers, V1)


@pytest.fixture(scope="session")
def booster(customers: pd.DataFrame, model_input: pd.DataFrame) -> xgboost.Booster:
    """60 trees of depth 4 with native categoricals."""
    labels = (customers["Churn"] == "Yes").to_numpy(dtype=np.float64)
    matrix = xgboost.DMatrix(model_input, labels, enable_categorical=True)
    settings = {"objective": "binary:logistic", "max_depth": 4, "eta": 0.1, "seed": 0, "nthread": 1}
    return xgboost.train(settings, matrix, 60)
