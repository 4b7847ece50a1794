"""The words of a check: its name, its verdict, and why."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Literal

Verdict = Literal["pass", "fail", "inconclusive"]


@dataclass(frozen=True, slots=True)
class Check:
    """One metric's verdict, with a reason for a person; `usable` says whether there was anything to judge."""

    name: str
    verdict: Verdict
    reason: str
    usable: bool = True
