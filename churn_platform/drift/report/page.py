"""The page of one day: what acts, what was seen, and the figures behind it. Opens without a network.

What belongs here: the order of the sections and their words. What does not: figures (`figures`), the style (`evaluation/report/theme`).
"""

from __future__ import annotations

import html
import json
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import date

from churn_platform.drift.finding import Finding
from churn_platform.drift.findings import DriftJudgement
from churn_platform.drift.panel import SCORE, feature_of
from churn_platform.drift.report import figures
from churn_platform.evaluation.report.theme import STYLE

PLOTLY = "plotly.min.js"
"""The script that all pages share: it lies once beside them."""
POLICY = "default-src 'none'; script-src 'self' file: 'unsafe-inline'; style-src 'unsafe-inline'; img-src data: blob:"
SIGNALS = {
    "data_drift": "Customers and what is known of them",
    "feature_drift": "Influential features",
    "prediction_drift": "Scores",
    "label_drift": "How many leave",
    "concept_drift": "Whether the scores hold",
}
SEVERITY_CLASS = {"critical": "fail", "warning": "inconclusive", "insufficient_data": "inconclusive", "ok": "pass"}
MOST_FIGURES = 6


@dataclass(frozen=True, slots=True)
class ReportAbout:
    """What the page says of itself."""

    champion: str
    feed: str
    simulated: bool
    note: str


def drift_page(judgement: DriftJudgement, day: date, about: ReportAbout, explained: Sequence[Finding] = ()) -> str:
    """The page of one judged day as HTML, some 50 kB; it needs `PLOTLY` beside it for its figures, and can be read without.

    `explained` are the day's findings with the causes that were named, where they were asked for.
    """
    context = judgement.context
    at = context.with_memory().index(day)
    findings = tuple(explained) or judgement.findings[day]
    causes = _causes(findings)
    drawn: list[tuple[str, figures.Figure]] = []

    def plot(figure: figures.Figure | None) -> str:
        if figure is None:
            return ""
        drawn.append((f"figure{len(drawn)}", figure))
        return f'<div class="wide"><div class="plot" id="figure{len(drawn) - 1}"></div></div>'

    used = sorted(context.influence, key=lambda name: -context.influence[name])
    watched = [name for name in used if name in judgement.measured][:MOST_FIGURES]
    moved = [name for name in dict.fromkeys(f.subject for f in findings if f.violates) if name in judgement.measured]
    early = plot(figures.left_against_scored(context, day))
    score = judgement.measured.get(SCORE)
    body = [
        _head(findings, day, about),
        _section("What was found", _table([f for f in findings if f.violates]) if any(f.violates for f in findings)
                 else "<p>Nothing violates a threshold.</p>"),
        _section("Likely causes", causes) if causes else "",
        _section("The features that the model leans on", "<p class=lead>The six of most influence. Dashed: the policy's threshold.</p>"
                 + (plot(figures.timeline(judgement, watched, at)) if watched else "<p>None is watched.</p>")),
        *(
            _section(f"Moved: {html.escape(context.label(name))}",
                     plot(figures.reference_against_current(context, judgement.measured[name], at)))
            for name in moved[:MOST_FIGURES]
        ),
        _section("Scores", plot(figures.reference_against_current(context, score, at)) if score is not None and score.spans.rows[at]
                 else "<p>Nobody was scored in this window.</p>"),
        _section("Who left, against who was expected to", early or "<p>Nobody has been scored long enough.</p>"),
        _section("Everything that was looked at", _table(findings)),
    ]  # fmt: skip
    banner = f'<div class="banner">Simulated data: {html.escape(about.note)}</div>' if about.simulated else ""
    scripts = "\n".join(f'draw("{name}", {_json(figure)});' for name, figure in drawn)
    return (
        '<!doctype html>\n<html lang="en"><head><meta charset="utf-8">'
        f'<meta http-equiv="Content-Security-Policy" content="{POLICY}">'
        '<meta name="viewport" content="width=device-width, initial-scale=1">'
        f"<title>Drift on {day}</title><style>{STYLE}</style></head>\n<body>{banner}<main>{''.join(body)}</main>"
        "<noscript><main><p>The figures need JavaScript; all tables can be read without it.</p></main></noscript>\n"
        f'<script src="{PLOTLY}"></script>\n<script>const settings = {{displayModeBar: false, responsive: true}};\n'
        "function draw(id, figure) { if (window.Plotly) Plotly.newPlot(id, figure.data, figure.layout, settings); }\n"
        f"{scripts}</script></body></html>\n"
    )


