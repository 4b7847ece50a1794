"""From feature tables to a signed model package with its evaluation and report, one step a function.

What belongs here: which artefact each step reads and writes. What does not: how a model is made (`training/`), measured and judged
(`evaluation/`), explained (`explanation/`).
"""

from __future__ import annotations

import json
from collections.abc import Callable, Mapping
from dataclasses import asdict, dataclass
from datetime import date
from pathlib import Path
from typing import TYPE_CHECKING, Any

import pandas as pd

from churn_platform.adapters.atomic_files import write_atomically
from churn_platform.adapters.platform import ACTOR, Platform
from churn_platform.contracts.features import FEATURE_SETS
from churn_platform.evaluation.gate import GateDecision
from churn_platform.flows.candidates import candidate_of, judgement_folder, read_contributions, store_contributions

if TYPE_CHECKING:
    from churn_platform.evaluation.evaluation import Evaluation
    from churn_platform.explanation.contributions import Contributions
    from churn_platform.explanation.importance import FeatureImportance
    from churn_platform.training.examples import TrainingExamples
    from churn_platform.training.model import TrainedModel
    from churn_platform.training.split import TemporalSplit

Facts = dict[str, Any]


class FlowError(RuntimeError):
    """A step cannot go on from what the steps before it left; the message says what to run again."""


@dataclass(frozen=True)
class GatheredTrainingSet:
    """The training set with its data gate; `facts` go to the next step."""

    digest: str
    path: Path
    examples: TrainingExamples
    gate: GateDecision
    facts: Facts


def gather_training_set(platform: Platform, feature_set: str, as_of: date, decision: str = "") -> GatheredTrainingSet:
    """Join features and matured outcomes as known on `as_of`, store them by content, and let the data gate judge them.

    `decision` is the ledger entry of the retraining decision that asked for it, if one did.

    Raises:
        FlowError: there is no such feature set. TrainingDataError: see `training.examples`.
    """
    from churn_platform.adapters.training_sets import write_training_set
    from churn_platform.evaluation.gate import data_gate
    from churn_platform.flows.retraining import changed_on
    from churn_platform.training.examples import training_examples

    if feature_set not in FEATURE_SETS:
        raise FlowError(f"there is no feature set {feature_set!r}: choose one of {', '.join(FEATURE_SETS)}")
    policies, chosen = platform.policies, FEATURE_SETS[feature_set]
    first = as_of - policies.training.window
    examples = training_examples(
        platform.warehouse.features(chosen, first, as_of),
        platform.warehouse.outcomes(first, as_of),
        chosen,
        as_of,
        policies.training,
        policies.label.horizon,
        changed_on(platform, decision),
    )
    stored = write_training_set(platform.settings.training_sets, examples)
    receipts = platform.warehouse.receipts()
    gate = data_gate(
        examples.frame,
        examples.churned,
        features=[feature.name for feature in examples.features],
        excluded={excluded.name: excluded.reason for excluded in examples.excluded},
        received_rows=int(receipts["received"].sum()),
        quarantined_rows=int(receipts["quarantined"].sum()),
        fairness_attributes=policies.evaluation.fairness_attributes,
        policy=policies.gates.data,
    )
    inputs = {"training_set": stored.digest, "policy": policies.digest}
    platform.ops.record_verdict(f"training-set:{stored.digest}", gate, inputs, actor=ACTOR, at=platform.now())
    facts = {
        "training_set": stored.digest,
        "feature_set": feature_set,
        "as_of": as_of.isoformat(),
        "data_gate": gate.verdict,
        "decision": decision,
    }
    if not gate.passed:
        from churn_platform.flows.retraining import record_release_finding, retraining_finished

        record_release_finding(platform, "blocked", gate.reasons, as_of)
        if decision:
            retraining_finished(platform, int(decision), "blocked", gate.reasons, None)
    return GatheredTrainingSet(stored.digest, stored.path, examples, gate, facts)


@dataclass(frozen=True)
class MadeCandidate:
    """A candidate, stored as a package of its own until it is judged; `found` where it had been made before of the same inputs."""

    digest: str
    model: TrainedModel
    split: TemporalSplit
    facts: Facts
    found: bool = False


