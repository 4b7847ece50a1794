"""How much recent outcomes count: nothing is weighted in a steady world, and a changed one is seen where its rows are enough."""

from __future__ import annotations

from dataclasses import replace
from datetime import date, timedelta

import numpy as np
import pandas as pd
import pytest
from telco_rows import QUICK, Policy, Recency

from churn_platform.contracts.features import Feature
from churn_platform.training.examples import Accounting, TrainingExamples
from churn_platform.training.fit import train_model
from churn_platform.training.model import TrainedModel
from churn_platform.training.recency import ALL_ALIKE, Weighting, ages, choose_weighting

DAYS, PER_DAY = 150, 60
POLICY: Policy = replace(QUICK, recency=Recency(min_rows=500, min_churners=30))
COLUMNS = ("first", "second")


def history(changed_days: int, seed: int = 3) -> TrainingExamples:
    """A telco in which `first` drives leaving; in its newest `changed_days` it is `second`, and `first` the other way round."""
    rng = np.random.default_rng(seed)
    rows = DAYS * PER_DAY
    day = np.repeat(np.arange(DAYS), PER_DAY)
    first, second = rng.normal(size=(2, rows))
    changed = day >= DAYS - changed_days
    log_odds = -1.6 + np.where(changed, 1.5 * second - first, 1.5 * first)
    churned = (rng.random(rows) < 1.0 / (1.0 + np.exp(-log_odds))).astype(np.int8)
    observed = (pd.Timestamp("2026-01-01") + pd.to_timedelta(day, unit="D")).astype("datetime64[s]")
    frame = pd.DataFrame(
        {
            "customer_id": pd.Series([f"C{i:06d}" for i in range(rows)], dtype="str"),
            "observation_date": observed,
            "attributes_known_at": observed,
            "first": first,
            "second": second,
            "matured_on": observed + pd.Timedelta(days=30),
            "churned": churned,
        }
    )
    features = tuple(Feature(name, "profile", name) for name in COLUMNS)
    accounting = Accounting(rows, rows, 0, 0, 0, 0, 0, 0)
    last = date(2026, 1, 1) + timedelta(days=DAYS + 30)
    return TrainingExamples(frame, "v1", features, (), last, last - timedelta(days=365), timedelta(days=30), accounting)


@pytest.mark.parametrize("seed", range(4))
def test_in_a_steady_world_all_rows_count_alike(seed: int) -> None:
    chosen = choose_weighting(history(0, seed), POLICY)
    assert chosen.name == "all_alike"
    assert "standard errors" in chosen.reason


def test_a_changed_world_makes_recent_rows_count_more_and_the_record_says_on_what() -> None:
    chosen = choose_weighting(history(25), POLICY)
    assert chosen.name in ("half_life", "short_window")
    assert chosen.judged_rows == 14 * PER_DAY
    assert chosen.judged_churners >= 30
    assert {line.weighting for line in chosen.backtest} == {"all_alike", "half_life", "short_window"}


def test_where_monitoring_says_that_the_world_changed_the_backtest_need_not_prove_it_again() -> None:
    """The same rows: of the gains between one and two standard errors, only those after a change are acted on."""
    for days in range(3, 12):
        plain = history(days)
        seen = replace(plain, changed_on=date(2026, 4, 1))
        before, after = choose_weighting(plain, POLICY), choose_weighting(seen, POLICY)
        best = max(line.better_by for line in before.backtest)
        assert (before.name != "all_alike") == (best >= 2.0)
        assert (after.name != "all_alike") == (best >= 1.0)
        if 1.0 <= best < 2.0:
            return
    raise AssertionError("no history lay between the two bounds: this test would see no difference")


def test_a_weighted_model_knows_the_changed_world_better_than_one_that_counts_all_alike() -> None:
    from sklearn.metrics import roc_auc_score

    train, later = history(25), history(DAYS, seed=9)
    chosen = choose_weighting(train, POLICY)
    from churn_platform.training.fit import fit
    from churn_platform.training.tuning import tune

    kept = train.take(chosen.keeps(train))
    weighted = fit(kept, tune(kept, POLICY, weighting=chosen), POLICY, chosen)
    plain = train_model(train, POLICY)
    auc = {
        name: roc_auc_score(later.churned, m.probability(later.frame))
        for name, m in (("weighted", weighted), ("plain", plain))
    }
    assert auc["weighted"] > auc["plain"] + 0.05


def test_too_few_recent_leavers_are_said_and_nothing_is_weighted() -> None:
    thin = replace(POLICY, recency=Recency(min_rows=500, min_churners=10_000))
    chosen = choose_weighting(history(25), thin)
    assert chosen.name == "all_alike"
    assert "too thin to judge a weighting" in chosen.reason


def test_a_short_history_is_recent_all_of_it() -> None:
    train = history(25)
    young = train.take(ages(train) < 50)
    assert choose_weighting(young, POLICY).name == "all_alike"
    assert "all of it is recent" in choose_weighting(young, POLICY).reason


def test_a_half_life_halves_and_a_short_window_cuts_whole_days() -> None:
    train = history(0)
    half = Weighting("half_life", 30, "").weights(train)
    assert half[-1] == 1.0
    assert half[(ages(train) == 30).argmax()] == pytest.approx(0.5)
    kept = train.take(Weighting("short_window", 60, "").keeps(train))
    assert kept.frame["observation_date"].nunique() == 60
    assert (ALL_ALIKE.weights(train) == 1.0).all()


def test_the_choice_does_not_depend_on_what_customers_are_called() -> None:
    train = history(25)
    names = train.frame["customer_id"].str.replace("C", "Z")
    renamed = replace(train, frame=train.frame.assign(customer_id=names))
    assert choose_weighting(renamed, POLICY) == choose_weighting(train, POLICY)


def test_the_weighting_travels_with_the_model_and_unweighted_packages_of_old_are_read() -> None:
    train = history(25)
    chosen = choose_weighting(train, POLICY)
    from churn_platform.training.fit import fit
    from churn_platform.training.tuning import tune

    kept = train.take(chosen.keeps(train))
    files = fit(kept, tune(kept, POLICY, weighting=chosen), POLICY, chosen).to_files()
    assert TrainedModel.from_files(files).record.weighting == chosen
    import json

    old = json.loads(files["training.json"])
    del old["weighting"]
    assert TrainedModel.from_files({**files, "training.json": json.dumps(old).encode()}).record.weighting == ALL_ALIKE
