"""The report's figures of performance, each from the evaluation's curves and segments.

What belongs here: plotly figures as values. What does not: figures of contributions (`explanation/plots`), the page.
"""

from __future__ import annotations

import html
from collections.abc import Mapping
from typing import Any

import pandas as pd

from churn_platform.evaluation.curves import Curve
from churn_platform.evaluation.evaluation import Evaluation
from churn_platform.evaluation.report.words import attribute_label, percent, reached_at
from churn_platform.evaluation.segments import Segment
from churn_platform.explanation.plots.palette import INK, LEAVING, MISSING, MUTED, STAYING

PERCENT_AXIS = {"tickformat": ".0%", "range": [0, 1.005]}
CHANCE_COLOUR = "#aab2be"
INSIDE_RIGHT = {"orientation": "v", "x": 0.98, "xanchor": "right", "y": 0.04, "yanchor": "bottom"}
INSIDE_LEFT = {"orientation": "v", "x": 0.03, "xanchor": "left", "y": 0.04, "yanchor": "bottom"}


def gain_figure(of: Evaluation) -> Any:
    """Share of leavers reached over the share of customers listed."""
    import plotly.graph_objects as go

    figure = go.Figure()
    figure.add_trace(_diagonal("by chance"))
    figure.add_trace(_line(of.baseline_curves.gain, "logistic regression", MUTED, 1.5))
    figure.add_trace(_line(of.curves.gain, "this model", STAYING, 3))
    figure.update_traces(hovertemplate="listing %{x:.0%} of customers reaches %{y:.0%} of leavers<extra></extra>")
    for share in (0.1, 0.2, 0.3):
        reached = reached_at(of.curves.gain, share)
        figure.add_trace(
            go.Scatter(
                x=[share],
                y=[reached],
                mode="markers+text",
                marker={"color": STAYING, "size": 9, "line": {"color": "#fff", "width": 1.5}},
                text=[f"  {percent(share)} → {percent(reached)}"],
                textposition="middle right",
                textfont={"color": INK, "size": 13},
                hoverinfo="skip",
                showlegend=False,
            )
        )
    figure.update_layout(legend=INSIDE_RIGHT)
    figure.update_xaxes(title="customers listed", **PERCENT_AXIS)
    return figure.update_yaxes(title="leavers reached", **PERCENT_AXIS)


def scores_figure(of: Evaluation) -> Any:
    """How many customers have which probability, and how many of them left."""
    import plotly.graph_objects as go

    scores = of.curves.scores
    width = scores.edges[1] - scores.edges[0]
    centres = [edge + width / 2 for edge in scores.edges[:-1]]
    spans = [f"{percent(low)} to {percent(high)}" for low, high in zip(scores.edges, scores.edges[1:], strict=False)]
    figure = go.Figure()
    for counts, name, colour in ((scores.stayers, "stayed", STAYING), (scores.leavers, "left", LEAVING)):
        figure.add_trace(
            go.Bar(
                x=centres,
                y=list(counts),
                name=name,
                width=width * 0.92,
                marker={"color": colour},
                customdata=spans,
                hovertemplate=f"%{{customdata}}: %{{y}} {name}<extra></extra>",
            )
        )
    figure.update_layout(barmode="stack")
    figure.add_vline(
        x=of.threshold,
        line={"color": INK, "width": 1.5, "dash": "dash"},
        annotation_text=f" threshold {percent(of.threshold)}",
        annotation_font={"size": 12},
        annotation_position="top right",
    )
    figure.update_xaxes(title="predicted probability of leaving", **PERCENT_AXIS)
    return figure.update_yaxes(title="customers")


def calibration_figure(of: Evaluation) -> Any:
    """Promised against observed churn rate, with the interval of what was observed."""
    import plotly.graph_objects as go

    bins = of.curves.calibration
    reach = min(1.0, max(max(b.observed.high for b in bins), max(b.promised for b in bins)) * 1.06)
    figure = go.Figure()
    figure.add_trace(_diagonal("as promised"))
    figure.add_trace(
        go.Scatter(
            x=[b.promised for b in bins],
            y=[b.observed.value for b in bins],
            error_y={
                "array": [b.observed.high - b.observed.value for b in bins],
                "arrayminus": [b.observed.value - b.observed.low for b in bins],
                "color": STAYING,
                "thickness": 1.5,
                "width": 0,
            },
            mode="markers",
            marker={"size": 9, "color": STAYING, "line": {"color": "#fff", "width": 1.5}},
            name=f"observed, with {percent(of.confidence)} interval",
            customdata=[[b.observed.rows, b.observed.low, b.observed.high] for b in bins],
            hovertemplate="promised %{x:.0%}, observed %{y:.0%}<br>%{customdata[1]:.0%} to %{customdata[2]:.0%}, "
            "%{customdata[0]} customers<extra></extra>",
        )
    )
    figure.update_xaxes(title="promised: mean predicted probability", tickformat=".0%", range=[-0.01, reach])
    return figure.update_yaxes(title="observed: share who left", tickformat=".0%", range=[-0.01, reach])


