"""How the platform learns: the replay's calendar, the label, training, evaluation, and what a score turns into.

What belongs here: what shapes a model and its measurement. What does not: what a model must reach (`gating.py`).
"""

from __future__ import annotations

from collections.abc import Iterator
from typing import Annotated, Literal

from pydantic import Field

from churn_platform.policies.quantities import (
    Block,
    Contradiction,
    Day,
    Probability,
    Seed,
    Span,
    SpanOrNone,
    Unit,
    Word,
)


class ReplayPolicy(Block):
    """The calendar of the IBM extract's replay: history, a pause in which its outcomes mature, then live days."""

    start_date: Day
    history: Span
    maturing: SpanOrNone
    live: Span
    live_share: Annotated[float, Unit("share"), Field(gt=0, lt=1)]
    seed: Seed


class LabelPolicy(Block):
    """What counts as churn: leaving within `horizon` after the observation."""

    horizon: Span


class TuningPolicy(Block):
    """How long and how widely hyperparameters are searched."""

    trials: Annotated[int, Unit("trials"), Field(ge=1, le=10_000)]
    folds: Annotated[int, Unit("folds"), Field(ge=2, le=50)]
    time_budget: Span
    max_rounds: Annotated[int, Unit("boosting rounds"), Field(ge=1, le=100_000)]
    early_stopping_rounds: Annotated[int, Unit("boosting rounds"), Field(ge=1)]

    def contradictions(self) -> Iterator[Contradiction]:
        """Early stopping needs rounds left to stop before."""
        if self.early_stopping_rounds >= self.max_rounds:
            yield Contradiction(
                "early_stopping_rounds",
                f"{self.early_stopping_rounds} rounds of patience never run out within max_rounds {self.max_rounds}.",
                "Make early_stopping_rounds smaller than max_rounds.",
            )


class RecencyPolicy(Block):
    """How much more recent outcomes count where a backtest on the newest of them says that they should."""

    half_life: Span
    short_window: Span
    backtest: Span
    min_rows: Annotated[int, Unit("rows"), Field(ge=1)]
    min_churners: Annotated[int, Unit("rows"), Field(ge=2)]


class TrainingPolicy(Block):
    """Which examples a model learns from, how they are split, how much the recent ones count, and how it is tuned."""

    feature_set: Word
    window: Span
    holdout_share: Annotated[float, Unit("share"), Field(gt=0, lt=1)]
    holdout_rows: Annotated[int, Unit("rows"), Field(ge=2)]
    holdout_after_change: Annotated[float, Unit("share"), Field(gt=0, lt=1)]
    embargo: SpanOrNone
    seed: Seed
    threads: Annotated[int, Unit("threads"), Field(ge=1, le=256)]
    recency: RecencyPolicy
    tuning: TuningPolicy

    def contradictions(self) -> Iterator[Contradiction]:
        """The embargo is cut out of the window."""
        if self.embargo >= self.window:
            yield Contradiction(
                "embargo", "it leaves nothing of training.window to learn from.", "Make it shorter than the window."
            )
        if self.recency.short_window >= self.window:
            yield Contradiction(
                "recency.short_window", "it is no shorter than training.window.", "Make it shorter than the window."
            )


class EvaluationPolicy(Block):
    """How performance is measured: intervals, bins, segments."""

    confidence: Probability
    resamples: Annotated[int, Unit("bootstrap resamples"), Field(ge=100, le=1_000_000)]
    ece_bins: Annotated[int, Unit("bins"), Field(ge=2, le=1000)]
    min_segment_rows: Annotated[int, Unit("rows"), Field(ge=2)]
    seed: Seed
    top_share: Annotated[float, Unit("share"), Field(gt=0, lt=1)]
    segments: Annotated[tuple[Word, ...], Field(min_length=1)]
    fairness_attributes: Annotated[tuple[Word, ...], Field(min_length=1)]


Decision = Literal["contact", "watch", "none"]


class BandDecisions(Block):
    """What follows from each band."""

    high: Decision
    medium: Decision
    low: Decision


class ScoringPolicy(Block):
    """How a probability becomes a band, a decision, and reasons."""

    band_high: Probability
    band_medium: Probability
    reasons: Annotated[int, Unit("reasons"), Field(ge=1, le=50)]
    decisions: BandDecisions

    def contradictions(self) -> Iterator[Contradiction]:
        """The bands are in order."""
        if self.band_medium >= self.band_high:
            yield Contradiction(
                "band_medium",
                f"{self.band_medium} is not below band_high {self.band_high}, so no score would be medium.",
                "Lower band_medium or raise band_high.",
            )

    def band(self, probability: float) -> Literal["low", "medium", "high"]:
        """The band of a probability in [0, 1]; ValueError for NaN or anything outside."""
        if not 0 <= probability <= 1:
            raise ValueError(f"{probability!r} is no probability: a score must lie in [0, 1] to have a band")
        if probability >= self.band_high:
            return "high"
        return "medium" if probability >= self.band_medium else "low"
