"""The asset graph as Dagster sees it: complete, described, without phantoms, and quick to load."""

from __future__ import annotations

import os
import subprocess
import sys
from collections.abc import Iterator
from datetime import UTC, datetime, timedelta
from graphlib import CycleError, TopologicalSorter
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import dagster as dg
import pytest

ROOT = Path(__file__).parents[1]
HEAVY = (
    "mlflow",
    "xgboost",
    "sklearn",
    "shap",
    "optuna",
    "duckdb",
    "numba",
    "fairlearn",
    "plotly",
    "matplotlib",
    "dbt.cli.main",
)


@pytest.fixture(scope="module")
def definitions(tmp_path_factory: pytest.TempPathFactory) -> Iterator[dg.Definitions]:
    os.environ["CHURN_HOME"] = str(tmp_path_factory.mktemp("home"))
    from churn_platform.definitions import defs

    yield defs
    del os.environ["CHURN_HOME"]


def test_every_group_of_the_design_is_in_the_graph(definitions: dg.Definitions) -> None:
    graph = definitions.resolve_asset_graph()
    groups = {graph.get(key).group_name for key in graph.materializable_asset_keys}
    assert groups == {"ingestion", "features", "models", "release", "scores", "rollout", "monitoring"}


def group_edges(graph: Any) -> dict[str, set[str]]:
    """The groups that each group reads."""
    edges: dict[str, set[str]] = {}
    for key in graph.materializable_asset_keys:
        node = graph.get(key)
        of_node = edges.setdefault(node.group_name, set())
        of_node.update(graph.get(parent).group_name for parent in node.parent_keys)
        of_node.discard(node.group_name)
    return edges


def test_groups_follow_one_another_so_that_their_lineage_reads_from_left_to_right(definitions: dg.Definitions) -> None:
    """The first page of the graph shows groups alone; two that read each other are drawn backwards."""
    edges = group_edges(definitions.resolve_asset_graph())
    order = list(TopologicalSorter(edges).static_order())
    assert order[0] == "ingestion"
    edges["ingestion"].add("monitoring")  # the control: it was so
    with pytest.raises(CycleError):
        list(TopologicalSorter(edges).static_order())


def test_every_file_with_assets_is_listed_in_definitions() -> None:
    listed = (ROOT / "churn_platform" / "definitions.py").read_text()
    files = {path.stem for path in (ROOT / "churn_platform/defs/assets").glob("*.py")} - {"__init__"}
    assert files
    assert [name for name in sorted(files) if f"{name}." not in listed] == []


def test_every_asset_says_what_it_is(definitions: dg.Definitions) -> None:
    graph = definitions.resolve_asset_graph()
    silent = [
        key.to_user_string()
        for key in graph.materializable_asset_keys
        if not (graph.get(key).description or "").strip()
    ]
    assert silent == []


def test_every_check_guards_an_asset_that_exists(definitions: dg.Definitions) -> None:
    graph = definitions.resolve_asset_graph()
    checked = {key.asset_key for key in graph.asset_check_keys}
    assert checked
    assert checked <= set(graph.materializable_asset_keys)


def test_a_check_on_a_misspelt_asset_would_be_seen() -> None:
    @dg.asset
    def real() -> None:
        """Real."""

    @dg.asset_check(asset="raal")
    def guard() -> dg.AssetCheckResult:
        return dg.AssetCheckResult(passed=True)

    graph = dg.Definitions(assets=[real], asset_checks=[guard]).resolve_asset_graph()
    assert not {key.asset_key for key in graph.asset_check_keys} <= set(graph.materializable_asset_keys)


def test_no_asset_hangs_in_the_air(definitions: dg.Definitions) -> None:
    graph = definitions.resolve_asset_graph()
    roots = {key.to_user_string() for key in graph.materializable_asset_keys if not graph.get(key).parent_keys}
    assert roots == {"landed_files"}
    assert set(graph.all_asset_keys if hasattr(graph, "all_asset_keys") else graph.get_all_asset_keys()) == set(
        graph.materializable_asset_keys
    )


def test_the_path_from_raw_data_to_scores_is_in_the_lineage(definitions: dg.Definitions) -> None:
    graph = definitions.resolve_asset_graph()
    ancestors = graph.get_ancestor_asset_keys(dg.AssetKey("daily_scores"))
    expected = {"landed_files", "raw/customers", "features_v1", "training_set", "candidate_model", "champion"}
    assert expected <= {key.to_user_string() for key in ancestors}


def test_dbt_tests_are_asset_checks(definitions: dg.Definitions) -> None:
    graph = definitions.resolve_asset_graph()
    checks = {key.name for key in graph.asset_check_keys if key.asset_key == dg.AssetKey("features_v1")}
    assert "features_v1_has_one_row_per_observation" in checks


def test_the_daily_batch_runs_at_the_policy_time_and_skips_a_day_the_feed_does_not_have() -> None:
    from datetime import date

    from churn_platform.defs.schedules import daily_batch, run_for

    assert daily_batch.cron_schedule == "0 6 * * *"
    request = run_for(date(2026, 6, 1))
    assert isinstance(request, dg.RunRequest)
    assert request.partition_key == "2026-06-01"
    skipped = run_for(date(2031, 1, 1))
    assert isinstance(skipped, dg.SkipReason)
    assert "its days are 2026-01-01 to" in str(skipped.skip_message)


def test_loading_the_graph_imports_nothing_heavy_and_warns_of_nothing(tmp_path: Path) -> None:
    code = f"import sys, churn_platform.definitions\nprint([name for name in {HEAVY!r} if name in sys.modules])"
    environment = {**os.environ, "CHURN_HOME": str(tmp_path), "PYTHONWARNINGS": "default"}
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, env=environment, check=True)
    assert done.stdout.strip() == "[]"
    ours = [line for line in done.stderr.splitlines() if "Warning" in line and "site-packages" not in line]
    assert ours == []


@pytest.mark.parametrize("beyond", [-2, 0, 1, 400])
def test_the_days_of_a_telco_end_where_its_calendar_ends_however_far_from_today(
    beyond: int, monkeypatch: pytest.MonkeyPatch
) -> None:
    from churn_platform.defs import resources

    today = datetime.now(UTC).date()
    calendar = SimpleNamespace(first_day=today - timedelta(10), last_day=today + timedelta(beyond))
    monkeypatch.setattr(resources, "installed_platform", lambda: SimpleNamespace(calendar=calendar))
    days = resources.observation_days.__wrapped__().get_partition_keys()
    assert days == [(calendar.first_day + timedelta(n)).isoformat() for n in range(11 + beyond)]
