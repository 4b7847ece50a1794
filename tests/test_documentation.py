"""The documents are held to their word: commands, targets, links and pictures that they name exist, and none is left out."""

from __future__ import annotations

import re
from pathlib import Path

import pytest
from typer.main import get_command

from churn_platform.cli.commands import app

ROOT = Path(__file__).parents[1]
README = (ROOT / "README.md").read_text()
DOCUMENTS = sorted(
    path
    for path in (
        ROOT / "README.md",
        *ROOT.glob("docs/**/*.md"),
        *ROOT.glob("data/*.md"),
        *ROOT.glob("dbt_project/*.md"),
    )
)


def commands() -> set[str]:
    return set(get_command(app).commands)  # type: ignore[attr-defined]


def test_every_command_is_in_the_readme() -> None:
    assert commands()
    assert [name for name in sorted(commands()) if f"`churn {name}" not in README] == []


def test_the_readme_names_no_command_that_does_not_exist() -> None:
    named = set(re.findall(r"`churn ([a-z-]+)", README))
    assert named <= commands()


def test_every_make_target_that_a_document_names_exists() -> None:
    targets = set(re.findall(r"^([a-z]+):", (ROOT / "Makefile").read_text(), flags=re.MULTILINE))
    assert {"run", "test", "dev", "bench"} <= targets
    for document in DOCUMENTS:
        named = set(re.findall(r"`make ([a-z]+)`", document.read_text()))
        assert named <= targets, document.name


@pytest.mark.parametrize("document", DOCUMENTS, ids=lambda path: str(path.relative_to(ROOT)))
def test_every_link_and_picture_leads_somewhere(document: Path) -> None:
    links = re.findall(r"\]\(([^)#\s]+)\)", document.read_text())
    local = [link for link in links if not re.match(r"[a-z]+:", link)]
    assert [link for link in local if not (document.parent / link).exists()] == []


def test_a_dead_link_would_be_seen(tmp_path: Path) -> None:
    planted = tmp_path / "page.md"
    planted.write_text("[gone](nowhere.md)")
    with pytest.raises(AssertionError):
        test_every_link_and_picture_leads_somewhere(planted)


def test_every_decision_is_in_the_index() -> None:
    index = (ROOT / "docs/decisions/README.md").read_text()
    pages = sorted(path.name for path in (ROOT / "docs/decisions").glob("0*.md"))
    assert pages
    assert [name for name in pages if name not in index] == []


def test_every_benchmark_measures() -> None:
    import importlib

    from bench.__main__ import benchmarks

    assert "main_job" in benchmarks()
    assert [
        name
        for name in benchmarks()
        if not callable(getattr(importlib.import_module(f"bench.{name}"), "measure", None))
    ] == []


def test_no_registry_host_is_written_into_a_file() -> None:
    hosts = [
        ".".join(parts)
        for parts in (("pypi", "org"), ("pythonhosted", "org"), ("registry", "npmjs", "org"), ("deb", "debian", "org"))
    ]
    tracked = [
        path
        for path in ROOT.rglob("*")
        if path.suffix in {".txt", ".toml", ".yml", ".yaml", ".md", ".py", ".json", ""}
        and path.is_file()
        and not {".git", ".venv", "data", "target", "node_modules"} & set(path.relative_to(ROOT).parts)
        and not any(part.startswith(".") for part in path.relative_to(ROOT).parts)
    ]
    assert tracked
    assert [path.name for path in tracked if any(host in path.read_text(errors="ignore") for host in hosts)] == []
