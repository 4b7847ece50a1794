"""A million customers from Parquet to published scores with five reasons for every row, against mlflow.pyfunc and shap.

    python -m bench scoring

Three champions, each made by `churn run` in a fresh home: the one that the search chooses in the simulated telco (200 trees of depth 3);
the one that it chooses on IBM's extract, some 600 stumps, which is the cheapest model to explain there is, also for the peer; and one of
some 300 trees of depth 4 there (a third of the default learning rate). The million are the home's feature rows drawn again with
replacement (seeded), under new ids, for one live day. Ours (the run in the middle of five) and the peer are whole processes, one after the
other, each from the same Parquet file to a Parquet file with a probability and five reasons (feature, value, contribution, the phrase that
a retention manager reads) for every row. Ours does more on the way: verified package, fingerprints, bands, the contract, an immutable
snapshot.

The peer is what a data scientist would write on the same booster; it is given the platform's table of phrases, and words each distinct
value once. Its `shap.TreeExplainer` hands a booster with native categoricals to
XGBoost's own `pred_contribs`, which is fair: shap's own loops cannot read one.
"""

from __future__ import annotations

import json
import os
import platform
import shutil
import sys
import tempfile
import time
from datetime import date
from functools import cache
from importlib.metadata import version
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd

from bench.whole_process import Measured, measured

CUSTOMERS = 1_000_000
EXPLAINED = 50_000
REASONS = 5
RUNS = 5
DAY = date(2026, 6, 3)
LIBRARIES = ("xgboost", "shap", "mlflow", "numba", "pandas", "pyarrow")
DEEPER = "depth 4"
WORLD = "as the search chose it in the simulated telco"
CHAMPIONS = (WORLD, "as the search chose it on IBM's extract", DEEPER)
PEER_NAME = "mlflow.pyfunc + shap.TreeExplainer, same booster"


def measure(customers: int = CUSTOMERS) -> list[dict[str, Any]]:
    """Seconds and peak MB from Parquet to scores with reasons, and the rows/s of the champion's contributions, for each champion."""
    return [row for champion in CHAMPIONS for row in _measure(champion, customers)]


def _measure(champion: str, customers: int) -> list[dict[str, Any]]:
    python: list[str | Path] = [sys.executable, "-m", "bench.scoring"]
    churn = Path(sys.executable).parent / "churn"
    with tempfile.TemporaryDirectory(prefix="churn-bench-") as folder:
        home, work = Path(folder) / "home", Path(folder)
        environment = {"CHURN_HOME": str(home)}
        measured([*python, "champion", champion], environment)
        told = json.loads(measured([*python, "prepare", work, str(customers)], environment).stdout.splitlines()[-1])
        score: list[str | Path] = [churn, "score", DAY.isoformat(), "--json", "--features"]
        measured([*score, work / "few.parquet"], environment)  # numba compiles once per installation, not per day
        ours = _typical([*score, work / "features.parquet"], environment, home)
        peer = measured([*python, "peer", work], environment)
    versions = {name: version(name) for name in LIBRARIES} | {"python": platform.python_version()} | told["model"]
    what = f"{customers:,} customers from Parquet to scores with {REASONS} reasons each, {champion}"
    rows = [
        (f"{what}, whole process", "s", ours.seconds, peer.seconds, peer.seconds / ours.seconds),
        (f"{what}, processor time", "s", ours.cpu_seconds, peer.cpu_seconds, peer.cpu_seconds / ours.cpu_seconds),
        (f"{what}, peak memory", "MB", ours.peak_mb, peer.peak_mb, peer.peak_mb / ours.peak_mb),
        (
            f"the champion's exact contributions, {champion}",
            "rows/s",
            told["ours"],
            told["peer"],
            told["ours"] / told["peer"],
        ),
    ]
    return [
        {
            "name": name,
            "unit": unit,
            "ours": round(mine, 1),
            "peer": round(theirs, 1),
            "ratio": round(ratio, 2),
            "versions": versions,
            "peer_name": PEER_NAME,
        }
        for name, unit, mine, theirs, ratio in rows
    ]


