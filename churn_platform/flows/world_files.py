"""The simulated telco's files without its life: choosing a home's world, landing one into a folder, writing its profile.

What belongs here: joining the world's room with its files. What does not: living the landed days (`flows/simulation/`).
"""

from __future__ import annotations

import hashlib
from collections.abc import Callable, Mapping
from dataclasses import replace
from datetime import date, timedelta
from pathlib import Path
from typing import Any

DayTold = Callable[[date, int], None]
"""Called with a day that has been lived and how many there are."""


def choose_world(asked: Mapping[str, Any]) -> None:
    """Make what is asked for (fields of a WorldChoice) this installation's world; the rest stays as it was chosen, or by default.

    Raises:
        WorldChoiceError, ScenarioError: it cannot be had here; the message says what can be done.
    """
    from churn_platform.adapters.home import HomeError, read_home
    from churn_platform.adapters.world_choice import read_world_choice, write_world_choice
    from churn_platform.settings import load_settings

    settings = load_settings()
    held = read_home(settings)
    if held is not None and held.feed != "world":
        raise HomeError(
            f"{settings.home} holds the feed {held.feed!r}, not 'world': one home is one telco; "
            f"use another home, for example: CHURN_HOME={settings.home}-world"
        )
    write_world_choice(settings, replace(read_world_choice(settings), **asked))


def why_without_extract() -> str | None:
    """Why a home that has no feed yet cannot live on IBM's extract; None where it can, or where its feed is chosen already."""
    import os

    from churn_platform.adapters.extract import ExtractNotFoundError, find_extract
    from churn_platform.adapters.home import read_home
    from churn_platform.settings import load_settings

    settings = load_settings()
    if read_home(settings) is not None or os.environ.get("CHURN_FEED", "").strip() or settings.landing_dir is not None:
        return None
    try:
        find_extract(settings)
    except ExtractNotFoundError as error:
        return error.why_not
    return None


def land_world(
    folder: Path, scenario: str, customers: int, seed: int, days: int, history: int | None, on_day: DayTold
) -> dict[str, Any]:
    """Land `history` calm days and `days` days of a scenario into `folder`, with the truth beside them.

    Args:
        folder: gets `landing/<table>/<day>.parquet`, `truth/`, and `world/` (receipts and the saved state).
        scenario: name or file; its day 0 is the first day after the history.
        customers, seed: the world.
        days: how many days after the history.
        history: how many days before; None: as many as a home's calendar has before its first live day.
        on_day: hears of each day lived.

    Raises:
        WorldChoiceError: the folder holds another world, or the size is impossible. ScenarioError: the scenario cannot be used.
    """
    from churn_platform.adapters.world_choice import WorldChoiceError, load_scenario
    from churn_platform.adapters.world_landing import WorldLanding
    from churn_platform.feeds.calendar import replay_calendar
    from churn_platform.policies import load_policies
    from churn_platform.simulation.world import FEWEST_CUSTOMERS, MOST_CUSTOMERS

    if not FEWEST_CUSTOMERS <= customers <= MOST_CUSTOMERS:
        raise WorldChoiceError(f"a world has {FEWEST_CUSTOMERS} to {MOST_CUSTOMERS:,} customers, not {customers:,}")
    calendar = replay_calendar(load_policies())
    calm = (calendar.live_from - calendar.first_day).days if history is None else history
    chosen = load_scenario(scenario)
    world = WorldLanding(chosen.later(calm), customers, seed, calendar.first_day, folder, folder / "landing")
    first, last = calendar.first_day, calendar.first_day + timedelta(calm + days - 1)
    if (there := world.other_world()) is not None:
        raise WorldChoiceError(
            f"{there} is of another world than the one asked for: choose another --out, or remove {folder}"
        )
    every = [first + timedelta(n) for n in range(calm + days)]
    written = world.land(every, lambda day: on_day(day, len(every)))
    start = world.scenario.start_day
    return {
        "scenario": chosen.name,
        "cause": chosen.cause,
        "changed_on": None if start is None else first + timedelta(start),
        "customers": customers,
        "seed": seed,
        "first_day": first,
        "last_day": last,
        "days": len(every),
        "files_written": written,
        "landing": str(world.landing),
        "truth": str(folder / "truth"),
    }


def write_world_profile(data: Path | None, to: Path | None, rounds: int) -> dict[str, Any]:
    """Count the extract, balance the joiners, and write the profile.

    The same extract and the same behaviour give the same bytes.

    Raises:
        ExtractNotFoundError: the extract or one of its extension tables is not there.
    """
    from churn_platform.adapters.atomic_files import write_atomically
    from churn_platform.adapters.extract import (
        SERVICES_FILE,
        STATUS_FILE,
        ExtractNotFoundError,
        find_extract,
        read_extract,
    )
    from churn_platform.settings import load_settings
    from churn_platform.simulation.balance import balanced
    from churn_platform.simulation.behaviour import packaged_behaviour
    from churn_platform.simulation.profile import profile_as_yaml
    from churn_platform.simulation.profile_from_extract import profile_from_extract

    settings = load_settings()
    source = find_extract(settings if data is None else replace(settings, raw_dirs=(data,), offline=True))
    if len(source.files) < 3:
        raise ExtractNotFoundError(
            f"{source.folder} lacks {SERVICES_FILE} or {STATUS_FILE}: the profile is counted on all three tables",
            "tables are missing",
        )
    extract = read_extract(source)
    digests = {path.name: hashlib.sha256(path.read_bytes()).hexdigest() for path in source.files}
    assert extract.services is not None and extract.status is not None  # noqa: S101, PT018 (three files)
    counted = profile_from_extract(extract.churn, extract.services, extract.status, sha256=digests)
    text = profile_as_yaml(balanced(counted, packaged_behaviour(), rounds=rounds) if rounds else counted).encode()
    target = to or Path(__file__).parents[1] / "simulation" / "profile.yml"
    unchanged = target.is_file() and target.read_bytes() == text
    write_atomically(target, text)
    return {"profile": str(target), "unchanged": unchanged, "rows": counted.source.rows, "sha256": digests}
