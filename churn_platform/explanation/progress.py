"""Progress of a long build as a few lines for a log.

Belongs here: when a line is due, and its words. Does not belong here: what is built, and where lines go.
"""

from __future__ import annotations

from collections.abc import Callable

LINES = 4


def quarters_told(say: Callable[[str], None], what: str, units: str) -> Callable[[int, int], None]:
    """A `progress(done, total)` that says so at each quarter of the work, and not more often.

    >>> progress = quarters_told(print, "pattern tables", "trees")
    >>> for done in range(1, 11):
    ...     progress(done, 10)
    pattern tables: 3 of 10 trees
    pattern tables: 5 of 10 trees
    pattern tables: 8 of 10 trees
    pattern tables: 10 of 10 trees
    """

    def progress(done: int, total: int) -> None:
        if done * LINES // total > (done - 1) * LINES // total:
            say(f"{what}: {done:,} of {total:,} {units}")

    return progress