def roc_figure(of: Evaluation) -> Any:
    """True against false positive rate, of the model and the baseline."""
    import plotly.graph_objects as go

    figure = go.Figure()
    figure.add_trace(_diagonal("by chance"))
    figure.add_trace(_line(of.baseline_curves.roc, f"logistic regression {of.baseline['auc'].value:.3f}", MUTED, 1.5))
    figure.add_trace(_line(of.curves.roc, f"this model {of.metrics['auc'].value:.3f}", STAYING, 2.5))
    figure.update_traces(hovertemplate="finds %{y:.0%} of leavers, lists %{x:.0%} of stayers<extra></extra>")
    figure.update_layout(legend=INSIDE_RIGHT)
    figure.update_xaxes(title="stayers listed (false positive rate)", **PERCENT_AXIS)
    return figure.update_yaxes(title="leavers found (true positive rate)", **PERCENT_AXIS)


def pr_figure(of: Evaluation) -> Any:
    """Precision against recall, of the model and the baseline."""
    import plotly.graph_objects as go

    chance = Curve((0.0, 1.0), (of.churn_rate, of.churn_rate))
    figure = go.Figure()
    figure.add_trace(_line(chance, "by chance", CHANCE_COLOUR, 1.5, "dot"))
    figure.add_trace(_line(of.baseline_curves.pr, f"logistic regression {of.baseline['pr_auc'].value:.3f}", MUTED, 1.5))
    figure.add_trace(_line(of.curves.pr, f"this model {of.metrics['pr_auc'].value:.3f}", STAYING, 2.5))
    figure.update_traces(
        hovertemplate="%{y:.0%} of the listed leave, when %{x:.0%} of leavers are found<extra></extra>"
    )
    figure.update_layout(legend=INSIDE_LEFT)
    figure.update_xaxes(title="leavers found (recall)", **PERCENT_AXIS)
    return figure.update_yaxes(title="listed who leave (precision)", **PERCENT_AXIS)


def segments_figure(of: Evaluation) -> Any:
    """Each segment's AUC with its interval, and its promised and observed churn rate, line by line."""
    import plotly.graph_objects as go
    from plotly.subplots import make_subplots

    labels, lines = _segment_lines(of.segments)
    figure = make_subplots(rows=1, cols=2, shared_yaxes=True, horizontal_spacing=0.05, column_widths=[0.52, 0.48])
    measured = [(place, part) for place, part in lines if part.status == "measured"]
    too_few = [(place, part) for place, part in lines if part.status != "measured"]
    auc = [part.metrics["auc"] for _, part in measured]
    figure.add_trace(
        go.Scatter(
            x=[estimate.value for estimate in auc],
            y=[place for place, _ in measured],
            error_x={
                "array": [estimate.high - estimate.value for estimate in auc],
                "arrayminus": [estimate.value - estimate.low for estimate in auc],
                "color": STAYING,
                "thickness": 1.75,
                "width": 0,
            },
            mode="markers",
            marker={"size": 9, "color": STAYING, "symbol": "square"},
            customdata=[
                [html.escape(part.value), e.low, e.high, part.rows] for (_, part), e in zip(measured, auc, strict=True)
            ],
            hovertemplate="%{customdata[0]}: %{x:.3f} (%{customdata[1]:.3f} to %{customdata[2]:.3f})<br>"
            "%{customdata[3]} customers<extra></extra>",
            showlegend=False,
        ),
        row=1,
        col=1,
    )
    low = min([0.5, *(estimate.low for estimate in auc)])
    figure.add_trace(
        go.Scatter(
            x=[low] * len(too_few),
            y=[place for place, _ in too_few],
            mode="text",
            text=["too few to judge" for _ in too_few],
            textposition="middle right",
            textfont={"color": "#5a6678", "size": 12},
            hoverinfo="skip",
            showlegend=False,
        ),
        row=1,
        col=1,
    )
    figure.add_vline(x=of.metrics["auc"].value, line={"color": MUTED, "width": 1.25, "dash": "dash"}, row=1, col=1)
    promised = [part.mean_probability for _, part in lines]
    observed = [part.churners / part.rows for _, part in lines]
    places = [place for place, _ in lines]
    names = [[html.escape(part.value), part.rows] for _, part in lines]
    for x, name, marker in (
        (promised, "promised", {"symbol": "circle-open", "size": 11, "color": INK, "line": {"width": 1.75}}),
        (observed, "observed", {"symbol": "circle", "size": 9, "color": LEAVING}),
    ):
        figure.add_trace(
            go.Scatter(
                x=x,
                y=places,
                mode="markers",
                marker=marker,
                name=name,
                customdata=names,
                hovertemplate=f"%{{customdata[0]}}: {name} %{{x:.1%}}<br>%{{customdata[1]}} customers<extra></extra>",
            ),
            row=1,
            col=2,
        )
    figure.update_yaxes(
        tickvals=list(labels),
        ticktext=list(labels.values()),
        range=[max(labels) + 0.7, -0.7],
        ticks="",
        automargin=True,
    )
    figure.update_xaxes(title="ROC AUC (dashed: all customers)", range=[low - 0.01, 1.005], row=1, col=1)
    figure.update_xaxes(title="share who leave", tickformat=".0%", rangemode="tozero", row=1, col=2)
    return figure.update_layout(height=120 + 29 * len(labels), legend={"x": 0.55})


