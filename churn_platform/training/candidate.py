"""A candidate: the model that the recipe made of a training set, with its split and its reference baseline.

Here: the recipe from examples to candidate, and the candidate's files. Not here: the steps themselves (`split`,
`tuning`, `fit`), judging it (`evaluation`), and registering it.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, replace
from datetime import date
from functools import cached_property
from typing import TYPE_CHECKING, Any

from churn_platform.contracts.features import Feature
from churn_platform.drift.reference import Reference, reference_baseline
from churn_platform.governance.canonical import canonical_json
from churn_platform.training.boosting import raw_margins
from churn_platform.training.fit import fit
from churn_platform.training.matrix import design_matrix
from churn_platform.training.model import TrainedModel
from churn_platform.training.recency import Weighting, choose_weighting
from churn_platform.training.split import TemporalSplit, temporal_split
from churn_platform.training.tuning import Clock, OnTrial, tune

if TYPE_CHECKING:
    import numpy as np
    import pandas as pd
    from numpy.typing import NDArray

    from churn_platform.explanation.contributions import Contributions
    from churn_platform.explanation.explainer import Explainer
    from churn_platform.explanation.pattern_tables import PatternTables
    from churn_platform.explanation.pattern_tables.tables import Progress
    from churn_platform.policies import Policies
    from churn_platform.training.examples import TrainingExamples

REFERENCE_FILE = "reference.json"
TABLES_FILE = "pattern_tables.bin"
ACTION_FILE = "action_policy.json"


@dataclass(frozen=True)
class Candidate:
    """A trained model with what it was trained and is to be judged on, and the baseline that drift is measured from.

    `scores` are the out-of-fold probabilities of the training rows, in their order.
    """

    model: TrainedModel
    split: TemporalSplit
    reference: Reference
    cut: bool
    scores: NDArray[np.float64]


def train_candidate(
    examples: TrainingExamples, policies: Policies, clock: Clock | None = None, on_trial: OnTrial | None = None
) -> Candidate:
    """Split by time, tune and fit on the older part, and take the reference from its out-of-fold scores.

    Args:
        examples: matured examples.
        policies: the policy file; block `training`.
        clock: seconds; makes the time budget bind. A search that was cut says so in `cut` and in the model's record.
        on_trial: called after each tuning trial with (number, trials, log loss).

    Raises:
        TrainingDataError: too few rows or days, or one outcome only, on a side of the split.
    """
    split = temporal_split(examples, policies.training)
    weighting = choose_weighting(split.train, policies.training)
    split = _kept(split, weighting)
    tuning = tune(split.train, policies.training, clock, on_trial, weighting)
    model = fit(split.train, tuning, policies.training, weighting)
    scores = model.calibration.probability(tuning.margins)
    reference = reference_baseline(
        split.train.frame,
        model.features,
        scores,
        split.train_from.isoformat(),
        split.train_to.isoformat(),
    )
    return Candidate(model, split, reference, tuning.cut, scores)


def _kept(split: TemporalSplit, weighting: Weighting) -> TemporalSplit:
    """The split with the training rows that the weighting learns from: whole days, the newest ones."""
    kept = weighting.keeps(split.train)
    if kept.all():
        return split
    train = split.train.take(kept)
    return replace(split, train=train, train_from=train.frame["observation_date"].min().date())


def candidate_files(candidate: Candidate, policies: Policies) -> dict[str, bytes]:
    """The candidate's part of a model package: model, reference baseline and action policy; equal candidates, equal
    bytes."""
    scoring = policies.scoring
    actions = {
        "band_high": scoring.band_high,
        "band_medium": scoring.band_medium,
        "decisions": {
            "high": scoring.decisions.high,
            "medium": scoring.decisions.medium,
            "low": scoring.decisions.low,
        },
    }
    return {
        **candidate.model.to_files(),
        REFERENCE_FILE: canonical_json(candidate.reference.to_dict()).encode(),
        ACTION_FILE: canonical_json(actions).encode(),
    }


def package_files(
    candidate: Mapping[str, bytes],
    *,
    evaluation: Mapping[str, Any],
    importance: list[dict[str, Any]],
    feature_sql: str,
    provenance: Mapping[str, Any],
    progress: Progress | None = None,
) -> dict[str, bytes]:
    """The whole model package: the candidate's files with its evaluation, explanations, feature SQL and provenance.

    Nothing in it holds a time of day, a duration or a path, so the same inputs give the same package digest. The pattern tables of
    the explanations are made here, once per model; a model that has none (too large) is explained by `pred_contribs`. Golden rows with
    their margins go with it, for the first load in another process.
    `progress(done, total)` is called after each tree whose tables are built.
    """
    from churn_platform.explanation.explainer import Explainer
    from churn_platform.training.golden import GOLDEN_FILE, golden_rows

    tables = Explainer.for_booster(TrainedModel.from_files(candidate).booster, progress).tables
    model = {**candidate, **({TABLES_FILE: tables.to_bytes()} if tables is not None else {})}
    return {
        **model,
        GOLDEN_FILE: golden_rows(ModelPackage.from_files("", model)),
        "evaluation.json": canonical_json(dict(evaluation)).encode(),
        "importance.json": canonical_json(importance).encode(),
        "features.sql": feature_sql.encode(),
        "provenance.json": canonical_json(dict(provenance)).encode(),
    }


@dataclass(frozen=True)
class ModelPackage:
    """A verified package as a value: what scoring needs."""

    digest: str
    model: TrainedModel
    reference: Reference
    tables: bytes | None

    @cached_property
    def pattern_tables(self) -> PatternTables | None:
        """The package's own pattern tables, None where it has none.

        Raises:
            ExplanationError: the tables are of another model than the booster beside them.
        """
        from churn_platform.explanation.pattern_tables import PatternTables
        from churn_platform.explanation.pattern_tables.tables import booster_digest

        if self.tables is None:
            return None
        return PatternTables.from_bytes(self.tables, booster_digest(self.model.booster_json))

    @cached_property
    def explainer(self) -> Explainer:
        """Exact contributions from the package's own pattern tables, without them by `pred_contribs`; the reason says so."""
        from churn_platform.explanation.explainer import Explainer

        reason = f"the package has no {TABLES_FILE}" if self.pattern_tables is None else ""
        return Explainer(self.model.booster, self.pattern_tables, reason)

    def contributions(self, values: NDArray[np.float32], threads: int | None = None) -> Contributions:
        """Contributions of rows in model order on the calibrated margin, which is their own sum: XGBoost is not asked.

        The tables were compared with the booster when they were built, and are bound to it by digest; who publishes such margins
        compares a sample with `margin`. Without tables this is `pred_contribs`, with the booster's own margin.
        """
        from churn_platform.explanation.contributions import Contributions

        calibration = self.model.calibration
        if self.pattern_tables is None:
            found = self.explainer.explain(values)
        else:
            amounts = self.pattern_tables.contributions(values, threads)
            found = Contributions(self.model.feature_names, amounts[:, :-1], amounts[:, -1], amounts.sum(axis=1))
        return found.calibrated(calibration.slope, calibration.intercept)

    def margin(self, values: NDArray[np.float32]) -> NDArray[np.float64]:
        """The booster's own margin of rows in model order, calibrated, (rows,)."""
        return self.model.calibration.margin(raw_margins(self.model.booster, design_matrix(values, self.features)))

    def explain(self, rows: pd.DataFrame) -> Contributions:
        """Contributions of `rows` on the calibrated margin, of which the probability is the logistic."""
        calibration = self.model.calibration
        return self.explainer.explain(self.model.values(rows)).calibrated(calibration.slope, calibration.intercept)

    @classmethod
    def from_files(cls, digest: str, files: Mapping[str, bytes]) -> ModelPackage:
        """Read verified files.

        Raises:
            ModelFileError, ReferenceBaselineError: a file is missing or not of this version.
        """
        import json

        from churn_platform.training.errors import ModelFileError

        if REFERENCE_FILE not in files:
            raise ModelFileError(f"the package {digest[:12]}… has no {REFERENCE_FILE}; restore it, or train again")
        reference = Reference.from_dict(json.loads(files[REFERENCE_FILE]))
        return cls(digest, TrainedModel.from_files(files), reference, files.get(TABLES_FILE))

    @property
    def features(self) -> tuple[Feature, ...]:
        """The model's inputs in order."""
        return self.model.features

    @property
    def trained_as_of(self) -> date:
        """The day up to which outcomes were known to the training."""
        return self.model.record.as_of
