"""dbt in this process, on a project of two models: failures are told, and a parse is made once per version."""

from __future__ import annotations

from datetime import date
from pathlib import Path
from typing import Any

import duckdb
import pytest

from churn_platform.adapters import dbt, dbt_manifest
from churn_platform.settings import Settings

DAY = date(2026, 3, 4)
FILES = {
    "dbt_project.yml": "name: churn_platform\nprofile: p\nmodels: {+materialized: table}\n",
    "profiles.yml": (
        "p:\n  target: t\n  outputs:\n    t:\n      type: duckdb\n      path: \"{{ env_var('CHURN_WAREHOUSE') }}\"\n"
        "      keep_open: false\n"
    ),
    "models/first.sql": 'select \'{{ var("from_date", "none") }}\' as from_date\n',
    "models/second.sql": "select * from {{ ref('first') }}\n",
    "models/second.yml": (
        "models:\n  - name: second\n    columns:\n      - name: from_date\n        data_tests: [not_null]\n"
    ),
}


@pytest.fixture(scope="module")
def settings(tmp_path_factory: pytest.TempPathFactory) -> Settings:
    root = tmp_path_factory.mktemp("checkout")
    for name, text in FILES.items():
        path = root / "dbt_project" / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(text)
    made = Settings(root / "home", (), project_root=root)
    made.warehouse.parent.mkdir(parents=True)
    return made


def test_a_build_gives_every_nodes_result_and_its_events_and_lets_the_warehouse_go(settings: Settings) -> None:
    events: list[dict[str, Any]] = []
    result = dbt.build(settings, DAY, DAY, on_event=events.append)
    result.raise_on_failure()
    assert {node.unique_id.split(".")[0]: node.status for node in result.nodes} == {"model": "success", "test": "pass"}
    assert events
    with duckdb.connect(str(settings.warehouse)) as connection:  # a writer would be refused if dbt still held the file
        assert connection.execute("SELECT from_date FROM second").fetchall() == [(str(DAY),)]


def test_a_failing_model_is_a_result_that_names_it_and_its_children_are_skipped(settings: Settings) -> None:
    model = settings.dbt_project / "models" / "first.sql"
    try:
        model.write_text("select 1 / no_such_column as from_date\n")
        dbt_manifest.prepare_manifest.cache_clear()
        with pytest.raises(dbt_manifest.DbtError, match="first"):
            dbt.build(settings, DAY, DAY).raise_on_failure()
    finally:
        model.write_text(FILES["models/first.sql"])
        dbt_manifest.prepare_manifest.cache_clear()
    dbt.build(settings, DAY, DAY).raise_on_failure()  # control: mended, it builds


def test_a_failing_data_test_fails_the_build(settings: Settings) -> None:
    model = settings.dbt_project / "models" / "second.sql"
    try:
        model.write_text("select cast(null as varchar) as from_date from {{ ref('first') }}\n")
        dbt_manifest.prepare_manifest.cache_clear()
        result = dbt.build(settings, DAY, DAY)
    finally:
        model.write_text(FILES["models/second.sql"])
        dbt_manifest.prepare_manifest.cache_clear()
    assert [(node.status, node.failures) for node in result.failed] == [("fail", 1)]
    with pytest.raises(dbt_manifest.DbtError, match="not_null_second_from_date"):
        result.raise_on_failure()


def test_a_selection_that_matches_nothing_is_a_failure(settings: Settings) -> None:
    with pytest.raises(dbt_manifest.DbtError, match="nothing matched the selection 'misspelt'"):
        dbt.build(settings, DAY, DAY, select="misspelt").raise_on_failure()


def test_the_parse_is_kept_until_a_source_file_changes(settings: Settings) -> None:
    folder = dbt_manifest.prepare_manifest(settings)
    stamp = (folder / "manifest.json").stat().st_mtime_ns
    dbt_manifest.prepare_manifest.cache_clear()
    assert dbt_manifest.prepare_manifest(settings) == folder
    assert (folder / "manifest.json").stat().st_mtime_ns == stamp


def test_the_digest_sees_sources_and_not_what_dbt_writes(settings: Settings, tmp_path: Path) -> None:
    before = dbt_manifest.project_digest(settings.dbt_project)
    (settings.dbt_project / "target").mkdir(exist_ok=True)
    (settings.dbt_project / "target" / "left_over.sql").write_text("select 1")
    assert dbt_manifest.project_digest(settings.dbt_project) == before
    new = settings.dbt_project / "models" / "third.sql"
    new.write_text("select 1")
    try:
        assert dbt_manifest.project_digest(settings.dbt_project) != before
    finally:
        new.unlink()


def test_compiled_sql_has_what_it_is_built_from_first(settings: Settings) -> None:
    text = dbt_manifest.compiled_sql(settings, "second")
    assert text.index("-- first") < text.index("-- second")
    assert "{{" not in text
    with pytest.raises(dbt_manifest.DbtError, match="has no model third"):
        dbt_manifest.compiled_sql(settings, "third")
