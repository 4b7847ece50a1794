"""A script for the peers' own environment: what Evidently's or NannyML's defaults say of exported windows.

    python peer_alarms.py evidently|nannyml FOLDER …

What belongs here: calling each peer as its documentation does, with its own default methods and thresholds. What does not: anything of
this platform (nothing of it is installed there), and counting (`alarms`). Each FOLDER holds `windows.json`, `reference.parquet` and
`current.parquet` as `windows.py` writes them; the answer is written beside them as `<peer>.json`:
{"version": ..., "seconds": ..., "alarms": {<reading>: {<day>: [subject, …]}}}.
"""

from __future__ import annotations

import json
import os
import sys
import time
import warnings
from importlib.metadata import version
from pathlib import Path
from typing import Any

os.environ["DO_NOT_TRACK"] = "1"
os.environ["NML_DISABLE_USAGE_LOGGING"] = "1"

#: the prediction as a decision, where a peer asks for one (its own examples cut at one half)
CUT = 0.5
#: made-up dates: each window is a chunk of its own, named by a day of its own
EPOCH = "2000-01-01"


def main(peer: str, folders: list[Path]) -> int:
    """Judge every folder; one line each on stdout when done, for whoever shows progress."""
    warnings.filterwarnings("ignore")
    judge = {"evidently": evidently_alarms, "nannyml": nannyml_alarms}[peer]
    for folder in folders:
        began = time.perf_counter()
        alarms = judge(folder)
        answer = {"version": version(peer), "seconds": round(time.perf_counter() - began, 3), "alarms": alarms}
        temporary = folder / f".{peer}.tmp"
        temporary.write_text(json.dumps(answer))
        os.replace(temporary, folder / f"{peer}.json")
        print(folder.name, flush=True)  # noqa: T201
    return 0


def read(folder: Path) -> tuple[dict[str, Any], Any, Any]:
    """The plan, the reference rows and the current rows of a folder."""
    import pandas as pd

    plan = json.loads((folder / "windows.json").read_text())
    reference, current = (pd.read_parquet(folder / f"{name}.parquet") for name in ("reference", "current"))
    for frame in (reference, current):
        for name in plan["categorical"]:
            frame[name] = frame[name].astype("object").where(frame[name].notna(), None)
    return plan, reference, current


def window_rows(rows: Any, window: dict[str, Any]) -> Any:
    """The rows of one window, by the days of their observation."""
    return rows[(rows["day"] >= window["first"]) & (rows["day"] <= window["last"])]


def evidently_alarms(folder: Path) -> dict[str, dict[str, list[str]]]:
    """Evidently's `DataDriftPreset` with its default method and threshold per column: share of columns, and each column.

    Only the preset's own test of each column is called, not its drawing, which takes most of its two seconds a window; on the first
    window of each folder the whole preset runs as well, and the two must agree.
    """
    import numpy as np
    from evidently.legacy.calculations.stattests import get_stattest
    from evidently.legacy.core import ColumnType

    plan, reference, current = read(folder)
    for name in plan["categorical"]:
        # numbers stand for the categories: the same shares, and texts take most of the time
        codes = {
            value: float(code)
            for code, value in enumerate(sorted({*reference[name].dropna(), *current[name].dropna()}))
        }
        reference[name], current[name] = (frame[name].map(codes).astype("float64") for frame in (reference, current))
    kinds = dict.fromkeys(plan["numeric"], ColumnType.Numerical)
    kinds |= dict.fromkeys(plan["categorical"], ColumnType.Categorical)

    def known(column: Any) -> Any:
        return column.replace([-np.inf, np.inf], np.nan).dropna()

    basis = {name: known(reference.loc[reference["part"] == plan["part"][name], name]) for name in kinds}

    def drifted(rows: Any) -> dict[str, float]:
        """Column -> its score, for the columns whose test fails. An empty column is an error in Evidently, and so an alarm here."""
        found: dict[str, float] = {}
        for name, kind in kinds.items():
            if not len(basis[name]):
                continue
            values = known(rows[name])
            if not len(values):
                found[name] = float("inf")
                continue
            result = get_stattest(basis[name], values, kind, None)(basis[name], values, kind, None)
            if result.drifted:
                found[name] = float(result.drift_score)
        return found

    share: dict[str, list[str]] = {}
    columns: dict[str, list[str]] = {}
    checked = False
    for window in plan["windows"]:
        rows = window_rows(current, window)
        day = str(window["day"])
        if not window["delivered"]:
            share[day] = columns[day] = ["nothing_delivered"]
            continue
        if len(rows) == 0:
            continue
        found = drifted(rows)
        if not checked:
            compare_with_preset(plan, reference, rows, kinds, found)
            checked = True
        if found:
            columns[day] = [f"drift:{name}" for name in sorted(found)]
        if len(found) >= 0.5 * len(kinds):
            share[day] = ["dataset_drift"]
    return {"evidently": share, "evidently_columns": columns}


