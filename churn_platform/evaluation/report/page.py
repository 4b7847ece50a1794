"""The page: which section comes after which, and how it all becomes one file that opens without a network.

What belongs here: the order of the sections, the HTML shell. What does not: what a section says (`sections`).
"""

from __future__ import annotations

import html
from collections.abc import Sequence

import pandas as pd

from churn_platform.evaluation.evaluation import Evaluation
from churn_platform.evaluation.gate import GateDecision
from churn_platform.evaluation.report import sections
from churn_platform.evaluation.report.content import ReportExplanation, ReportHeader
from churn_platform.evaluation.report.theme import STYLE

# Nothing may be fetched: the page holds all it needs, and says so to the browser.
POLICY = (
    "default-src 'none'; script-src 'unsafe-inline'; style-src 'unsafe-inline'; img-src data: blob:; font-src data:"
)

DRAWING = """const settings = {displayModeBar: false, responsive: true};
function draw(id, figure) { Plotly.newPlot(id, figure.data, figure.layout, settings); }
"""


def evaluation_report(
    evaluation: Evaluation,
    gates: Sequence[GateDecision] | GateDecision,
    explanation: ReportExplanation | None,
    header: ReportHeader,
    tuning: pd.DataFrame | None = None,
) -> str:
    """The report as one HTML page of about 5 MB (plotly.js is in it): no host is asked for anything.

    `tuning` has one row per trial with number, log_loss, won and the settings tried. The same input gives the same
    page. What is not given is said to be missing, in its place.
    """
    judged = [gates] if isinstance(gates, GateDecision) else list(gates)
    drawn = sections.Figures()
    body = (
        sections.top(evaluation, judged, header),
        sections.depth(evaluation, drawn),
        sections.trust(evaluation, drawn),
        sections.drivers(explanation, drawn),
        sections.everyone(evaluation, judged, drawn),
        sections.verdicts(judged),
        sections.ranking(evaluation, drawn),
        sections.tuning(tuning, drawn),
        sections.figures_in_full(evaluation),
        sections.provenance(evaluation, header),
    )
    title = f"Evaluation of {header.model_name} {header.model_version}"
    return shell(title, sections.banner(header) + f"<main>{''.join(body)}</main>", drawn.scripts)


def shell(title: str, body: str, scripts: Sequence[str]) -> str:
    """One HTML page around `body`: plotly.js, the style and the figures\' scripts are in it, and nothing may be fetched."""
    from plotly.offline import get_plotlyjs

    return (
        '<!doctype html>\n<html lang="en"><head><meta charset="utf-8">'
        f'<meta http-equiv="Content-Security-Policy" content="{POLICY}">'
        '<meta name="viewport" content="width=device-width, initial-scale=1">'
        f"<title>{html.escape(title)}</title><style>{STYLE}</style></head>\n<body>{body}"
        "<noscript><main><p>The figures need JavaScript; all tables can be read without it.</p></main></noscript>\n"
        f"<script>{get_plotlyjs()}</script>\n<script>{DRAWING}{chr(10).join(scripts)}</script></body></html>\n"
    )
