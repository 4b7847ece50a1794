"""Comparing a registered model with the champion: both packages, the same rows, one recorded decision.

What belongs here: which artefacts are read, measuring what a score costs, and recording. What does not: the measures and the rule
(`evaluation/comparison`), and acting on the outcome (`flows/release`).
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np
import pandas as pd

from churn_platform.adapters.atomic_files import write_atomically
from churn_platform.adapters.platform import ACTOR, Platform
from churn_platform.contracts.features import FEATURE_SETS
from churn_platform.evaluation.comparison import (
    Comparison,
    ComparisonDecision,
    ComparisonRows,
    Contender,
    comparison_decision,
    comparison_gate,
    first_release,
)
from churn_platform.evaluation.gate import GateDecision
from churn_platform.flows.comparison_records import comparison_key, known_comparison, read_comparison, store_comparison
from churn_platform.flows.opened_packages import ComparisonError, OpenedPackage, open_package, trained_rows

if TYPE_CHECKING:
    from churn_platform.evaluation.comparison.report import ComparedRows
    from churn_platform.evaluation.outcomes import Floats
    from churn_platform.training.candidate import ModelPackage

Facts = dict[str, Any]
Clock = Callable[[], float]
TIMED_ROWS, ROUNDS = 500, 7
"""Rows and rounds of the timing: models take turns, and each one's best round counts (the ratio of two bests is the steadiest)."""


@dataclass(frozen=True)
class Compared:
    """The decision, with the gate's verdict and the figures behind it where there is somebody to compare with."""

    decision: ComparisonDecision
    gate: GateDecision | None
    comparison: Comparison | None
    report: Path | None
    facts: Facts


def compare_with_champion(platform: Platform, before: Mapping[str, Any], clock: Clock) -> Compared:
    """Compare the registered model of `before` with the present champion, and record verdict and decision.

    Never raises for what it finds: a missing or damaged package, too few rows, an exception while measuring are all verdicts of the
    comparison's gate, and recorded.
    """
    version, ops, policies = str(before["version"]), platform.ops, platform.policies
    present = ops.champion(policies.governance.model)
    if present is None:
        return Compared(first_release(version), None, None, None, dict(before))
    if present.version == version:
        decision = ComparisonDecision("tie", (f"{version} is champion already: the same inputs gave the same package",))
        return Compared(decision, None, None, None, {**before, "champion": version})
    champion_package = ops.model(present.version).package_digest
    measured = _measured(platform, present.version, champion_package, before, clock)
    comparison = measured.comparison
    gate = comparison_gate(measured.rows, comparison, policies.champion_challenger, measured.why_not)
    decision = comparison_decision(comparison, gate, policies.champion_challenger)
    digest = store_comparison(platform, comparison, measured.key) if comparison is not None else None
    inputs = {
        "champion": present.version,
        "champion_package": champion_package,
        "challenger_package": before["package"],
        "comparison": digest,
        "policy": policies.digest,
    }
    ops.record_verdict(version, gate, inputs, actor=ACTOR, at=platform.now())
    ops.record_decision(
        "comparison", version, decision.outcome, decision.reasons, inputs, actor=ACTOR, at=platform.now()
    )
    report = _write_report(platform, measured, gate, decision, digest)
    facts = {
        **before,
        "compared_with": present.version,
        "comparison": digest,
        "comparison_outcome": decision.outcome,
        "comparison_report": str(report) if report is not None else None,
    }
    return Compared(decision, gate, comparison, report, facts)


def recorded_comparison(platform: Platform, version: str, champion: str) -> tuple[str, Comparison | None] | None:
    """The newest recorded outcome of comparing `version` with `champion`, and its figures; None if they were never compared.

    The figures are None where there are none or their file does not have the recorded digest: then nothing rests on them.
    """
    for decision in reversed(platform.ops.decisions(kind="comparison", subject=version)):
        if decision.evidence.get("champion") == champion:
            return decision.outcome, read_comparison(platform, decision.evidence.get("comparison"))
    return None


@dataclass(frozen=True)
class _Measured:
    """The rows, the figures, what the page is drawn from, and why any of them is missing; `key` names the comparison's inputs."""

    rows: ComparisonRows | None = None
    comparison: Comparison | None = None
    drawn: ComparedRows | None = None
    key: str | None = None
    why_not: str = ""


def _measured(
    platform: Platform, champion: str, champion_package: str, before: Mapping[str, Any], clock: Clock
) -> _Measured:
    """Compare, or find the same comparison made before; whatever goes wrong becomes the reason."""
    rows: ComparisonRows | None = None
    try:
        packages = {champion: champion_package, str(before["version"]): str(before["package"])}
        opened = {version: open_package(platform, digest) for version, digest in packages.items()}
        rows = _rows(platform, opened, champion, before)
        policy = platform.policies.champion_challenger
        if rows.leaked or len(rows) < policy.min_rows or rows.churners < policy.min_churners:
            return _Measured(rows, why_not="there are too few rows, or rows that a model was trained on")
        key = comparison_key(platform, packages, rows)
        known = read_comparison(platform, known_comparison(platform, key))
        if known is not None:
            return _Measured(rows, known, None, key)
        return _Measured(rows, *_compare(platform, opened, champion, rows, clock), key)
    except Exception as error:  # the gate records whatever made the comparison impossible, and stays closed
        return _Measured(rows, why_not=f"the comparison could not be made: {type(error).__name__}: {error}")


