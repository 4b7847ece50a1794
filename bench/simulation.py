"""What the simulated telco costs, and how its profile is written.

python -m bench.simulation                            # cost by size, landing as Parquet included python -m
bench.simulation --customers 1000000 --days 30 python -m bench.simulation profile DATA_FOLDER        # writes
churn_platform/simulation/profile.yml anew from IBM's files"""

from __future__ import annotations

import argparse
import hashlib
import resource
import sys
import tempfile
import time
from pathlib import Path

FILES = {"classic": "telco_customer_churn.csv", "services": "telco_services.csv", "status": "telco_status.csv"}


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


def measure(customers: int, days: int, scenario: str) -> dict[str, float]:
    """Settle, open, live and land as Parquet; seconds and peak memory of this process."""
    from churn_platform.simulation.scenario import scenario_named
    from churn_platform.simulation.world import World

    rows = size = 0
    writing = 0.0
    with tempfile.TemporaryDirectory() as folder:
        begin = time.perf_counter()
        world = World(customers=customers, seed=0, scenario=scenario_named(scenario))
        settled = time.perf_counter()
        opening = None
        for k in range(days + 1):
            landing = world.opening() if k == 0 else world.day(world.next_date)
            before = time.perf_counter()
            for table, frame in landing.tables.items():
                path = Path(folder) / table / f"{landing.day}.parquet"
                path.parent.mkdir(exist_ok=True)
                frame.to_parquet(path, index=False)
                rows += len(frame)
                size += path.stat().st_size
            writing += time.perf_counter() - before
            opening = opening or time.perf_counter()
        end = time.perf_counter()
    return {
        "customers": customers,
        "days": days,
        "settle_s": round(settled - begin, 2),
        "opening_s": round((opening or settled) - settled, 2),
        "per_day_ms": round(1000 * (end - (opening or settled)) / max(days, 1), 1),
        "of_it_writing_s": round(writing, 2),
        "total_s": round(end - begin, 2),
        "rows": rows,
        "parquet_mb": round(size / 1e6, 1),
        "peak_gb": round(resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1e6, 2),
    }


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("command", nargs="*", help="`profile DATA_FOLDER`, or nothing to measure")
    parser.add_argument("--customers", type=int, action="append")
    parser.add_argument("--days", type=int, default=30)
    parser.add_argument("--scenario", default="calm")
    asked = parser.parse_args()
    if asked.command[:1] == ["profile"] and len(asked.command) == 2:
        target = Path(__file__).parents[1] / "churn_platform/simulation/profile.yml"
        write_profile(Path(asked.command[1]), target)
        print(f"written: {target}")
        return
    if asked.command:
        sys.exit(f"unknown command {' '.join(asked.command)!r}; see --help")
    for customers in asked.customers or [1_000, 7_000, 20_000, 100_000]:
        print(measure(customers, asked.days, asked.scenario), flush=True)


if __name__ == "__main__":
    main()
