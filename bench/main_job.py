"""The main job and one day on the IBM data: wall seconds by stage, peak memory; the day beside Dagster's default executor."""

from __future__ import annotations

import json
import sys
import tempfile
from importlib.metadata import version
from pathlib import Path
from typing import Any

from bench.whole_process import measured

DAY = "2026-06-03"
SCRIPTS = Path(sys.executable).parent
LIBRARIES = ("dagster", "dbt-core", "duckdb", "xgboost", "mlflow", "pandas")


def measure() -> list[dict[str, Any]]:
    """Three whole processes in a fresh home: `churn run`, `churn day`, and the same day by the multiprocess executor."""
    versions = {name: version(name) for name in LIBRARIES}
    rows: list[dict[str, Any]] = []

    def row(name: str, unit: str, ours: float, peer: float | None = None, peer_name: str | None = None) -> None:
        ratio = None if peer is None else round(peer / ours, 2)
        rows.append(
            {
                "name": name,
                "unit": unit,
                "ours": round(ours, 3),
                "peer": peer and round(peer, 3),
                "ratio": ratio,
                "versions": versions,
            }
            | ({"peer_name": peer_name} if peer_name else {})
        )

    with tempfile.TemporaryDirectory(prefix="churn-bench-") as folder:
        home = {"CHURN_HOME": folder}
        whole = measured([SCRIPTS / "churn", "run", "--feed", "ibm", "--json"], home)
        seconds = json.loads(whole.stdout)["seconds"]
        row("churn run, whole process", "s", whole.seconds)
        row("churn run, peak memory", "MB", whole.peak_mb)
        for stage, spent in seconds.items():
            if stage != "total":
                row(f"churn run, {stage}", "s", spent)
        day = measured([SCRIPTS / "churn", "day", DAY, "--json"], home)
        default = {**home, "DAGSTER_HOME": f"{folder}/dagster"}
        command = [
            "job",
            "execute",
            "-m",
            "bench.multiprocess_day",
            "-j",
            "day",
            "--tags",
            json.dumps({"dagster/partition": DAY}),
        ]
        peer = measured([SCRIPTS / "dagster", *command], default)
        row(
            "churn day, whole process",
            "s",
            day.seconds,
            peer.seconds,
            "Dagster's default multiprocess executor, same assets",
        )
        row(
            "churn day, peak memory",
            "MB",
            day.peak_mb,
            peer.peak_mb,
            "Dagster's default multiprocess executor, same assets",
        )
        for stage, spent in json.loads(day.stdout)["seconds"].items():
            if stage in ("ingest", "features", "score", "orchestration"):
                row(f"churn day, {stage}", "s", spent)
    return rows
