"""A warm day of a simulated telco of 7,000 customers, by stage, beside the same day as a Dagster user would run it; disk a day takes.

    python -m bench simulated_day

Ours is `churn simulate`: one process lives 21 days, and the first of them, which pays for imports and compiled loops, is left out. The peer
is the next day in the same home by Dagster's default executor, `dagster job execute`: the same assets, one process a step. Processor
seconds stand beside wall seconds, since a busy machine stretches only the latter.
"""

from __future__ import annotations

import json
import sys
import tempfile
from datetime import date, timedelta
from importlib.metadata import version
from pathlib import Path
from typing import Any

from bench.whole_process import measured

CUSTOMERS, DAYS = 7_000, 21
SCRIPTS = Path(sys.executable).parent
LIBRARIES = ("dagster", "dbt-core", "duckdb", "pandas")
PEER = "Dagster's default multiprocess executor, same assets"


def measure(customers: int = CUSTOMERS, days: int = DAYS) -> list[dict[str, Any]]:
    """Median seconds of a warm day, by stage, and MB on disk a day."""
    with tempfile.TemporaryDirectory(prefix="churn-bench-") as folder:
        home = Path(folder) / "home"
        live: list[str | Path] = [
            SCRIPTS / "churn",
            "simulate",
            "--customers",
            str(customers),
            "--home",
            home,
            "--json",
            "--days",
        ]
        first = json.loads(measured([*live, "1"], {}, 3_600).stdout)
        if first["days_published"] != 1:
            raise RuntimeError(f"no first champion, so no day to measure: {first['events']}")
        before = megabytes(home)
        told = json.loads(measured([*live, str(days)], {}, 3_600).stdout)["seconds"]
        grown = (megabytes(home) - before) / (days - 1)
        next_day = date.fromisoformat(first["first_live_day"]) + timedelta(days)
        measured([*live, str(days + 1)], {}, 3_600)  # the calendar must know the peer's day; it is run again below
        peer = measured(
            [
                *(SCRIPTS / "dagster", "job", "execute", "-m", "bench.multiprocess_day", "-j", "day"),
                *("--tags", json.dumps({"dagster/partition": next_day.isoformat()})),
            ],
            {"CHURN_HOME": str(home), "DAGSTER_HOME": str(home / "dagster")},
        )
    what = f"a warm simulated day, {customers:,} customers"
    rows = [
        (f"{what}, median of {days - 1}", "s", told["median_day"], peer.seconds),
        (f"{what}, processor time", "s", told["median_day_processor"], peer.cpu_seconds),
        *((f"{what}, {stage}", "s", seconds, None) for stage, seconds in told["median_day_by_stage"].items()),
        (f"{what}, disk", "MB", grown, None),
    ]
    versions = {name: version(name) for name in LIBRARIES}
    return [
        {
            "name": name,
            "unit": unit,
            "ours": round(ours, 3),
            "peer": peers and round(peers, 3),
            "ratio": peers and round(peers / ours, 2),
            "versions": versions,
        }
        | ({"peer_name": PEER} if peers else {})
        for name, unit, ours, peers in rows
    ]


def megabytes(folder: Path) -> float:
    """MB of all files below `folder`."""
    return sum(path.stat().st_size for path in folder.rglob("*") if path.is_file()) / 1e6
