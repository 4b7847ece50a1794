"""Drift of a million rows against a million: every statistic of 19 features and the score, against Evidently's preset in the same run.

    python -m bench drift

Both read the same two Parquet files, one after the other, each in a process of its own. Timed is the work, without imports (Evidently takes
some eight seconds more); peak memory is the whole process's. The rows are made up (seeded): sixteen categories with IBM's shares of
values, tenure, two charges and a score; in the current file one number and one category have moved. Ours says for each column
PSI, KL, Jensen-Shannon, Kolmogorov-Smirnov and a p-value; the preset one distance or test a column.
"""

from __future__ import annotations

import json
import os
import sys
import tempfile
import time
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd

from bench.whole_process import measured

ROWS = 1_000_000
PEER_NAME = "Evidently 0.7.23, DataDriftPreset"
PEER = """
import json, sys, time
import pandas as pd
from evidently import Dataset, DataDefinition, Report
from evidently.presets import DataDriftPreset
reference, current, columns = sys.argv[1], sys.argv[2], json.loads(sys.argv[3])
began = time.perf_counter()
numbers = [c["name"] for c in columns if not c["domain"]]
categories = [c["name"] for c in columns if c["domain"]]
definition = DataDefinition(numerical_columns=numbers, categorical_columns=categories)
was = Dataset.from_pandas(pd.read_parquet(reference), data_definition=definition)
now = Dataset.from_pandas(pd.read_parquet(current), data_definition=definition)
result = Report([DataDriftPreset()]).run(now, was).dict()
print(json.dumps({"seconds": time.perf_counter() - began, "metrics": len(result["metrics"])}))
"""


def measure(rows: int = ROWS) -> list[dict[str, Any]]:
    """Seconds of the work and peak MB of the process, ours against the preset."""
    from churn_platform.flows.drift_bench.peers import prepare_peers

    peers = prepare_peers(_peers_folder(), lambda told: print(told, file=sys.stderr))
    with tempfile.TemporaryDirectory(prefix="churn-bench-") as folder:
        place = Path(folder)
        measured([sys.executable, "-m", "bench.drift", "prepare", place, str(rows)], {})
        ours = measured([sys.executable, "-m", "bench.drift", "ours", place], {})
        script = place / "peer.py"
        script.write_text(PEER)
        columns = json.dumps([{"name": name, "domain": bool(domain)} for name, domain in domains().items()])
        peer = measured(
            [peers.python, script, place / "reference.parquet", place / "current.parquet", columns],
            {"DO_NOT_TRACK": "1"},
        )
    seconds = json.loads(ours.stdout.splitlines()[-1])["seconds"]
    theirs = json.loads(peer.stdout.splitlines()[-1])["seconds"]
    what = f"drift of {len(domains())} columns, {rows:,} rows against {rows:,}, from Parquet"
    return [
        {"name": f"{what}, the work", "ours": seconds, "peer": theirs, "ratio": theirs / seconds, "unit": "s", "peer_name": PEER_NAME},
        {"name": f"{what}, peak memory", "ours": ours.peak_mb, "peer": peer.peak_mb, "ratio": peer.peak_mb / ours.peak_mb, "unit": "MB",
         "peer_name": PEER_NAME},
        {"name": f"{what}, processor seconds of the process", "ours": ours.cpu_seconds, "peer": peer.cpu_seconds,
         "ratio": peer.cpu_seconds / ours.cpu_seconds, "unit": "s", "peer_name": PEER_NAME},
    ]  # fmt: skip


def domains() -> dict[str, tuple[str, ...]]:
    """The columns compared with their categories; blank for numbers: v1's features and the score."""
    from churn_platform.contracts.features import V1

    return {**{feature.name: feature.domain for feature in V1.features}, "probability": ()}


def prepare(place: Path, rows: int) -> None:
    """Write the two files."""
    rng = np.random.default_rng(20260101)
    for name, moved in (("reference", False), ("current", True)):
        columns: dict[str, Any] = {}
        for column, domain in domains().items():
            if domain:
                shares = np.linspace(2.0, 1.0, len(domain)) ** (1.5 if moved and column == "contract" else 1.0)
                columns[column] = pd.Categorical.from_codes(
                    rng.choice(len(domain), rows, p=shares / shares.sum()), pd.Index(domain)
                )
        tenure = rng.integers(0, 73, rows)
        monthly = np.round(rng.gamma(4.0, 16.0, rows) * (1.05 if moved else 1.0) + 18.0, 2)
        columns |= {"tenure_months": tenure, "monthly_charges": monthly, "total_charges": np.round(tenure * monthly, 2)}
        columns["probability"] = rng.beta(0.8, 2.4, rows)
        frame = pd.DataFrame({column: columns[column] for column in domains()})
        frame = frame.astype({column: "str" for column, domain in domains().items() if domain})
        frame.to_parquet(place / f"{name}.parquet", index=False)


def ours(place: Path) -> dict[str, float]:
    """Every statistic, straight from Parquet."""
    import duckdb  # noqa: F401 - imports are not timed, on either side
    from scipy import special  # noqa: F401

    from churn_platform.adapters.drift_statistics import Column, compare_parquet

    columns = [Column(name, domain) for name, domain in domains().items()]
    began = time.perf_counter()
    found = compare_parquet(place / "reference.parquet", place / "current.parquet", columns, bins=10, min_rows=200)
    return {"seconds": time.perf_counter() - began, "columns": len(found)}


def _peers_folder() -> Path:
    return Path(os.environ.get("CHURN_BENCH_PEERS", Path(tempfile.gettempdir()) / "churn-bench-peers"))


if __name__ == "__main__":
    if sys.argv[1] == "prepare":
        prepare(Path(sys.argv[2]), int(sys.argv[3]))
    else:
        print(json.dumps(ours(Path(sys.argv[2]))))
