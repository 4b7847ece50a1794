"""A verified package opened for a comparison: its model, where it comes from, what it was trained on.

What belongs here: reading one side. What does not: both sides on the same rows (`comparison`).
"""

from __future__ import annotations

import json
from dataclasses import dataclass
from typing import TYPE_CHECKING

import pandas as pd

from churn_platform.adapters.platform import Platform

if TYPE_CHECKING:
    from churn_platform.training.candidate import ModelPackage


class ComparisonError(RuntimeError):
    """What the comparison needs is missing or contradicts itself; the comparison's gate records it."""


def trained_rows(platform: Platform, package: ModelPackage, training_set: str) -> pd.DataFrame:
    """customer_id and observation_date of what a package's model was fitted on, proved by the digest in its training record.

    Raises:
        ComparisonError: the training set's rows of those days are not the rows that the record names.
        TrainingSetError: the training set is missing or damaged.
    """
    from churn_platform.adapters.training_sets import read_training_set
    from churn_platform.training.digest import training_digest

    record = package.model.record
    examples = read_training_set(platform.settings.training_sets, training_set)
    days = examples.frame["observation_date"]
    fitted = examples.take(
        ((days >= pd.Timestamp(record.first_day)) & (days <= pd.Timestamp(record.last_day))).to_numpy()
    )
    if training_digest(fitted) != record.digest:
        raise ComparisonError(
            f"it cannot be shown which rows package {package.digest[:12]} was trained on: those of {record.first_day} to "
            f"{record.last_day} in training set {training_set[:12]} do not have the digest of its record"
        )
    return fitted.frame[["customer_id", "observation_date"]]


@dataclass(frozen=True)
class OpenedPackage:
    """A verified package with its provenance and size."""

    package: ModelPackage
    training_set: str
    megabytes: float


def open_package(platform: Platform, digest: str) -> OpenedPackage:
    """The verified package called `digest`; PackageError where it is missing or damaged."""
    from churn_platform.adapters.packages import read_package
    from churn_platform.training.candidate import ModelPackage

    files = read_package(platform.settings.packages, digest, platform.signer.verifier)
    provenance = json.loads(files["provenance.json"])
    size = sum(len(content) for content in files.values()) / 1e6
    return OpenedPackage(ModelPackage.from_files(digest, files), str(provenance["training_set"]), size)
