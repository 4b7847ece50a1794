"""A model's files: equal for equal models, and strict when read."""

from __future__ import annotations

import json
from collections.abc import Callable
from typing import Any

import pytest
from telco_rows import QUICK, Tables, made_up_tables

from churn_platform.training.errors import ModelFileError
from churn_platform.training.fit import train_model
from churn_platform.training.model import TrainedModel
from churn_platform.training.model_files import FILES

Edit = Callable[[dict[str, Any]], None]


@pytest.fixture(scope="module")
def model(small: Tables) -> TrainedModel:
    return train_model(small.examples(), QUICK)


def edited(model: TrainedModel, name: str, edit: Edit) -> dict[str, bytes]:
    files = model.to_files()
    content = json.loads(files[name])
    edit(content)
    return {**files, name: json.dumps(content).encode()}


def test_a_model_survives_its_files(small: Tables, model: TrainedModel) -> None:
    files = model.to_files()
    assert tuple(files) == FILES
    again = TrainedModel.from_files(files)
    assert again == model
    assert again.to_files() == files
    assert (again.probability(small.features) == model.probability(small.features)).all()


def test_other_files_of_a_package_are_left_alone(model: TrainedModel) -> None:
    assert TrainedModel.from_files({**model.to_files(), "manifest.json": b"{}"}) == model


def test_no_file_knows_the_time_or_how_long_it_took(model: TrainedModel) -> None:
    words = {"time", "created", "at", "duration", "seconds", "elapsed", "host", "threads"}

    def keys(content: Any) -> set[str]:
        if isinstance(content, dict):
            return set(content) | {key for value in content.values() for key in keys(value)}
        return {key for value in content for key in keys(value)} if isinstance(content, list) else set()

    for name, content in model.to_files().items():
        found = keys(json.loads(content))
        assert not found & words, (name, found & words)
        assert found


@pytest.mark.parametrize("name", FILES)
def test_a_missing_file_is_named(model: TrainedModel, name: str) -> None:
    files = model.to_files()
    del files[name]
    with pytest.raises(ModelFileError, match=f"lacks {name}"):
        TrainedModel.from_files(files)


@pytest.mark.parametrize("name", FILES)
@pytest.mark.parametrize(
    "damage", [lambda content: content[: len(content) // 2], lambda content: b"", lambda content: b"[]"]
)
def test_a_damaged_file_is_named(model: TrainedModel, name: str, damage: Callable[[bytes], bytes]) -> None:
    files = model.to_files()
    with pytest.raises(ModelFileError, match=name):
        TrainedModel.from_files({**files, name: damage(files[name])}).booster  # noqa: B018  # the booster is parsed at first use


@pytest.mark.parametrize(
    ("name", "edit"),
    [
        ("calibration.json", lambda c: c.update(slope=float("nan"))),
        ("calibration.json", lambda c: c.update(slope=-1.0)),
        ("calibration.json", lambda c: c.update(slope="1.0")),
        ("calibration.json", lambda c: c.update(method="isotonic")),
        ("calibration.json", lambda c: c.pop("intercept")),
        ("calibration.json", lambda c: c.update(extra=1)),
        ("decision.json", lambda c: c["threshold"].update(value=1.5)),
        ("decision.json", lambda c: c["threshold"].update(value=float("nan"))),
        ("decision.json", lambda c: c["threshold"].update(value=None)),
        ("decision.json", lambda c: c.pop("threshold")),
        ("features.json", lambda c: c["features"][0].update(kind="numeric")),
        ("features.json", lambda c: c["features"][0].pop("categories")),
        ("features.json", lambda c: c["features"][0].update(categories=[])),
        ("features.json", lambda c: c.pop("excluded")),
        ("training.json", lambda c: c.update(as_of="yesterday")),
        ("training.json", lambda c: c.pop("rounds")),
        ("training.json", lambda c: c["trials"][0].pop("params")),
    ],
)
def test_an_edited_file_is_refused_with_its_name(model: TrainedModel, name: str, edit: Edit) -> None:
    with pytest.raises(ModelFileError, match=name):
        TrainedModel.from_files(edited(model, name, edit))


def test_an_edit_that_says_the_same_is_accepted(model: TrainedModel) -> None:
    assert TrainedModel.from_files(edited(model, "calibration.json", lambda c: c.update(slope=c["slope"]))) == model


@pytest.mark.parametrize(
    ("name", "edit"),
    [
        ("features.json", lambda c: c["features"].reverse()),
        ("features.json", lambda c: c["features"].pop()),
        ("training.json", lambda c: c.update(rounds=c["rounds"] + 1)),
    ],
)
def test_a_booster_of_another_model_is_refused_before_it_scores(model: TrainedModel, name: str, edit: Edit) -> None:
    mixed = TrainedModel.from_files(edited(model, name, edit))
    with pytest.raises(ModelFileError, match="come from different models"):
        mixed.margin(made_up_tables(3).features)
