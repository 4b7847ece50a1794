"""Figures of contributions: which features matter, how each one pulls, and how one of them works over its values.

Belongs here: plotly figures as values, from contributions and feature values. Does not belong here: computing
contributions (`contributions`, `pattern_tables`), words for one customer (`reasons`), the page around the figures
(`evaluation/report`).

Contributions are log-odds, positive towards leaving. Nothing is random: rows are thinned evenly and points are laid
beside each other by density, so the same input gives the same figure.
"""

from __future__ import annotations

from churn_platform.explanation.plots.beeswarm import beeswarm_figure
from churn_platform.explanation.plots.dependence import dependence_figure
from churn_platform.explanation.plots.importance import importance_figure

__all__ = ["beeswarm_figure", "dependence_figure", "importance_figure"]
