"""What the performance report shows: estimated against realised over time, the estimates' errors, fairness, causes.

What belongs here: this page's sections. What does not: the shell (`page`) and the figures' meaning (`docs/estimation.md`).
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from datetime import date
from pathlib import Path
from typing import TYPE_CHECKING, Any

from churn_platform.adapters.platform import Platform
from churn_platform.drift.finding import Finding
from churn_platform.explanation.plots.palette import LEAVING, MUTED, STAYING
from churn_platform.flows.monitoring import page as p
from churn_platform.flows.monitoring.series import Series

if TYPE_CHECKING:
    from churn_platform.flows.monitoring.performance_champion import Champion

LABELS = {
    "auc": "AUC",
    "f1": "F1 at the model's threshold",
    "brier": "Brier score",
    "ece": "calibration error",
    "churn_rate": "churn rate",
}
SHOWN = 120
"""Days on a timeline: four cycles of outcomes."""
ESTIMATED_BAND = "rgba(43,108,176,0.18)"


def write_pages(
    platform: Platform, champion: Champion, series: Series, findings: Mapping[date, Sequence[Finding]]
) -> dict[date, Path]:
    """One page for each of the days in `findings`, with the series as it stood on that day."""
    names = sorted(series)
    pages = {}
    for day, found in findings.items():
        until = [name for name in names if name <= day.isoformat()][-SHOWN:]
        pages[day] = p.write_page(
            platform.settings, day, "performance", _page(platform, champion, [series[n] for n in until], day, found)
        )
    return pages


def _page(
    platform: Platform, champion: Champion, days: Sequence[Mapping[str, Any]], day: date, findings: Sequence[Finding]
) -> p.Page:
    simulated = " Simulated data." if platform.home.simulated else ""
    page = p.Page(
        f"Performance on {day}",
        f"{champion.version} on the feed {platform.home.feed}.{simulated} Estimates need no outcomes; realised figures are of outcomes "
        f"that have matured by {day}.",
    )
    page.section("Findings", p.table(p.FINDING_HEADS, p.finding_rows(findings)))
    causes = p.cause_rows(findings)
    if causes:
        page.section("Likely causes", p.table(("cause", "share", "because"), causes))
    today = days[-1]
    page.section(
        "Estimated against realised AUC",
        p.paragraph(_assumption(today)),
        page.figure(_over_time(days, "auc"), y="AUC", height=340, shapes=[p.bound(champion.bounds.min_auc)]),
        p.table(
            ("metric", "estimated, newest window", "estimated, matured window", "realised", "error"), _figures(today)
        ),
    )
    page.section(
        "The other metrics",
        *(
            f"<h3>{LABELS[name]}</h3>" + page.figure(_over_time(days, name), y=LABELS[name], height=230)
            for name in ("churn_rate", "brier", "f1", "ece")
        ),
    )
    page.section("Error of the estimate", page.figure(_errors(days), y="realised minus estimated", height=230))
    page.section("Fairness over time", *_fairness(page, days))
    return page


def _assumption(today: Mapping[str, Any]) -> str:
    verdict = today["assumption"]["verdict"]
    words = {
        "holds": "The estimate's assumption holds",
        "broken": "The estimate's assumption is broken: features and outcome are related otherwise, so estimates are not to be believed",
        "unknown": "Whether the estimate's assumption holds is not known yet",
    }
    return f"{words[verdict]}: {today['assumption']['reason']}."


def _over_time(days: Sequence[Mapping[str, Any]], metric: str) -> list[dict[str, Any]]:
    """The estimate with its band at each window's end, and what came true at the end of the window that it is of."""
    when = [one["day"] for one in days]
    estimated = [one["estimated"][metric] if isinstance(one["estimated"], dict) else [None] * 3 for one in days]
    matured = [one for one in days if isinstance(one["realised"], dict)]
    realised = [one["realised"][metric] for one in matured]
    spread = {
        "type": "data",
        "symmetric": False,
        "array": [high - value for value, _, high in realised],
        "arrayminus": [value - low for value, low, _ in realised],
        "color": LEAVING,
        "thickness": 1,
        "width": 0,
    }
    return [
        *p.band(when, [e[1] for e in estimated], [e[2] for e in estimated], ESTIMATED_BAND, "interval of the estimate"),
        p.line(when, [e[0] for e in estimated], "estimated", STAYING),
        p.line(
            [one["matured_window"]["last"] for one in matured],
            [value for value, _, _ in realised],
            "realised",
            LEAVING,
            mode="markers",
            marker={"color": LEAVING, "size": 5},
            error_y=spread,
        ),
    ]


def _errors(days: Sequence[Mapping[str, Any]]) -> list[dict[str, Any]]:
    colours = {"auc": STAYING, "churn_rate": LEAVING, "brier": MUTED}
    compared = [one for one in days if one["compared"]]
    when = [one["matured_window"]["last"] for one in compared]
    return [
        p.line(when, [one["compared"][name]["error"] for one in compared], LABELS[name], colour)
        for name, colour in colours.items()
    ]


def _figures(today: Mapping[str, Any]) -> list[list[object]]:
    rows: list[list[object]] = []
    for name, label in LABELS.items():
        newest = today["estimated"][name] if isinstance(today["estimated"], dict) else None
        compared = today["compared"].get(name)
        rows.append(
            [
                label,
                _interval(newest),
                None
                if compared is None
                else _interval([compared["estimated"], compared["estimated_low"], compared["estimated_high"]]),
                None
                if compared is None
                else _interval([compared["realised"], compared["realised_low"], compared["realised_high"]]),
                None
                if compared is None
                else f"{compared['error']:+.3f}" + ("" if compared["inside"] else ", outside the interval"),
            ]
        )
    return rows


def _interval(values: Sequence[float] | None) -> str | None:
    if values is None:
        return None
    value, low, high = values
    return f"{value:.3f}" if low == high else f"{value:.3f} ({low:.3f} to {high:.3f})"


def _fairness(page: p.Page, days: Sequence[Mapping[str, Any]]) -> list[str]:
    parts = []
    keys = sorted({(f["attribute"], f["statistic"]) for one in days for f in one["fairness"]})
    for attribute, statistic in keys:
        of = [
            (one["day"], f)
            for one in days
            for f in one["fairness"]
            if (f["attribute"], f["statistic"]) == (attribute, statistic) and f["value"] is not None
        ]
        title = f"{attribute.replace('_', ' ')}: {statistic.replace('_', ' ')}"
        if not of:
            parts.append(f"<h3>{title}</h3>" + p.paragraph("Not enough rows in any window so far."))
            continue
        when = [day for day, _ in of]
        traces = [
            *p.band(
                when, [f["interval"][0] for _, f in of], [f["interval"][1] for _, f in of], ESTIMATED_BAND, "interval"
            ),
            p.line(when, [f["value"] for _, f in of], "largest difference", STAYING),
        ]
        parts.append(
            f"<h3>{title}</h3>" + page.figure(traces, y="share", height=220, shapes=[p.bound(of[-1][1]["threshold"])])
        )
    return parts
