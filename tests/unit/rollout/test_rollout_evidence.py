"""What a batch measures of a challenger, against models whose faults are known."""

from __future__ import annotations

from datetime import datetime, timedelta
from types import SimpleNamespace
from typing import Any

import numpy as np
import pandas as pd
import pytest
from rollouts import START, at_stage, plan
from scipy.stats import rankdata

from churn_platform.explanation.contributions import Contributions
from churn_platform.flows import both_models
from churn_platform.flows import rollout_evidence as evidence
from churn_platform.policies import load_policies
from churn_platform.rollout.decision import decide
from churn_platform.rollout.evidence import Evidence, Measure

MORNING = START + timedelta(days=1)
OUTCOME = ("observation_date", "matured_on", "churned_on", "churn_known_at")
CUTS = tuple(n / 10 for n in range(1, 10))


class Model:
    """A package that answers with a function of its one feature."""

    def __init__(self, digest: str, answer: Any) -> None:
        self.digest, self.answer, self.pattern_tables = digest, answer, None
        self.reference = SimpleNamespace(decile_cuts=CUTS)
        self.model = SimpleNamespace(
            feature_set="v1",
            threshold=SimpleNamespace(value=0.5),
            record=SimpleNamespace(last_day=(START - timedelta(days=90)).date()),
            values=lambda rows: rows[["tenure_months"]].to_numpy("float32"),
        )

    def contributions(self, values: np.ndarray, threads: int | None = None) -> Contributions:
        margin = np.asarray(self.answer(values[:, 0].astype("float64")))
        return Contributions(("tenure_months",), margin[:, None], np.zeros(len(values)), margin)


def champion(tenure: np.ndarray) -> np.ndarray:
    return 2 - tenure / 12


def crash(tenure: np.ndarray) -> np.ndarray:
    raise MemoryError("no room")


def batch(at: datetime = MORNING, **about: str) -> Any:
    """The pointer of a day's scores, published then."""
    return SimpleNamespace(partition=at.date().isoformat(), published_at=at, about=about)


def found(
    monkeypatch: pytest.MonkeyPatch,
    challenger: Any,
    newest: Any = None,
    rows: int = 600,
    outcomes: pd.DataFrame | None = None,
    strategy: Any = "canary",
) -> Evidence:
    """What is measured the morning after the stage began, of customers observed that morning."""
    agreed = plan(strategy, evidence="batch")
    models = {"1": Model("1", champion), "2": Model("2", challenger)}
    customers = pd.DataFrame(
        {
            "customer_id": [f"C{n:03d}" for n in range(rows)],
            "observation_date": pd.Timestamp(MORNING.date()),
            "tenure_months": np.random.default_rng(0).uniform(0, 60, rows),
        }
    )
    monkeypatch.setattr(both_models, "package", lambda platform, digest: models[digest])
    pointer = batch(rollout=agreed.digest) if newest is None else newest(agreed)
    monkeypatch.setattr(evidence, "newest_batch", lambda platform: pointer)
    registered = SimpleNamespace(as_of=START.date() - timedelta(days=1))
    none = pd.DataFrame({name: pd.Series(dtype="datetime64[s]") for name in OUTCOME}).assign(customer_id="")
    platform: Any = SimpleNamespace(
        ops=SimpleNamespace(model=lambda version: SimpleNamespace(package_digest=version[-1], registration=registered)),
        policies=load_policies(),
        warehouse=SimpleNamespace(
            features=lambda *_: customers, outcomes=lambda *_: none if outcomes is None else outcomes
        ),
    )
    known = evidence.batch_evidence(platform, agreed, at_stage(agreed, 0), MORNING + timedelta(hours=1))
    assert (known.plan, known.stage) == (agreed.digest, 0)
    return known


def test_an_equal_challenger_differs_in_nothing(monkeypatch: pytest.MonkeyPatch) -> None:
    told = found(monkeypatch, champion).measures
    assert {name: told[name].value for name in ("error_rate", "score_shift", "auc_degradation", "auc_gain", "f1_gain")} == {
        "error_rate": 0, "score_shift": 0, "auc_degradation": 0, "auc_gain": 0, "f1_gain": 0,
    }  # fmt: skip
    assert told["healthy"].value == 1
    assert told["p99"].value > 0
    assert told["p99"].rows == both_models.TIMED
    assert told["error_rate"].rows == 600


@pytest.mark.parametrize(
    ("challenger", "lost", "shifted"),
    [
        (lambda tenure: np.zeros(len(tenure)), 0.1, 0.3),
        (lambda tenure: tenure / 12 - 2, 0.1, 0.3),
        (lambda tenure: champion(tenure) + 1.5, -0.01, 0.1),
    ],
    ids=["the same for everybody", "upside down", "shifted"],
)
def test_a_bad_challenger_is_seen(
    monkeypatch: pytest.MonkeyPatch, challenger: Any, lost: float, shifted: float
) -> None:
    told = found(monkeypatch, challenger).measures
    assert told["auc_degradation"].value >= lost
    assert told["score_shift"].value > shifted
    assert told["error_rate"].value == 0