def _rows(
    platform: Platform, opened: Mapping[str, OpenedPackage], champion: str, before: Mapping[str, Any]
) -> ComparisonRows:
    from churn_platform.evaluation.comparison import same_rows
    from churn_platform.flows.candidates import candidate_of

    _, split = candidate_of(platform, before)
    theirs, ours = opened[champion], opened[str(before["version"])]
    return same_rows(
        split.holdout.frame,
        trained_rows(platform, theirs.package, theirs.training_set),
        trained_rows(platform, ours.package, ours.training_set),
    )


def _compare(
    platform: Platform, opened: Mapping[str, OpenedPackage], champion: str, rows: ComparisonRows, clock: Clock
) -> tuple[Comparison, ComparedRows]:
    from churn_platform.evaluation.comparison import compare
    from churn_platform.evaluation.comparison.report import ComparedRows

    policy = platform.policies.champion_challenger
    features = {version: served_features(platform, one.package, rows) for version, one in opened.items()}
    milliseconds = _milliseconds({version: (one.package, features[version]) for version, one in opened.items()}, clock)
    contenders = {
        version: Contender(
            version,
            one.package.digest,
            one.package.model.feature_set,
            one.package.model.probability(features[version]),
            one.package.model.threshold.value,
            milliseconds[version],
            one.megabytes,
        )
        for version, one in opened.items()
    }
    (challenger,) = (version for version in opened if version != champion)
    rng = np.random.default_rng(policy.seed)
    worth = _worth(platform, rows)
    comparison = compare(contenders[champion], contenders[challenger], rows, worth, policy, rng)
    churned = rows.frame["churned"].to_numpy() == 1
    drawn = ComparedRows(churned, contenders[champion].probability, contenders[challenger].probability, worth)
    return comparison, drawn


def served_features(platform: Platform, package: ModelPackage, rows: ComparisonRows) -> pd.DataFrame:
    """The rows as scoring would read them today: from the package's own feature table, in the order of `rows`."""
    days = rows.frame["observation_date"]
    table = FEATURE_SETS[package.model.feature_set]
    served = platform.warehouse.features(table, days.min().date(), days.max().date())
    return _in_order(rows, served, table.table)


def _worth(platform: Platform, rows: ComparisonRows) -> Floats:
    from churn_platform.retention.expected_value import customer_values

    days = rows.frame["observation_date"]
    known = platform.warehouse.customer_worth(days.min().date(), days.max().date())
    worth = _in_order(rows, known, "stg_raw__customers")
    return customer_values(
        worth["cltv"].to_numpy(dtype=float),
        worth["monthly_charges"].to_numpy(dtype=float),
        platform.policies.champion_challenger.business,
    )


def _in_order(rows: ComparisonRows, table: pd.DataFrame, name: str) -> pd.DataFrame:
    keys = rows.frame[["customer_id", "observation_date"]]
    typed = table.astype({"observation_date": "datetime64[s]"})
    found = keys.merge(typed, how="left", on=list(keys.columns), indicator="found", validate="one_to_one")
    absent = int((found["found"] != "both").sum())
    if absent:
        raise ComparisonError(f"{absent} of {len(keys)} rows of the holdout are not in {name} any more: build it again")
    return found.drop(columns="found")


def _milliseconds(sides: Mapping[str, tuple[ModelPackage, pd.DataFrame]], clock: Clock) -> dict[str, float]:
    """Milliseconds per score with its contributions, each model's best of some rounds in which they take turns."""
    best = dict.fromkeys(sides, float("inf"))
    for _ in range(ROUNDS):
        for version, (package, rows) in sides.items():
            some = rows.head(TIMED_ROWS)
            began = clock()
            package.explain(some)
            best[version] = min(best[version], (clock() - began) / len(some) * 1000.0)
    return best


def _write_report(
    platform: Platform, measured: _Measured, gate: GateDecision, decision: ComparisonDecision, digest: str | None
) -> Path | None:
    """The page of a comparison, written once beside its figures; None where nothing was measured."""
    from churn_platform.adapters.code import code_revision
    from churn_platform.evaluation.comparison.report import comparison_report
    from churn_platform.evaluation.report import ReportHeader

    if measured.comparison is None or digest is None:
        return None
    comparison = measured.comparison
    target: Path = platform.settings.reports / f"comparison-{digest[:12]}" / "comparison.html"
    if measured.drawn is None:
        return target if target.is_file() else None
    header = ReportHeader(
        model_name=platform.policies.governance.model,
        model_version=f"{comparison.challenger.version} against {comparison.champion.version}",
        model_digest=comparison.challenger.package,
        training_data_digest=platform.ops.model(comparison.challenger.version).registration.training_data_digest,
        feature_set=f"{comparison.challenger.feature_set} against {comparison.champion.feature_set}",
        policy_digest=platform.policies.digest,
        code_revision=code_revision(),
        feed=platform.home.feed,
        simulated=platform.home.simulated,
        feed_note=platform.home.note,
        holdout=f"{comparison.rows} observations of {comparison.first_day} to {comparison.last_day}",
        more=(("Champion's package (sha256)", comparison.champion.package), ("Comparison (sha256)", digest)),
    )
    business = platform.policies.champion_challenger.business
    page = comparison_report(comparison, measured.drawn, gate, decision, header, business)
    write_atomically(target, page.encode())
    return target
