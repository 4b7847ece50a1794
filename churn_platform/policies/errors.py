"""What is wrong in a policy file: every problem with its line, dotted path, rule and way out.

What belongs here: the shape of a complaint. What does not: finding one (`reading.py`, `contradictions`).
"""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass


@dataclass(frozen=True, slots=True, order=True)
class PolicyProblem:
    """One problem: its 1-based `line`, its dotted `path`, what is `wrong`, what is `allowed`, and the `way_out`."""

    line: int
    path: str
    wrong: str
    allowed: str
    way_out: str

    def __str__(self) -> str:
        """The whole complaint, without the file's name.

        >>> print(PolicyProblem(7, "batch.timeout", "-1 seconds is not allowed.", "Allowed: above 0.", "Write one."))
        line 7, batch.timeout: -1 seconds is not allowed. Allowed: above 0. Write one.
        """
        where = f"line {self.line}, {self.path}" if self.path else f"line {self.line}"
        return f"{where}: " + " ".join(part for part in (self.wrong, self.allowed, self.way_out) if part)


class PolicyError(ValueError):
    """A policy file that cannot be used. `problems` holds all that is wrong with it, ordered by line."""

    def __init__(self, name: str, problems: Iterable[PolicyProblem]) -> None:
        self.name = name
        self.problems = tuple(sorted(problems))
        count = f"{len(self.problems)} problem" + ("s" if len(self.problems) != 1 else "")
        super().__init__(
            "\n".join([f"{name}: {count}, nothing was loaded", *(f"  {name}, {p}" for p in self.problems)])
        )


class UnknownPolicyPathError(LookupError):
    """A dotted path that no policy has."""
