"""What can go wrong when scores are explained."""

from __future__ import annotations


class ExplanationError(ValueError):
    """Rows cannot be explained: the message says what, where, and the way out."""


class ContributionGapError(ExplanationError):
    """Contributions that do not sum to the margin: the reasons would not be those of this score."""


class UnsupportedModelError(ExplanationError):
    """A model that pattern tables cannot explain: another booster, objective, or number of outputs."""


class TablesTooLargeError(ExplanationError):
    """Pattern tables that would take more memory than allowed."""


class TablesFileError(ExplanationError):
    """Stored pattern tables that are damaged, of another format, or of another model."""
