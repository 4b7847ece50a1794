"""What time it is: the wall clock, or the simulated telco's while its life is being lived.

What belongs here: the one place that knows the time. What does not: any use of it for decisions about data, which take `as_of`.
"""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from contextvars import ContextVar
from datetime import UTC, datetime

_simulated: ContextVar[datetime | None] = ContextVar("simulated_time", default=None)


def now() -> datetime:
    """The time in UTC: the simulated one inside `simulated_time`, else the wall clock's."""
    return _simulated.get() or datetime.now(UTC)


def is_simulated() -> bool:
    """Whether a simulated life is being lived just now."""
    return _simulated.get() is not None


@contextmanager
def simulated_time(at: datetime) -> Iterator[None]:
    """Inside, `now()` is `at`: what the simulated telco records then carries its own dates.

    Raises:
        ValueError: a time without a zone.
    """
    if at.tzinfo is None:
        raise ValueError(f"{at} has no zone: the simulated time must be aware, in UTC")
    token = _simulated.set(at.astimezone(UTC))
    try:
        yield
    finally:
        _simulated.reset(token)
