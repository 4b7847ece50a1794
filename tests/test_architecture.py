"""The house: who may import whom, and that the rule can see a breach."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path

import grimp
import pytest

ROOT = Path(__file__).parents[1]
ROOMS = (
    "feeds", "training", "evaluation", "explanation", "scoring", "drift", "estimation", "promotion", "retention", "retraining",
    "governance",
    "simulation", "alerts", "rollout",
    "contracts", "policies",
)  # fmt: skip
OUTSIDE = ("duckdb", "mlflow", "sqlalchemy", "dagster", "dagster_dbt", "dbt", "fastapi")


def breaches(graph: grimp.ImportGraph) -> list[str]:
    """Direct imports of the outside world from a room or the ground."""
    found = []
    for room in ROOMS:
        module = f"churn_platform.{room}"
        for inside in {module, *graph.find_descendants(module)}:
            found += [
                f"{inside} -> {name}" for name in graph.find_modules_directly_imported_by(inside) if name in OUTSIDE
            ]
    return sorted(found)


@pytest.fixture(scope="module")
def graph() -> grimp.ImportGraph:
    return grimp.build_graph("churn_platform", include_external_packages=True, cache_dir=None)


def test_the_import_contracts_are_kept() -> None:
    lint = Path(sys.executable).parent / "lint-imports"
    done = subprocess.run([lint, "--no-cache"], cwd=ROOT, capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stdout


def test_no_room_imports_the_outside_world(graph: grimp.ImportGraph) -> None:
    assert breaches(graph) == []


def test_a_planted_breach_is_seen(graph: grimp.ImportGraph) -> None:
    planted = "churn_platform.training.fit"
    graph.add_import(importer=planted, imported="duckdb")
    try:
        assert breaches(graph) == [f"{planted} -> duckdb"]
    finally:
        graph.remove_import(importer=planted, imported="duckdb")


def test_nothing_is_called_utils_helpers_common_or_manager(graph: grimp.ImportGraph) -> None:
    banned = {"utils", "util", "helpers", "helper", "common", "manager", "misc"}
    assert [name for name in graph.modules if set(name.split(".")) & banned] == []


def test_every_room_that_exists_is_held_by_the_rule() -> None:
    doors_and_plumbing = {"defs", "definitions", "cli", "serving", "console", "flows", "adapters", "settings"}
    package = ROOT / "churn_platform"
    present = {path.stem for path in package.iterdir() if path.name != "__pycache__" and not path.name.startswith("_")}
    present = {
        name for name in present if (package / f"{name}.py").is_file() or (package / name / "__init__.py").is_file()
    }
    assert present - doors_and_plumbing == set(ROOMS)


def test_every_module_says_what_it_is() -> None:
    silent = [
        path.relative_to(ROOT)
        for path in (ROOT / "churn_platform").rglob("*.py")
        if not path.read_text().lstrip().startswith(('"""', 'r"""'))
    ]
    assert silent == []