@pytest.mark.parametrize("challenger", [crash, lambda tenure: np.full(len(tenure), np.nan)], ids=["crash", "NaN"])
def test_a_challenger_that_cannot_answer_is_an_error_rate_of_one(
    monkeypatch: pytest.MonkeyPatch, challenger: Any
) -> None:
    told = found(monkeypatch, challenger).measures
    assert told["error_rate"] == Measure(1.0, 600, MORNING)
    assert "auc_degradation" not in told


def test_a_batch_from_before_the_stage_says_nothing_of_it(monkeypatch: pytest.MonkeyPatch) -> None:
    """The day's batch is published, and then the rollout begins: nobody has met the challenger yet."""
    known = found(monkeypatch, champion, lambda agreed: batch(START))
    agreed = plan(evidence="batch")
    decided = decide(known, agreed, at_stage(agreed, 0), MORNING + timedelta(hours=1))
    assert decided.action == "hold"
    assert "it is from before this stage" in decided.reasons[0]
    own = found(monkeypatch, champion)
    assert decide(own, agreed, at_stage(agreed, 0), MORNING + timedelta(hours=1)).action == "advance"  # the control


def test_a_batch_that_did_not_obey_the_plan_is_no_evidence(monkeypatch: pytest.MonkeyPatch) -> None:
    known = found(monkeypatch, champion, lambda agreed: batch(rollout="another"))
    assert "were not made by this plan" in known.problem
    assert not known.measures


def test_a_challenger_that_failed_in_the_batch_is_an_error_rate_of_one(monkeypatch: pytest.MonkeyPatch) -> None:
    known = found(monkeypatch, champion, lambda agreed: batch(rollout=agreed.digest, challenger_failed="MemoryError"))
    assert known.measures["error_rate"].value == 1.0


def test_without_customers_only_the_packages_health_is_known(monkeypatch: pytest.MonkeyPatch) -> None:
    assert set(found(monkeypatch, champion, rows=0).measures) == {"healthy"}


def outcomes_of(left: np.ndarray) -> pd.DataFrame:
    """Outcomes that closed this morning, of customers in the order of the made ones."""
    rows = pd.DataFrame({"customer_id": [f"C{n:03d}" for n in range(len(left))]})
    for name in OUTCOME:
        rows[name] = pd.Timestamp(MORNING.date()).as_unit("s")
    rows.loc[~left, ["churned_on", "churn_known_at"]] = pd.NaT
    return rows


def test_outcomes_that_training_could_not_know_say_what_was_lost(monkeypatch: pytest.MonkeyPatch) -> None:
    tenure = np.random.default_rng(0).uniform(0, 60, 600)
    left = np.random.default_rng(1).random(600) < 1 / (1 + np.exp(-champion(tenure)))
    upside_down = found(monkeypatch, lambda months: -champion(months), outcomes=outcomes_of(left))
    lost = upside_down.measures["realised_auc_loss"]
    assert lost.value == pytest.approx(2 * auc_of(left, champion(tenure)) - 1, abs=1e-9)
    assert (lost.rows, lost.at) == (600, MORNING)
    assert 0 < lost.error < 0.1
    agreed = plan(evidence="batch")
    decided = decide(upside_down, agreed, at_stage(agreed, 0), MORNING)
    assert decided.action == "rollback"
    assert any("600 outcomes that training could not know" in reason for reason in decided.reasons)
    assert found(monkeypatch, champion, outcomes=outcomes_of(left)).measures["realised_auc_loss"].value == 0
    nobody = outcomes_of(np.zeros(600, dtype=bool))
    assert "realised_auc_loss" not in found(monkeypatch, champion, outcomes=nobody).measures


def auc_of(left: np.ndarray, scores: np.ndarray) -> float:
    ranks = rankdata(scores)
    ones, none = left.sum(), (~left).sum()
    return float((ranks[left].sum() - ones * (ones + 1) / 2) / (ones * none))


def test_the_estimated_loss_is_the_mean_difference_of_aucs_over_drawn_outcomes() -> None:
    rng = np.random.default_rng(4)
    p = np.round(rng.uniform(0.05, 0.95, 400), 2)  # with ties
    trust = both_models.TRUST
    q = np.round(np.clip(p + rng.normal(0, 0.3, 400), 0.01, 0.99), 2)
    lost, error = both_models.auc_lost(p, q)
    differences = []
    for _ in range(both_models.DRAWS):
        left = rng.random(400) < (1 - trust) * p + trust * q
        ones, none = left.sum(), (~left).sum()
        aucs = [(rankdata(s)[left].sum() - ones * (ones + 1) / 2) / (ones * none) for s in (p, q)]
        differences.append(aucs[0] - aucs[1])
    assert lost == pytest.approx(np.mean(differences), abs=4 * error / np.sqrt(both_models.DRAWS) * np.sqrt(2))
    assert error == pytest.approx(np.std(differences, ddof=1), rel=0.35)
