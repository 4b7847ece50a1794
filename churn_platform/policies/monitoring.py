"""When the world has moved enough to say so, and when to learn again.

What belongs here: drift, retraining triggers, service level objectives. What does not: statistics (`drift/`), whom to tell (`alerting`).
"""

from __future__ import annotations

from collections.abc import Iterator
from typing import Annotated, Literal

from pydantic import Field

from churn_platform.policies.alerting import Weekday
from churn_platform.policies.quantities import (
    Block,
    Contradiction,
    Day,
    Probability,
    Relative,
    Share,
    Span,
    TimeOfDay,
    Unit,
    Word,
)

Severity = Literal["warning", "critical"]
Psi = Annotated[float, Unit("psi"), Field(gt=0)]
Nats = Annotated[float, Unit("nats"), Field(gt=0)]
Rows = Annotated[int, Unit("rows"), Field(ge=1)]
AucLevel = Annotated[float, Unit("AUC"), Field(ge=0.5, lt=1)]


def _above(warning: float, critical: float, at: str) -> Iterator[Contradiction]:
    if warning > critical:
        yield Contradiction(
            at,
            f"the warning level {warning} is above the critical level {critical}.",
            f"Keep {at} at or below {at}_critical.",
        )


class DriftWindowPolicy(Block):
    """How much is compared at a time: a window grows from `length` up to `longest` until it has `min_rows`."""

    length: Span
    longest: Span
    min_rows: Rows

    def contradictions(self) -> Iterator[Contradiction]:
        """A window grows, never shrinks."""
        if self.length > self.longest:
            yield Contradiction("length", "it is longer than `longest`.", "Keep length at or below longest.")


class PersistencePolicy(Block):
    """A finding acts when `violations` of the last `windows` windows violate, the newest among them; or on its day, where chance shows
    so much on a single day with a probability of at most `at_once`."""

    violations: Annotated[int, Unit("windows"), Field(ge=1)]
    windows: Annotated[int, Unit("windows"), Field(ge=1)]
    at_once: Annotated[float, Unit("probability"), Field(gt=0, le=0.001)]

    def contradictions(self) -> Iterator[Contradiction]:
        """k of n needs k <= n."""
        if self.violations > self.windows:
            yield Contradiction(
                "violations",
                f"{self.violations} of the last {self.windows} windows can never violate.",
                "Keep violations at or below windows.",
            )


class DataDriftPolicy(Block):
    """All features: how far one may move, and how many may."""

    psi: Psi
    psi_critical: Psi
    ks: Share
    jensen_shannon: Share
    moved_share_critical: Share

    def contradictions(self) -> Iterator[Contradiction]:
        """Warning comes before critical."""
        yield from _above(self.psi, self.psi_critical, "psi")


class FeatureDriftPolicy(Block):
    """The most influential features, by name, at their own stricter threshold."""

    features: Annotated[tuple[Word, ...], Field(min_length=1)]
    psi: Psi
    correlation_change: Annotated[float, Unit("correlation"), Field(gt=0, le=2)]


class PredictionDriftPolicy(Block):
    """The distribution of scores."""

    kl: Nats
    kl_critical: Nats
    band_share_change: Share
    confidence_change: Share

    def contradictions(self) -> Iterator[Contradiction]:
        """Warning comes before critical."""
        yield from _above(self.kl, self.kl_critical, "kl")


class LabelDriftPolicy(Block):
    """The churn rate of matured outcomes."""

    rate_change: Relative
    confidence: Probability


class ConceptDriftPolicy(Block):
    """The relation of features to outcome, seen as performance on matured outcomes."""

    auc_drop: Relative
    auc_drop_critical: Relative
    window: Span
    min_churners: Rows

    def contradictions(self) -> Iterator[Contradiction]:
        """Warning comes before critical."""
        yield from _above(self.auc_drop, self.auc_drop_critical, "auc_drop")


