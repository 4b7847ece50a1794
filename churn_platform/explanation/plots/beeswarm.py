"""One point per customer and feature: how each feature pulls, and for which of its values."""

from __future__ import annotations

import html
from collections.abc import Mapping
from typing import Any

import numpy as np
import pandas as pd
from numpy.typing import NDArray

from churn_platform.explanation.plots.checks import Floats, display_name, height, refuse_mismatch, thinned
from churn_platform.explanation.plots.importance import mean_sizes
from churn_platform.explanation.plots.palette import MISSING, VALUE_SCALE
from churn_platform.explanation.plots.shading import density_offsets, value_shade


def beeswarm_figure(
    contributions: pd.DataFrame, values: pd.DataFrame, labels: Mapping[str, str], max_rows: int = 500, top: int = 12
) -> Any:
    """One point per customer and feature: its contribution along x, coloured by the feature's value, stacked where many
    lie.

    `values` (rows, features) holds what the model saw, row for row with `contributions`. Numbers are coloured by rank,
    categories by their place in the domain, missing values grey. More than `max_rows` rows are thinned evenly. Raises
    ExplanationError where the two frames do not match, and as `importance_figure` does.
    """
    import plotly.graph_objects as go

    order = mean_sizes(contributions).head(top).index
    refuse_mismatch(contributions, values, order)
    keep = thinned(len(contributions), max_rows)
    amounts = contributions[order].iloc[keep].to_numpy(dtype=np.float64)
    reach = float(np.abs(amounts).max()) or 1.0
    x: list[Floats] = []
    y: list[Floats] = []
    shade: list[Floats] = []
    text: list[str] = []
    for row, name in enumerate(order):
        column = values[name].iloc[keep]
        colour = value_shade(values[name])[keep]
        x.append(amounts[:, row])
        y.append(row + density_offsets(amounts[:, row], colour, reach))
        shade.append(colour)
        text += [f"{display_name(name, labels)}: {_text(value)}" for value in column]
    points_x, points_y, points_shade = (np.concatenate(part) for part in (x, y, shade))
    known = ~np.isnan(points_shade)
    hover = np.array(text, dtype=object)
    figure = go.Figure()
    if not known.all():
        figure.add_trace(_points(points_x[~known], points_y[~known], hover[~known], {"color": MISSING}))
    shades = {
        "color": points_shade[known].astype(np.float32),
        "colorscale": VALUE_SCALE,
        "cmin": 0.0,
        "cmax": 1.0,
        "colorbar": _colour_bar(),
    }
    figure.add_trace(_points(points_x[known], points_y[known], hover[known], shades))
    ticks = [display_name(name, labels) for name in order]
    figure.update_yaxes(
        tickvals=list(range(len(order))), ticktext=ticks, range=[len(order) - 0.4, -0.6], automargin=True, ticks=""
    )
    figure.update_xaxes(title="← towards staying   contribution (log-odds)   towards leaving →", zeroline=True)
    return figure.update_layout(height=height(len(order), 34))


def _points(x: Floats, y: Floats, hover: NDArray[np.object_], marker: dict[str, Any]) -> Any:
    import plotly.graph_objects as go

    return go.Scatter(
        x=x.astype(np.float32),
        y=y.astype(np.float32),
        mode="markers",
        marker={"size": 4.5, "opacity": 0.85, **marker},
        text=hover.tolist(),
        hovertemplate="%{text}<br>contribution %{x:+.2f}<extra></extra>",
        showlegend=False,
    )


def _text(value: object) -> str:
    if pd.isna(value):  # type: ignore[call-overload]  # scalars only, from one column
        return "not known"
    return f"{value:g}" if isinstance(value, (float, np.floating)) else html.escape(str(value))


def _colour_bar() -> dict[str, Any]:
    return {
        "title": {"text": "value", "side": "right"},
        "tickvals": [0.03, 0.97],
        "ticktext": ["low", "high"],
        "thickness": 8,
        "len": 0.6,
        "outlinewidth": 0,
    }
