"""`churn score DATE --features FILE`: a day's feature rows from a Parquet file to published scores, in this process, without Dagster.

What belongs here: the call and its answer. What does not: scoring (`flows/scoring.py`).
"""

from __future__ import annotations

import sys
import time
from collections.abc import Iterator
from contextlib import contextmanager
from datetime import date
from pathlib import Path

from churn_platform.cli.app import CallError
from churn_platform.cli.terminal import answer, installed


def score_features(path: Path, day: date, as_json: bool) -> None:
    """Score and publish the rows of `path`.

    Raises:
        CallError: there is no such file. ScoringError, NoChampionError, ScoresStoppedError: as `flows.scoring.score_file`.
    """
    if not path.is_file():
        raise CallError(f"there is no file {path}: name a Parquet file in the layout of the champion's feature table")
    from churn_platform.cli.text import file_lines

    began = time.perf_counter()
    platform = installed(None)
    with _without_scikit_learn():
        from churn_platform.flows.scoring import most_at_risk, score_file

        scored = score_file(platform, path, day)
    summary = {
        "feed": platform.home.feed,
        "simulated": platform.home.simulated,
        "day": day.isoformat(),
        "features": str(path),
        "model_version": scored.snapshot.model_version,
        "customers_scored": scored.snapshot.rows,
        "bands": dict(scored.banded),
        "margins_checked": scored.checked,
        "largest_gap": scored.gap,
        "digest": scored.snapshot.digest,
        "most_at_risk": most_at_risk(scored.riskiest),
        "seconds": {"total": round(time.perf_counter() - began, 3)},
    }
    answer(as_json, summary, file_lines)


@contextmanager
def _without_scikit_learn() -> Iterator[None]:
    """Hide scikit-learn while a day is scored: XGBoost imports it for estimators that nobody uses here.

    With scipy's statistics it is 1.8 of the 3.1 processor seconds of a start (measured). A process that has it already keeps it.
    """
    if "sklearn" in sys.modules or "xgboost" in sys.modules:
        yield
        return
    sys.modules["sklearn"] = None  # type: ignore[assignment]
    try:
        yield
    finally:
        del sys.modules["sklearn"]
