"""The whole recipe: the same rows give the same bytes, and nothing but the rows counts."""

from __future__ import annotations

import hashlib
import subprocess
import sys
from concurrent.futures import ThreadPoolExecutor
from dataclasses import replace
from pathlib import Path

import numpy as np
import pandas as pd
import pytest
import xgboost
from sklearn.metrics import roc_auc_score
from telco_rows import QUICK, Policy, Tables, Tuning, made_up_tables

from churn_platform.policies import load_policies
from churn_platform.training.errors import FeatureValueError
from churn_platform.training.fit import fit, grow, train_model
from churn_platform.training.model import TrainedModel
from churn_platform.training.split import temporal_split
from churn_platform.training.tuning import DEFAULT, tune


@pytest.fixture(scope="module")
def model(small: Tables) -> TrainedModel:
    return train_model(small.examples(), QUICK)


def without_the_rows_digest(model: TrainedModel) -> TrainedModel:
    return replace(model, record=replace(model.record, digest=""))


def test_row_order_threads_and_repetition_change_no_byte(small: Tables, model: TrainedModel) -> None:
    again = train_model(small.shuffled().examples(), replace(QUICK, threads=3))
    assert again.to_files() == model.to_files()


@pytest.mark.parametrize("depth", [2, 4])
def test_the_booster_is_bit_identical_on_any_number_of_threads(v1: Tables, depth: int) -> None:
    examples, params = v1.examples(), {**DEFAULT, "max_depth": depth}
    one = grow(examples, params, 30, seed=3, threads=1)
    assert grow(examples, params, 30, seed=3, threads=2) == one
    with ThreadPoolExecutor(1) as another_thread:
        assert another_thread.submit(grow, examples, params, 30, 3).result() == one
    assert grow(examples, params, 30, seed=4) != one


def test_a_fresh_process_with_another_hash_seed_grows_the_same_bytes(model: TrainedModel) -> None:
    program = (
        "import hashlib\n"
        "from telco_rows import QUICK, made_up_tables\n"
        "from churn_platform.training.fit import train_model\n"
        "files = train_model(made_up_tables(600).examples(), QUICK).to_files()\n"
        "print(hashlib.sha256(b''.join(files.values())).hexdigest())\n"
    )
    done = subprocess.run(
        [sys.executable, "-c", program],
        env={"PYTHONHASHSEED": "4321", "PYTHONPATH": str(Path(__file__).parent), "OMP_NUM_THREADS": "2"},
        capture_output=True,
        text=True,
        check=True,
        timeout=120,
    )
    assert done.stdout.strip() == hashlib.sha256(b"".join(model.to_files().values())).hexdigest()


@pytest.mark.parametrize("customers", [600, 150])
def test_renaming_customers_changes_no_prediction(customers: int) -> None:
    tables = made_up_tables(600, 4, customers)
    names = tables.features["customer_id"].unique()
    others = dict(zip(names, np.random.default_rng(1).permutation(names), strict=True))
    renamed = replace(
        tables,
        features=tables.features.assign(customer_id=tables.features["customer_id"].map(others)),
        outcomes=tables.outcomes.assign(customer_id=tables.outcomes["customer_id"].map(others)),
    )
    one, other = train_model(tables.examples(), QUICK), train_model(renamed.examples(), QUICK)
    assert one.record.digest != other.record.digest
    assert without_the_rows_digest(one).to_files() == without_the_rows_digest(other).to_files()


def test_a_constant_column_beside_the_features_is_irrelevant(small: Tables, model: TrainedModel) -> None:
    more = replace(small, features=small.features.assign(always=1.0))
    assert train_model(more.examples(), QUICK).to_files() == model.to_files()


def test_a_constant_feature_gets_no_split(small: Tables) -> None:
    flat = replace(small, features=small.features.assign(monthly_charges=70.0))
    booster = train_model(flat.examples(), QUICK).booster
    assert "monthly_charges" not in booster.get_score()
    assert "tenure_months" in booster.get_score()


