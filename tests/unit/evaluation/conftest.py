"""The real extract with a quick model's and a baseline's probabilities on a held-out fifth, and made-up rows."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path

import numpy as np
import pandas as pd
import pytest

from churn_platform.contracts.features import V1
from churn_platform.evaluation.evaluation import Evaluation, evaluate
from churn_platform.evaluation.outcomes import ScoredOutcomes, scored_outcomes
from churn_platform.feeds.ibm import PROFILE_COLUMNS
from churn_platform.policies import Policies, load_policies

DATA = Path(__file__).parents[3] / "../shared/data"
if not DATA.exists():
    DATA = Path(__file__).parents[3] / "data/raw/ibm"


@dataclass(frozen=True)
class Holdout:
    """Rows a model had not seen: outcomes, attributes, the model's and the baseline's probabilities, contributions."""

    churned: np.ndarray
    frame: pd.DataFrame
    probability: np.ndarray
    baseline: np.ndarray
    contributions: pd.DataFrame


@pytest.fixture(scope="session")
def policies() -> Policies:
    return load_policies()


@pytest.fixture(scope="session")
def holdout() -> Holdout:
    import xgboost
    from sklearn.linear_model import LogisticRegression
    from sklearn.pipeline import make_pipeline
    from sklearn.preprocessing import StandardScaler

    raw = pd.read_csv(DATA / "telco_customer_churn.csv").rename(columns=PROFILE_COLUMNS)
    raw["senior_citizen"] = raw["senior_citizen"].map({0: "No", 1: "Yes"})
    raw["total_charges"] = pd.to_numeric(raw["total_charges"], errors="coerce").fillna(0.0)
    frame = pd.DataFrame(
        {
            feature.name: pd.Categorical(raw[feature.name], feature.domain)
            if feature.is_categorical
            else raw[feature.name].astype(float)
            for feature in V1.features
        }
    )
    churned = (raw["Churn"] == "Yes").to_numpy().astype(int)
    order = np.random.default_rng(7).permutation(len(frame))
    held, train = order[: len(frame) // 5], order[len(frame) // 5 :]
    settings = {"objective": "binary:logistic", "max_depth": 3, "eta": 0.05, "tree_method": "hist", "nthread": 1}
    matrix = xgboost.DMatrix(frame.iloc[train], churned[train], enable_categorical=True)
    booster = xgboost.train(settings, matrix, 300)
    test = xgboost.DMatrix(frame.iloc[held], enable_categorical=True)
    dummies = pd.get_dummies(frame, dtype=float)
    baseline = make_pipeline(StandardScaler(), LogisticRegression(max_iter=1000))
    baseline.fit(dummies.iloc[train], churned[train])
    explained = booster.predict(test, pred_contribs=True)[:, :-1]
    return Holdout(
        churned[held],
        frame.iloc[held].reset_index(drop=True),
        booster.predict(test).astype(float),
        baseline.predict_proba(dummies.iloc[held])[:, 1],
        pd.DataFrame(explained, columns=list(V1.names)),
    )


@pytest.fixture(scope="session")
def evaluation(holdout: Holdout, policies: Policies) -> Evaluation:
    return evaluate(
        holdout.churned,
        holdout.probability,
        baseline_probability=holdout.baseline,
        attributes=holdout.frame,
        threshold=0.32,
        horizon_days=30,
        label_maturity=1.0,
        policy=policies.evaluation,
    )


@pytest.fixture
def made_up() -> ScoredOutcomes:
    """400 rows of a well-calibrated model, some scores tied."""
    rng = np.random.default_rng(3)
    probability = np.round(rng.beta(1.0, 2.5, 400), 2)
    return scored_outcomes(rng.random(400) < probability, probability)
