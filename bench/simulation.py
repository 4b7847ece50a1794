"""What the simulated telco costs by size: `churn world` as a whole process, landing as Parquet with the truth beside it.

    python -m bench simulation
    python -m bench.simulation --customers 1000000 --days 30      # one size
    python -m bench.simulation picture                            # docs/pictures/scenarios.svg, from ten lived worlds

No peer: nothing that a user would pick instead makes dated raw tables of a telco with a known truth.
"""

from __future__ import annotations

import argparse
import json
import sys
import tempfile
from importlib.metadata import version
from itertools import pairwise
from pathlib import Path

import numpy as np

from bench.whole_process import measured

#: customers, days; cost over size at 30 days, and the year
SIZES = ((7_000, 30), (20_000, 30), (20_000, 365), (100_000, 30), (1_000_000, 30))
PICTURE = Path(__file__).parents[1] / "docs" / "pictures" / "scenarios.svg"


def measure() -> list[dict[str, object]]:
    """Seconds and peak memory to settle, live and land each size, each by the command itself."""
    rows: list[dict[str, object]] = []
    versions = {name: version(name) for name in ("numpy", "pandas", "pyarrow", "scipy")}
    for customers, days in SIZES:
        cost = cost_of(customers, days)
        what = f"{customers:,} customers, {days} days, landed"
        for name, unit, key in (
            (what, "s", "seconds"),
            (f"{what}: processor", "s", "cpu_seconds"),
            (f"{what}: a million customers' day", "cpu s", "cpu_seconds_per_million_days"),
            (f"{what}: peak", "GB", "peak_gb"),
        ):
            rows.append(
                {"name": name, "unit": unit, "ours": cost[key], "peer": None, "ratio": None, "versions": versions}
            )
    return rows


def cost_of(customers: int, days: int, scenario: str = "calm") -> dict[str, float]:
    """Run the command in a folder of its own."""
    churn = Path(sys.executable).parent / "churn"
    with tempfile.TemporaryDirectory() as folder:
        asked = ["--customers", str(customers), "--days", str(days), "--history", "0", "--scenario", scenario]
        done = measured([churn, "world", *asked, "--out", f"{folder}/out", "--json"], {"CHURN_HOME": f"{folder}/home"})
        landed = list(Path(folder, "out", "landing").rglob("*.parquet"))
        size = sum(path.stat().st_size for path in landed)
    return {
        "seconds": round(done.seconds, 2),
        "cpu_seconds": round(done.cpu_seconds, 2),
        "cpu_seconds_per_million_days": round(1e6 * done.cpu_seconds / customers / days, 2),
        "peak_gb": round(done.peak_mb / 1000, 2),
        "files": len(landed),
        "parquet_mb": round(size / 1e6, 1),
    }


def picture(customers: int = 4_000, days: int = 210, start: int = 90) -> str:
    """Ten small panels: the true share of customers who leave within 30 days, week by week, in each scenario and in the calm world.

    Below each panel, how strong the scenario's effects are. The same seed everywhere, so that before the change both lines are one.
    """
    from churn_platform.simulation.scenario import packaged_scenarios, scenario_named
    from churn_platform.simulation.world import World

    def weeks(name: str) -> tuple[np.ndarray, np.ndarray]:
        world = World(customers=customers, seed=4, scenario=scenario_named(name).starting(start))
        lived = [world.day(world.next_date).summary for _ in range(days)]
        by_week = np.arange(days) // 7
        leavers = np.bincount(by_week, [day.expected_leavers for day in lived])
        observed = np.bincount(by_week, [day.observed for day in lived])
        strength = np.array([max(day.strength.values(), default=0.0) for day in lived])
        return 100 * leavers / observed, strength

    calm, _ = weeks("calm")
    panels = []
    names = ["calm", *sorted(set(packaged_scenarios()) - {"calm"})]
    for number, name in enumerate(names):
        rate, strength = (calm, np.zeros(days)) if name == "calm" else weeks(name)
        panels.append(
            _panel(name, calm, rate, strength, days, start, 20 + 310 * (number % 3), 64 + 170 * (number // 3))
        )
    rows = -(-len(names) // 3)
    return (
        f'<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 950 {80 + 170 * rows}" font-family="sans-serif" font-size="11" '
        'fill="#333">\n'
        '<rect width="100%" height="100%" fill="#fff"/>\n'
        '<text x="20" y="24" font-size="15" font-weight="bold">What each scenario does to leaving</text>\n'
        '<text x="20" y="42">True share of observed customers who leave within 30 days, by week, in percent (0 to 20). '
        "Grey: the calm world of the same seed. Bar: strength of the change.</text>\n"
        + "\n".join(panels)
        + "\n</svg>\n"
    )


def _panel(
    name: str, calm: np.ndarray, rate: np.ndarray, strength: np.ndarray, days: int, start: int, x: int, y: int
) -> str:
    width, height, top = 280.0, 96.0, 20.0

    def line(values: np.ndarray, colour: str, thick: float) -> str:
        weeks = len(values) - 1  # the last one is not whole
        points = " ".join(
            f"{x + width * (7 * k + 3.5) / days:.1f},{y + 10 + height * (1 - min(values[k], top) / top):.1f}"
            for k in range(weeks)
        )
        return f'<polyline points="{points}" fill="none" stroke="{colour}" stroke-width="{thick}"/>'

    at = x + width * start / days
    runs = np.flatnonzero(np.diff(strength, prepend=-1.0, append=-1.0))
    bar = "".join(
        f'<rect x="{x + width * first / days:.1f}" y="{y + 116}" width="{width * (last - first) / days + 0.1:.1f}" height="6" '
        f'fill="#b3452c" fill-opacity="{min(strength[first], 1.0):.2f}"/>'
        for first, last in pairwise(runs)
        if strength[first] > 0
    )
    ticks = "".join(
        f'<line x1="{x}" x2="{x + width}" y1="{y + 10 + height * (1 - v / top):.1f}" y2="{y + 10 + height * (1 - v / top):.1f}" '
        f'stroke="#e4e4e4"/><text x="{x - 4}" y="{y + 14 + height * (1 - v / top):.1f}" text-anchor="end" font-size="9">{v}</text>'
        for v in (0, 5, 10, 15)
    )
    change = (
        ""
        if name == "calm"
        else f'<line x1="{at:.1f}" x2="{at:.1f}" y1="{y + 10}" y2="{y + 122}" stroke="#999" stroke-dasharray="3 3"/>'
    )
    return (
        f'<g><text x="{x}" y="{y + 2}" font-weight="bold">{name}</text>{ticks}{change}'
        f"{line(calm, '#9a9a9a', 2.5)}{line(rate, '#1f5f99', 1.6)}{bar}</g>"
    )


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("command", nargs="?", choices=["picture"], help="`picture`, or nothing to measure one size")
    parser.add_argument("--customers", type=int, default=7_000)
    parser.add_argument("--days", type=int, default=30)
    parser.add_argument("--scenario", default="calm")
    asked = parser.parse_args()
    if asked.command == "picture":
        PICTURE.write_text(picture(), encoding="utf-8")
        print(f"written: {PICTURE}")
    else:
        print(json.dumps(cost_of(asked.customers, asked.days, asked.scenario)))


if __name__ == "__main__":
    main()
