"""dbt's manifest, parsed once per version of the project, and dbt called inside this process.

What belongs here: the project's digest, its parsed manifest and compiled SQL, one call of dbt. What does not: a build (`dbt`).
"""

from __future__ import annotations

import hashlib
import json
import os
import shutil
import tempfile
from functools import lru_cache
from pathlib import Path
from typing import Any

from churn_platform.settings import Settings

SOURCE_SUFFIXES = {".sql", ".yml", ".yaml", ".csv", ".md"}
QUIET = (
    "--no-use-colors",
    "--log-level",
    "none",
    "--log-level-file",
    "error",
    "--no-send-anonymous-usage-stats",
    "--no-version-check",
)


class DbtError(RuntimeError):
    """dbt could not parse or build; the message carries dbt's own words and the failing nodes."""


def project_digest(project: Path) -> str:
    """sha256 over the project's source files (names and contents), without what dbt writes itself."""
    digest = hashlib.sha256()
    for path in sorted(project.rglob("*")):
        relative = path.relative_to(project)
        if path.suffix in SOURCE_SUFFIXES and relative.parts[0] not in {"target", "logs", "dbt_packages"}:
            digest.update(f"{relative.as_posix()}\0".encode() + path.read_bytes() + b"\0")
    return digest.hexdigest()


@lru_cache(maxsize=4)
def prepare_manifest(settings: Settings) -> Path:
    """The folder with `manifest.json` and `partial_parse.msgpack` of this version of the project, parsed if need be (about 5 s).

    The cache lies beside the project, not in the home: it is made of source only, so every home shares it.

    Raises:
        DbtError: the project does not parse.
    """
    import dbt.version

    stamp = hashlib.sha256(f"{project_digest(settings.dbt_project)} {dbt.version.__version__}".encode()).hexdigest()[
        :16
    ]
    folder = settings.dbt_project / "target" / f"manifest-{stamp}"
    if (folder / "manifest.json").is_file() and (folder / "partial_parse.msgpack").is_file():
        return folder
    folder.parent.mkdir(parents=True, exist_ok=True)
    with tempfile.TemporaryDirectory(dir=folder.parent) as scratch:
        result = invoke(
            ["parse", "--no-partial-parse"], settings, Path(scratch), warehouse=Path(scratch) / "warehouse.duckdb"
        )
        if not result.success:
            raise DbtError(f"the dbt project at {settings.dbt_project} does not parse: {result.exception}")
        # compiled in an empty database with the default dates, so that the text depends on the project alone
        result = invoke(["compile"], settings, Path(scratch), warehouse=Path(scratch) / "warehouse.duckdb")
        if not result.success:
            raise DbtError(f"the dbt project at {settings.dbt_project} does not compile: {result.exception}")
        for left_over in folder.parent.glob("manifest-*"):
            shutil.rmtree(left_over, ignore_errors=True)
        kept = folder.parent / f"{folder.name}.{os.getpid()}"
        kept.mkdir(exist_ok=True)
        for name in ("manifest.json", "partial_parse.msgpack"):
            shutil.copy(Path(scratch) / "target" / name, kept / name)
        shutil.copytree(Path(scratch) / "target" / "compiled", kept / "compiled")
        try:
            kept.rename(folder)
        except OSError:  # another process was first: the content is the same
            shutil.rmtree(kept, ignore_errors=True)
    return folder


def invoke(arguments: list[str], settings: Settings, scratch: Path, *, warehouse: Path, **runner: Any) -> Any:
    """One call of dbt on this project; the answer is dbt's own."""
    from dbt.cli.main import dbtRunner

    # the profile reads these when it is loaded; nothing else in the project reads the environment
    os.environ["CHURN_WAREHOUSE"] = str(warehouse)
    os.environ["DO_NOT_TRACK"] = "true"
    project = str(settings.dbt_project)
    paths = [
        "--project-dir",
        project,
        "--profiles-dir",
        project,
        "--target-path",
        str(scratch / "target"),
        "--log-path",
        str(scratch / "logs"),
    ]
    return dbtRunner(**runner).invoke([*QUIET, *arguments, *paths])


@lru_cache(maxsize=2)
def manifest_object(folder: Path) -> Any:
    """dbt's own manifest object, read from the cached parse (0.1 s instead of a parse)."""
    from dbt.contracts.graph.manifest import Manifest
    from dbt.parser.manifest import extended_mashumuro_decoder

    manifest = Manifest.from_msgpack(
        (folder / "partial_parse.msgpack").read_bytes(), decoder=extended_mashumuro_decoder
    )
    manifest.build_flat_graph()
    return manifest


def compiled_sql(settings: Settings, model: str) -> str:
    """The SQL of a model and of all that it is built from, upstream first, as dbt compiles it with the default dates.

    It is part of every model package, and the same for every run: it depends on the project alone.

    Raises:
        DbtError: the project has no such model.
    """
    folder = prepare_manifest(settings)
    nodes = json.loads((folder / "manifest.json").read_text())["nodes"]
    compiled = {path.stem: path for path in (folder / "compiled").rglob("models/**/*.sql")}
    if model not in compiled:
        raise DbtError(f"the dbt project has no model {model}")
    ordered: list[str] = []

    def visit(name: str) -> None:
        if name in ordered:
            return
        for parent in sorted(nodes[f"model.churn_platform.{name}"]["depends_on"]["nodes"]):
            if parent.startswith("model."):
                visit(parent.rsplit(".", 1)[1])
        ordered.append(name)

    visit(model)
    return "\n".join(f"-- {name}\n{compiled[name].read_text().strip()}\n;" for name in ordered) + "\n"
