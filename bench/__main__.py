"""`python -m bench [NAME …]`: run the benchmarks, print a table, write `bench/results/latest.json`."""

from __future__ import annotations

import importlib
import json
import os
import sys
from pathlib import Path

from rich.console import Console
from rich.table import Table

HERE = Path(__file__).parent
NOT_BENCHMARKS = {"__init__", "__main__", "whole_process", "multiprocess_day", "open_loop", "switches"}


def benchmarks() -> list[str]:
    """Every module here that measures."""
    return sorted(path.stem for path in HERE.glob("*.py") if path.stem not in NOT_BENCHMARKS)


def main(names: list[str]) -> int:
    """Measure, show, store; an unknown name is an error."""
    unknown = sorted(set(names) - set(benchmarks()))
    if unknown:
        print(f"there is no benchmark {unknown[0]!r}: choose of {', '.join(benchmarks())}", file=sys.stderr)
        return 2
    rows = []
    for name in names or benchmarks():
        print(f"measuring {name} …", file=sys.stderr)
        rows += importlib.import_module(f"bench.{name}").measure()
    table = Table(title="ours against what a user would pick instead")
    for column in ("name", "ours", "peer", "ratio", "unit"):
        table.add_column(column, justify="left" if column in ("name", "unit") else "right")
    for row in rows:
        shown = ["" if row[key] is None else f"{row[key]:,.3g}" for key in ("ours", "peer", "ratio")]
        table.add_row(row["name"], *shown, row["unit"])
    Console(width=120).print(table)
    target = HERE / "results" / "latest.json"
    target.parent.mkdir(exist_ok=True)
    temporary = target.with_suffix(".tmp")
    temporary.write_text(json.dumps(rows, indent=2) + "\n")
    os.replace(temporary, target)
    print(f"written to {target}", file=sys.stderr)
    return 0


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
