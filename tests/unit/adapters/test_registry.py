"""MLflow as a mirror: what is registered here is what the ops store says, once, whoever asks again."""

from __future__ import annotations

from pathlib import Path

import pytest

from churn_platform.adapters.registry import ModelRegistry


@pytest.fixture(scope="module")
def registry(tmp_path_factory: pytest.TempPathFactory) -> ModelRegistry:
    """One backend for the module: making it takes seconds."""
    made = ModelRegistry(tmp_path_factory.mktemp("mlflow"), "churn")
    made.prepare()
    return made


@pytest.fixture(scope="module")
def package(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("package")
    (folder / "manifest.json").write_text("{}")
    return folder


def test_nothing_is_registered_before_the_first_registration(registry: ModelRegistry) -> None:
    assert not registry.has("churn-0")
    assert registry.alias_of("champion") is None


def test_registering_again_gives_the_same_version(registry: ModelRegistry, package: Path) -> None:
    first = registry.register(version="churn-1", package=package, run_id=None, tags={"owner": "a"})
    assert registry.register(version="churn-1", package=package, run_id=None, tags={"owner": "a"}) == first
    assert registry.register(version="churn-2", package=package, run_id=None, tags={}) != first
    assert registry.has("churn-1")
    assert registry.has("churn-2")


def test_the_alias_follows_and_says_whether_it_had_to_move(registry: ModelRegistry, package: Path) -> None:
    for version in ("churn-1", "churn-2"):
        registry.register(version=version, package=package, run_id=None, tags={})
    assert registry.mirror_alias("champion", "churn-1")
    assert not registry.mirror_alias("champion", "churn-1")
    assert registry.mirror_alias("champion", "churn-2")
    assert registry.alias_of("champion") == "churn-2"


def test_an_alias_for_a_version_that_was_never_registered_is_an_error_and_moves_nothing(
    registry: ModelRegistry, package: Path
) -> None:
    registry.register(version="churn-1", package=package, run_id=None, tags={})
    registry.mirror_alias("champion", "churn-1")
    with pytest.raises(KeyError, match=r"churn\.version=churn-99; register it first"):
        registry.mirror_alias("champion", "churn-99")
    assert registry.alias_of("champion") == "churn-1"


def test_a_training_is_recorded_whole(registry: ModelRegistry, package: Path) -> None:
    run_id = registry.log_training(
        name="training",
        params={"depth": 3},
        metrics={"auc": 0.84},
        tags={"feed": "ibm"},
        artifacts={"package": package / "manifest.json"},
    )
    run = registry.client.get_run(run_id)
    assert (run.data.params, run.data.metrics, run.info.status) == ({"depth": "3"}, {"auc": 0.84}, "FINISHED")
    assert run.data.tags["feed"] == "ibm"
    assert [file.path for file in registry.client.list_artifacts(run_id, "package")] == ["package/manifest.json"]
