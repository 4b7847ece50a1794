"""Which code and which libraries are running: what a model package and a registration say about their making."""

from __future__ import annotations

import hashlib
import subprocess
from functools import lru_cache
from importlib.metadata import version
from pathlib import Path

from churn_platform.settings import PROJECT_ROOT

#: the libraries whose version can change a model or a score
MODEL_LIBRARIES = ("duckdb", "numpy", "optuna", "pandas", "scikit-learn", "xgboost")
CODE_SUFFIXES = {".py", ".sql", ".yml"}


@lru_cache(maxsize=1)
def code_digest() -> str:
    """sha256 over the names and contents of the package's and the dbt project's source files: the same with and without git."""
    digest = hashlib.sha256()
    for root in ("churn_platform", "dbt_project"):
        folder = PROJECT_ROOT / root
        for path in sorted(folder.rglob("*")):
            inside = path.relative_to(folder).parts
            if path.suffix in CODE_SUFFIXES and path.is_file() and not {"target", "logs", "__pycache__"} & set(inside):
                digest.update(f"{root}/{'/'.join(inside)}\0".encode() + path.read_bytes() + b"\0")
    return digest.hexdigest()


@lru_cache(maxsize=1)
def code_revision() -> str:
    """The git commit, with `+changes` where the checkout differs from it; `no-git` outside a checkout."""
    try:
        commit = _git("rev-parse", "HEAD")
        return commit + ("+changes" if _git("status", "--porcelain", "--untracked-files=no") else "")
    except (OSError, subprocess.SubprocessError):
        return "no-git"


def _git(*arguments: str) -> str:
    command = ["git", "-C", str(Path(PROJECT_ROOT)), *arguments]
    return subprocess.run(command, check=True, capture_output=True, text=True, timeout=10).stdout.strip()  # noqa: S603 (constant arguments)


def library_versions() -> dict[str, str]:
    """Installed versions of MODEL_LIBRARIES."""
    return {name: version(name) for name in MODEL_LIBRARIES}