class EarlyOutcomesPolicy(Block):
    """Who left within days of being scored: how far from the scores that may be, and how seldom it may be a false alarm."""

    rate_ratio: Annotated[float, Unit("ratio"), Field(gt=1)]
    segment_ratio: Annotated[float, Unit("ratio"), Field(gt=1)]
    ranking_slope: Annotated[float, Unit("slope"), Field(gt=0, le=1)]
    run_length: Span


class SchemaDriftPolicy(Block):
    """The contract on ingestion: how severe a broken and an extended schema are, and how much a file may differ from those before."""

    breaking: Severity
    additive: Severity
    scale_change: Annotated[float, Unit("times"), Field(gt=1)]
    missing_share_change: Share
    min_rows: Rows
    false_alarm: Probability


class AnnouncedEventPolicy(Block):
    """Something announced: findings on these signals and subjects in these days are shown and say so, but do not act."""

    name: Word
    first: Day
    last: Day
    signals: Annotated[tuple[Word, ...], Field(min_length=1)]
    subjects: Annotated[tuple[Word, ...], Field(min_length=1)]

    def contradictions(self) -> Iterator[Contradiction]:
        """An event ends after it begins."""
        if self.last < self.first:
            yield Contradiction(
                "last", f"{self.last} is before first {self.first}.", "Let it end on or after its first day."
            )


class DriftCalendarPolicy(Block):
    """What is known to move things: seasons and announced events."""

    events: tuple[AnnouncedEventPolicy, ...]


class CostDriftPolicy(Block):
    """What scoring and retraining cost, against the reference."""

    seconds_increase: Relative
    bytes_increase: Relative
    retrainings: Annotated[int, Unit("retrainings per 30 days"), Field(ge=1)]


class DriftPolicy(Block):
    """Six kinds of drift and the cost, under one way of windowing and one control of false alarms."""

    window: DriftWindowPolicy
    persistence: PersistencePolicy
    bins: Annotated[int, Unit("bins"), Field(ge=2, le=1000)]
    false_discovery_rate: Probability
    newcomers: Annotated[int, Unit("months"), Field(ge=0)]
    calendar: DriftCalendarPolicy
    data: DataDriftPolicy
    feature: FeatureDriftPolicy
    prediction: PredictionDriftPolicy
    label: LabelDriftPolicy
    early: EarlyOutcomesPolicy
    concept: ConceptDriftPolicy
    schema_contract: SchemaDriftPolicy
    cost: CostDriftPolicy

    def contradictions(self) -> Iterator[Contradiction]:
        """Influential features are held to a threshold at least as strict as all features."""
        if self.feature.psi > self.data.psi:
            yield Contradiction(
                "feature.psi",
                f"{self.feature.psi} is above data.psi {self.data.psi}: the named would be watched less closely.",
                "Keep feature.psi at or below data.psi.",
            )


class DriftTrigger(Block):
    """Retrain when drift is found."""

    severity: Severity
    cooldown: Span
    relearn_after: Span


class DecayTrigger(Block):
    """Retrain when realised AUC, or the estimated AUC's interval, falls below `min_auc` over `window`."""

    min_auc: AucLevel
    window: Span


class ScheduledTrigger(Block):
    """Retrain weekly, if anything drifted."""

    weekday: Weekday
    at: TimeOfDay
    requires_drift: bool


class VolumeTrigger(Block):
    """Retrain when enough new outcomes matured, in number and beside what was learned from."""

    min_new_outcomes: Rows
    min_new_share: Annotated[float, Unit("share"), Field(ge=0, le=10)]


class RetrainingPolicy(Block):
    """What starts a retraining, and how long it may take."""

    drift_detected: DriftTrigger
    performance_decay: DecayTrigger
    scheduled: ScheduledTrigger
    data_volume: VolumeTrigger
    time_limit: Span


class SloPolicy(Block):
    """The promises to the people who use the platform."""

    data_freshness: Span
    prediction_staleness: Span
    retraining_cadence: Span
    error_budget: Annotated[float, Unit("share"), Field(gt=0, lt=1)]
    error_budget_period: Span
