"""Evidence from what the other reports found: a finding about a file says more about the cause than any series.

What belongs here: which kind of evidence a finding is. What does not: the findings (`drift/schema`).
"""

from __future__ import annotations

from collections.abc import Iterable

from churn_platform.drift.finding import Finding
from churn_platform.drift.root_cause.evidence import Evidence
from churn_platform.drift.root_cause.feeds import LABELS

STRENGTH = {"critical": 1.0, "warning": 0.8}
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
        found.append(Evidence(name, finding.subject, STRENGTH[finding.severity], finding.value, finding.reason))
    return found
