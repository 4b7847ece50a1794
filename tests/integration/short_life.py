"""The command line with a policy for short lives, to be run as a process of its own: less history, one trial, gates wide open.

`SHORT_LIFE_STOPPED_ON` names a day and a signal, as 2026-06-01:SIGKILL: the process sends it to itself on that day, after the features are
built and before they are scored.
"""

from __future__ import annotations

import os
import re
import signal
import sys
import tempfile
from pathlib import Path
from typing import Any

CHANGED = {
    "replay.history": 60,
    "training.tuning.trials": 1,
    "training.tuning.folds": 2,
    "training.tuning.max_rounds": 60,
    "evaluation.resamples": 100,
    "evaluation.min_segment_rows": 10,
    "gates.data.min_rows": 300,
    "gates.data.min_group_rows": 10,
    "gates.data.min_churners": 10,
    "gates.evaluation.min_auc": 0.5,
    "retraining.performance_decay.min_auc": 0.5,
    "gates.evaluation.max_ece": 1.0,
    "gates.evaluation.max_brier": 1.0,
    "gates.evaluation.min_top_decile_lift": 1.0,
    "gates.evaluation.max_auc_below_baseline": 0.5,
    "gates.evaluation.max_true_positive_rate_difference.gender": 1.0,
    "gates.evaluation.max_true_positive_rate_difference.senior_citizen": 1.0,
    "gates.evaluation.max_seconds_per_1000_scores": 100.0,
}


def short_policies() -> Path:
    """The packaged policies with `CHANGED` values, in a file."""
    import yaml

    from churn_platform.policies import reading

    document: dict[str, Any] = yaml.safe_load(reading.PACKAGED.read_text())
    for name, value in CHANGED.items():
        at = document
        for part in name.split("."):
            at = at[part]
        at["value"] = value
    path = Path(tempfile.mkdtemp()) / "policies.yml"
    path.write_text(re.sub(r"!!\w+ ", "", yaml.safe_dump(document, allow_unicode=True, width=10_000)))
    return path


def stop_before_scoring(day: str, number: signal.Signals) -> None:
    """Let the process get a signal when `day` is about to be scored: as from outside, but always at the same place."""
    from churn_platform.flows import scoring

    score_days = scoring.score_days

    def stopped(platform: Any, days: Any) -> Any:
        if day in [one.isoformat() for one in days]:
            os.kill(os.getpid(), number)
        return score_days(platform, days)

    scoring.score_days = stopped


if __name__ == "__main__":
    from churn_platform.cli import main
    from churn_platform.policies import reading

    reading.PACKAGED = short_policies()
    if os.environ.get("SHORT_LIFE_STOPPED_ON"):
        when, name = os.environ["SHORT_LIFE_STOPPED_ON"].split(":")
        stop_before_scoring(when, signal.Signals[name])
    sys.argv[0] = "churn"
    main()
