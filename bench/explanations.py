"""Exact contributions by pattern tables against shap.TreeExplainer and XGBoost's pred_contribs, in one run.

    python -m bench.explanations            # a table, and bench/results/explanations.json
    python -m bench.explanations --quick    # fewer rows and rounds, nothing written

Models are trained on IBM's extract, one-hot so that shap can read them. Ours and the peers take turns, and each figure is the best of its
rounds: on a shared machine the ratio of two bests is the steadiest thing there is. Rows per second include the conversion of the rows.
"""

from __future__ import annotations

import argparse
import json
import platform
import time
from collections.abc import Callable
from functools import partial
from importlib.metadata import version
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd

RESULTS = Path(__file__).parent / "results" / "explanations.json"
MODELS = ((300, 3), (300, 4), (500, 6))
OUR_ROWS = 100_000


def measure(rounds: int = 5, peer_rows: int = 2_000) -> list[dict[str, Any]]:
    """One entry per figure: name, unit, ours, peer (None where there is none), ratio (above 1: ours is better), versions."""
    import shap
    import xgboost

    from churn_platform.explanation.pattern_tables import PatternTables

    X, churned, data = customers()
    versions = {name: version(name) for name in ("numba", "numpy", "shap", "xgboost")} | {
        "python": platform.python_version(),
        "data": data,
    }
    many = X[np.arange(OUR_ROWS) % len(X)]
    few, one = X[:peer_rows], X[:1]
    found: list[dict[str, Any]] = []

    def add(name: str, unit: str, ours: float, peer: float | None = None, smaller_is_better: bool = False) -> None:
        ratio = None if peer is None else peer / ours if smaller_is_better else ours / peer
        found.append({"name": name, "unit": unit, "ours": ours, "peer": peer, "ratio": ratio, "versions": versions})

    for trees, depth in MODELS:
        model = f"{trees} trees, depth {depth}"
        settings = {"objective": "binary:logistic", "max_depth": depth, "eta": 0.05, "seed": 0}
        booster = xgboost.train(settings, xgboost.DMatrix(X, churned), trees)
        begin = time.perf_counter()
        tables = PatternTables.from_booster(booster)
        built = time.perf_counter() - begin
        explainer = shap.TreeExplainer(booster, feature_perturbation="tree_path_dependent")
        alone = booster.copy()  # for one row, threads only cost: the peer gets one, as a server would give it
        alone.set_param({"nthread": 1})
        lone_explainer = shap.TreeExplainer(alone, feature_perturbation="tree_path_dependent")
        ours = tables.contributions(few)
        theirs = booster.predict(xgboost.DMatrix(few), pred_contribs=True)
        times = best_times(
            {
                "ours": partial(tables.contributions, many),
                "shap": partial(explainer.shap_values, few),
                "xgboost": partial(_pred_contribs, booster, few),
                "ours, one row": partial(_again, 200, partial(tables.contributions, one)),
                "shap, one row": partial(_again, 20, partial(lone_explainer.shap_values, one)),
            },
            rounds,
        )
        rows_a_second = len(many) / times["ours"]
        add(f"{model}: against shap.TreeExplainer", "rows/s", rows_a_second, len(few) / times["shap"])
        add(f"{model}: against pred_contribs", "rows/s", rows_a_second, len(few) / times["xgboost"])
        ours_us, shap_us = times["ours, one row"] / 200 * 1e6, times["shap, one row"] / 20 * 1e6
        add(f"{model}: one row against shap.TreeExplainer", "µs", ours_us, shap_us, smaller_is_better=True)
        scale = float(np.abs(theirs.sum(axis=1)).max())
        add(f"{model}: largest difference to pred_contribs", "of margin", float(np.abs(ours - theirs).max()) / scale)
        add(f"{model}: tables built in", "s", built)
        add(f"{model}: tables take", "MB", tables.nbytes / 1e6)
    return found


def _pred_contribs(booster: Any, rows: np.ndarray) -> object:
    import xgboost

    return booster.predict(xgboost.DMatrix(rows), pred_contribs=True)


def _again(times: int, run: Callable[[], object]) -> None:
    for _ in range(times):
        run()


def best_times(work: dict[str, Callable[[], object]], rounds: int) -> dict[str, float]:
    """The least seconds of each, all taking turns, after one run each to warm up."""
    for run in work.values():
        run()
    best = dict.fromkeys(work, float("inf"))
    for _ in range(rounds):
        for name, run in work.items():
            begin = time.perf_counter()
            run()
            best[name] = min(best[name], time.perf_counter() - begin)
    return best


def customers() -> tuple[np.ndarray, np.ndarray, str]:
    """The extract one-hot, (customers, 46) float32, who churned, and where it is from."""
    from churn_platform.adapters.extract import find_extract
    from churn_platform.settings import load_settings

    source = find_extract(load_settings())
    raw = pd.read_csv(source.files[0])
    raw["TotalCharges"] = pd.to_numeric(raw["TotalCharges"], errors="coerce")
    X = pd.get_dummies(raw.drop(columns=["customerID", "Churn"]), dtype=np.float32).astype(np.float32)
    return X.to_numpy(), (raw["Churn"] == "Yes").to_numpy(np.float64), f"IBM extract, {len(raw):,} customers"


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--quick", action="store_true", help="fewer rows and rounds, nothing written")
    quick = parser.parse_args().quick
    found = measure(rounds=2, peer_rows=300) if quick else measure()
    for one in found:
        peer = "" if one["peer"] is None else f"   peer {one['peer']:>12,.4g}   ratio {one['ratio']:,.1f}"
        print(f"{one['name']:<58} {one['ours']:>14,.6g} {one['unit']:<10}{peer}")
    print(", ".join(f"{name} {value}" for name, value in found[0]["versions"].items()))
    if not quick:
        RESULTS.parent.mkdir(exist_ok=True)
        RESULTS.write_text(json.dumps(found, indent=1, ensure_ascii=False) + "\n", encoding="utf-8")


if __name__ == "__main__":
    main()
