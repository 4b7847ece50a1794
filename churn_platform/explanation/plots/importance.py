"""Bars of how much each feature moves the score, over many customers.

Source: mean |SHAP value| as global importance, Lundberg et al., Nature Machine Intelligence 2 (2020).
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import pandas as pd

from churn_platform.explanation.plots.checks import display_name, height, refuse_unusable
from churn_platform.explanation.plots.palette import MISSING, STAYING


def importance_figure(contributions: pd.DataFrame, labels: Mapping[str, str], top: int = 12) -> Any:
    """Bars of mean |contribution| per feature of `contributions` (rows, features), the most important on top.

    Features beyond `top` are summed in a last bar, so that the shares written beside the bars add up. `labels` maps
    feature to display name. Raises ExplanationError for no rows, no features or a contribution that is not finite.
    """
    import plotly.graph_objects as go

    sizes = mean_sizes(contributions)
    shown = sizes.head(top)
    names = [display_name(name, labels) for name in shown.index]
    amounts = shown.tolist()
    if len(sizes) > top:
        names.append(f"{len(sizes) - top} others together")
        amounts.append(float(sizes.iloc[top:].sum()))
    total = sum(amounts)
    shares = [f"{amount / total:.0%}" if total else "" for amount in amounts]
    colours = [STAYING] * len(shown) + [MISSING] * (len(amounts) - len(shown))
    bars = go.Bar(
        x=amounts,
        y=names,
        orientation="h",
        marker={"color": colours},
        text=shares,
        textposition="outside",
        cliponaxis=False,
        hovertemplate="%{y}: %{x:.3f}<extra></extra>",
    )
    figure = go.Figure(bars)
    figure.update_yaxes(autorange="reversed", automargin=True, ticks="")
    figure.update_xaxes(title="mean size of the contribution (log-odds)", rangemode="tozero")
    return figure.update_layout(bargap=0.35, height=height(len(amounts), 28))


def mean_sizes(contributions: pd.DataFrame) -> pd.Series[float]:
    """Mean |contribution| per feature, largest first; equal ones in the order of the columns.

    >>> mean_sizes(pd.DataFrame({"a": [0.1, -0.1], "b": [0.5, -0.7]})).index.tolist()
    ['b', 'a']
    """
    refuse_unusable(contributions)
    return contributions.abs().mean(axis=0).sort_values(ascending=False, kind="stable")
