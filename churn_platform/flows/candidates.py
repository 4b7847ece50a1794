"""A candidate as its files give it back: its model and split, and what was found when it was judged.

What belongs here: where a candidate's artefacts lie, and reading them. What does not: making or judging one (`training`).
"""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np
import pandas as pd

from churn_platform.adapters.atomic_files import write_atomically
from churn_platform.adapters.platform import Platform

if TYPE_CHECKING:
    from churn_platform.explanation.contributions import Contributions
    from churn_platform.training.model import TrainedModel
    from churn_platform.training.split import TemporalSplit


def candidate_of(platform: Platform, facts: Mapping[str, Any]) -> tuple[TrainedModel, TemporalSplit]:
    """The candidate as its package gives it back, and the split it was made on."""
    from churn_platform.adapters.packages import read_package
    from churn_platform.adapters.training_sets import read_training_set
    from churn_platform.training.model import TrainedModel
    from churn_platform.training.split import temporal_split

    files = read_package(platform.settings.candidates, facts["candidate"], platform.signer.verifier)
    examples = read_training_set(platform.settings.training_sets, facts["training_set"])
    return TrainedModel.from_files(files), temporal_split(examples, platform.policies.training)


def judgement_folder(platform: Platform, facts: Mapping[str, Any]) -> Path:
    """Where a candidate's evaluation, gate verdict and contributions lie."""
    return platform.settings.home / "evaluations" / str(facts["candidate"])


def store_contributions(folder: Path, explained: Contributions) -> None:
    """Write the contributions of a candidate's holdout, for `read_contributions`."""
    import io

    frame = explained.frame().assign(__base=explained.base, __margin=explained.margin)
    buffer = io.BytesIO()
    frame.to_parquet(buffer, index=False)
    write_atomically(folder / "contributions.parquet", buffer.getvalue())


def read_contributions(folder: Path) -> Contributions:
    """The holdout's contributions as `judge_candidate` stored them."""
    from churn_platform.explanation.contributions import Contributions

    frame = pd.read_parquet(folder / "contributions.parquet")
    features = tuple(name for name in frame.columns if not name.startswith("__"))
    values = frame[list(features)].to_numpy(dtype=np.float64)
    return Contributions(features, values, frame["__base"].to_numpy(), frame["__margin"].to_numpy())
