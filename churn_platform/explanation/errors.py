"""What can go wrong when scores are explained."""

from __future__ import annotations


class ExplanationError(ValueError):
    """Rows cannot be explained: the message says what, where, and the way out."""


class ContributionGapError(ExplanationError):
    """Contributions that do not sum to the margin: the reasons would not be those of this score."""
