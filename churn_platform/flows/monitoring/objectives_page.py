"""What the objectives' report shows: each promise over time against its bound, and what scoring costs.

What belongs here: this page's sections. What does not: the shell (`page`).
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from datetime import date
from pathlib import Path
from typing import Any

from churn_platform.adapters.platform import Platform
from churn_platform.drift.finding import Finding
from churn_platform.explanation.plots.palette import LEAVING, MUTED, STAYING
from churn_platform.flows.monitoring import page as p
from churn_platform.flows.monitoring.series import Series

SHOWN = 120
COLOURS = (STAYING, LEAVING, MUTED, "#93408c", "#1f7a4d", "#e0a52e")
SECTIONS = (
    ("Data freshness", "data_freshness", "hours late"),
    ("Prediction staleness", "prediction_staleness", "hours since the newest scored day"),
    ("Retraining cadence", "retraining_cadence", "days since the newest outcome that the champion knows"),
    ("Error budget", "error_budget", "share of scores owed and not given"),
    ("Cost", "cost_drift", "change against the champion's first days; trainings in 30 days"),
)


def write_pages(platform: Platform, series: Series, findings: Mapping[date, Sequence[Finding]]) -> dict[date, Path]:
    """One page for each of the days in `findings`, with the series as it stood on that day."""
    names = sorted(series)
    pages = {}
    for day, found in findings.items():
        until = [name for name in names if name <= day.isoformat()][-SHOWN:]
        page = p.Page(
            f"Service level objectives on {day}",
            "What the platform promises to the people who use it: fresh data, current scores, a model that is looked at, few failures.",
        )
        page.section("Findings", p.table(p.FINDING_HEADS, p.finding_rows(found)))
        causes = p.cause_rows(found)
        if causes:
            page.section("Likely causes", p.table(("cause", "share", "because"), causes))
        for title, signal, unit in SECTIONS:
            traces, bounds = _over_time({name: series[name] for name in until}, signal)
            page.section(title, page.figure(traces, y=unit, height=230, shapes=[p.bound(one) for one in bounds]))
        pages[day] = p.write_page(platform.settings, day, "objectives", page)
    return pages


def _over_time(days: Mapping[str, Mapping[str, Any]], signal: str) -> tuple[list[dict[str, Any]], list[float]]:
    lines: dict[str, tuple[list[str], list[float | None]]] = {}
    bounds: set[float] = set()
    for name, content in days.items():
        for one in content["findings"]:
            if one["signal"] != signal:
                continue
            subject = one["subject"] if signal != "cost_drift" else one["statistic"]
            when, values = lines.setdefault(subject.replace("_", " "), ([], []))
            when.append(name)
            values.append(one["value"])
            if one["threshold"] is not None and one["statistic"] != "retrainings":
                bounds.add(one["threshold"])
    traces = [
        p.line(when, values, subject, COLOURS[i % len(COLOURS)])
        for i, (subject, (when, values)) in enumerate(sorted(lines.items()))
    ]
    return traces, sorted(bounds)
