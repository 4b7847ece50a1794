"""What a model package says about the code it was made with."""

from __future__ import annotations

import re
from collections.abc import Iterator
from pathlib import Path

import pytest

from churn_platform.adapters import code
from churn_platform.adapters.code import MODEL_LIBRARIES, code_digest, code_revision, library_versions


@pytest.fixture(autouse=True)
def fresh() -> Iterator[None]:
    code_digest.cache_clear()
    code_revision.cache_clear()
    yield
    code_digest.cache_clear()
    code_revision.cache_clear()


@pytest.fixture
def checkout(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    (tmp_path / "churn_platform").mkdir()
    (tmp_path / "dbt_project" / "models").mkdir(parents=True)
    (tmp_path / "churn_platform" / "a.py").write_text("x = 1\n")
    (tmp_path / "dbt_project" / "models" / "m.sql").write_text("select 1\n")
    monkeypatch.setattr(code, "PROJECT_ROOT", tmp_path)
    return tmp_path


def digest() -> str:
    code_digest.cache_clear()
    return code_digest()


def test_the_digest_changes_with_any_source_files_content_or_name(checkout: Path) -> None:
    before = digest()
    assert digest() == before
    seen = {before}
    for path, text in (("churn_platform/a.py", "x = 2\n"), ("dbt_project/models/m.sql", "select 2\n")):
        (checkout / path).write_text(text)
        seen.add(digest())
    (checkout / "churn_platform" / "a.py").rename(checkout / "churn_platform" / "b.py")
    seen.add(digest())
    assert len(seen) == 4


def test_the_digest_does_not_change_with_what_tools_leave_behind(checkout: Path) -> None:
    before = digest()
    for path in (
        "churn_platform/__pycache__/a.py",
        "dbt_project/target/m.sql",
        "dbt_project/logs/x.yml",
        "churn_platform/n.md",
    ):
        (checkout / path).parent.mkdir(parents=True, exist_ok=True)
        (checkout / path).write_text("left over")
    assert digest() == before


def test_outside_a_checkout_there_is_no_revision_but_there_is_a_digest(checkout: Path) -> None:
    assert code_revision() == "no-git"
    assert re.fullmatch("[0-9a-f]{64}", digest())


def test_a_checkouts_revision_is_its_commit_and_says_when_files_differ(checkout: Path) -> None:
    code._git("init", "-q")
    code._git("add", ".")
    code._git("-c", "user.name=A", "-c", "user.email=a@example.org", "commit", "-qm", "first")
    clean = code_revision()
    assert re.fullmatch("[0-9a-f]{40}", clean)
    (checkout / "churn_platform" / "a.py").write_text("x = 3\n")
    code_revision.cache_clear()
    assert code_revision() == clean + "+changes"


def test_every_library_that_can_change_a_score_has_a_version() -> None:
    assert set(library_versions()) == set(MODEL_LIBRARIES)
    assert all(re.match(r"\d+\.\d+", found) for found in library_versions().values())
