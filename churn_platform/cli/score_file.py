"""`churn score DATE --features FILE`: a day's feature rows from a Parquet file to published scores, in this process, without Dagster.

What belongs here: the call and its answer. What does not: scoring (`flows/scored_file.py`).
"""

from __future__ import annotations

import sys
import time
from collections.abc import Iterator
from datetime import date
from pathlib import Path
from typing import Any

from churn_platform.cli.app import CallError
from churn_platform.cli.terminal import answer, installed


def score_features(path: Path, day: date, as_json: bool) -> None:
    """Score and publish the rows of `path`.

    Raises:
        CallError: there is no such file. ScoringError, NoChampionError, ScoresStoppedError: as `flows.scored_file.score_file`.
    """
    if not path.is_file():
        raise CallError(f"there is no file {path}: name a Parquet file in the layout of the champion's feature table")
    from churn_platform.adapters.feature_file import FeatureFile
    from churn_platform.flows.margin_witness import MarginWitness

    began = time.perf_counter()
    with MarginWitness() as witness, FeatureFile(path, day) as file:  # first of all: both work while Python imports
        platform = installed(None).as_held()
        _import_numba_alone()
        from churn_platform.flows.scored_days import most_at_risk
        from churn_platform.flows.scored_file import score_file

        scored = score_file(platform, file, witness.margins)
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
    answer(as_json, summary, _lines)


def _lines(summary: dict[str, Any]) -> Iterator[Any]:
    from churn_platform.cli.text import file_lines

    return file_lines(summary)


def _import_numba_alone() -> None:
    """numba looks for the BLAS in scipy and for cffi's types, which no compiled loop here uses: 0.12 s of a start (measured)."""
    looked_for = [name for name in ("scipy", "cffi") if name not in sys.modules]
    sys.modules.update(dict.fromkeys(looked_for))  # type: ignore[arg-type]
    try:
        import numba.core.typing.cffi_utils
        import numba.np.arraymath  # noqa: F401 (the parts that look)
    finally:
        for name in looked_for:
            del sys.modules[name]
