"""A finding: one thing that was looked at, how far it had moved, how bad that is, and what to do about it.

What belongs here: the value that detectors return and that tickets, triggers and root cause read. What does not: measuring
(the detectors' files), telling somebody (`alerts/`).
"""

from __future__ import annotations

import math
from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import date
from typing import Any, Literal, cast, get_args

Severity = Literal["ok", "warning", "critical", "insufficient_data"]
Signal = Literal[
    "data_drift",
    "feature_drift",
    "prediction_drift",
    "label_drift",
    "concept_drift",
    "schema_drift",
    "feed_late",
    "estimated_decay",
    "performance_decay",
    "fairness_drift",
    "cost_drift",
    "data_freshness",
    "prediction_staleness",
    "retraining_cadence",
    "error_budget",
    "release_blocked",
    "rollout_stopped",
    "crm_write_back",
]
SEVERITIES: tuple[Severity, ...] = get_args(Severity)
SIGNALS: tuple[Signal, ...] = get_args(Signal)


class FindingError(ValueError):
    """A finding contradicts itself, or cannot be read back."""


@dataclass(frozen=True, slots=True)
class Window:
    """The days that were looked at, both inclusive, and the rows that they held."""

    first: date
    last: date
    rows: int

    def to_dict(self) -> dict[str, Any]:
        """JSON-able form."""
        return {"first": self.first.isoformat(), "last": self.last.isoformat(), "rows": self.rows}


@dataclass(frozen=True, slots=True)
class Finding:
    """One signal on one subject in one window.

    `subject` is what moved: a feature, a table, a column as `table.column`, a segment as `contract=One year`, or `model`.
    `acts` is true when the violation has persisted (k of the last n windows, the newest among them): only then may it open a
    ticket or trigger a retraining. `influence` is the share of the model's contributions that the subject carries, in [0, 1].
    `label_maturity` is the share of rows whose outcome is known, where outcomes were used. A missing value is never `ok`.

    >>> day = date(2026, 6, 1)
    >>> Finding("data_drift", "monthly_charges", "ok", "psi", None, 0.2, Window(day, day, 300), "quiet", "none")
    Traceback (most recent call last):
    ...
    churn_platform.drift.finding.FindingError: data_drift of monthly_charges is 'ok' without a measured value
    """

    signal: Signal
    subject: str
    severity: Severity
    statistic: str
    value: float | None
    threshold: float | None
    window: Window
    reason: str
    remedy: str
    acts: bool = False
    influence: float = 0.0
    label_maturity: float | None = None
    evidence: Mapping[str, Any] = field(default_factory=dict)

    def __post_init__(self) -> None:
        what = f"{self.signal} of {self.subject}"
        if self.severity == "ok" and (self.value is None or not math.isfinite(self.value)):
            raise FindingError(f"{what} is 'ok' without a measured value")
        if self.acts and self.severity not in ("warning", "critical"):
            raise FindingError(f"{what} acts, but is {self.severity!r}")

    @property
    def violates(self) -> bool:
        """Whether the threshold was passed, persistently or not."""
        return self.severity in ("warning", "critical")

    def to_dict(self) -> dict[str, Any]:
        """JSON-able form."""
        return {
            "signal": self.signal,
            "subject": self.subject,
            "severity": self.severity,
            "statistic": self.statistic,
            "value": self.value,
            "threshold": self.threshold,
            "window": self.window.to_dict(),
            "reason": self.reason,
            "remedy": self.remedy,
            "acts": self.acts,
            "influence": self.influence,
            "label_maturity": self.label_maturity,
            "evidence": dict(self.evidence),
        }

    @classmethod
    def from_dict(cls, content: Mapping[str, Any]) -> Finding:
        """Read `to_dict`'s form.

        Raises:
            FindingError: a key is missing or a word is not one of the field's.
        """
        try:
            signal, severity, window = content["signal"], content["severity"], content["window"]
            if signal not in SIGNALS or severity not in SEVERITIES:
                raise FindingError(f"a finding says {signal!r}, {severity!r}, which this version does not know")
            return cls(
                signal=cast("Signal", signal),
                subject=str(content["subject"]),
                severity=cast("Severity", severity),
                statistic=str(content["statistic"]),
                value=_number(content["value"]),
                threshold=_number(content["threshold"]),
                window=Window(
                    date.fromisoformat(window["first"]), date.fromisoformat(window["last"]), int(window["rows"])
                ),
                reason=str(content["reason"]),
                remedy=str(content["remedy"]),
                acts=bool(content["acts"]),
                influence=float(content["influence"]),
                label_maturity=_number(content["label_maturity"]),
                evidence=dict(content["evidence"]),
            )
        except (KeyError, TypeError, AttributeError) as error:
            raise FindingError(f"a recorded finding cannot be read: {error!r}") from error


def _number(value: object) -> float | None:
    return None if value is None else float(cast("float", value))
