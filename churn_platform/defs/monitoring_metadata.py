"""What the Dagster UI shows of the monitoring reports: findings as tables, and a check as a lamp by severity.

What belongs here: dressing. A check never blocks: what follows from findings is decided on what was recorded.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from datetime import date
from typing import TYPE_CHECKING, Any

import dagster as dg

from churn_platform.defs.metadata import table

if TYPE_CHECKING:
    from churn_platform.drift.finding import Finding
    from churn_platform.flows.monitoring.drift import DriftReport
    from churn_platform.flows.monitoring.objectives import ObjectivesReport
    from churn_platform.flows.monitoring.performance import PerformanceReport
    from churn_platform.flows.monitoring.schema import SchemaReport

SHOWN = 20


def schema_metadata(report: SchemaReport) -> dict[str, Any]:
    """Days, violations, the newest findings."""
    return {**_found(report.findings), "days_passed_over": len(report.passed_over)}


def drift_metadata(report: DriftReport) -> dict[str, Any]:
    """Champion, days, violations, the newest findings, the newest page."""
    newest = max(report.pages, default=None)
    page = {"page": dg.MetadataValue.path(str(report.pages[newest]))} if newest is not None else {}
    return {
        "champion": report.champion,
        **_found(report.findings),
        "days_passed_over": len(report.passed_over),
        **page,
    }


def performance_metadata(report: PerformanceReport) -> dict[str, Any]:
    """Champion, the newest day's estimate beside what was realised with its label maturity, violations, the newest page."""
    newest = max(report.days, default=None)
    shown: dict[str, Any] = {}
    if newest is not None:
        day = report.days[newest]
        shown = {
            "assumption": f"{day.assumption.verdict}: {day.assumption.reason}",
            "label_maturity": day.label_maturity,
            "page": dg.MetadataValue.path(str(report.pages[newest])),
        }
        if not isinstance(day.estimated, str):
            shown["estimated_auc"] = str(day.estimated["auc"])
        if not isinstance(day.realised, str):
            shown["realised_auc"] = str(day.realised["auc"])
    return {
        "champion": report.champion,
        **_found(report.findings),
        "days_passed_over": len(report.passed_over),
        **shown,
    }


def objectives_metadata(report: ObjectivesReport) -> dict[str, Any]:
    """Violations and the newest page."""
    newest = max(report.pages, default=None)
    page = {"page": dg.MetadataValue.path(str(report.pages[newest]))} if newest is not None else {}
    return {**_found(report.findings), "days_passed_over": len(report.passed_over), **page}


def findings_check(
    name: str, findings: Mapping[date, Sequence[Finding]], signals: Sequence[str]
) -> dg.AssetCheckResult:
    """A lamp over the last day's findings of these signals: ERROR where a critical one acts, WARN where a warning does.

    A range is judged on its last day, as a day is. No finding at all about these signals fails: silence is no health.
    """
    if not findings:
        return dg.AssetCheckResult(
            check_name=name, passed=True, description="no live day in this run: nothing to judge"
        )
    last = max(findings)
    about = [finding for finding in findings[last] if finding.signal in signals]
    acting = [finding for finding in about if finding.acts]
    critical = any(finding.severity == "critical" for finding in acting)
    said = "; ".join(finding.reason for finding in acting[:3]) or f"{len(about)} findings of {last}, none acts"
    return dg.AssetCheckResult(
        check_name=name,
        passed=not acting,
        severity=dg.AssetCheckSeverity.ERROR if critical else dg.AssetCheckSeverity.WARN,
        description=said,
        metadata={"day": last.isoformat(), "findings": len(about), "acting": len(acting)},
    )


def _found(findings: Mapping[date, Sequence[Finding]]) -> dict[str, Any]:
    violations = [
        (day, finding) for day in sorted(findings, reverse=True) for finding in findings[day] if finding.violates
    ]
    rows = [
        {
            "day": day.isoformat(),
            "signal": finding.signal,
            "subject": finding.subject,
            "severity": finding.severity,
            "acts": "yes" if finding.acts else "no",
            "what": finding.reason,
        }
        for day, finding in violations[:SHOWN]
    ]
    return {
        "days": len(findings),
        "violations": len(violations),
        "acting": sum(finding.acts for _, finding in violations),
        "newest_violations": table(rows),
    }