def _head(findings: Sequence[Finding], day: date, about: ReportAbout) -> str:
    acting = [finding for finding in findings if finding.acts]
    waiting = sum(finding.severity == "insufficient_data" for finding in findings)
    if acting:
        worst = acting[0]
        title = f"{len(acting)} {'thing asks' if len(acting) == 1 else 'things ask'} for action: {html.escape(worst.reason)}"
    elif any(finding.violates for finding in findings):
        title = "Something moved, nothing asks for action yet"
    else:
        title = "As in training"
    more = f" {waiting} could not be judged yet." if waiting else ""
    return (
        f'<header><div class="eyebrow"><span>Drift report of {day}</span><span>champion {html.escape(about.champion)}</span>'
        f"<span>feed {html.escape(about.feed)}</span></div><h1>{title}</h1>"
        f'<p class="lead">{len(findings)} findings.{more} A finding acts when it persists and nothing else accounts for it.</p></header>'
    )


def _section(title: str, content: str) -> str:
    return f"<section><h2>{title}</h2>{content}</section>"


def _table(findings: Sequence[Finding]) -> str:
    rows = "".join(
        f'<tr><td><span class="pill {SEVERITY_CLASS[f.severity]}">{f.severity.replace("_", " ")}</span>'
        f"{' <b>acts</b>' if f.acts else ''}</td><td>{html.escape(SIGNALS.get(f.signal, f.signal))}</td>"
        f"<td>{html.escape(f.reason)}</td><td class=small>{html.escape(f.statistic)} {_number(f.value)}"
        f"{f' of {_number(f.threshold)}' if f.threshold else ''}<br>{f.window.first} to {f.window.last}, {f.window.rows:,} rows"
        f"{f'<br>{f.influence:.0%} of the model' if f.influence and feature_of(f.subject) == f.subject else ''}</td>"
        f"<td>{html.escape(f.remedy)}</td></tr>"
        for f in findings
    )
    head = "<tr><th>Severity</th><th>About</th><th>What</th><th>Measured</th><th>What to do</th></tr>"
    return f'<div class="wide"><table><thead>{head}</thead><tbody>{rows}</tbody></table></div>'


def _causes(findings: Sequence[Finding]) -> str:
    """The causes that acting findings carry: they are the day's, so the first finding's are everybody's."""
    told = next((one.evidence["causes"] for one in findings if one.acts and one.evidence.get("causes")), None)
    if not isinstance(told, list):
        return ""
    rows = "".join(
        f"<tr><td><b>{html.escape(str(cause['cause']).replace('_', ' '))}</b></td><td>{float(cause['share']):.0%}</td>"
        f"<td>{'<br>'.join(html.escape(str(one)) for one in cause['because']) or 'nothing that is known explains it'}</td></tr>"
        for cause in told
    )
    head = "<tr><th>Cause</th><th>Share of what speaks</th><th>Because</th></tr>"
    return f'<div class="wide"><table><thead>{head}</thead><tbody>{rows}</tbody></table></div>'


def _number(value: float | None) -> str:
    return "unknown" if value is None else f"{value:,.3g}"


def _json(figure: figures.Figure) -> str:
    # a closing tag inside a label must not end the script
    return json.dumps(figure, separators=(",", ":"), allow_nan=False).replace("</", "<\\/")
