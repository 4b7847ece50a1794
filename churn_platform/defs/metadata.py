"""What the Dagster UI shows of a materialisation: figures, tables, plots and links, made from the values that flows return.

What belongs here: dressing. Nothing is computed that a decision rests on.
"""

from __future__ import annotations

import base64
import io
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any

import dagster as dg

if TYPE_CHECKING:
    import pandas as pd

    from churn_platform.adapters.ops_store.records import RegisteredModel
    from churn_platform.adapters.platform import Platform
    from churn_platform.evaluation.gate import GateDecision
    from churn_platform.flows import comparison, release, training
    from churn_platform.flows.scored_days import ScoredDays

Metadata = dict[str, Any]


def table(rows: Sequence[Mapping[str, Any]] | pd.DataFrame) -> dg.MarkdownMetadataValue:
    """Rows as a Markdown table; floats with four digits."""
    records: Sequence[Mapping[Any, Any]] = rows if isinstance(rows, Sequence) else rows.to_dict("records")
    if not records:
        return dg.MetadataValue.md("*none*")
    names = list(records[0])
    shown = [
        "| "
        + " | ".join(
            f"{row[name]:.4g}" if isinstance(row[name], float) else str(row[name]).replace("|", "¦") for name in names
        )
        + " |"
        for row in records
    ]
    return dg.MetadataValue.md("\n".join(["| " + " | ".join(names) + " |", "|" + " --- |" * len(names), *shown]))


def bars(values: Mapping[str, float], title: str, unit: str) -> dg.MarkdownMetadataValue:
    """A small horizontal bar chart as an embedded PNG."""
    import matplotlib

    matplotlib.use("Agg")
    from matplotlib.figure import Figure

    names = list(values)[::-1]
    figure = Figure(figsize=(6, 0.32 * len(names) + 0.9), layout="constrained")
    axes = figure.subplots()
    axes.barh(names, [values[name] for name in names], color="#2a6f97")
    axes.set_xlabel(unit)
    axes.set_title(title, loc="left", fontsize=10)
    axes.spines[["top", "right"]].set_visible(False)
    buffer = io.BytesIO()
    figure.savefig(buffer, format="png", dpi=90)
    return dg.MetadataValue.md(f"![{title}](data:image/png;base64,{base64.b64encode(buffer.getvalue()).decode()})")


def source_metadata(platform: Platform) -> Metadata:
    """Which feed the data come from, and whether they are made up."""
    home = platform.home
    return {"feed": home.feed, "simulated": home.simulated, "source": home.note}


def gate_check(name: str, gate: GateDecision) -> dg.AssetCheckResult:
    """A gate's verdict as the lamp of its asset check."""
    return dg.AssetCheckResult(
        check_name=name,
        passed=gate.passed,
        description="; ".join(gate.reasons) or f"all {len(gate.checks)} checks passed",
        metadata={"verdict": gate.verdict, "checks": _checks(gate)},
    )


def _checks(gate: GateDecision) -> dg.MarkdownMetadataValue:
    return table(
        [
            {"check": c.name, "verdict": c.verdict, "observed": c.observed, "bound": c.bound, "reason": c.reason}
            for c in gate.checks
        ]
    )


def training_set_metadata(gathered: training.GatheredTrainingSet) -> Metadata:
    """Rows, churners, window, and where every row went."""
    from dataclasses import asdict

    examples = gathered.examples
    return {
        "dagster/row_count": len(examples),
        "churners": examples.churners,
        "churn_rate": examples.churners / len(examples),
        "feature_set": examples.feature_set,
        "features": len(examples.features),
        "excluded": table([{"feature": e.name, "reason": e.reason} for e in examples.excluded]),
        "as_of": examples.as_of.isoformat(),
        "window_start": examples.window_start.isoformat(),
        "accounting": table([{"rows": name, "count": count} for name, count in asdict(examples.accounting).items()]),
        "digest": gathered.digest,
        "file": dg.MetadataValue.path(str(gathered.path)),
    }


def candidate_metadata(made: training.MadeCandidate) -> Metadata:
    """The split, the winning settings, the calibration."""
    model, split = made.model, made.split
    return {
        "digest": made.digest,
        "training_rows": len(split.train),
        "holdout_rows": len(split.holdout),
        "trained_on": f"{split.train_from} to {split.train_to}",
        "held_out": f"{split.holdout_from} to {split.holdout_to}",
        "params": table(
            [
                {"parameter": name, "value": value}
                for name, value in {**model.record.params, "rounds": model.record.rounds}.items()
            ]
        ),
        "trials": len(model.record.trials),
        "tuning_stopped": model.record.stopped,
        "made_before": made.found,
        "weighting": f"{model.record.weighting.name}: {model.record.weighting.reason}",
        "calibration": f"{model.calibration.method}: {model.calibration.reason}",
        "threshold": model.threshold.value,
    }


