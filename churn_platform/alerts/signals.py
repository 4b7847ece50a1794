"""The signals: for each, what it is called, by which number it is judged, whether it may page, and which page to open.

What belongs here: one row per `Signal` of `drift/finding.py`; a test holds that each has one, with its runbook. What does not:
owners, channels and escalation, which are policy (`alerts.warning`, `alerts.critical`) and follow the severity.

To add a signal: a word in `drift/finding.py`, a row here, a runbook under its name in `docs/runbooks/`.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from types import MappingProxyType
from typing import Literal

from churn_platform.drift.finding import Severity, Signal

Family = Literal[
    "data",
    "prediction",
    "label",
    "performance",
    "schema",
    "late",
    "fairness",
    "cost",
    "staleness",
    "cadence",
    "errors",
    "release",
    "rollout",
    "write_back",
]
PageWord = Literal["data_drift", "performance_decay", "schema_drift", "slo_breach"]


@dataclass(frozen=True, slots=True)
class SignalEntry:
    """One signal; an `event` is judged when something happens (a training), not daily, so one good judgement ends its incident.

    `thresholds` are paths into the policies; it pages from severity `pages_from` on where `alerts.page_on` names
    its `page_word` (None: it never pages)."""

    signal: Signal
    title: str
    family: Family
    thresholds: tuple[str, ...]
    page_word: PageWord | None = None
    pages_from: Severity = "critical"
    event: bool = False

    @property
    def runbook(self) -> str:
        """The page to open, below the project's root."""
        return f"docs/runbooks/{self.signal}.md"


_ROWS = (
    SignalEntry(
        "data_drift",
        "customers look different",
        "data",
        ("drift.data.psi", "drift.data.psi_critical", "drift.data.moved_share_critical"),
        "data_drift",
    ),
    SignalEntry(
        "feature_drift",
        "an influential feature moved",
        "data",
        ("drift.feature.psi", "drift.feature.correlation_change"),
        "data_drift",
    ),
    SignalEntry(
        "prediction_drift",
        "scores are distributed differently",
        "prediction",
        ("drift.prediction.kl", "drift.prediction.kl_critical", "drift.prediction.band_share_change"),
    ),
    SignalEntry("label_drift", "another share of customers leaves", "label", ("drift.label.rate_change",)),
    SignalEntry(
        "concept_drift",
        "the model ranks customers worse than it did",
        "performance",
        ("drift.concept.auc_drop", "drift.concept.auc_drop_critical"),
        "performance_decay",
    ),
    SignalEntry(
        "estimated_decay",
        "performance is estimated to be too low",
        "performance",
        ("retraining.performance_decay.min_auc",),
        "performance_decay",
    ),
    SignalEntry(
        "performance_decay",
        "the model is worse than may be",
        "performance",
        ("retraining.performance_decay.min_auc",),
        "performance_decay",
        pages_from="warning",
    ),
    SignalEntry(
        "schema_drift",
        "a file breaks its contract",
        "schema",
        ("drift.schema_contract.breaking", "drift.schema_contract.additive"),
        "schema_drift",
    ),
    SignalEntry("feed_late", "a feed is late", "late", ("slo.data_freshness",), "slo_breach"),
    SignalEntry("data_freshness", "data are older than promised", "late", ("slo.data_freshness",), "slo_breach"),
    SignalEntry(
        "prediction_staleness",
        "scores are older than promised",
        "staleness",
        ("slo.prediction_staleness",),
        "slo_breach",
    ),
    SignalEntry(
        "retraining_cadence",
        "the model has not been retrained for too long",
        "cadence",
        ("slo.retraining_cadence",),
        "slo_breach",
    ),
    SignalEntry(
        "error_budget",
        "the error budget is used up",
        "errors",
        ("slo.error_budget", "slo.error_budget_period"),
        "slo_breach",
    ),
    SignalEntry(
        "release_blocked",
        "a gate keeps a trained model out",
        "release",
        ("gates.evaluation.min_auc", "champion_challenger.min_gain"),
        event=True,
    ),
    SignalEntry(
        "rollout_stopped",
        "a rollout was sent back, or waits for a person",
        "rollout",
        ("rollout.canary.max_error_rate", "rollout.canary.max_auc_degradation", "rollout.canary.hold_budget"),
        event=True,
    ),
    SignalEntry(
        "crm_write_back",
        "the CRM does not take the scores",
        "write_back",
        ("crm.attempts", "crm.timeout"),
        event=True,
    ),
    SignalEntry(
        "fairness_drift",
        "groups are treated less alike",
        "fairness",
        ("gates.evaluation.max_true_positive_rate_difference",),
    ),
    SignalEntry(
        "cost_drift",
        "scoring or retraining costs more",
        "cost",
        ("drift.cost.seconds_increase", "drift.cost.bytes_increase", "drift.cost.retrainings"),
    ),
)

SIGNAL_TABLE: Mapping[Signal, SignalEntry] = MappingProxyType({row.signal: row for row in _ROWS})


def rank(severity: Severity) -> int:
    """How bad, in order: what could not be judged is no better than what is well, and opens nothing by itself.

    >>> rank("ok") == rank("insufficient_data") < rank("warning") < rank("critical")
    True
    """
    return {"ok": 0, "insufficient_data": 0, "warning": 1, "critical": 2}[severity]