def compare_with_preset(
    plan: dict[str, Any], reference: Any, rows: Any, kinds: dict[str, Any], found: dict[str, float]
) -> None:
    """Run the whole preset on one window; AssertionError where it says anything else than the column tests called by themselves."""
    from evidently import DataDefinition, Dataset, Report
    from evidently.presets import DataDriftPreset

    for part in sorted(set(plan["part"].values())):
        names = [name for name in kinds if plan["part"][name] == part]
        basis = reference.loc[reference["part"] == part, names]
        names = [name for name in names if basis[name].notna().any() and rows[name].notna().any()]
        definition = DataDefinition(
            numerical_columns=[name for name in names if name in plan["numeric"]],
            categorical_columns=[name for name in names if name in plan["categorical"]],
        )
        pair = [Dataset.from_pandas(frame[names], data_definition=definition) for frame in (rows, basis)]
        told = Report([DataDriftPreset(columns=names)], include_tests=True).run(*pair).dict()
        prefix = "Value Drift for column "
        failed = {
            test["name"].removeprefix(prefix)
            for test in told["tests"]
            if test["name"].startswith(prefix) and "FAIL" in str(test["status"])
        }
        if failed != {name for name in found if name in names}:
            raise AssertionError(f"Evidently's preset fails {sorted(failed)}, its column tests alone {sorted(found)}")


def nannyml_alarms(folder: Path) -> dict[str, dict[str, list[str]]]:
    """NannyML's univariate drift, CBPE and realised performance, default methods and thresholds, one chunk a window.

    Reference and current are cut into the same rolling windows, so that its thresholds (mean and three standard deviations of the
    reference's chunks) are those of chunks of this size.
    """
    import nannyml as nml

    plan, reference, current = read(folder)
    names = [*plan["numeric"], *plan["categorical"]]
    current["y_pred"] = (current["probability"] >= CUT).astype("int64")
    reference["y_pred"] = (reference["probability"] >= CUT).astype("int64")
    alarms: dict[str, list[str]] = {}
    for window in plan["windows"]:
        if not window["delivered"]:
            alarms[str(window["day"])] = ["nothing_delivered"]
    judged = [window for window in plan["windows"] if window["delivered"]]
    if not judged:
        return {"nannyml": alarms}

    for part in sorted(set(plan["part"].values())):
        mine = [name for name in names if plan["part"][name] == part]
        basis = chunks(reference[reference["part"] == part], plan["reference_windows"][part])
        drift = nml.UnivariateDriftCalculator(
            column_names=mine,
            treat_as_categorical=[name for name in mine if name in plan["categorical"]],
            timestamp_column_name="chunk",
            chunk_period="D",
        )
        drift.fit(basis)
        told = drift.calculate(chunks(current, judged)).filter(period="analysis").to_df()
        for name in mine:
            collect(alarms, told, (name, "jensen_shannon", "alert"), f"drift:{name}")

    basis = chunks(reference[reference["part"] == "holdout"], plan["reference_windows"]["holdout"])
    settings = {
        "problem_type": "classification_binary",
        "y_pred_proba": "probability",
        "y_pred": "y_pred",
        "y_true": "churned",
        "timestamp_column_name": "chunk",
        "metrics": ["roc_auc"],
        "chunk_period": "D",
    }
    estimated = nml.CBPE(**settings).fit(basis).estimate(chunks(current, judged)).filter(period="analysis").to_df()
    collect(alarms, estimated, ("roc_auc", "alert"), "estimated:roc_auc")

    labelled = [outcomes(window_rows(current, window), window) for window in plan["outcome_windows"]]
    labelled = [rows for rows in labelled if rows["churned"].nunique() == 2]
    if labelled:
        import pandas as pd

        realised = nml.PerformanceCalculator(**settings).fit(basis).calculate(pd.concat(labelled, ignore_index=True))
        collect(alarms, realised.filter(period="analysis").to_df(), ("roc_auc", "alert"), "realised:roc_auc")
    return {"nannyml": alarms}


def outcomes(rows: Any, window: dict[str, Any]) -> Any:
    """Matured rows of a window with their outcome as it was known on the window's day."""
    known = rows["churned_on"].notna() & (rows["churn_known_on"] <= window["day"])
    return stamped(rows, window["day"]).assign(churned=known.astype("int64").to_numpy())


def chunks(rows: Any, windows: list[dict[str, Any]]) -> Any:
    """The rows of every window, one after the other, each stamped with its window's own made-up date."""
    import pandas as pd

    return pd.concat([stamped(window_rows(rows, window), window["day"]) for window in windows], ignore_index=True)


def stamped(rows: Any, day: int) -> Any:
    """The rows with the chunk's date."""
    import pandas as pd

    return rows.assign(chunk=pd.Timestamp(EPOCH) + pd.Timedelta(days=day + 10_000))


def collect(alarms: dict[str, list[str]], told: Any, column: tuple[str, ...], subject: str) -> None:
    """Note each chunk whose `alert` is set under the day that its made-up date stands for."""
    import pandas as pd

    starts = pd.to_datetime(
        told[("chunk", "chunk", "start_date")] if len(column) == 3 else told[("chunk", "start_date")]
    )
    for start, alert in zip(starts, told[column], strict=True):
        if bool(alert):
            day = (start.normalize() - pd.Timestamp(EPOCH)).days - 10_000
            alarms.setdefault(str(day), []).append(subject)


if __name__ == "__main__":
    sys.exit(main(sys.argv[1], [Path(path) for path in sys.argv[2:]]))
