"""XGBoost in a process of its own says what XGBoost says here; where it cannot be asked, nothing is published."""

from __future__ import annotations

import ctypes
import time
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import numpy as np
import pytest
import xgboost
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from test_scoring_checks import DAY, Package, customers, platform

from churn_platform.adapters.snapshots import NothingPublishedError, read_snapshot
from churn_platform.contracts.features import V1
from churn_platform.flows import margin_witness, xgboost_margins
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


@settings(max_examples=25, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(
    depth=st.integers(1, 8),
    rounds=st.integers(1, 60),
    seed=st.integers(0, 2**16),
    objective=st.sampled_from(["binary:logistic", "reg:logistic", "reg:squarederror"]),
    monotone=st.sampled_from([(0, 0), (1, 0), (-1, 0)]),
    one_hot=st.sampled_from([1, 5]),
    rows=st.integers(1, 300),
)
def test_the_bare_library_is_asked_as_the_python_package_asks_it(
    depth: int, rounds: int, seed: int, objective: str, monotone: tuple[int, int], one_hot: int, rows: int
) -> None:
    """Native categories by membership and one-hot, missing values, all objectives, one row: the same bits."""
    learned = values(200, seed)
    churned = np.random.default_rng(seed).integers(0, 2, 200).astype("int8")
    how = {
        "max_depth": depth,
        "seed": seed,
        "objective": objective,
        "monotone_constraints": monotone,
        "max_cat_to_onehot": one_hot,
    }
    booster = xgboost.train(how, design_matrix(learned, FEATURES, churned), rounds)
    asked = values(rows, seed + 1)
    raw = bytes(booster.save_raw("json"))
    library = ctypes.CDLL(str(margin_witness._library()))
    library.XGBGetLastError.restype = ctypes.c_char_p
    told = np.frombuffer(xgboost_margins._margins(library, raw, asked.tobytes(), asked.shape), np.float32)
    assert np.array_equal(told.astype(np.float64), raw_margins(booster, design_matrix(asked, FEATURES)))


def test_rows_of_another_width_are_refused_by_the_library(package: Any) -> None:
    with MarginWitness() as witness, pytest.raises(ScoringError, match=r"could not be had .*: nothing is published"):
        witness.margins(package, np.zeros((3, 5), np.float32))


def test_the_library_is_found_without_importing_the_package_and_with_it(monkeypatch: pytest.MonkeyPatch) -> None:
    found = margin_witness._library()
    monkeypatch.setattr(margin_witness.importlib.util, "find_spec", lambda _: None)
    assert margin_witness._library().samefile(found)


def test_a_witness_that_cannot_read_the_model_is_an_error_with_its_last_word(package: Any) -> None:
    broken = SimpleNamespace(model=SimpleNamespace(**{**vars(package.model), "booster_json": b"{}"}), features=FEATURES)
    with MarginWitness() as witness, pytest.raises(ScoringError, match=r"could not be had .*: nothing is published"):
        witness.margins(broken, values(3))


def test_a_witness_that_dies_stops_the_day_before_anything_is_published(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    rows = customers(50)
    monkeypatch.setattr(margin_witness, "CHILD", tmp_path / "no_such_file.py")
    small: Any = Package()
    small.model.booster_json, small.model.require_matching_booster = b"{}", lambda: None

    def score(margins: Any) -> flow.ScoredDay:
        return flow.score_blocks(
            platform(tmp_path), "churn-1", small, DAY.date(), [rows], len(day_order(rows)), margins
        )

    with MarginWitness() as witness, pytest.raises(ScoringError, match="can't open file"):
        score(witness.margins)
    with pytest.raises(NothingPublishedError):
        read_snapshot(tmp_path, flow.DATASET, "2026-06-03")
    assert score(lambda package, asked: package.margin(asked)).checked == 50  # the control


@pytest.mark.parametrize("answer", [b"", b"hello", bytes(4), bytes(4 * 4)], ids=["silence", "words", "one", "four"])
def test_an_answer_that_is_not_a_margin_a_row_is_no_answer(package: Any, answer: bytes) -> None:
    """One number for all would be compared with every row, and might pass."""
    with MarginWitness() as witness, pytest.MonkeyPatch.context() as patched:
        patched.setattr(witness._child, "communicate", lambda *_, **__: (answer, b""))
        witness._child.kill()
        witness._child.wait()
        witness._child.returncode = 0
        with pytest.raises(ScoringError, match=rf"are {len(answer)} bytes for 3 rows"):
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
