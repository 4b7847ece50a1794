"""How often the interval of an estimated metric covers what is realised, in calm windows; and what a judged day costs.

    python -m bench estimation        or, on a home that has been lived: python -m bench.estimation HOME

A calm simulated telco is lived for a year in a home of its own, with one champion from the first day; every daily window of a week is
estimated when it is scored and reconciled when its outcomes have matured. Windows overlap, so a year holds some 47 independent ones.
"""

from __future__ import annotations

import json
import os
import subprocess
import sys
import tempfile
import time
from collections import Counter
from datetime import timedelta
from pathlib import Path

LIVE_DAYS = 365
SEED = 20260101


def measure(home: Path | None = None) -> list[dict[str, object]]:
    """Coverage by metric over a calm year, and seconds of a judged day. `home` is a lived calm home, where there is one."""
    if home is not None:
        return _measured(home)
    with tempfile.TemporaryDirectory(prefix="churn-estimation-") as folder:
        place = Path(folder) / "home"
        _live(place)
        return _measured(place)


def _live(home: Path) -> None:
    """Live the calm year: history, training, every live day."""
    from churn_platform.adapters.world_choice import WorldChoice, write_world_choice
    from churn_platform.settings import load_settings

    home.mkdir(parents=True)
    os.environ["CHURN_HOME"] = str(home)
    write_world_choice(load_settings(), WorldChoice("calm", 7_000, SEED, LIVE_DAYS))
    command = [str(Path(sys.executable).parent / "churn"), "run", "--feed", "world", "--json"]
    subprocess.run(command, check=True, capture_output=True)


def _measured(home: Path) -> list[dict[str, object]]:
    os.environ["CHURN_HOME"] = str(home)
    from churn_platform.adapters.platform import open_platform
    from churn_platform.flows.monitoring.performance import judge_of

    platform = open_platform()
    calendar = platform.calendar
    judge = judge_of(platform, calendar.live_from, calendar.live_end)
    inside: Counter[str] = Counter()
    broken = windows = days = 0
    began = time.process_time()
    day = calendar.live_from + platform.policies.label.horizon
    while day <= calendar.live_end:
        judged = judge.day(day)
        days += 1
        if judged.comparisons:
            windows += 1
            inside.update({name: one.inside for name, one in judged.comparisons.items()})
            broken += judged.assumption.verdict == "broken"
        day += timedelta(1)
    seconds = (time.process_time() - began) / max(days, 1)
    shares = {
        f"{name}: realised inside the 95 % interval, of {windows} calm windows": inside[name] / max(windows, 1)
        for name in ("auc", "f1", "brier", "churn_rate", "ece")
    }
    shares["calm windows in which the assumption is called broken"] = broken / max(windows, 1)
    return [_row(name, "share", share) for name, share in shares.items()] + [
        _row("a day's performance judged, processor time", "s", seconds)
    ]


def _row(name: str, unit: str, value: float) -> dict[str, object]:
    return {"name": name, "unit": unit, "ours": round(value, 4), "peer": None, "ratio": None}


if __name__ == "__main__":
    print(json.dumps(measure(Path(sys.argv[1]) if len(sys.argv) > 1 else None), indent=2))
