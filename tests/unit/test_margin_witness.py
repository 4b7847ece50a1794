"""XGBoost in a process of its own says what XGBoost says here; where it cannot be asked, nothing is published."""

from __future__ import annotations

import io
import time
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import numpy as np
import pytest
import xgboost
from test_scoring_checks import DAY, Package, customers, platform

from churn_platform.adapters.snapshots import NothingPublishedError, read_snapshot
from churn_platform.contracts.features import V1
from churn_platform.flows import margin_witness
from churn_platform.flows import scoring as flow
from churn_platform.flows.margin_witness import MarginWitness
from churn_platform.scoring import ScoringError, day_order
from churn_platform.training.boosting import raw_margins
from churn_platform.training.errors import ModelFileError
from churn_platform.training.matrix import design_matrix

FEATURES = (V1.feature("tenure_months"), V1.feature("contract"))


def values(rows: int, seed: int = 5) -> np.ndarray:
    rng = np.random.default_rng(seed)
    drawn = np.column_stack([rng.normal(30, 20, rows), rng.integers(0, 3, rows)]).astype("float32")
    drawn[rng.random(drawn.shape) < 0.1] = np.nan
    return drawn


@pytest.fixture(scope="module")
def package() -> Any:
    learned = values(400)
    churned = np.random.default_rng(6).integers(0, 2, 400).astype("int8")
    booster = xgboost.train({"max_depth": 3, "seed": 1}, design_matrix(learned, FEATURES, churned), 20)
    model = SimpleNamespace(
        booster=booster,
        booster_json=bytes(booster.save_raw("json")),
        feature_names=tuple(feature.name for feature in FEATURES),
        calibration=SimpleNamespace(margin=lambda raw: 1.5 * raw + 0.25),
        require_matching_booster=lambda: None,
    )
    return SimpleNamespace(model=model, features=FEATURES)


def test_the_witness_says_to_the_bit_what_the_booster_says_here(package: Any) -> None:
    asked = values(3_000, seed=9)
    with MarginWitness() as witness:
        said = witness.margins(package, asked)
    here = 1.5 * raw_margins(package.model.booster, design_matrix(asked, FEATURES)) + 0.25
    assert said.dtype == np.float64
    assert np.array_equal(said, here)
    assert len(np.unique(said)) > 100  # the control: not one number for all


def test_a_witness_that_cannot_read_the_model_is_an_error_with_its_last_word(package: Any) -> None:
    broken = SimpleNamespace(model=SimpleNamespace(**{**vars(package.model), "booster_json": b"{}"}), features=FEATURES)
    with MarginWitness() as witness, pytest.raises(ScoringError, match=r"could not be had .*: nothing is published"):
        witness.margins(broken, values(3))


def test_a_witness_that_dies_stops_the_day_before_anything_is_published(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    rows = customers(50)
    monkeypatch.setattr(margin_witness, "CHILD", "churn_platform.no_such_module")
    small: Any = Package()
    small.model.booster_json, small.model.require_matching_booster = b"{}", lambda: None

    def score(margins: Any) -> flow.ScoredDay:
        return flow.score_blocks(
            platform(tmp_path), "churn-1", small, DAY.date(), [rows], len(day_order(rows)), margins
        )

    with MarginWitness() as witness, pytest.raises(ScoringError, match="No module named"):
        score(witness.margins)
    with pytest.raises(NothingPublishedError):
        read_snapshot(tmp_path, flow.DATASET, "2026-06-03")
    assert score(lambda package, asked: package.margin(asked)).checked == 50  # the control


def in_npy(answer: np.ndarray) -> bytes:
    told = io.BytesIO()
    np.save(told, answer)
    return told.getvalue()


@pytest.mark.parametrize(
    ("answer", "reason"),
    [
        (b"", "cannot be read"),
        (b"a library's greeting", "cannot be read"),
        (in_npy(np.zeros(1)), r"are \(1,\) for 3 rows"),
        (in_npy(np.zeros((3, 1))), r"are \(3, 1\) for 3 rows"),
    ],
)
def test_an_answer_that_is_not_a_margin_a_row_is_no_answer(package: Any, answer: bytes, reason: str) -> None:
    """One number for all would be compared with every row, and might pass."""
    with MarginWitness() as witness, pytest.MonkeyPatch.context() as patched:
        patched.setattr(witness._child, "communicate", lambda *_, **__: (answer, b""))
        witness._child.kill()
        witness._child.wait()
        witness._child.returncode = 0
        with pytest.raises(ScoringError, match=reason):
            witness.margins(package, values(3))


def test_a_booster_that_its_neighbours_do_not_describe_is_not_asked(package: Any) -> None:
    def refuse() -> None:
        raise ModelFileError("another model's trees")

    other = SimpleNamespace(
        model=SimpleNamespace(**{**vars(package.model), "require_matching_booster": refuse}), features=FEATURES
    )
    with MarginWitness() as witness, pytest.raises(ModelFileError, match="another model"):
        witness.margins(other, values(3))


def test_a_silent_witness_is_not_waited_for_without_end(package: Any, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(margin_witness, "PATIENCE", 0.01)
    with MarginWitness() as witness, pytest.raises(ScoringError, match="were not there after"):
        witness.margins(package, values(3))


def test_a_witness_that_is_not_asked_ends_with_its_context() -> None:
    with MarginWitness() as witness:
        child = witness._child
    assert child.returncode is not None


def test_a_witness_whose_parent_is_gone_ends_by_itself() -> None:
    """What a killed parent leaves is a closed pipe."""
    with MarginWitness() as witness:
        assert witness._child.stdin is not None
        witness._child.stdin.close()
        until = time.monotonic() + 60
        while witness._child.poll() is None and time.monotonic() < until:
            time.sleep(0.05)
        assert witness._child.returncode == 0
        witness._child.stdin = None
