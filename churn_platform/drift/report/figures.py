"""The page's figures as plain plotly JSON: the timeline of the features, reference against current, leavers against the scores.

What belongs here: data and layout of each figure. What does not: text, tables. Plain dictionaries, since making a page a day must cost
a fraction of a second: plotly's own classes take that long to import.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from datetime import date, timedelta
from typing import Any

import numpy as np

from churn_platform.drift import statistics
from churn_platform.drift.context import DriftContext
from churn_platform.drift.findings import DriftJudgement
from churn_platform.drift.measures import Measured
from churn_platform.explanation.plots.palette import GRID, INK, LEAVING, MUTED, STAYING

Figure = dict[str, Any]
LINES = ("#2a6f97", "#c8553d", "#588157", "#8e6c8a", "#b08900", "#3d405b")
SHOWN_DAYS = 60


def timeline(judgement: DriftJudgement, names: Sequence[str], at: int) -> Figure:
    """PSI of some columns over the judged windows up to the one at `at`, with the policy's threshold."""
    first = max(0, at - SHOWN_DAYS + 1)
    days = [day.isoformat() for day in judgement.context.with_memory()[first : at + 1]]
    policy = judgement.context.policy
    lines: list[Figure] = []
    for k, name in enumerate(names):
        one = judgement.measured[name]
        values = np.where(one.spans.enough, one.psi, np.nan)[first : at + 1]
        lines.append(
            {
                "type": "scatter",
                "mode": "lines",
                "name": judgement.context.label(name),
                "x": days,
                "y": _plain(values),
                "line": {"width": 2, "color": LINES[k % len(LINES)]},
                "hovertemplate": "%{x}: %{y:.3f}",
            }
        )
    top = float(max([policy.data.psi * 1.15, *(value for line in lines for value in line["y"] if value is not None)]))
    shapes = [_line(policy.data.psi, MUTED, "dash")]
    if top > policy.data.psi_critical:
        shapes.append(_line(policy.data.psi_critical, LEAVING, "dash"))
    return {"data": lines, "layout": _layout(300, "PSI against the training window", shapes=shapes, top=top * 1.05)}


def reference_against_current(context: DriftContext, one: Measured, at: int) -> Figure:
    """Shares by bin, in the reference and in the window."""
    was, now = statistics.shares(one.column.counts), statistics.shares(one.counts[at])
    names = one.column.bin_labels()
    kept = [k for k in range(len(names)) if max(was[k], np.nan_to_num(now[k])) > 0]
    labels = [names[k] for k in kept]
    bars = [
        {"type": "bar", "name": "training window", "x": labels, "y": _plain(was[kept]), "marker": {"color": MUTED}},
        {"type": "bar", "name": "this window", "x": labels, "y": _plain(now[kept]), "marker": {"color": STAYING}},
    ]
    layout = _layout(240, "share of customers" if one.column.family != "source" else "share of rows")
    layout["yaxis"]["tickformat"] = ".0%"
    return {"data": bars, "layout": layout | {"barmode": "group", "bargap": 0.25}}


def left_against_scored(context: DriftContext, day: date) -> Figure | None:
    """Leavers that became known, cumulated over the last days, against those the scores promised."""
    early = context.early
    if early is None:
        return None
    last = (day - early.first).days
    if last < 1:
        return None
    first = max(0, last - SHOWN_DAYS + 1)
    days = [(early.first + timedelta(k)).isoformat() for k in range(first, last + 1)]
    left = np.cumsum(early.events.sum(axis=0)[first : last + 1])
    promised = np.cumsum(early.expected.sum(axis=0)[first : last + 1])
    lines = [
        {"type": "scatter", "mode": "lines", "name": "as scored", "x": days, "y": _plain(promised),
         "line": {"color": MUTED, "width": 2, "dash": "dot"}},
        {"type": "scatter", "mode": "lines", "name": "left", "x": days, "y": _plain(left), "line": {"color": LEAVING, "width": 2}},
    ]  # fmt: skip
    return {"data": lines, "layout": _layout(260, "customers, cumulated")}


def _layout(height: int, title: str, shapes: Sequence[Mapping[str, Any]] = (), top: float | None = None) -> Figure:
    axis = {"gridcolor": GRID, "linecolor": "#c6ccd5", "automargin": True, "fixedrange": True, "zeroline": False}
    return {
        "height": height,
        "margin": {"l": 56, "r": 24, "t": 28, "b": 40},
        "paper_bgcolor": "rgba(0,0,0,0)",
        "plot_bgcolor": "rgba(0,0,0,0)",
        "font": {"size": 12.5, "color": INK},
        "dragmode": False,
        "legend": {"orientation": "h", "x": 0, "y": 1.02, "yanchor": "bottom"},
        "xaxis": dict(axis),
        "yaxis": {**axis, "title": {"text": title}, "rangemode": "tozero", **({"range": [0, top]} if top else {})},
        "shapes": list(shapes),
    }


def _line(at: float, colour: str, dash: str) -> dict[str, Any]:
    return {"type": "line", "xref": "paper", "x0": 0, "x1": 1, "y0": at, "y1": at,
            "line": {"color": colour, "width": 1, "dash": dash}}  # fmt: skip


def _plain(values: Any) -> list[float | None]:
    return [None if np.isnan(value) else round(float(value), 5) for value in np.asarray(values, dtype=np.float64)]
