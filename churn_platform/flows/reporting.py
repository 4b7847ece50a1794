"""The evaluation report of a packed model, written where people find it.

What belongs here: gathering what the page shows. What does not: the page (`evaluation/report`).
"""

from __future__ import annotations

import json
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from churn_platform.adapters.atomic_files import write_atomically
from churn_platform.adapters.platform import Platform
from churn_platform.contracts.features import FEATURE_SETS
from churn_platform.evaluation.gate import GateDecision
from churn_platform.flows.candidates import candidate_of, judgement_folder, read_contributions
from churn_platform.training.tuning import trial_history


def write_report(platform: Platform, before: Mapping[str, Any]) -> Path:
    """Write the evaluation report of a packed model to `reports/<package digest>/evaluation.html`; returns the path."""
    from churn_platform.adapters.code import code_revision
    from churn_platform.evaluation.evaluation import Evaluation
    from churn_platform.evaluation.report import ReportExplanation, ReportHeader, evaluation_report

    model, split = candidate_of(platform, before)
    folder = judgement_folder(platform, before)
    feature_set = FEATURE_SETS[before["feature_set"]]
    header = ReportHeader(
        model_name=platform.policies.governance.model,
        model_version=f"package {before['package'][:12]}",
        model_digest=before["package"],
        training_data_digest=before["training_set"],
        feature_set=before["feature_set"],
        policy_digest=platform.policies.digest,
        code_revision=code_revision(),
        feed=platform.home.feed,
        simulated=platform.home.simulated,
        feed_note=platform.home.note,
        holdout=f"{len(split.holdout)} customers observed {split.holdout_from} to {split.holdout_to}, after every training row",
    )
    page = evaluation_report(
        Evaluation.from_dict(json.loads((folder / "evaluation.json").read_text())),
        GateDecision.from_dict(json.loads((folder / "gate.json").read_text())),
        ReportExplanation(
            read_contributions(folder).frame(),
            split.holdout.frame[list(model.feature_names)].reset_index(drop=True),
            {feature.name: feature.label for feature in feature_set.features},
        ),
        header,
        tuning=trial_history(model.record.trials),
    )
    target: Path = platform.settings.reports / str(before["package"])[:12] / "evaluation.html"
    write_atomically(target, page.encode())
    return target
