"""Exact path-dependent TreeSHAP by table lookup: a row's contributions to a small tree depend only on which of its
conditions the row meets, so they are computed once per pattern and then read.

`ensemble` reads XGBoost's JSON, `leaf_groups` cuts trees into groups of leaves with few conditions, `build` fills a
group's table with every pattern's contributions, `layout` lays the tables out as flat arrays, `kernels` reads them with
numba, `tables` is the face of it all, `storage` writes and reads it as bytes. What this does, why it is exact and what
it costs: `docs/explanations.md`.

Sources: Lundberg et al., Nature Machine Intelligence 2 (2020), for path-dependent TreeSHAP; Yang, Fast TreeSHAP,
arXiv 2109.09847, and Nadel and Wettenstein, From Decision Trees to Boolean Logic: A Fast and Unified SHAP Algorithm
(Woodelf), for contributions as a function of the conditions met. The code is our own.
"""

from churn_platform.explanation.pattern_tables.tables import PatternTables

__all__ = ["PatternTables"]