def tuning_figure(history: pd.DataFrame) -> Any:
    """Each trial's log loss, the best so far, and the winner; columns number, log_loss and won."""
    import plotly.graph_objects as go

    best = history["log_loss"].cummin()
    won = history[history["won"]]
    settings = [_settings(row) for row in history.to_dict("records")]
    figure = go.Figure()
    figure.add_trace(
        go.Scatter(x=history["number"].tolist(), y=best.tolist(), mode="lines", name="best so far", hoverinfo="skip")
    )
    figure.update_traces(line={"color": MISSING, "width": 2, "shape": "hv"})
    for part, name, colour, size in ((history, "trial", STAYING, 8), (won, "chosen", LEAVING, 12)):
        figure.add_trace(
            go.Scatter(
                x=part["number"].tolist(),
                y=part["log_loss"].tolist(),
                mode="markers",
                name=name,
                marker={"color": colour, "size": size, "line": {"color": "#fff", "width": 1.5}},
                text=[settings[i] for i in history.index.get_indexer(part.index)],
                hovertemplate="trial %{x}: %{y:.4f}<br>%{text}<extra></extra>",
            )
        )
    figure.update_xaxes(title="trial", dtick=1 if len(history) <= 25 else None)
    return figure.update_yaxes(title="mean log loss (lower is better)")


def _settings(row: Mapping[Any, Any]) -> str:
    shown = {name: value for name, value in row.items() if name not in ("number", "log_loss", "won")}
    return "<br>".join(html.escape(f"{n}: {v:.4g}" if isinstance(v, float) else f"{n}: {v}") for n, v in shown.items())


def _segment_lines(parts: tuple[Segment, ...]) -> tuple[dict[int, str], list[tuple[int, Segment]]]:
    """Label of each line (attributes in bold, values below them), and the segments with their lines."""
    labels: dict[int, str] = {}
    lines: list[tuple[int, Segment]] = []
    attribute = None
    for part in parts:
        if part.attribute != attribute:
            attribute = part.attribute
            labels[len(labels)] = f"<b>{html.escape(attribute_label(attribute))}</b>"
        lines.append((len(labels), part))
        labels[len(labels)] = f"{html.escape(part.value)} <span style='color:#8792a2'>({part.rows:,})</span>"
    return labels, lines


def _line(curve: Curve, name: str, colour: str, width: float, dash: str = "solid") -> Any:
    import plotly.graph_objects as go

    line = {"color": colour, "width": width, "dash": dash}
    return go.Scatter(x=list(curve.x), y=list(curve.y), mode="lines", name=name, line=line)


def _diagonal(name: str) -> Any:
    import plotly.graph_objects as go

    line = {"color": CHANCE_COLOUR, "width": 1.5, "dash": "dot"}
    return go.Scatter(x=[0, 1], y=[0, 1], mode="lines", name=name, line=line, hoverinfo="skip")
