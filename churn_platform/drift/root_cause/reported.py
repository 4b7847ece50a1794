"""Evidence from what the other reports found: a finding about a file says more about the cause than any series.

What belongs here: which kind of evidence a finding is. What does not: the findings (`drift/schema`, `drift/early`).
"""

from __future__ import annotations

from collections.abc import Iterable

from churn_platform.drift.finding import Finding
from churn_platform.drift.root_cause.evidence import Evidence
from churn_platform.drift.root_cause.feeds import LABELS
from churn_platform.drift.root_cause.raw import UNKNOWN_YET

STRENGTH = {"critical": 1.0, "warning": 0.8}
EARLY = "e_detector"
A_FEW_BLANKS = 0.3
"""Strength of a warning about blanks alone: a quiet payment day blanks half of a file's payment dates."""
OF_STATISTIC = {"repeated_share": "rows_repeated", "scale": "numbers_rescaled"}


def reported_evidence(findings: Iterable[Finding]) -> list[Evidence]:
    """What violations of `feed_late` and `schema_drift` say; other signals say that something moved, not why."""
    found = []
    for finding in findings:
        if not finding.violates or finding.value is None:
            continue
        if finding.signal == "feed_late":
            name = "labels_late" if finding.subject.split(".")[0] == LABELS else "table_late"
        elif finding.signal == "schema_drift":
            name = OF_STATISTIC.get(finding.statistic, "column_changed")
        else:
            continue
        if finding.statistic == "missing_share" and finding.subject.rpartition(".")[2] in UNKNOWN_YET:
            continue
        weak = finding.statistic == "missing_share" and finding.severity == "warning"
        strength = A_FEW_BLANKS if weak else STRENGTH[finding.severity]
        found.append(Evidence(name, finding.subject, strength, finding.value, finding.reason))
    return found


def outcome_evidence(findings: Iterable[Finding]) -> list[Evidence]:
    """What early outcomes say: that others leave than were scored to, or that more leave. They say that the world has changed and
    not the customers' data, so they speak for causes that no series shows."""
    names = {"concept_drift": "ranking_fails", "label_drift": "unforeseen_leavers"}
    return [
        Evidence(names[one.signal], one.subject, STRENGTH[one.severity], one.value, one.reason)
        for one in findings
        if one.signal in names and one.statistic == EARLY and one.acts and one.violates and one.value is not None
    ]