def make_candidate(
    platform: Platform, before: Mapping[str, Any], clock: Callable[[], float], say: Callable[[str], None]
) -> MadeCandidate:
    """Train on the handed-over training set; `say` is told of each tuning trial.

    The same rows under the same policy, code and libraries are trained once: what is there is verified and taken, so a run that died
    after its training goes on behind it. A search that its time budget cut is made again.

    Raises:
        FlowError: the data gate did not pass: nothing is trained on refused data.
    """
    from churn_platform.adapters.packages import write_package
    from churn_platform.adapters.training_sets import read_training_set
    from churn_platform.drift.baseline import BASELINE_FILE
    from churn_platform.flows.monitoring.inputs import baseline_of_candidate
    from churn_platform.training.candidate import candidate_files, train_candidate

    if before.get("data_gate") != "pass":
        raise FlowError(f"the data gate says {before.get('data_gate')!r}: nothing is trained on refused data")
    known = _made_before(platform, before)
    if known is not None:
        say(f"candidate {known[:12]} was made of the same rows, policy, code and libraries before: taken as it is")
        facts = {**before, "candidate": known}
        return MadeCandidate(known, *candidate_of(platform, facts), facts, found=True)
    examples = read_training_set(platform.settings.training_sets, before["training_set"])

    def on_trial(number: int, trials: int, loss: float) -> None:
        say(f"tuning: trial {number} of {trials}, log loss {loss:.4f}")

    candidate = train_candidate(examples, platform.policies, clock, on_trial)
    files = {
        **candidate_files(candidate, platform.policies),
        BASELINE_FILE: baseline_of_candidate(platform, candidate),
    }
    digest = write_package(platform.settings.candidates, files, platform.signer)
    if not candidate.cut:
        write_atomically(_candidate_key(platform, before), digest.encode())
    return MadeCandidate(digest, candidate.model, candidate.split, {**before, "candidate": digest})


def _candidate_key(platform: Platform, before: Mapping[str, Any]) -> Path:
    """The small file that names the candidate made of these inputs."""
    import hashlib

    from churn_platform.adapters.code import code_digest, library_versions

    inputs = [
        before["training_set"],
        platform.policies.digest,
        code_digest(),
        json.dumps(library_versions(), sort_keys=True),
    ]
    return platform.settings.home / "evaluations" / "by-inputs" / hashlib.sha256("\n".join(inputs).encode()).hexdigest()


def _made_before(platform: Platform, before: Mapping[str, Any]) -> str | None:
    """The candidate that was made of the same inputs, if its package is whole; None where it has to be made."""
    from churn_platform.adapters.packages import PackageError, read_package

    try:
        digest = _candidate_key(platform, before).read_text().strip()
        read_package(platform.settings.candidates, digest, platform.signer.verifier)
    except (OSError, PackageError):
        return None
    return digest


@dataclass(frozen=True)
class JudgedCandidate:
    """The evaluation of a candidate with the gate's verdict."""

    evaluation: Evaluation
    gate: GateDecision
    facts: Facts


def judge_candidate(platform: Platform, before: Mapping[str, Any], clock: Callable[[], float]) -> JudgedCandidate:
    """Evaluate on the temporal holdout, gather the evidence beside it, ask the gate, and record its verdict, also a no.

    Raises:
        PackageError, TrainingSetError: an artefact is damaged or missing.
    """
    from churn_platform.evaluation.gate import evaluation_gate
    from churn_platform.evaluation.holdout import judge_on_holdout
    from churn_platform.flows.incumbent import champion_on_holdout

    policies = platform.policies
    model, split = candidate_of(platform, before)
    served, rows = candidate_of(platform, before)[0], _served_rows(platform, split, before)
    feature_set = FEATURE_SETS[before["feature_set"]]
    judgement = judge_on_holdout(model, served, split, rows, feature_set, policies, clock)
    champion = champion_on_holdout(platform, model, split)
    gate = evaluation_gate(judgement.evaluation, judgement.evidence, policies.gates.evaluation, champion)
    subject = f"candidate:{before['candidate']}"
    inputs = {"candidate": before["candidate"], "training_set": before["training_set"], "policy": policies.digest}
    platform.ops.record_verdict(subject, gate, inputs, actor=ACTOR, at=platform.now())
    folder = judgement_folder(platform, before)
    write_atomically(folder / "evaluation.json", json.dumps(judgement.evaluation.to_dict()).encode())
    write_atomically(folder / "gate.json", json.dumps(gate.to_dict()).encode())
    store_contributions(folder, judgement.explained)
    evidence = {name: getattr(judgement.evidence, name) for name in ("seconds_per_1000_scores", "contribution_gap")}
    return JudgedCandidate(judgement.evaluation, gate, {**before, **evidence, "evaluation_gate": gate.verdict})


