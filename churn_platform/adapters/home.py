"""The home folder's identity: one home holds one telco.

What belongs here: `home.json`, written by the first run. What does not: what is inside the home (each adapter has its own folder).
"""

from __future__ import annotations

import json
from dataclasses import asdict, dataclass
from pathlib import Path

from churn_platform.adapters.atomic_files import write_atomically
from churn_platform.adapters.file_lock import exclusive
from churn_platform.settings import Settings


class HomeError(ValueError):
    """This home belongs to another feed or another source; the message says how to keep them apart."""


@dataclass(frozen=True, slots=True)
class Home:
    """What this home holds: the feed, the digest of its source, whether its data are made up, and one line about the source."""

    feed: str
    source_digest: str
    simulated: bool
    note: str


def read_home(settings: Settings) -> Home | None:
    """The home's identity, or None for a home that nothing has run in yet.

    Raises:
        HomeError: the file is damaged.
    """
    path: Path = settings.home_file
    if not path.is_file():
        return None
    try:
        home = Home(**json.loads(path.read_text(encoding="utf-8")))
        if [type(value) for value in asdict(home).values()] != [str, str, bool, str]:
            raise TypeError("a value is not of its type")
    except (ValueError, TypeError) as error:
        raise HomeError(f"{path} is damaged ({error}); move it away to let the next run write it again") from error
    return home


def claim_home(settings: Settings, home: Home) -> Home:
    """Record what this home holds, or check that it still holds the same.

    Raises:
        HomeError: it holds another feed, or the same feed from another source.
    """
    settings.home.mkdir(parents=True, exist_ok=True)
    # two first runs at once: the second must see what the first wrote
    with exclusive(settings.home / ".home.lock"):
        there = read_home(settings)
        if there is None:
            write_atomically(settings.home_file, json.dumps(asdict(home), indent=2).encode() + b"\n")
            return home
    elsewhere = f"use another home, for example: CHURN_HOME={settings.home}-{home.feed} churn run --feed {home.feed}"
    if there.feed != home.feed:
        raise HomeError(
            f"{settings.home} holds the feed {there.feed!r}, not {home.feed!r}: one home is one telco; {elsewhere}"
        )
    if there.source_digest != home.source_digest:
        raise HomeError(
            f"{settings.home} was filled from another source ({there.note}) than the one found now ({home.note}); {elsewhere}, "
            "or move the old home away"
        )
    return there