def evaluation_metadata(judged: training.JudgedCandidate) -> Metadata:
    """Every metric with its interval beside the baseline's, and the gate."""
    evaluation = judged.evaluation
    rows = [
        {"metric": name, "value": e.value, "low": e.low, "high": e.high, "baseline": evaluation.baseline[name].value}
        for name, e in evaluation.metrics.items()
    ]
    figures = {
        name: e.value
        for name, e in evaluation.metrics.items()
        if name in ("auc", "pr_auc", "f1", "brier", "ece", "top_lift")
    }
    return {
        **{name: dg.MetadataValue.float(value) for name, value in figures.items()},
        "metrics": table(rows),
        "gate": judged.gate.verdict,
        "gate_checks": _checks(judged.gate),
        "holdout_rows": evaluation.rows,
        "churners": evaluation.churners,
        "label_maturity": evaluation.label_maturity,
    }


def explanation_metadata(explained: training.ExplainedCandidate) -> Metadata:
    """Global importance as a plot and a table."""
    first = explained.importances[:12]
    return {
        "importance": bars(
            {one.label: one.share for one in first}, "What moves the score", "share of mean |contribution|"
        ),
        "table": table(
            [{"feature": one.label, "share": one.share, "direction": one.direction} for one in explained.importances]
        ),
        "largest_gap": explained.gap,
    }


def package_metadata(packed: training.PackedModel) -> Metadata:
    """The files of the package."""
    return {
        "digest": packed.digest,
        "folder": dg.MetadataValue.path(str(packed.path)),
        "bytes": sum(packed.files.values()),
        "files": table([{"file": name, "bytes": size} for name, size in packed.files.items()]),
    }


def report_metadata(report: Path) -> Metadata:
    """The link to the report."""
    return {
        "report": dg.MetadataValue.url(report.as_uri()),
        "file": dg.MetadataValue.path(str(report)),
        "bytes": report.stat().st_size,
        "note": dg.MetadataValue.md("Open the file in a browser: it is self-contained and needs no network."),
    }


def registration_metadata(model: RegisteredModel) -> Metadata:
    """What the model says about itself."""
    registration = model.registration
    return {
        "version": model.version,
        "package": model.package_digest,
        "owners": f"{registration.business_owner} (business), {registration.ml_owner} (ML)",
        "risk_tier": registration.risk_tier,
        "training_set": registration.training_data_digest,
        "feature_set": registration.feature_set,
        "policy": registration.policy_digest,
        "code_revision": registration.code_revision,
        "code_digest": registration.code_digest,
        "feed": registration.feed,
        "simulated": registration.simulated,
        "ledger_entry": model.ledger_sequence,
    }


def comparison_metadata(compared: comparison.Compared) -> Metadata:
    """The outcome with its reasons, and both models side by side."""
    found = compared.comparison
    shown: Metadata = {
        "outcome": compared.decision.outcome,
        "reasons": dg.MetadataValue.md("\n".join(f"- {reason}" for reason in compared.decision.reasons)),
    }
    if compared.gate is not None:
        shown["gate"] = _checks(compared.gate)
    if found is not None:
        pairs = {"AUC": found.auc, "F1": found.f1, "USD retained per 1,000 customers": found.value}
        shown["figures"] = table(
            [
                {
                    "measure": name,
                    f"champion {found.champion.version}": str(pair.champion),
                    f"challenger {found.challenger.version}": str(pair.challenger),
                    "difference": str(pair.difference),
                }
                for name, pair in pairs.items()
            ]
        )
        shown |= {
            "score": found.score.value,
            "rows": found.rows,
            "churners": found.churners,
            "delong_p": found.delong_p,
        }
    if compared.report is not None:
        shown["report"] = dg.MetadataValue.url(compared.report.as_uri())
    return shown


def champion_metadata(released: release.Released) -> Metadata:
    """The decision, and who is champion."""
    champion = released.champion
    return {
        "champion": champion.version if champion else "nobody",
        "changed": released.changed,
        **({"rollout": released.rollout} if released.rollout else {}),
        "decision": released.decision.outcome,
        "reasons": dg.MetadataValue.md("\n".join(f"- {reason}" for reason in released.decision.reasons)),
        "deployment_gate": _checks(released.gate),
        **({"since": champion.since.isoformat(), "ledger_entry": champion.ledger_sequence} if champion else {}),
    }


def score_metadata(platform: Platform, done: ScoredDays) -> Metadata:
    """How many customers, in which bands, and the ten most at risk with their reasons."""
    from churn_platform.flows.scored_days import most_at_risk

    riskiest = [{**row, "reasons": "; ".join(map(str, row["reasons"]))} for row in most_at_risk(done.riskiest)]  # type: ignore[call-overload]
    return {
        **source_metadata(platform),
        "dagster/row_count": done.rows,
        "customers": done.rows,
        "margins_checked": done.checked,
        "days": len(done.scored),
        "days_passed_over": len(done.passed_over),
        "model_version": done.version,
        "mean_probability": done.probability,
        **{f"band_{name}": done.banded[name] for name in ("high", "medium", "low")},
        "most_at_risk": table(riskiest),
        "published": dg.MetadataValue.path(str(platform.settings.published / "daily_scores")),
    }