def _typical(score: list[str | Path], environment: dict[str, str], home: Path) -> Measured:
    """The run in the middle of `RUNS`, each publishing the day anew; the peer's one run is twenty times as long and evens itself out."""
    runs = []
    for _ in range(RUNS):
        shutil.rmtree(home / "published" / "daily_scores" / DAY.isoformat(), ignore_errors=True)
        runs.append(measured(score, environment))
    return sorted(runs, key=lambda run: run.seconds)[RUNS // 2]


def make_champion(which: str) -> None:
    """`churn run` with the search as it is, or with one setting alone, of depth 4 and a slow learning rate."""
    from types import MappingProxyType

    from churn_platform.cli import main
    from churn_platform.training import tuning

    if which == DEEPER:
        from churn_platform.adapters import platform as opened
        from churn_platform.policies import load_policies

        policies = load_policies()
        one = policies.training.tuning.model_copy(update={"trials": 1})
        training = policies.training.model_copy(update={"tuning": one})
        opened.load_policies = lambda: policies.model_copy(update={"training": training})  # type: ignore[assignment, attr-defined, misc]
        tuning.DEFAULT = MappingProxyType({**tuning.DEFAULT, "max_depth": 4, "learning_rate": 0.017})
    sys.argv = ["churn", "run", "--feed", "world" if which == WORLD else "ibm", "--json"]
    main()


def prepare(work: Path, customers: int) -> None:
    """Write the features and the peer's model into `work`; print the champion's size and how fast its rows are explained."""
    import mlflow.pyfunc
    import shap

    from churn_platform.adapters.platform import open_platform
    from churn_platform.contracts.features import FEATURE_SETS
    from churn_platform.flows.scoring import champion_package

    installed = open_platform()
    _, package = champion_package(installed)
    feature_set = FEATURE_SETS[package.model.feature_set]
    real = installed.warehouse.features(feature_set, date(2000, 1, 1), date(2100, 1, 1))
    drawn = np.random.default_rng(7).integers(0, len(real), customers)
    features = real.iloc[drawn].reset_index(drop=True)
    features["customer_id"] = [f"C{number:07d}" for number in range(customers)]
    features["observation_date"] = pd.Timestamp(DAY)
    features.to_parquet(work / "features.parquet", index=False)
    features.head(2_000).to_parquet(work / "few.parquet", index=False)

    booster = package.model.booster
    booster.save_model(work / "booster.json")
    domains = {feature.name: list(feature.domain) for feature in package.features if feature.is_categorical}
    told = {"names": list(package.model.feature_names), "domains": domains}
    (work / "features.json").write_text(json.dumps(told))
    files = {"booster": str(work / "booster.json"), "features": str(work / "features.json")}
    mlflow.pyfunc.save_model(work / "model", python_model=_peer_model(), artifacts=files)

    values = package.model.values(features.head(EXPLAINED))
    explainer = shap.TreeExplainer(booster, feature_perturbation="tree_path_dependent")
    tables = package.explainer.tables
    if tables is None:
        raise RuntimeError("the champion has no pattern tables")
    difference = float(
        np.abs(explainer.shap_values(values[:2_000]) - tables.contributions(values[:2_000])[:, :-1]).max()
    )
    if not difference < 1e-4:
        raise RuntimeError(f"ours and the peer explain different models: {difference}")
    booster.set_param({"nthread": os.cpu_count()})
    seconds = {"ours": float("inf"), "peer": float("inf")}
    for _ in range(3):
        for name, explain in (("ours", tables.contributions), ("peer", explainer.shap_values)):
            begin = time.perf_counter()
            explain(values)
            seconds[name] = min(seconds[name], time.perf_counter() - begin)
    record = package.model.record
    model = {"trees": str(record.rounds), "depth": str(record.params["max_depth"]), "feed": installed.home.feed}
    print(json.dumps({"model": model, **{name: EXPLAINED / spent for name, spent in seconds.items()}}))


def _peer_model() -> Any:
    """The booster behind mlflow.pyfunc: codes the categories and predicts, as its author would write it."""
    import mlflow.pyfunc

    class Churn(mlflow.pyfunc.PythonModel):  # type: ignore[misc, name-defined, unused-ignore]
        def load_context(self, context: Any) -> None:
            import xgboost

            self.booster = xgboost.Booster(model_file=context.artifacts["booster"])
            told = json.loads(Path(context.artifacts["features"]).read_text())
            self.names, self.domains = told["names"], told["domains"]

        def coded(self, frame: pd.DataFrame) -> pd.DataFrame:
            return pd.DataFrame(
                {
                    name: pd.Categorical(frame[name], categories=self.domains[name])
                    if name in self.domains
                    else frame[name].astype("float32")
                    for name in self.names
                }
            )

        def predict(self, context: Any, model_input: pd.DataFrame, params: Any = None) -> np.ndarray:
            import xgboost

            return np.asarray(self.booster.predict(xgboost.DMatrix(self.coded(model_input), enable_categorical=True)))

    return Churn()


def peer(work: Path) -> None:
    """The peer: load, predict, explain, the five largest in order, phrases, JSON, Parquet."""
    import mlflow.pyfunc
    import shap

    from churn_platform.contracts.features import FEATURE_SETS
    from churn_platform.explanation.wording import reason_text

    frame = pd.read_parquet(work / "features.parquet")
    model = mlflow.pyfunc.load_model(str(work / "model"))
    probability = model.predict(frame)
    inner = model.unwrap_python_model()
    coded = inner.coded(frame)
    codes = np.column_stack(
        [
            coded[name].cat.codes.where(coded[name].notna(), np.nan) if name in inner.domains else coded[name]
            for name in inner.names
        ]
    ).astype("float32")
    explained = shap.TreeExplainer(inner.booster, feature_perturbation="tree_path_dependent").shap_values(codes)
    top = np.argsort(-explained, axis=1)[:, :REASONS]
    largest = np.take_along_axis(explained, top, axis=1).tolist()
    columns = {name: frame[name].tolist() for name in inner.names}
    feature_set = next(one for one in FEATURE_SETS.values() if set(inner.names) <= set(one.names))

    @cache
    def phrase(name: str, value: object, leaving: bool) -> str:
        return reason_text(feature_set.feature(name), value, leaving)

    reasons = [
        json.dumps(
            [
                {
                    "feature": (name := inner.names[j]),
                    "value": (value := columns[name][row]),
                    "contribution": round(amount, 6),
                    "text": phrase(name, value, amount > 0),
                }
                for j, amount in zip(picked, amounts, strict=True)
            ]
        )
        for row, (picked, amounts) in enumerate(zip(top.tolist(), largest, strict=True))
    ]
    scores = pd.DataFrame({"customer_id": frame["customer_id"], "probability": probability, "reasons": reasons})
    scores.to_parquet(work / "scores.parquet", index=False)


if __name__ == "__main__":
    command, where, *rest = sys.argv[1:]
    if command == "prepare":
        prepare(Path(where), int(rest[0]))
    elif command == "champion":
        make_champion(where)
    elif command == "peer":
        peer(Path(where))
    else:
        sys.exit(f"{command}: use champion, prepare or peer; `python -m bench scoring` runs them all")
