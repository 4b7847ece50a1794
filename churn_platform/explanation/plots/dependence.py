"""How one feature works: contribution over value, point by point and in the middle."""

from __future__ import annotations

import html
from collections.abc import Mapping
from typing import Any

import numpy as np
import pandas as pd

from churn_platform.explanation.plots.checks import Floats, display_name, refuse_mismatch, refuse_unusable, thinned
from churn_platform.explanation.plots.palette import INK, LEAVING, STAYING
from churn_platform.explanation.plots.shading import categories, density_offsets, is_categorical

NOT_KNOWN = "not known"


def dependence_figure(
    contributions: pd.DataFrame, values: pd.DataFrame, feature: str, labels: Mapping[str, str], max_rows: int = 800
) -> Any:
    """How one feature works: its value along x, its contribution along y, with the median over tenths (or per
    category).

    Raises ExplanationError where `feature` is in neither frame or the frames do not match.
    """
    import plotly.graph_objects as go

    refuse_unusable(contributions)
    refuse_mismatch(contributions, values, [feature])
    amount = contributions[feature].to_numpy(dtype=np.float64)
    column = values[feature]
    names = _categories_and_missing(column) if is_categorical(column) else []
    middle: dict[str, Any]
    if names:
        place = column.astype(str).where(column.notna(), NOT_KNOWN).map({name: i for i, name in enumerate(names)})
        x: Floats = np.asarray(place, dtype=np.float64)
        reach = float(np.ptp(amount)) or 1.0
        middle_x = np.unique(x)
        middle_y = np.array([np.median(amount[x == where]) for where in middle_x])
        moved: Floats = x.copy()
        for where in middle_x:
            moved[x == where] += density_offsets(amount[x == where], None, reach)
        middle = {
            "mode": "markers",
            "marker": {"symbol": "line-ew-open", "size": 34, "line": {"width": 3}, "color": INK},
        }
    else:
        moved = np.asarray(column, dtype=np.float64)
        middle_x, middle_y = _medians_over_tenths(moved, amount)
        middle = {"mode": "lines", "line": {"color": INK, "width": 2.5}}
    keep = thinned(len(contributions), max_rows)
    colours = np.where(amount > 0, LEAVING, STAYING)
    figure = go.Figure()
    figure.add_trace(
        go.Scatter(
            x=moved[keep],
            y=amount[keep],
            mode="markers",
            marker={"size": 5, "opacity": 0.45, "color": colours[keep].tolist()},
            hovertemplate="contribution %{y:+.2f}<extra></extra>",
            showlegend=False,
        )
    )
    figure.add_trace(
        go.Scatter(x=middle_x, y=middle_y, name="median", hovertemplate="median %{y:+.2f}<extra></extra>", **middle)
    )
    figure.update_layout(showlegend=False, height=360)
    figure.update_xaxes(title=display_name(feature, labels))
    if names:
        figure.update_xaxes(tickvals=list(range(len(names))), ticktext=[html.escape(name) for name in names])
    return figure.update_yaxes(title="contribution (log-odds)", zeroline=True)


def _categories_and_missing(column: pd.Series[Any]) -> list[str]:
    return [*categories(column), *([NOT_KNOWN] if column.isna().any() else [])]


def _medians_over_tenths(x: Floats, amount: Floats) -> tuple[Floats, Floats]:
    known = ~np.isnan(x)
    edges = np.unique(np.quantile(x[known], np.linspace(0.0, 1.0, 11))) if known.any() else np.empty(0)
    if len(edges) < 2:
        return x[known][:1], amount[known][:1]
    tenth = np.clip(np.searchsorted(edges, x[known], side="right") - 1, 0, len(edges) - 2)
    parts = np.unique(tenth)
    return (
        np.array([np.median(x[known][tenth == part]) for part in parts]),
        np.array([np.median(amount[known][tenth == part]) for part in parts]),
    )
