"""Settings: the environment is read once, and what it names must be usable."""

from __future__ import annotations

from pathlib import Path

import pytest

from churn_platform.settings import PROJECT_ROOT, Settings, SettingsError, load_settings


def test_without_an_environment_the_home_is_the_checkouts_data_folder(
    home: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    assert load_settings().home == home
    monkeypatch.setenv("CHURN_HOME", " ")
    assert load_settings().home == PROJECT_ROOT / "data"


def test_every_state_path_lies_below_the_home_and_asking_creates_nothing(home: Path) -> None:
    settings = load_settings()
    source = {"project_root", "dbt_project", "sample", "raw_dirs"}
    names = [name for name in dir(Settings) if isinstance(getattr(Settings, name), property) and name not in source]
    paths = [getattr(settings, name) for name in names if name != "ops_url"]
    assert len(paths) >= 10
    assert all(path.is_relative_to(home) for path in paths)
    assert settings.ops_url == f"sqlite:///{home}/ops/ops.db"
    assert not home.exists()


def test_the_landing_folder_and_the_ops_store_may_lie_elsewhere(
    home: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("CHURN_LANDING_DIR", str(tmp_path / "drop"))
    monkeypatch.setenv("CHURN_OPS_URL", "postgresql+psycopg://db/ops")
    settings = load_settings()
    assert (settings.landing, settings.ops_url) == (tmp_path / "drop", "postgresql+psycopg://db/ops")
    monkeypatch.delenv("CHURN_LANDING_DIR")
    assert settings.landing == tmp_path / "drop"  # a value: what was read stays


@pytest.mark.parametrize("variable", ["CHURN_HOME", "CHURN_RAW_DIR", "CHURN_LANDING_DIR"])
def test_a_file_where_a_folder_must_be_is_refused_by_name(
    home: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, variable: str
) -> None:
    (tmp_path / "file").write_text("")
    monkeypatch.setenv(variable, str(tmp_path / "file"))
    with pytest.raises(SettingsError, match=f"{variable}=.* is a file; set it to a folder"):
        load_settings()


def test_a_raw_folder_that_does_not_exist_is_refused_and_not_passed_over(
    home: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("CHURN_RAW_DIR", str(tmp_path / "nowhere"))
    with pytest.raises(SettingsError, match=r"CHURN_RAW_DIR=.* does not exist"):
        load_settings()


@pytest.mark.parametrize(("said", "offline"), [("1", True), ("TRUE", True), ("yes", True), ("0", False), ("", False)])
def test_offline_is_yes_or_no(home: Path, monkeypatch: pytest.MonkeyPatch, said: str, offline: bool) -> None:
    monkeypatch.setenv("CHURN_OFFLINE", said)
    assert load_settings().offline is offline


def test_offline_that_is_neither_yes_nor_no_is_refused(home: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("CHURN_OFFLINE", "maybe")
    with pytest.raises(SettingsError, match="CHURN_OFFLINE=maybe is neither yes nor no"):
        load_settings()