@dataclass(frozen=True)
class ExplainedCandidate:
    """The holdout's contributions, the rows they belong to, and what matters most."""

    contributions: Contributions
    rows: pd.DataFrame
    importances: tuple[FeatureImportance, ...]
    gap: float | None
    bound: float
    facts: Facts


def explain_candidate(platform: Platform, before: Mapping[str, Any]) -> ExplainedCandidate:
    """Global importance over the holdout, and the check that contributions sum to the margin."""
    from churn_platform.evaluation.holdout import contribution_gap
    from churn_platform.explanation.importance import global_importance

    _, split = candidate_of(platform, before)
    folder = judgement_folder(platform, before)
    explained = read_contributions(folder)
    importances = global_importance(explained, split.holdout.frame, FEATURE_SETS[before["feature_set"]])
    bound = platform.policies.gates.evaluation.max_contribution_gap
    gap = contribution_gap(explained)
    write_atomically(folder / "importance.json", json.dumps([asdict(one) for one in importances]).encode())
    return ExplainedCandidate(explained, split.holdout.frame, importances, gap, bound, dict(before))


@dataclass(frozen=True)
class PackedModel:
    """The whole model package."""

    digest: str
    path: Path
    files: Mapping[str, int]
    facts: Facts


def pack_model(platform: Platform, before: Mapping[str, Any], say: Callable[[str], None] | None = None) -> PackedModel:
    """Assemble and sign the model package: candidate, evaluation, importance, feature SQL, provenance.

    `say` is told how far the pattern tables are.
    """
    from churn_platform.adapters.code import code_digest, library_versions
    from churn_platform.adapters.dbt_manifest import compiled_sql
    from churn_platform.adapters.packages import read_package, write_package
    from churn_platform.explanation.progress import quarters_told
    from churn_platform.training.candidate import package_files

    settings, folder = platform.settings, judgement_folder(platform, before)
    provenance = {
        "model": platform.policies.governance.model,
        "training_set": before["training_set"],
        "as_of": before["as_of"],
        "feature_set": before["feature_set"],
        "policy_digest": platform.policies.digest,
        "code_digest": code_digest(),
        "libraries": library_versions(),
        "feed": platform.home.feed,
        "source_digest": platform.home.source_digest,
        "simulated": platform.home.simulated,
    }
    files = package_files(
        read_package(settings.candidates, before["candidate"], platform.signer.verifier),
        evaluation=json.loads((folder / "evaluation.json").read_text()),
        importance=json.loads((folder / "importance.json").read_text()),
        feature_sql=compiled_sql(settings, FEATURE_SETS[before["feature_set"]].table),
        provenance=provenance,
        progress=None if say is None else quarters_told(say, "pattern tables", "trees"),
    )
    digest = write_package(settings.packages, files, platform.signer)
    sizes = {name: len(content) for name, content in sorted(files.items())}
    return PackedModel(digest, settings.packages / digest, sizes, {**before, "package": digest})


def _served_rows(platform: Platform, split: TemporalSplit, facts: Mapping[str, Any]) -> pd.DataFrame:
    """The holdout's rows as scoring reads them: from the feature table, not from the training set."""
    rows = platform.warehouse.features(FEATURE_SETS[facts["feature_set"]], split.holdout_from, split.holdout_to)
    keys = split.holdout.frame[["customer_id", "observation_date"]].astype({"observation_date": "datetime64[s]"})
    return keys.merge(rows.astype({"observation_date": "datetime64[s]"}), how="inner", on=list(keys.columns))
