"""The search: reproducible, bounded, silent, and judged on rows that a trial did not see."""

from __future__ import annotations

import logging
from collections.abc import Iterator
from dataclasses import replace
from datetime import timedelta

import numpy as np
import optuna
import pytest
import xgboost
from telco_rows import QUICK, Policy, Tables, Tuning, made_up_tables

from churn_platform.training.boosting import SETTINGS
from churn_platform.training.folds import content_rank, stratified_folds
from churn_platform.training.matrix import feature_types
from churn_platform.training.out_of_fold import Folds
from churn_platform.training.tuning import DEFAULT, trial_history, tune

FOUR = replace(QUICK, tuning=replace(QUICK.tuning, trials=4))


def ticking(*seconds: float) -> Iterator[float]:
    yield from seconds


def test_the_same_rows_and_policy_give_the_same_search(small: Tables) -> None:
    one = tune(small.examples(), FOUR)
    other = tune(small.shuffled().examples(), replace(FOUR, threads=3))
    assert one.trials == other.trials
    assert (one.margins == other.margins).all()


def test_the_first_trial_is_the_default_and_the_least_loss_wins(small: Tables) -> None:
    tuning = tune(small.examples(), FOUR)
    assert dict(tuning.trials[0].params) == dict(DEFAULT)
    best = min(tuning.trials, key=lambda trial: trial.log_loss)
    assert (tuning.params, tuning.rounds) == (best.params, best.rounds)
    history = trial_history(tuning.trials)
    assert history["won"].sum() == 1
    assert history.loc[history["won"], "log_loss"].item() == best.log_loss
    assert list(history["number"]) == [1, 2, 3, 4]
    assert not tuning.cut
    assert tuning.stopped == "all 4 trials ran"


def test_progress_is_told_after_each_trial(small: Tables) -> None:
    told: list[tuple[int, int, float]] = []
    tuning = tune(small.examples(), FOUR, on_trial=lambda *progress: told.append(progress))
    assert told == [(trial.number, 4, trial.log_loss) for trial in tuning.trials]


@pytest.mark.parametrize(
    ("clock", "ran"),
    [
        ((0, 10, 20, 30), 4),  # four trials of ten seconds fit into forty
        ((0, 10, 25, 40), 3),  # after 25 s the longest, 15 s, still fits; after 40 s nothing does
        ((0, 100), 1),  # the default runs whatever it takes
    ],
)
def test_the_time_budget_cuts_before_a_trial_that_would_not_fit(
    small: Tables, clock: tuple[float, ...], ran: int
) -> None:
    policy = replace(FOUR, tuning=replace(FOUR.tuning, time_budget=timedelta(seconds=40)))
    ticks = ticking(*clock)
    tuning = tune(small.examples(), policy, clock=lambda: next(ticks))
    assert len(tuning.trials) == ran
    assert tuning.cut == (ran < 4)
    assert tuning.stopped.startswith("all 4" if ran == 4 else f"cut after {ran} of 4 trials")
    assert tune(small.examples(), FOUR).trials[:ran] == tuning.trials


def test_a_row_s_margin_comes_from_a_booster_that_never_saw_it(small: Tables) -> None:
    """The peer is XGBoost's own training loop on the other folds."""
    examples = small.examples()
    tuning = tune(examples, QUICK)
    fold = stratified_folds(examples, QUICK.tuning.folds, QUICK.seed)
    order = np.argsort(content_rank(examples), kind="stable")
    values, churned, types = examples.values, examples.churned, feature_types(examples.features)
    for number in range(QUICK.tuning.folds):
        train, held_out = order[fold[order] != number], fold == number
        peer = xgboost.train(
            {**SETTINGS, **tuning.params, "seed": QUICK.seed, "nthread": 1},
            xgboost.DMatrix(values[train], churned[train], feature_types=types, enable_categorical=True),
            tuning.rounds,
        )
        unseen = xgboost.DMatrix(values[held_out], feature_types=types, enable_categorical=True)
        np.testing.assert_array_equal(peer.predict(unseen, output_margin=True), tuning.margins[held_out].astype("f4"))


def test_rounds_stop_when_the_loss_no_longer_falls(small: Tables) -> None:
    folds = Folds.of(small.examples(), QUICK)
    hasty = {**DEFAULT, "learning_rate": 0.5}
    stopped = folds.grow(hasty, max_rounds=400, patience=20)
    longer = folds.grow(hasty, max_rounds=stopped.rounds + 100, patience=1000)
    assert stopped.rounds < 200
    assert (stopped.rounds, stopped.log_loss) == (longer.rounds, longer.log_loss)


def test_optuna_stays_silent_and_gets_its_verbosity_back(
    small: Tables, caplog: pytest.LogCaptureFixture, capfd: pytest.CaptureFixture[str]
) -> None:
    before = optuna.logging.get_verbosity()
    optuna.logging.set_verbosity(logging.INFO)
    try:
        tune(small.examples(), QUICK)
        assert optuna.logging.get_verbosity() == logging.INFO
        quiet = capfd.readouterr()
        optuna.create_study()
        loud = capfd.readouterr()
    finally:
        optuna.logging.set_verbosity(before)
    assert "Trial" not in quiet.err
    assert "study" in loud.err + caplog.text


def test_monthly_rows_of_a_customer_cannot_be_recognised_across_folds() -> None:
    """Each customer's ten rows share a fingerprint and a fate, both drawn at random: nothing can be learned from that.

    The control deals rows instead of customers, and finds the fingerprint.
    """
    tables = made_up_tables(1200, 3, customers=120)
    rng = np.random.default_rng(0)
    who = tables.features["customer_id"].factorize()[0]
    fate = (rng.random(120) < 0.4)[who]
    features = tables.features.assign(monthly_charges=rng.random(120)[who], contract="One year", tenure_months=1)
    outcomes = tables.outcomes.assign(
        churned_on=(tables.outcomes["observation_date"] + np.timedelta64(5, "D")).where(fate),
        churn_known_at=(tables.outcomes["observation_date"] + np.timedelta64(5, "D")).where(fate),
    )
    examples = replace(tables, features=features, outcomes=outcomes).examples()
    policy = replace(QUICK, tuning=Tuning(trials=1, folds=3, max_rounds=200, early_stopping_rounds=40))
    strangers = examples.frame.assign(customer_id=[f"row {place}" for place in range(len(examples))])
    with_customers = tune(examples, policy).trials[0].log_loss
    without = tune(replace(examples, frame=strangers), policy).trials[0].log_loss
    share = examples.churned.mean()
    entropy = -(share * np.log(share) + (1 - share) * np.log(1 - share))
    assert with_customers > entropy - 0.02
    assert without < entropy - 0.08


def test_the_stand_in_policy_has_the_real_ones_fields() -> None:
    from churn_platform.policies import TrainingPolicy, TuningPolicy

    assert set(TrainingPolicy.model_fields) <= set(Policy.__dataclass_fields__) | {"reason"}
    assert set(TuningPolicy.model_fields) <= set(Tuning.__dataclass_fields__) | {"reason"}
