"""What the simulated telco costs by size, landing as Parquet included; and how its profile is written anew.

    python -m bench simulation python -m bench.simulation --customers 1000000 --days 30 [--scenario NAME] python -m
    bench.simulation profile DATA_FOLDER     # counts IBM's files, writes churn_platform/simulation/profile.yml

No peer: nothing that a user would pick instead makes dated raw tables of a telco with a known truth.
"""

from __future__ import annotations

import argparse
import hashlib
import json
import resource
import subprocess
import sys
import tempfile
import time
from importlib.metadata import version
from pathlib import Path

FILES = {"classic": "telco_customer_churn.csv", "services": "telco_services.csv", "status": "telco_status.csv"}
#: customers, days
SIZES = ((7_000, 30), (20_000, 30), (20_000, 365), (100_000, 30), (1_000_000, 30))


def measure() -> list[dict[str, object]]:
    """Seconds to settle, open, live and land, and peak memory, each size in a process of its own."""
    rows: list[dict[str, object]] = []
    versions = {name: version(name) for name in ("numpy", "pandas", "pyarrow", "scipy")}
    for customers, days in SIZES:
        command = [sys.executable, "-m", "bench.simulation", "--customers", str(customers), "--days", str(days)]
        cost = json.loads(subprocess.run(command, check=True, capture_output=True, text=True).stdout)
        what = f"{customers:,} customers, {days} days, landed"
        for name, unit, key in (
            (what, "s", "total_s"),
            (f"{what}: a day", "ms", "day_ms"),
            (f"{what}: peak", "GB", "peak_gb"),
        ):
            rows.append(
                {"name": name, "unit": unit, "ours": cost[key], "peer": None, "ratio": None, "versions": versions}
            )
    return rows


def cost(customers: int, days: int, scenario: str) -> dict[str, float]:
    """Settle, open, live and land as Parquet in this process: seconds, rows, bytes and peak memory."""
    from churn_platform.simulation.scenario import scenario_named
    from churn_platform.simulation.world import World

    rows = size = 0
    writing = 0.0
    with tempfile.TemporaryDirectory() as folder:
        begin = time.perf_counter()
        world = World(customers=customers, seed=0, scenario=scenario_named(scenario))
        settled = opened = time.perf_counter()
        for number in range(days + 1):
            landing = world.day(world.next_date) if number else world.opening()
            before = time.perf_counter()
            for table, frame in landing.tables.items():
                path = Path(folder) / table / f"{landing.day}.parquet"
                path.parent.mkdir(exist_ok=True)
                frame.to_parquet(path, index=False)
                rows += len(frame)
                size += path.stat().st_size
            writing += time.perf_counter() - before
            if not number:
                opened = time.perf_counter()
        end = time.perf_counter()
    return {
        "settle_s": round(settled - begin, 2),
        "opening_s": round(opened - settled, 2),
        "day_ms": round(1000 * (end - opened) / max(days, 1), 1),
        "of_it_writing_s": round(writing, 2),
        "total_s": round(end - begin, 2),
        "rows": rows,
        "parquet_mb": round(size / 1e6, 1),
        "peak_gb": round(resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1e6, 2),
    }


def write_profile(folder: Path, target: Path) -> None:
    """Count the extract, balance the joiners, write the profile."""
    import pandas as pd

    from churn_platform.simulation.balance import balanced
    from churn_platform.simulation.behaviour import packaged_behaviour
    from churn_platform.simulation.profile import profile_as_yaml
    from churn_platform.simulation.profile_from_extract import profile_from_extract

    frames = {name: pd.read_csv(folder / file) for name, file in FILES.items()}
    digests = {file: hashlib.sha256((folder / file).read_bytes()).hexdigest() for file in FILES.values()}
    profile = balanced(profile_from_extract(**frames, sha256=digests), packaged_behaviour())
    target.write_text(profile_as_yaml(profile), encoding="utf-8")


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("command", nargs="*", help="`profile DATA_FOLDER`, or nothing to measure one size")
    parser.add_argument("--customers", type=int, default=7_000)
    parser.add_argument("--days", type=int, default=30)
    parser.add_argument("--scenario", default="calm")
    asked = parser.parse_args()
    if asked.command[:1] == ["profile"] and len(asked.command) == 2:
        target = Path(__file__).parents[1] / "churn_platform/simulation/profile.yml"
        write_profile(Path(asked.command[1]), target)
        print(f"written: {target}")
    elif asked.command:
        sys.exit(f"unknown command {' '.join(asked.command)!r}; see --help")
    else:
        print(json.dumps(cost(asked.customers, asked.days, asked.scenario)))


if __name__ == "__main__":
    main()
