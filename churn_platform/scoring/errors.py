"""Why a day is not scored."""

from __future__ import annotations

NOBODY = "there are no customers to score: zero rows is an error, not a quiet day; look at the day's ingestion"


class ScoringError(ValueError):
    """A day cannot be scored, or its scores break their contract; the message says what and how many rows."""
