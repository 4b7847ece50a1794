"""Small facts that one asset hands to the next: which training set, which candidate, which version.

What belongs here: one JSON object per asset and run, and the latest of each. What does not: data (content-addressed elsewhere; a
handoff carries its digest) and anything that decides (the ops store).

Why not an IO manager: an unpartitioned asset on a daily one would load all keys, and a range run refuses several partitions in one
output (measured). A run reads what the same run wrote; an asset materialised alone reads the latest.
"""

from __future__ import annotations

import json
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from churn_platform.adapters.atomic_files import write_atomically


class HandoffError(LookupError):
    """The upstream asset has not been materialised in this home."""


class Handoffs:
    """Handoffs of one run below `root`."""

    def __init__(self, root: Path, run_id: str) -> None:
        self._run = root / "runs" / run_id
        self._latest = root / "latest"

    def give(self, asset: str, facts: Mapping[str, Any]) -> None:
        """Hand `facts` (JSON-able) to whoever comes after `asset`, in this run and later."""
        content = json.dumps(dict(facts), indent=2, sort_keys=True).encode() + b"\n"
        write_atomically(self._run / f"{asset}.json", content)
        write_atomically(self._latest / f"{asset}.json", content)

    def take(self, asset: str) -> dict[str, Any]:
        """What `asset` handed over in this run, else most recently.

        Raises:
            HandoffError: it never did, or what it wrote is damaged.
        """
        for folder in (self._run, self._latest):
            path = folder / f"{asset}.json"
            if path.is_file():
                return _read(path, asset)
        raise HandoffError(
            f"{asset} has not been materialised in this home yet: materialise it first, or run `churn train`"
        )


def _read(path: Path, asset: str) -> dict[str, Any]:
    try:
        facts = json.loads(path.read_text(encoding="utf-8"))
    except ValueError as error:
        raise HandoffError(f"{path} is damaged ({error}): materialise {asset} again") from error
    if not isinstance(facts, dict):
        raise HandoffError(f"{path} is damaged (no JSON object): materialise {asset} again")
    return facts