def test_permuted_outcomes_teach_nothing_and_real_ones_do(v1: Tables) -> None:
    """A control for leakage: were the label anywhere in the features or the folds, the permuted one would be found."""
    split = temporal_split(v1.examples(), Policy())
    rng = np.random.default_rng(5)
    shuffled = split.train.frame.assign(churned=rng.permutation(split.train.churned))
    policy = Policy(tuning=Tuning(trials=1, folds=3, max_rounds=100))
    blind = train_model(replace(split.train, frame=shuffled), policy)
    seeing = train_model(split.train, policy)
    truth = split.holdout.churned
    assert abs(roc_auc_score(truth, blind.probability(split.holdout.frame)) - 0.5) < 0.07
    assert roc_auc_score(truth, seeing.probability(split.holdout.frame)) > 0.82


def test_predictions_are_those_of_xgboost_on_pandas_categoricals(v1: Tables) -> None:
    """The peer codes the same frame by itself; a model with other codes would answer otherwise."""
    examples = v1.examples()
    model = train_model(examples, replace(QUICK, tuning=Tuning(trials=1, folds=3, max_rounds=60)))
    peer = xgboost.DMatrix(examples.frame[list(model.feature_names)], enable_categorical=True)
    np.testing.assert_array_equal(
        model.margin(examples.frame).astype("f4"), model.booster.predict(peer, output_margin=True)
    )


def test_a_customer_scores_the_same_alone_and_in_company(small: Tables, model: TrainedModel) -> None:
    together = model.probability(small.features)
    for place in (0, 17, 599):
        assert model.probability(small.features.iloc[[place]])[0] == together[place]


def test_missing_values_are_scored_and_unseen_categories_refused(small: Tables, model: TrainedModel) -> None:
    row = small.features.head(1)
    blank = row.assign(contract=None, tenure_months=np.nan)
    assert 0 < model.probability(blank)[0] < 1
    with pytest.raises(FeatureValueError, match="Weekly"):
        model.probability(row.assign(contract="Weekly"))


def test_churn_is_predicted_from_the_threshold_on(small: Tables, model: TrainedModel) -> None:
    probability = model.probability(small.features)
    assert (model.predicts_churn(small.features) == (probability >= model.threshold.value)).all()
    at = replace(model, threshold=replace(model.threshold, value=float(probability[0])))
    assert at.predicts_churn(small.features)[0]


def test_calibration_and_threshold_come_from_out_of_fold_margins(small: Tables) -> None:
    examples = small.examples()
    tuning = tune(examples, QUICK)
    overdone = replace(tuning, margins=3 * tuning.margins)  # as of an overconfident model
    calm, corrected = fit(examples, tuning, QUICK), fit(examples, overdone, QUICK)
    assert corrected.calibration.method == "affine"
    assert corrected.calibration.slope < 0.7
    assert corrected.booster_json == calm.booster_json
    probability = corrected.calibration.probability(overdone.margins)
    listed = probability >= corrected.threshold.value
    found = (listed & (examples.churned == 1)).sum()
    assert corrected.threshold.f1 == pytest.approx(2 * found / (listed.sum() + examples.churners))


def test_a_model_that_saw_an_excluded_feature_does_not_exist(v2: Tables) -> None:
    model = train_model(v2.head(1500).examples(), QUICK)
    assert len(model.excluded) == 6
    assert not {excluded.name for excluded in model.excluded} & set(model.feature_names)
    assert len(model.feature_names) == len(v2.feature_set.names) - 6
    without = v2.head(5).features.drop(columns=[excluded.name for excluded in model.excluded])
    assert len(model.probability(without)) == 5


def test_the_real_policy_trains_the_real_rows(v1: Tables) -> None:
    policy = load_policies().training
    short = policy.model_copy(update={"tuning": policy.tuning.model_copy(update={"trials": 1})})
    split = temporal_split(v1.examples(), short)
    model = train_model(split.train, short)
    assert pd.Series(model.probability(split.holdout.frame)).between(0, 1).all()
    assert roc_auc_score(split.holdout.churned, model.probability(split.holdout.frame)) > 0.83
    assert model.record.rows == len(split.train)
    assert model.record.last_day == split.train_to
