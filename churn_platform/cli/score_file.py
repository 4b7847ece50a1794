"""`churn score DATE --features FILE`: a day's feature rows from a Parquet file to published scores, in this process, without Dagster.

What belongs here: the call and its answer. What does not: scoring (`flows/scored_file.py`).
"""

from __future__ import annotations

import sys
import time
from datetime import date
from pathlib import Path

from churn_platform.cli.app import CallError
from churn_platform.cli.terminal import answer, installed


def score_features(path: Path, day: date, as_json: bool) -> None:
    """Score and publish the rows of `path`.

    Raises:
        CallError: there is no such file. ScoringError, NoChampionError, ScoresStoppedError: as `flows.scored_file.score_file`.
    """
    if not path.is_file():
        raise CallError(f"there is no file {path}: name a Parquet file in the layout of the champion's feature table")
    from churn_platform.cli.text import file_lines
    from churn_platform.flows.margin_witness import MarginWitness

    began = time.perf_counter()
    with MarginWitness() as witness:  # first of all, so that XGBoost is there when it is asked
        platform = installed(None)
        _import_numba_without_scipy()
        from churn_platform.flows.scored_days import most_at_risk
        from churn_platform.flows.scored_file import score_file

        scored = score_file(platform, path, day, witness.margins)
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


def _import_numba_without_scipy() -> None:
    """numba looks for the BLAS in scipy, which no compiled loop here uses: 0.1 s of a start (measured)."""
    if "scipy" in sys.modules:
        return
    sys.modules["scipy"] = None  # type: ignore[assignment]
    try:
        import numba.np.arraymath  # noqa: F401 (the part that looks)
    finally:
        del sys.modules["scipy"]
