"""The shell of a monitoring page: one small HTML file a day, plotly.js once beside them all, nothing fetched from any host.

What belongs here: the page's frame, figures as plain data, tables. What does not: what a report says.
"""

from __future__ import annotations

import html
import json
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import date
from pathlib import Path
from typing import Any

from churn_platform.adapters.atomic_files import write_atomically
from churn_platform.drift.finding import Finding
from churn_platform.evaluation.report.theme import FONT, STYLE
from churn_platform.explanation.plots.palette import GRID, INK
from churn_platform.flows.monitoring.series import folder
from churn_platform.settings import Settings

PLOTLY = "plotly.min.js"
# Nothing may be fetched from a host: scripts come from the page and from the file beside it.
POLICY = "default-src 'none'; script-src 'self' file: 'unsafe-inline'; style-src 'unsafe-inline'; img-src data: blob:"
PILL = {"ok": "pass", "warning": "inconclusive", "critical": "fail", "insufficient_data": "inconclusive"}
LAYOUT = {
    "font": {"family": FONT, "size": 13, "color": INK},
    "paper_bgcolor": "rgba(0,0,0,0)",
    "plot_bgcolor": "rgba(0,0,0,0)",
    "margin": {"l": 56, "r": 24, "t": 12, "b": 44},
    "legend": {"orientation": "h", "x": 0, "y": 1.02, "yanchor": "bottom"},
    "hovermode": "x unified",
    "dragmode": "zoom",
}
AXIS = {"gridcolor": GRID, "linecolor": "#c6ccd5", "zeroline": False, "automargin": True}


@dataclass
class Page:
    """A page while it is made: sections in order, and the figures they show."""

    title: str
    lead: str
    sections: list[str] = field(default_factory=list)
    figures: list[tuple[str, dict[str, Any]]] = field(default_factory=list)

    def section(self, heading: str, *content: str) -> None:
        """Add a section."""
        self.sections.append(f"<section><h2>{html.escape(heading)}</h2>{''.join(content)}</section>")

    def figure(
        self, traces: Sequence[Mapping[str, Any]], *, y: str, height: int = 300, shapes: Sequence[Any] = ()
    ) -> str:
        """Keep a figure over days and return its place in the page."""
        name = f"figure-{len(self.figures) + 1}"
        layout = {
            **LAYOUT,
            "height": height,
            "xaxis": {**AXIS, "type": "date"},
            "yaxis": {**AXIS, "title": {"text": y}},
            "shapes": list(shapes),
        }
        self.figures.append((name, {"data": list(traces), "layout": layout}))
        return f'<div class="plot" id="{name}" style="height:{height}px"></div>'

    def html(self) -> str:
        """The whole page."""
        scripts = "\n".join(
            f"Plotly.newPlot({json.dumps(name)}, {_json(f['data'])}, {_json(f['layout'])}, "
            "{displayModeBar: false, responsive: true});"
            for name, f in self.figures
        )
        return (
            '<!doctype html>\n<html lang="en"><head><meta charset="utf-8">'
            f'<meta http-equiv="Content-Security-Policy" content="{POLICY}">'
            '<meta name="viewport" content="width=device-width, initial-scale=1">'
            f"<title>{html.escape(self.title)}</title><style>{STYLE}</style></head>\n<body><main>"
            f'<h1>{html.escape(self.title)}</h1><p class="lead">{html.escape(self.lead)}</p>{"".join(self.sections)}</main>'
            "<noscript><main><p>The figures need JavaScript; all tables can be read without it.</p></main></noscript>"
            f'<script src="../{PLOTLY}"></script>\n<script>{scripts}</script></body></html>\n'
        )


def write_page(settings: Settings, day: date, name: str, page: Page) -> Path:
    """Write a day's page and, once, plotly.js beside the days; returns the page's path."""
    place = folder(settings)
    shared = place / PLOTLY
    if not shared.is_file():
        from plotly.offline import get_plotlyjs

        shared.parent.mkdir(parents=True, exist_ok=True)
        write_atomically(shared, get_plotlyjs().encode(), durable=False)
    target = place / day.isoformat() / f"{name}.html"
    target.parent.mkdir(parents=True, exist_ok=True)
    write_atomically(target, page.html().encode(), durable=False)
    return target


def paragraph(text: str) -> str:
    """A paragraph of plain text."""
    return f"<p>{html.escape(text)}</p>"


def table(heads: Sequence[str], rows: Iterable[Sequence[object]]) -> str:
    """A table of plain values; a cell that is `Html` stands as it is."""
    body = "".join("<tr>" + "".join(f"<td>{_cell(cell)}</td>" for cell in row) + "</tr>" for row in rows)
    head = "".join(f"<th>{html.escape(name)}</th>" for name in heads)
    return f'<div class="wide"><table><tr>{head}</tr>{body}</table></div>'


class Html(str):
    """Text that is HTML already."""

    __slots__ = ()


def _cell(cell: object) -> str:
    return cell if isinstance(cell, Html) else html.escape("–" if cell is None else str(cell))


def pill(severity: str) -> Html:
    """A severity as a coloured word."""
    return Html(f'<span class="pill {PILL[severity]}">{severity.replace("_", " ")}</span>')


def finding_rows(findings: Iterable[Finding]) -> list[list[object]]:
    """Findings as rows: signal, subject, severity, value, threshold, label maturity, reason."""
    return [
        [
            one.signal.replace("_", " "),
            one.subject,
            pill(one.severity),
            None if one.value is None else f"{one.value:.4g}",
            None if one.threshold is None else f"{one.threshold:.4g}",
            None if one.label_maturity is None else f"{one.label_maturity:.0%}",
            one.reason,
        ]
        for one in findings
    ]


FINDING_HEADS = ("signal", "subject", "severity", "value", "threshold", "labels matured", "reason")


def cause_rows(findings: Iterable[Finding]) -> list[list[object]]:
    """The first causes that findings carry, once each."""
    seen: dict[str, list[object]] = {}
    for one in findings:
        for cause in one.evidence.get("causes", []):
            seen.setdefault(cause["cause"], [cause["cause"], f"{cause['share']:.0%}", "; ".join(cause["because"])])
    return list(seen.values())


def band(days: Sequence[str], low: Sequence[Any], high: Sequence[Any], colour: str, name: str) -> list[dict[str, Any]]:
    """Two traces that draw an interval over days."""
    line = {"width": 0}
    return [
        {"x": days, "y": high, "mode": "lines", "line": line, "showlegend": False, "hoverinfo": "skip", "type": "scatter"},
        {"x": days, "y": low, "mode": "lines", "line": line, "fill": "tonexty", "fillcolor": colour, "name": name,
         "hoverinfo": "skip", "type": "scatter"},
    ]  # fmt: skip


def line(days: Sequence[str], values: Sequence[Any], name: str, colour: str, **more: Any) -> dict[str, Any]:
    """One line over days; None leaves a gap."""
    return {
        "x": days,
        "y": values,
        "mode": "lines",
        "name": name,
        "type": "scatter",
        "line": {"color": colour, "width": 2},
        **more,
    }


def bound(value: float, colour: str = "#b3261e") -> dict[str, Any]:
    """A dashed level across the figure."""
    return {
        "type": "line", "xref": "paper", "x0": 0, "x1": 1, "y0": value, "y1": value,
        "line": {"color": colour, "width": 1, "dash": "dash"},
    }  # fmt: skip


def _json(value: object) -> str:
    """JSON that cannot end the script it stands in."""
    return json.dumps(value, separators=(",", ":")).replace("</", "<\\/")
