"""What a batch measures of a challenger, against models whose faults are known."""

from __future__ import annotations

from datetime import timedelta
from types import SimpleNamespace
from typing import Any

import numpy as np
import pandas as pd
import pytest
from rollouts import START, at_stage, plan
from scipy.stats import rankdata

from churn_platform.explanation.contributions import Contributions
from churn_platform.flows import rollout_evidence as evidence
from churn_platform.rollout.evidence import Measure

CUTS = tuple(n / 10 for n in range(1, 10))


class Model:
    """A package that answers with a function of its one feature."""

    def __init__(self, digest: str, answer: Any) -> None:
        self.digest, self.answer, self.pattern_tables = digest, answer, None
        self.reference = SimpleNamespace(decile_cuts=CUTS)
        self.model = SimpleNamespace(
            feature_set="v1",
            threshold=SimpleNamespace(value=0.5),
            values=lambda rows: rows[["tenure_months"]].to_numpy("float32"),
        )

    def contributions(self, values: np.ndarray, threads: int | None = None) -> Contributions:
        margin = np.asarray(self.answer(values[:, 0].astype("float64")))
        return Contributions(("tenure_months",), margin[:, None], np.zeros(len(values)), margin)


def champion(tenure: np.ndarray) -> np.ndarray:
    return 2 - tenure / 12


def crash(tenure: np.ndarray) -> np.ndarray:
    raise MemoryError("no room")


def found(monkeypatch: pytest.MonkeyPatch, challenger: Any, days_old: int = 0, rows: int = 600) -> dict[str, Measure]:
    agreed = plan()
    models = {"1": Model("1", champion), "2": Model("2", challenger)}
    customers = pd.DataFrame(
        {
            "customer_id": [f"C{n}" for n in range(rows)],
            "observation_date": pd.Timestamp(START.date()),
            "tenure_months": np.random.default_rng(0).uniform(0, 60, rows),
        }
    )
    monkeypatch.setattr(evidence, "_package", lambda platform, digest: models[digest])
    platform: Any = SimpleNamespace(
        ops=SimpleNamespace(model=lambda version: SimpleNamespace(package_digest=version[-1])),
        warehouse=SimpleNamespace(features=lambda *_: customers),
    )
    known = evidence.batch_evidence(platform, agreed, at_stage(agreed, 0), START + timedelta(days=days_old, hours=3))
    assert (known.plan, known.stage) == (agreed.digest, 0)
    return dict(known.measures)


def test_an_equal_challenger_differs_in_nothing(monkeypatch: pytest.MonkeyPatch) -> None:
    told = found(monkeypatch, champion)
    assert {name: told[name].value for name in ("error_rate", "score_shift", "auc_degradation", "auc_gain", "f1_gain")} == {
        "error_rate": 0, "score_shift": 0, "auc_degradation": 0, "auc_gain": 0, "f1_gain": 0,
    }  # fmt: skip
    assert told["healthy"].value == 1
    assert told["p99"].value > 0
    assert told["p99"].rows == evidence.TIMED
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
    told = found(monkeypatch, challenger)
    assert told["auc_degradation"].value >= lost
    assert told["score_shift"].value > shifted
    assert told["error_rate"].value == 0


@pytest.mark.parametrize("challenger", [crash, lambda tenure: np.full(len(tenure), np.nan)], ids=["crash", "NaN"])
def test_a_challenger_that_cannot_answer_is_an_error_rate_of_one(
    monkeypatch: pytest.MonkeyPatch, challenger: Any
) -> None:
    told = found(monkeypatch, challenger)
    assert told["error_rate"] == Measure(1.0, 600, START + timedelta(hours=3))
    assert "auc_degradation" not in told


def test_what_was_measured_on_an_old_day_is_as_old_as_that_day(monkeypatch: pytest.MonkeyPatch) -> None:
    assert found(monkeypatch, champion, days_old=1)["error_rate"].at == START + timedelta(days=1, hours=3)
    old = found(monkeypatch, champion, days_old=3)["error_rate"]
    assert old.at.date() == START.date()


def test_without_customers_only_the_packages_health_is_known(monkeypatch: pytest.MonkeyPatch) -> None:
    assert set(found(monkeypatch, champion, rows=0)) == {"healthy"}


def test_the_estimated_loss_is_the_mean_difference_of_aucs_over_drawn_outcomes() -> None:
    rng = np.random.default_rng(4)
    p = np.round(rng.uniform(0.05, 0.95, 400), 2)  # with ties
    trust = evidence.TRUST
    q = np.round(np.clip(p + rng.normal(0, 0.3, 400), 0.01, 0.99), 2)
    lost, error = evidence._auc_lost(p, q)
    differences = []
    for _ in range(evidence.DRAWS):
        left = rng.random(400) < (1 - trust) * p + trust * q
        ones, none = left.sum(), (~left).sum()
        aucs = [(rankdata(s)[left].sum() - ones * (ones + 1) / 2) / (ones * none) for s in (p, q)]
        differences.append(aucs[0] - aucs[1])
    assert lost == pytest.approx(np.mean(differences), abs=4 * error / np.sqrt(evidence.DRAWS) * np.sqrt(2))
    assert error == pytest.approx(np.std(differences, ddof=1), rel=0.35)
